//! Tables that are not like the others: keys, columns and rows that a schema allows all the same.

use keyrotation::demo::Spec;

use crate::kit::{Kit, Refused as _, plaintext, seal};
use crate::support::Except;

#[test]
fn identity_and_registry_in_one_database_are_rotated_once() {
    let kit = Kit::made(&Spec { tokens: 100, separate_registry: false, ..Spec::default() });
    kit.count_updates();
    let before = kit.snapshot();
    let done = kit.run(&["run"]).exits(0);
    assert!(done.stderr.contains("registry tables in the same database"), "{}", done.stderr);
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
    let properties =
        kit.status()["targets"].as_array().unwrap().iter().find(|t| t["id"] == "registry-property").cloned();
    assert!(properties.unwrap()["rotated"].as_u64().unwrap() > 0);
}

#[test]
fn the_java_tools_chunk_size_is_raised_with_one_line() {
    let kit = Kit::new();
    kit.configure("chunkSize", Some("2"));
    let done = kit.run(&["run"]).exits(0);
    assert_eq!(done.stderr.matches("chunkSize").count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("chunkSize is raised to 100 rows"), "{}", done.stderr);
    let literal = Kit::new();
    literal.run(&["run", "--chunk-size", "2"]).exits(0);
    let report = literal.run(&["verify", "--json"]).exits(0).json();
    let tokens =
        report["targets"].as_array().unwrap().iter().find(|t| t["id"] == "oauth2-access-token").unwrap();
    assert!(tokens["chunks"][1].as_u64().unwrap() >= 60, "two rows a chunk: {tokens}");
}

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
fn a_null_or_plain_refresh_token_does_not_stop_the_access_token() {
    let kit = Kit::new();
    let value = seal(&kit.deployment.spec.old_key, "an access token");
    for (id, refresh) in [("null", "NULL"), ("plain", "'a plain one'"), ("odd", "42")] {
        kit.sql(&format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, TOKEN_STATE_ID) VALUES ('{id}', '{value}', {refresh}, '{id}')"
        ));
    }
    kit.run(&["run"]).exits(0);
    for (id, refresh) in [("null", None), ("plain", Some("a plain one")), ("odd", Some("42"))] {
        let sql = format!(
            "SELECT ACCESS_TOKEN, REFRESH_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{id}'"
        );
        let row = kit.sql(&sql).remove(0);
        let opened = plaintext(&kit.deployment.spec.new_key, row[0].as_deref().unwrap());
        assert_eq!(opened.as_deref(), Some("an access token"), "{id}");
        assert_eq!(row[1].as_deref(), refresh, "{id}");
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
