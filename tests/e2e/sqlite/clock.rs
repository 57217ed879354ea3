//! A wall clock that jumps back and forth, also to 1970: it is for people to read, and decides nothing.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Except, Place};

const RUN: &[&str] = &["run", "--chunk-size", "40"];
const RESUME: &[&str] = &["resume", "--chunk-size", "40"];

#[test]
fn a_clock_that_jumps_decides_nothing() {
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    let uninterrupted = place.copy();
    uninterrupted.run(RUN).exits(0);
    let expected = uninterrupted.counts();

    let deaths = [
        ("table-before-commit=5*off->1*return(kill)", RUN),
        ("journal-before-head=4*off->1*return(kill)", RESUME),
        ("table-after-commit=2*off->1*return(kill)", RESUME),
        ("file-after-rename=1*off->1*return(kill)", RESUME),
    ];
    for ((points, args), start) in deaths.into_iter().zip(0..) {
        let ran = place.run_in_odd_times(start, points, args);
        assert_eq!(ran.signal(), Some(9), "{ran}");
        let status = place.run_in_odd_times(start + 3, "", &["status", "--json"]).exits(0).json();
        assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()));
        place.run_in_odd_times(start + 5, "", &["status"]).exits(0);
    }
    place.run_in_odd_times(4, "", RESUME).exits(0);
    assert_eq!(place.counts(), expected);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    place.run_in_odd_times(6, "", &["verify"]).exits(0);
    place.run_in_odd_times(1, "", &["resume"]).exits(0);
    place.run(&["verify"]).exits(0);

    // It did jump.
    let logs =
        place.names().into_iter().filter(|name| name.starts_with("keyrotation-") && name.contains(".log"));
    let text: String = logs.map(|name| fs::read_to_string(place.path(&name)).unwrap()).collect();
    let years: BTreeSet<&str> = text.lines().filter_map(|line| line.get(..4)).collect();
    assert!(years.len() > 2, "{years:?}");
}
