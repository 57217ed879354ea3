//! Tables that are longer than a page, and pages that hold nothing of use: no walk ends early, and none
//! goes on for ever.

use std::time::{Duration, Instant};

use super::pair::{Pair, Side};
use crate::sqlite::walks::{must_be_linear, reads};
use crate::support::{Engine, Ran};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";

/// A value that only the keystore's RSA key opens: {"c":"AAAA","t":"RSA"}
const WRAPPED: &str = "eyJjIjoiQUFBQSIsInQiOiJSU0EifQ==";

/// Rows of a page.
const PAGE: u64 = 3;

/// As many rows as fill a few pages, and as many entries as one table does not get in its turn.
const MANY: u64 = 8 * PAGE;

/// Tokens of an application, with one value for all; `prefix` says where they are in the key's order.
fn tokens(prefix: &str, value: &str, application: u64, count: u64) -> String {
    format!(
        "INSERT INTO {TOKENS} (TOKEN_ID, ACCESS_TOKEN, CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, USER_DOMAIN, USER_TYPE, \
         TOKEN_SCOPE_HASH, TOKEN_STATE, TOKEN_STATE_ID) \
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
         SELECT '{prefix}' || n, '{value}', {application}, 'someone', -1234, 'PRIMARY', 'APPLICATION_USER', 'scopes', \
         'INACTIVE', '{prefix}' || n FROM numbers"
    )
}

/// Runs the program with small pages, and fails if it has not ended after a minute.
#[track_caller]
fn run(pair: &Pair, args: &[&str]) -> Ran {
    let begun = Instant::now();
    let mut running = pair.start_with_pages_of(PAGE, args);
    while !running.ended() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not end: {}", running.said("err"));
        std::thread::sleep(Duration::from_millis(5));
    }
    running.wait()
}

#[test]
fn a_page_of_which_nothing_opens_does_not_end_the_comparison() {
    let pair = Pair::without_triggers(Engine::Sqlite, 60);
    for side in [Side::Old, Side::New] {
        pair.execute(side, &tokens("!", WRAPPED, 1, MANY)); // the first of all keys
    }
    pair.run(&["triggers", "install"]).exits(0);
    run(&pair, &["run", "--until-drained", "--quiet-for", "0s"]).exits(1);
    pair.execute(Side::Old, &tokens("~", "plain", 1, 300));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_TEMP")); // as if nothing had seen them
    let verdict = run(&pair, &["safe-to-retire", "--json"]).exits(1).json();
    let expected = format!("{TOKENS}: 300 rows are not the same");
    assert!(verdict["reasons"].to_string().contains(&expected), "{verdict}");
}

