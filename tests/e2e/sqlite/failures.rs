//! Rows that cannot be rotated: they fail alone, are named with a reason, and can be tried again.

use crate::portable::failures::{RETRY, failures, sum};
use crate::support::{Except, Place, execute, number, updates};

#[test]
fn a_value_that_fails_does_not_stop_the_one_beside_it() {
    let place = Place::new(60);
    place.count_updates();
    let database = &place.deployment.new_identity;
    let one = "TOKEN_ID = (SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' \
               AND REFRESH_TOKEN LIKE 'eyJ%' LIMIT 1)";
    let row = number(database, &format!("SELECT rowid FROM IDN_OAUTH2_ACCESS_TOKEN WHERE {one}"));
    let keep = "CREATE TABLE E2E_KEPT AS SELECT TOKEN_ID, REFRESH_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN";
    execute(database, &format!("{keep} WHERE rowid = {row}"));
    // A text of the form, but of nothing (`{"c":"AAAA","t":"AES"}`).
    let damaged = "eyJjIjoiQUFBQSIsInQiOiJBRVMifQ==";
    let set = "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET REFRESH_TOKEN =";
    execute(database, &format!("{set} '{damaged}' WHERE rowid = {row}"));
    execute(database, "DELETE FROM E2E_UPDATES");
    let before = place.snapshot();

    place.run(&["run"]).exits(1);
    before.must_be_rotated(&place, &Except::default()); // the damaged one opens under no key
    before.must_be_updated_once(&place, &Except::default());
    assert_eq!(sum(&place, "failed"), 1);
    let status = place.run(&["status"]).exits(0).stdout;
    assert!(status.lines().next().unwrap().ends_with(" is completed, 1 failed"), "{status}");
    let listed = failures(&place).into_iter().map(|(_, _, column)| column).collect::<Vec<_>>();
    assert_eq!(listed, ["REFRESH_TOKEN"]);

    let kept = "(SELECT REFRESH_TOKEN FROM E2E_KEPT)";
    execute(database, &format!("{set} {kept} WHERE rowid = {row}"));
    place.run(RETRY).exits(0);
    assert_eq!((sum(&place, "failed"), sum(&place, "gone")), (0, 0));
    // Once for each value, and once by this test.
    assert_eq!(updates(&place)[&("IDN_OAUTH2_ACCESS_TOKEN".to_owned(), row)], 3);
    place.run(&["verify"]).exits(0);
}

#[test]
fn rows_that_the_database_refuses_fail_alone() {
    let place = Place::new(300);
    place.count_updates();
    let database = &place.deployment.new_identity;
    let sealed = "SELECT rowid FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' \
                  AND REFRESH_TOKEN LIKE 'eyJ%'";
    let rows: Vec<i64> = [0, 77, 78, 201]
        .iter()
        .map(|at| number(database, &format!("{sealed} ORDER BY rowid LIMIT 1 OFFSET {at}")))
        .collect();
    let list = rows.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    execute(
        database,
        &format!(
            "CREATE TRIGGER E2E_REFUSE BEFORE UPDATE ON IDN_OAUTH2_ACCESS_TOKEN WHEN NEW.rowid IN ({list}) \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        ),
    );
    let except = Except(rows.iter().map(|row| ("IDN_OAUTH2_ACCESS_TOKEN".to_owned(), *row)).collect());
    let before = place.snapshot();
    place.run(&["run"]).exits(1);
    before.must_be_rotated(&place, &except);
    before.must_be_updated_once(&place, &except);
    assert_eq!(sum(&place, "failed"), 4);
    assert_eq!(failures(&place).len(), 8, "each row has two values: {:?}", failures(&place));
    let status = place.status().to_string();
    assert_eq!(status.matches("not this one").count(), 8, "{status}");

    execute(database, "DROP TRIGGER E2E_REFUSE");
    place.run(RETRY).exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    assert_eq!(sum(&place, "failed"), 0);
    place.run(&["verify"]).exits(0);
}
