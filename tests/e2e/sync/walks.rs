//! Tables that are longer than a page, and pages that hold nothing of use: no walk ends early, and none
//! goes on for ever.

use std::time::{Duration, Instant};

use super::pair::{Pair, Side};
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