#[test]
fn more_held_entries_than_a_table_gets_in_its_turn_are_stuck_and_that_is_said() {
    let pair = Pair::new(Engine::Sqlite, 60);
    run(&pair, &["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let application =
        "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, TENANT_ID) VALUES (77, 'late-app', -1234)";
    pair.execute(Side::Old, application);
    pair.execute(Side::Old, &tokens("held-", "plain", 77, MANY));
    // A second entry of each, pages behind the first.
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET GRANT_TYPE = 'other' WHERE CONSUMER_KEY_ID = 77"));
    pair.execute(Side::Old, &tokens("~", "plain", 1, 1));
    let ran = run(&pair, &["sync", "--until-drained", "--quiet-for", "1s"]).exits(1);
    assert!(ran.stderr.contains("rows are held or have failed"), "{ran}");
    assert_eq!(pair.count(Side::New, &format!("{TOKENS} WHERE TOKEN_ID LIKE '~%'")), 1, "held up nothing");
    let status = pair.sync_status();
    assert_eq!((&status["held"], &status["pending"]), (&MANY.into(), &(2 * MANY).into()), "{status}");
    pair.execute(Side::New, application);
    run(&pair, &["sync", "--until-drained", "--quiet-for", "0s"]).exits(0);
    assert_eq!(pair.count(Side::New, &format!("{TOKENS} WHERE CONSUMER_KEY_ID = 77")), MANY);
}

#[test]
fn twice_the_rows_and_entries_are_twice_the_reads() {
    let measured = |count: u64| {
        let pair = Pair::without_triggers(Engine::Sqlite, 60);
        for side in [Side::Old, Side::New] {
            pair.execute(side, &tokens("!", "plain", 1, count));
        }
        pair.run(&["triggers", "install"]).exits(0);
        let begun = run(&pair, &["run", "--until-drained", "--quiet-for", "0s", "-vv"]).exits(0);
        let application = "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, TENANT_ID) VALUES (77, 'late-app', -1234)";
        pair.execute(Side::Old, application);
        pair.execute(Side::Old, &tokens("held-", "plain", 77, count));
        let drain = ["sync", "--until-drained", "--quiet-for", "0s", "-vv"];
        let held = run(&pair, &drain).exits(1);
        pair.execute(Side::New, application);
        let carried = run(&pair, &drain).exits(0);
        pair.say_that_the_old_server_is_out_of_use();
        let compared = run(&pair, &["safe-to-retire", "-vv"]).exits(0);
        [begun, held, carried, compared].map(|ran| reads(&ran))
    };
    let [once, twice] = [measured(80), measured(160)];
    for (at, what) in ["a baseline", "entries that are held", "entries that are carried over", "a verdict"]
        .into_iter()
        .enumerate()
    {
        must_be_linear(what, [once[at], twice[at]]);
    }
}

/// What nobody can name may be anything, so it is counted, and nothing is safe to retire.
#[test]
fn rows_of_which_no_key_can_be_told_are_a_reason_not_to_retire() {
    let pair = Pair::new(Engine::Sqlite, 60);
    run(&pair, &["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    for side in [Side::Old, Side::New] {
        pair.execute(side, "CREATE TABLE MY_NAMES (NAME VARCHAR(20) NOT NULL PRIMARY KEY)");
        pair.execute(side, "INSERT INTO MY_NAMES VALUES ('a'), ('b'), ('~')");
    }
    run(&pair, &["safe-to-retire"]).exits(0);
    // In a table that is kept in step, of the new database alone.
    let scope = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE) \
                 SELECT TOKEN_ID, CAST(x'ff41' AS TEXT) FROM IDN_OAUTH2_ACCESS_TOKEN LIMIT 1";
    pair.execute(Side::New, scope);
    let reasons = run(&pair, &["safe-to-retire", "--json"]).exits(1).json()["reasons"].to_string();
    let expected = "IDN_OAUTH2_ACCESS_TOKEN_SCOPE: 1 rows of the new table have a key that cannot be read";
    assert!(reasons.contains(expected), "{reasons}");
    run(&pair, &["safe-to-retire", "--accept-drift", "IDN_OAUTH2_ACCESS_TOKEN_SCOPE"]).exits(0);
    pair.execute(Side::New, "DELETE FROM IDN_OAUTH2_ACCESS_TOKEN_SCOPE WHERE hex(TOKEN_SCOPE) = 'FF41'");
    // In any other of the old one: as many rows are there as here.
    pair.execute(Side::Old, "INSERT INTO MY_NAMES VALUES (CAST(x'ff41' AS TEXT))");
    pair.execute(Side::New, "INSERT INTO MY_NAMES VALUES (CAST(x'ff42' AS TEXT))");
    let reasons = run(&pair, &["safe-to-retire", "--json"]).exits(1).json()["reasons"].to_string();
    assert!(
        reasons.contains("MY_NAMES: 1 rows of the old database have a key that cannot be read"),
        "{reasons}"
    );
    // What only the old one has is found all the same.
    pair.execute(Side::New, "DELETE FROM MY_NAMES WHERE NAME = '~'");
    let reasons = run(&pair, &["safe-to-retire", "--json"]).exits(1).json()["reasons"].to_string();
    assert!(reasons.contains("MY_NAMES: 1 rows are in the old database only"), "{reasons}");
}

/// Whoever asks to stop is heard, however long a table is that nothing keeps in step.
#[test]
fn a_comparison_of_other_tables_ends_when_asked_to() {
    let pair = Pair::new(Engine::Sqlite, 60);
    run(&pair, &["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let held = pair.place.path("held");
    let points = format!("drift-page=1*return({})->return", held.display());
    let mut running = pair.place.start_unlooked(&points, &["safe-to-retire"]);
    running.until_it_waits(&held);
    running.signal(rustix::process::Signal::INT);
    std::thread::sleep(Duration::from_secs(1));
    std::fs::remove_file(&held).unwrap();
    running.wait().exits(130);
}
