//! Tables that are not like the others: keys, columns and rows that a schema allows all the same.

use keyrotation::demo::Spec;

use crate::kit::{Kit, plaintext, seal};
use crate::support::Except;

pub(crate) fn identity_and_registry_in_one_database_are_rotated_once() {
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

pub(crate) fn a_null_or_plain_refresh_token_does_not_stop_the_access_token() {
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
