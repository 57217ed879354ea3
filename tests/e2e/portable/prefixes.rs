//! Every prefix of the journal resumes: the program is held after each group that it records, and
//! the whole folder is copied; each of the copies is then gone on with as if the program had died
//! there. In brief every second one before the head was written, and the others after it.

use std::fs;

use crate::support::{Except, Place, is_brief};

#[test]
fn every_prefix_of_the_journal_resumes() {
    // Before the head the journal is one group ahead of it, and after the head it is not.
    for point in ["journal-before-head", "journal-after-head"] {
        let place = Place::new(20);
        place.count_updates();
        let before = place.snapshot();
        let gate = place.path("gate");
        let plan = format!("{point}=return({})", gate.display());
        let mut running = place.start_at(&plan, &["run", "--chunk-size", "100"]);
        let mut saved = Vec::new();
        while running.until_it_waits_or_ends(&gate) {
            saved.push(place.save());
            fs::remove_file(&gate).unwrap();
        }
        running.wait().exits(0);
        assert!(saved.len() > 60, "only {} groups", saved.len());
        let expected = place.counts();

        let offset = if point == "journal-after-head" { 2 } else { 0 };
        for (group, saved) in saved.iter().enumerate() {
            if is_brief() && group % 4 != offset {
                continue;
            }
            place.restore(saved);
            fs::remove_file(&gate).unwrap();
            let resumed = place.run(&["resume", "--chunk-size", "100"]);
            assert_eq!(resumed.code(), Some(0), "{point}, group {group}: {resumed}");
            assert_eq!(place.counts(), expected, "{point}, group {group}");
            before.must_be_rotated(&place, &Except::default());
            before.must_be_updated_once(&place, &Except::default());
        }
    }
}
