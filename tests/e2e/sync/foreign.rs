//! Change logs that the Java tool made, and had begun to read when it died.

use super::pair::{Pair, Side};
use crate::support::Engine;

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";

/// It marks entries before it carries them over: what it had marked is in no copy.
#[test]
fn entries_that_another_tool_had_marked_before_it_died_are_seen_to() {
    marked_entries_are_seen_to(Engine::Sqlite);
}

#[test]
fn so_they_are_on_servers() {
    marked_entries_are_seen_to(Engine::Postgres);
    marked_entries_are_seen_to(Engine::MySql);
}

fn marked_entries_are_seen_to(engine: Engine) {
    let pair = Pair::new(engine, 60);
    pair.execute(Side::Old, &format!("ALTER TABLE {TOKENS}_TEMP DROP COLUMN CHANGED_AT"));
    let first = format!("TOKEN_ID = (SELECT T FROM (SELECT MIN(TOKEN_ID) AS T FROM {TOKENS}) AS X)");
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET GRANT_TYPE = 'changed' WHERE {first}"));
    pair.execute(Side::Old, &format!("UPDATE {TOKENS}_TEMP SET SYNCED = 1"));
    let ran = pair.run(&["run", "--until-drained", "--quiet-for", "0s", "--keep-acknowledged"]).exits(0);
    assert!(ran.stderr.contains("another tool created it, and marked 1 entries"), "{ran}");
    assert_eq!(pair.count(Side::New, &format!("{TOKENS} WHERE GRANT_TYPE = 'changed'")), 1);
    // Once: what is marked from now on is this program's own.
    let ran = pair.run(&["sync", "--until-drained", "--quiet-for", "0s"]).exits(0);
    assert!(!ran.stderr.contains("has marked"), "{ran}");
}
