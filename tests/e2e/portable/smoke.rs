//! The plain case, and that the judges of all other tests can say no.

use std::collections::BTreeSet;

use crate::support::{Except, Place, execute};

pub(crate) fn a_rotation_moves_every_value_and_nothing_else() {
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    place.run(&["run"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    place.run(&["verify"]).exits(0);
}

#[should_panic(expected = "does not open under the new key")]
#[test]
fn the_judge_sees_a_value_that_was_not_rotated() {
    let place = Place::new(20);
    let before = place.snapshot();
    place.run(&["run"]).exits(0);
    let one = "SELECT rowid FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' LIMIT 1";
    let old = place.deployment.old_identity.display().to_string();
    execute(
        &place.deployment.new_identity,
        &format!(
            "ATTACH '{old}' AS old; UPDATE IDN_OAUTH2_ACCESS_TOKEN AS t SET ACCESS_TOKEN = \
             (SELECT ACCESS_TOKEN FROM old.IDN_OAUTH2_ACCESS_TOKEN AS o WHERE o.TOKEN_ID = t.TOKEN_ID) \
             WHERE rowid = ({one})"
        ),
    );
    before.must_be_rotated(&place, &Except::default());
}

#[should_panic(expected = "a value changed that holds no ciphertext")]
#[test]
fn the_judge_sees_another_column_that_changed() {
    let place = Place::new(20);
    let before = place.snapshot();
    place.run(&["run"]).exits(0);
    execute(&place.deployment.new_identity, "UPDATE IDN_SECRET SET DESCRIPTION = 'x' WHERE rowid = 3");
    before.must_be_rotated(&place, &Except::default());
}

#[should_panic(expected = "updates")]
#[test]
fn the_judge_sees_a_second_update() {
    let place = Place::new(20);
    place.count_updates();
    let before = place.snapshot();
    place.run(&["run"]).exits(0);
    place.meanwhile(|| {
        execute(&place.deployment.new_identity, "UPDATE IDN_SECRET SET DESCRIPTION = 'x' WHERE rowid = 3");
    });
    before.must_be_updated_once(&place, &Except::default());
}

#[test]
fn two_runs_of_one_deployment_count_the_same() {
    let first = Place::new(20);
    let second = first.copy();
    first.run(&["run", "--chunk-size", "7"]).exits(0);
    second.run(&["run"]).exits(0);
    assert_eq!(first.counts(), second.counts());
    assert_eq!(
        first.counts().iter().map(|target| target["id"].to_string()).collect::<BTreeSet<_>>().len(),
        first.counts().len()
    );
}
