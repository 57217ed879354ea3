//! SIGINT and SIGTERM: the first one lets the chunk in flight end, the second one drops it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Except, Place, execute, updates};

#[test]
fn a_second_signal_rolls_back_and_leaves_at_once() {
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    let database = &place.deployment.new_identity;
    // The second row of the first table takes a minute.
    execute(
        database,
        "CREATE TRIGGER E2E_SLOW AFTER UPDATE ON IDN_IDENTITY_USER_DATA WHEN \
         (SELECT COUNT(*) FROM E2E_UPDATES) > 1 BEGIN SELECT COUNT(*) FROM \
         (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000) SELECT i FROM n); END",
    );
    let mut running = place.start(&["run"]);
    let rollback_journal = place.path("new-identity.db-journal");
    running.until(|| rollback_journal.exists());
    running.signal(Signal::INT);
    running.until_it_says("stopping at the next safe point");
    let second = Instant::now();
    running.signal(Signal::TERM);
    running.wait().exits(130);
    let took = second.elapsed();
    assert!(took < Duration::from_secs(5), "it left only after {took:?}");

    assert!(updates(&place).is_empty(), "the chunk in flight was not rolled back");
    before.must_be_untouched(&place);
    let status = place.status();
    assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()));

    execute(database, "DROP TRIGGER E2E_SLOW");
    place.run(&["resume"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
}
