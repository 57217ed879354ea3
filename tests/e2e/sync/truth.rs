//! Servers that would not tell the whole truth, by their settings or by policies: they are made to, or refused.

use super::pair::{Pair, Side};
use super::steps::revoke_one;
use crate::kit::Refused as _;
use crate::support::{Admin, Engine, OwnServers};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const DRAIN: [&str; 4] = ["sync", "--until-drained", "--quiet-for", "0s"];

fn tokens(pair: &Pair) -> [u64; 2] {
    [Side::Old, Side::New].map(|side| pair.count(side, TOKENS))
}

/// A row security policy hides rows from whoever asks, without a word; its owner, too, if it is told to.
#[test]
fn rows_that_a_policy_hides_end_it_and_are_not_deleted() {
    let pair = Pair::new(Engine::Postgres, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    for side in [Side::Old, Side::New] {
        revoke_one(&pair);
        pair.execute(
            side,
            &format!(
                "ALTER TABLE {TOKENS} ENABLE ROW LEVEL SECURITY; ALTER TABLE {TOKENS} FORCE ROW LEVEL SECURITY; \
                 CREATE POLICY few ON {TOKENS} USING (TOKEN_ID < '8')"
            ),
        );
        let ran = pair.run(&DRAIN).refused(3, "KR-DB-008");
        assert!(ran.stderr.contains("BYPASSRLS"), "{ran}");
        pair.run(&["safe-to-retire"]).refused(3, "KR-DB-008");
        if side == Side::New {
            pair.run(&["verify", "--live"]).refused(3, "KR-DB-008");
        }
        assert_eq!(tokens(&pair), [60, 60]);
        pair.execute(
            side,
            &format!("DROP POLICY few ON {TOKENS}; ALTER TABLE {TOKENS} DISABLE ROW LEVEL SECURITY"),
        );
    }
    pair.run(&DRAIN).exits(0);
}

/// Likewise, of a rotation that begins.
#[test]
fn a_copy_with_hidden_rows_is_not_rotated() {
    let pair = Pair::new(Engine::Postgres, 60);
    pair.execute(
        Side::New,
        &format!(
            "ALTER TABLE {TOKENS} ENABLE ROW LEVEL SECURITY; ALTER TABLE {TOKENS} FORCE ROW LEVEL SECURITY; \
             CREATE POLICY few ON {TOKENS} USING (TOKEN_ID < '8')"
        ),
    );
    pair.run(&["run"]).refused(3, "KR-DB-008");
    pair.run(&["plan"]).refused(3, "KR-DB-008");
}

/// Settings that are meant to keep people from mistakes cut answers short. They are the whole server's, so it
/// is one of the test's own.
#[test]
fn a_mariadb_that_limits_its_answers_tells_all() {
    let _servers = OwnServers::start(Engine::MariaDb);
    let pair = Pair::new(Engine::MariaDb, 400);
    let mut admin = Admin::connect(Engine::MariaDb, "mysql");
    for setting in [
        "sql_select_limit = 100",
        "max_join_size = 50",
        "sql_safe_updates = 1",
        "sql_auto_is_null = 1",
        "system_versioning_asof = '2020-01-01 00:00:00'",
        "sql_mode = 'TRADITIONAL,EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH'",
    ] {
        admin.execute(&format!("SET GLOBAL {setting}"));
    }
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let zero = "'0000-00-00 00:00:00'";
    pair.execute(
        Side::Old,
        &format!(
            "SET SESSION sql_mode = '', sql_safe_updates = 0; UPDATE {TOKENS} SET TOKEN_STATE = 'REVOKED', \
             TOKEN_STATE_ID = TOKEN_ID, SUBJECT_IDENTIFIER = '', TIME_CREATED = {zero}"
        ),
    );
    pair.run(&DRAIN).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(&["safe-to-retire"]).exits(0);
    pair.run(&["verify", "--live"]).exits(0);
    // Of the test's own sessions, too, only now.
    for name in ["sql_select_limit", "max_join_size", "system_versioning_asof", "sql_mode"] {
        admin.execute(&format!("SET GLOBAL {name} = DEFAULT"));
    }
    let same = format!(
        "{TOKENS} WHERE TOKEN_STATE = 'REVOKED' AND SUBJECT_IDENTIFIER = '' AND TIME_CREATED = {zero}"
    );
    assert_eq!([tokens(&pair), [pair.count(Side::Old, &same), pair.count(Side::New, &same)]], [[400; 2]; 2]);
}
