//! Tables that are not like the others: keys, columns and rows that a schema allows all the same.

use crate::kit::{Kit, Refused as _, plaintext};
use crate::support::Except;

#[test]
fn a_key_that_cannot_be_paged_is_refused_before_anything_is_written() {
    let create = "DROP TABLE IF EXISTS WF_BPS_PROFILE; CREATE TABLE WF_BPS_PROFILE (PROFILE_NAME VARCHAR(45), \
                  TENANT_ID INTEGER, PASSWORD VARCHAR(1023)";
    let kit = Kit::new();
    let cases = [
        (
            ", PRIMARY KEY (PROFILE_NAME, TENANT_ID)); INSERT INTO WF_BPS_PROFILE VALUES (NULL, 1, 'x')",
            "NULL in its key",
        ),
        (
            "); INSERT INTO WF_BPS_PROFILE VALUES ('a', 1, 'x')",
            "nothing makes (PROFILE_NAME, TENANT_ID) unique",
        ),
    ];
    for (rest, why) in cases {
        crate::support::execute(&kit.deployment.new_identity, &format!("{create}{rest}"));
        let before = kit.snapshot();
        let done = kit.run(&["run"]).refused(3, "KR-DB-002");
        assert!(done.error().contains("WF_BPS_PROFILE") && done.error().contains(why), "{}", done.error());
        before.must_be_untouched(&kit);
        assert!(!kit.journal().exists());
    }
    crate::support::execute(&kit.deployment.new_identity, "DROP TABLE WF_BPS_PROFILE");
    crate::support::execute(
        &kit.deployment.new_identity,
        "ALTER TABLE IDN_SECRET RENAME COLUMN SECRET_VALUE TO SECRET",
    );
    let done = kit.run(&["run"]).refused(3, "KR-DB-002");
    assert!(done.error().contains("IDN_SECRET: there is no column SECRET_VALUE"), "{}", done.error());
}

#[test]
fn an_older_schema_without_hashes_and_values_stored_as_bytes_are_fine() {
    let kit = Kit::new();
    for (table, column) in [
        ("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN_HASH"),
        ("IDN_OAUTH2_ACCESS_TOKEN", "REFRESH_TOKEN_HASH"),
        ("IDN_OAUTH2_AUTHORIZATION_CODE", "AUTHORIZATION_CODE_HASH"),
    ] {
        kit.sql(&format!("ALTER TABLE {table} DROP COLUMN {column}"));
    }
    kit.sql("UPDATE IDN_OAUTH_CONSUMER_SECRETS SET SECRET_VALUE = CAST(SECRET_VALUE AS BLOB)");
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
    let rows =
        kit.sql("SELECT CAST(SECRET_VALUE AS TEXT), typeof(SECRET_VALUE) FROM IDN_OAUTH_CONSUMER_SECRETS");
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row[1].as_deref(), Some("blob"));
        assert!(plaintext(&kit.deployment.spec.new_key, row[0].as_deref().unwrap()).is_some());
    }
}

#[test]
fn a_row_that_the_database_refuses_fails_alone_and_is_tried_again_when_asked() {
    let kit = Kit::new();
    let before = kit.snapshot();
    let rows = kit.sql("SELECT TOKEN_ID, rowid FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' LIMIT 1 OFFSET 40");
    let (id, row) = (rows[0][0].clone().unwrap(), rows[0][1].as_ref().unwrap().parse().unwrap());
    kit.sql(&format!(
        "CREATE TRIGGER GUARD BEFORE UPDATE ON IDN_OAUTH2_ACCESS_TOKEN WHEN OLD.TOKEN_ID = '{id}' BEGIN SELECT RAISE(ABORT, 'hands off'); END"
    ));
    kit.run(&["run"]).exits(1);
    let except = Except([("IDN_OAUTH2_ACCESS_TOKEN".to_owned(), row)].into());
    before.must_be_rotated(&kit, &except);
    let text = kit.run(&["status"]).exits(0).stdout;
    assert!(
        text.contains(&format!("failed: IDN_OAUTH2_ACCESS_TOKEN {id}")) && text.contains("hands off"),
        "{text}"
    );
    kit.run(&["resume", "--retry-failed"]).exits(1);
    kit.sql("DROP TRIGGER GUARD");
    kit.run(&["resume", "--retry-failed"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    assert!(!kit.run(&["status"]).exits(0).stdout.contains("failed: "));
    kit.run(&["verify"]).exits(0);
}
