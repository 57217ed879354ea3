//! What must never be called safe to retire, and what takes the change log away.

use serde_json::Value;

use super::pair::{Pair, Side};
use crate::kit::{Refused as _, seal};
use crate::support::{Engine, Ran};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
pub(crate) const DRAIN: &[&str] = &["sync", "--until-drained", "--quiet-for", "1s"];

/// Everything is carried over, and people have said all that they are asked.
pub(crate) fn ready(engine: Engine) -> Pair {
    let pair = routed(engine);
    pair.run(&["confirm", "old-server-stopped"]).exits(0);
    pair
}

fn routed(engine: Engine) -> Pair {
    let pair = Pair::new(engine, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.run(&["confirm", "route-traffic"]).exits(0);
    pair.run(DRAIN).exits(0);
    pair
}

#[track_caller]
pub(crate) fn judged(pair: &Pair, code: i32) -> (Value, Ran) {
    let ran = pair.run(&["safe-to-retire", "--json"]).exits(code);
    (ran.json(), ran)
}

pub(crate) fn judged_with(pair: &Pair, words: &[&str], code: i32) -> Value {
    pair.run(&[&["safe-to-retire", "--json"], words].concat()).exits(code).json()
}

/// It is not safe, for this reason and no other.
#[track_caller]
fn only_because(pair: &Pair, why: &str) {
    let (verdict, ran) = judged(pair, 1);
    let reasons = verdict["reasons"].as_array().unwrap();
    assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().contains(why), "{ran}");
    assert_eq!(verdict["safe"], false);
    let status = pair.run(&["status", "--json"]).exits(0).json();
    let steps = status["steps"].as_array().unwrap();
    assert!(!steps.iter().any(|step| step["name"] == "safe-to-retire"), "{status}");
}

fn all_that_is_so_is_safe(engine: Engine) {
    let pair = ready(engine);
    let (verdict, ran) = judged(&pair, 0);
    assert_eq!((&verdict["safe"], &verdict["verified"]["differences"]), (&true.into(), &0.into()), "{ran}");
    assert!(verdict["verified"]["rows"].as_u64().unwrap() > 60, "{ran}");
    let unseen = verdict["not_looked_at"].to_string();
    assert!(unseen.contains("old registry") && unseen.contains("only the keys were compared"), "{ran}");
    // What it found of the new deployment counts as verified.
    let status = pair.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["verified"]["differences"], 0, "{status}");
}

fn tokens_put_back_under_the_old_key_are_not_safe(engine: Engine) {
    let pair = ready(engine);
    for row in pair.rows(Side::Old, &format!("SELECT TOKEN_ID, ACCESS_TOKEN FROM {TOKENS}")) {
        let [id, token] = [0, 1].map(|at| row[at].clone().unwrap().replace('\'', "''"));
        let sql = format!("UPDATE {TOKENS} SET ACCESS_TOKEN = '{token}' WHERE TOKEN_ID = '{id}'");
        pair.execute(Side::New, &sql);
    }
    only_because(&pair, "under the old key");
}

fn a_copy_under_the_old_key_beside_the_targets_is_not_safe(engine: Engine) {
    let pair = ready(engine);
    let [old, new] = pair.keys();
    pair.execute(Side::New, "CREATE TABLE MY_AUDIT (WHAT VARCHAR(2000))");
    pair.execute(Side::New, &format!("INSERT INTO MY_AUDIT VALUES ('{}')", seal(new, "its own")));
    let (verdict, ran) = judged(&pair, 0);
    assert!(verdict["copies"].to_string().to_uppercase().contains("MY_AUDIT"), "{ran}");
    pair.execute(Side::New, &format!("INSERT INTO MY_AUDIT VALUES ('{}')", seal(old, "a copy")));
    let (verdict, ran) = judged(&pair, 1);
    assert!(verdict["reasons"].to_string().to_uppercase().contains("MY_AUDIT"), "{ran}");
    assert!(verdict["reasons"].to_string().contains("under the old key"), "{ran}");
}

fn a_row_that_failed_to_rotate_is_not_safe(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let foreign = seal("0123456789abcdef0123456789abcdef", "of a third key");
    for side in [Side::Old, Side::New] {
        let row = format!("(-1234, 'odd', 'claim', '{foreign}')");
        pair.execute(side, &format!("INSERT INTO IDN_IDENTITY_USER_DATA VALUES {row}"));
    }
    pair.execute(Side::Old, "DELETE FROM IDN_IDENTITY_USER_DATA_TEMP"); // it was there before
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(1);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(DRAIN).exits(1);
    let (verdict, ran) = judged(&pair, 1);
    let reasons = verdict["reasons"].to_string();
    for why in ["could not be moved to the new key", "cannot be decrypted", "are not right"] {
        assert!(reasons.contains(why), "{why}: {ran}");
    }
}

fn an_application_of_the_old_server_alone_is_not_safe(engine: Engine) {
    let pair = ready(engine);
    let insert = |id: u32, name: &str| {
        format!(
            "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, TENANT_ID) VALUES ({id}, '{name}', -1234)"
        )
    };
    pair.execute(Side::Old, &insert(77, "late-app"));
    only_because(&pair, "IDN_OAUTH_CONSUMER_APPS: 1 rows are in the old database only");
    // As many rows on either side are not the same rows.
    pair.execute(Side::New, &insert(77, "another"));
    only_because(&pair, "IDN_OAUTH_CONSUMER_APPS: 1 rows are in the old database only");
    // Whoever has looked may say so, and it is on record.
    let accepted = ["safe-to-retire", "--accept-drift", "IDN_OAUTH_CONSUMER_APPS", "--json"];
    let verdict = pair.run(&accepted).exits(0).json();
    assert!(verdict["not_looked_at"].to_string().contains("accepted: "), "{verdict}");
    let status = pair.run(&["status", "--json"]).exits(0).json();
    assert!(status["steps"].to_string().contains("accepted: IDN_OAUTH_CONSUMER_APPS"), "{status}");
    pair.run(&["safe-to-retire", "--accept-drift", "IDN_NO_SUCH"]).refused(2, "KR-CFG-020");
}

fn before_traffic_is_routed_nothing_is_safe(engine: Engine) {
    let pair = Pair::new(engine, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.run(&["confirm", "old-server-stopped"]).exits(0);
    only_because(&pair, "nobody has confirmed that traffic goes to the new server");
    let ran = pair.run(&["safe-to-retire"]).exits(1);
    assert!(!ran.stdout.contains("triggers remove"), "{ran}");
    pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058");
    assert!(pair.run(&["triggers", "remove", "--on", "old", "--force"]).exits(0).stdout.contains("removed"));
}

fn an_old_server_that_may_run_is_not_safe(engine: Engine) {
    let pair = routed(engine);
    only_because(&pair, "nobody has confirmed that the old server is stopped");
    pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058");
    pair.run(&["confirm", "old-server-stopped"]).exits(0);
    pair.run(&["safe-to-retire"]).exits(0);
    // What is found afterwards takes it back.
    let one = "SELECT MIN(TOKEN_ID) FROM IDN_OAUTH2_ACCESS_TOKEN_SCOPE";
    pair.execute(Side::Old, &format!("DELETE FROM IDN_OAUTH2_ACCESS_TOKEN_SCOPE WHERE TOKEN_ID = ({one})"));
    pair.execute(Side::Old, "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET TOKEN_STATE = 'REVOKED'");
    pair.run(&["safe-to-retire"]).exits(1);
    pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058");
    pair.run(DRAIN).exits(0);
    pair.run(&["safe-to-retire"]).exits(0);
    pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
}

/// A table that the new deployment has lost is none that was looked at, and found right.
fn a_table_that_the_copy_lost_is_not_safe(engine: Engine) {
    let pair = ready(engine);
    pair.registry("ALTER TABLE REG_PROPERTY RENAME TO AWAY");
    pair.run(&["safe-to-retire"]).refused(3, "KR-DB-020");
    let status = pair.run(&["status", "--json"]).exits(0).json();
    assert!(!status["steps"].to_string().contains("\"verified\""), "{status}");
    pair.registry("ALTER TABLE AWAY RENAME TO REG_PROPERTY");
    judged(&pair, 0);
}

/// What no entry of the change log tells, and the old database has no more, goes on in the new one.
fn rows_that_only_the_new_database_still_has_are_not_safe(engine: Engine) {
    let pair = ready(engine);
    let one = "WHERE TOKEN_ID = (SELECT MIN(TOKEN_ID) FROM IDN_OAUTH2_ACCESS_TOKEN)";
    for table in [&format!("{TOKENS}_SCOPE"), TOKENS] {
        pair.execute(Side::Old, &format!("DELETE FROM {table} {one}; DELETE FROM {table}_TEMP"));
    }
    let (verdict, ran) = judged(&pair, 1);
    let reasons = verdict["reasons"].to_string();
    assert!(
        reasons.contains(&format!("{TOKENS}: 1 rows that the old database does not have any more")),
        "{ran}"
    );
    let key = &verdict["tables"].as_array().unwrap().iter().find(|table| table["table"] == TOKENS).unwrap();
    assert_eq!(key["left_over_keys"].as_array().unwrap().len(), 1, "{ran}");
    let scopes = format!("{TOKENS}_SCOPE");
    judged_with(&pair, &["--accept-drift", TOKENS], 1);
    let accepted = judged_with(&pair, &["--accept-drift", TOKENS, "--accept-drift", &scopes], 0);
    assert!(accepted["not_looked_at"].to_string().contains("accepted: "), "{accepted}");
}

/// People said that the old server is stopped, and its database says otherwise.
fn who_is_seen_in_the_old_database_is_a_reason(engine: Engine) {
    let pair = ready(engine);
    let guest = pair.session(Side::Old);
    only_because(&pair, "somebody is connected to the old database");
    let accepted = judged_with(&pair, &["--others-connected"], 0);
    assert!(accepted["not_looked_at"].to_string().contains("somebody is connected"), "{accepted}");
    drop(guest);
}

/// Steps that were left when this rotation could not have had them are another's, and nobody's word for this one.
fn steps_from_before_there_was_a_new_server_are_no_word(engine: Engine) {
    let pair = Pair::new(engine, 60);
    pair.run_at("table-before-commit=2*off->return", &["run", "--chunk-size", "50"]).exits(3);
    for name in ["route-traffic", "old-server-stopped"] {
        let at = jiff::Timestamp::now().as_millisecond();
        let [note, user, host] = ["", "u", "h"].map(str::to_owned);
        let step = keyrotation_journal::Step { at, name: name.to_owned(), note, user, host };
        keyrotation_journal::submit_step(&pair.place.journal(), &step).unwrap();
    }
    pair.run(&["resume", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let (verdict, ran) = judged(&pair, 1);
    let reasons = verdict["reasons"].to_string();
    for why in ["that traffic goes to the new server", "that the old server is stopped"] {
        assert!(reasons.contains(why), "{why}: {ran}");
    }
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(DRAIN).exits(0);
    judged(&pair, 0);
}

/// A table of the old database that could not be read is none that says the same.
#[test]
fn a_table_that_could_not_be_read_is_not_safe() {
    let pair = ready(Engine::Postgres);
    pair.execute(Side::Old, "CREATE TABLE IDN_LATER (ID INTEGER PRIMARY KEY)"); // the administrator's
    only_because(&pair, "IDN_LATER (permission denied");
    pair.execute(Side::Old, "GRANT SELECT ON IDN_LATER TO PUBLIC");
    judged(&pair, 0);
}

/// Changes between the two are in no log, and nothing would ever miss them.
fn triggers_that_came_after_the_copy_are_no_change_log(engine: Engine) {
    let pair = Pair::new(engine, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(DRAIN).exits(0); // they were there all the time
    pair.run(&["triggers", "remove", "--on", "old", "--force"]).exits(0);
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET TOKEN_STATE = 'REVOKED'"));
    let ran = pair.run(&["triggers", "install"]).exits(0);
    assert!(ran.stdout.contains("make a new copy"), "{ran}");
    for command in ["sync", "resume"] {
        let ran = pair.run(&[command, "--until-drained", "--quiet-for", "0s"]).refused(5, "KR-RUN-008");
        assert!(ran.stderr.contains("the copy"), "{ran}");
    }
    pair.run(&["confirm", "route-traffic"]).exits(0);
    pair.run(&["confirm", "old-server-stopped"]).exits(0);
    let (verdict, ran) = judged(&pair, 1);
    assert!(verdict["reasons"].to_string().contains("installed after the copy was made"), "{ran}");
}

/// The same before there is a rotation.
fn a_copy_that_was_confirmed_before_its_triggers_is_refused(engine: Engine) {
    let pair = Pair::without_triggers(engine, 60);
    pair.run(&["confirm", "copy"]).exits(0);
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["run"]).refused(5, "KR-RUN-008");
    pair.run(&["confirm", "copy", "--note", "anew"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
}

/// A table that some versions have is no less kept in step: without its triggers nothing tells what changed.
fn a_table_that_drops_out_ends_it(engine: Engine) {
    let pair = ready(engine);
    judged(&pair, 0);
    let table = "IDN_OAUTH2_REFRESH_TOKEN";
    for event in ["insert", "update", "delete"] {
        let name = pair.rows(
            Side::Old,
            &format!("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}' AND lower(sql) LIKE '%after {event} %'"),
        );
        pair.execute(Side::Old, &format!("DROP TRIGGER {}", name[0][0].as_deref().unwrap()));
    }
    pair.execute(Side::Old, &format!("DROP TABLE {table}_TEMP"));
    let ran = pair.run(DRAIN).refused(2, "KR-CFG-052");
    assert!(ran.stderr.contains(table) && ran.stderr.contains("was kept in step"), "{ran}");
    pair.run(&["safe-to-retire"]).refused(2, "KR-CFG-052");
    pair.run(&["verify"]).exits(0); // of the new database, where nothing is missing
}

/// One that was never kept in step is compared by its keys alone, which tell of no revocation.
fn a_table_that_was_never_kept_in_step_is_a_reason(engine: Engine) {
    let pair = Pair::without_triggers(engine, 60);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    let parts: Vec<&str> = script.split("-- table: ").collect();
    let kept = parts.iter().filter(|part| !part.starts_with("IDN_OAUTH2_REFRESH_TOKEN"));
    pair.execute_as_owner(Side::Old, &kept.copied().collect::<Vec<_>>().join("-- table: "));
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(DRAIN).exits(0);
    let (verdict, ran) = judged(&pair, 1);
    assert!(
        verdict["reasons"]
            .to_string()
            .contains("IDN_OAUTH2_REFRESH_TOKEN: the old identity database has no sync triggers"),
        "{ran}"
    );
    let tables = ["IDN_OAUTH2_REFRESH_TOKEN", "IDN_OAUTH2_REFRESH_TOKEN_SCOPE"];
    let words: Vec<&str> = tables.iter().flat_map(|table| ["--accept-drift", table]).collect();
    assert_eq!(judged_with(&pair, &words, 0)["safe"], true);
}

/// What came after the verdict is lost with the triggers, and so is the verdict.
fn the_triggers_stay_when_anything_came_after_the_verdict(engine: Engine) {
    let refused = |pair: &Pair| pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058");
    let pair = ready(engine);
    judged(&pair, 0);
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET TOKEN_STATE = 'REVOKED'"));
    let ran = refused(&pair);
    assert!(ran.stderr.contains("entries wait") && ran.stderr.contains(TOKENS), "{ran}");
    // No journal, or one of other databases, is no word for it either.
    let empty = tempfile::tempdir().unwrap();
    let elsewhere = ["triggers", "remove", "--on", "old", "--journal", empty.path().to_str().unwrap()];
    pair.run(&elsewhere).refused(2, "KR-CFG-058");
    pair.run(DRAIN).exits(0);
    refused(&pair); // it was carried over after the verdict
    judged(&pair, 0);
    for step in ["route-traffic", "old-server-stopped"] {
        pair.run(&["confirm", "--undo", step]).exits(0);
        refused(&pair);
        pair.run(&["confirm", step]).exits(0);
    }
    judged(&pair, 0);
    pair.execute(
        Side::New,
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = 'eyJjIjoi' WHERE ACCESS_TOKEN LIKE 'eyJ%'",
    );
    pair.run(&["verify", "--live"]).exits(1);
    refused(&pair);
    pair.run(&["triggers", "remove", "--on", "old", "--force"]).exits(0);
}

crate::support::on_engines! {
    tokens_put_back_under_the_old_key_are_not_safe: sqlite, slow: postgresql mysql;
    a_copy_under_the_old_key_beside_the_targets_is_not_safe: sqlite;
    a_row_that_failed_to_rotate_is_not_safe: sqlite;
    before_traffic_is_routed_nothing_is_safe: sqlite;
    an_old_server_that_may_run_is_not_safe: sqlite;
    triggers_that_came_after_the_copy_are_no_change_log: sqlite;
    a_copy_that_was_confirmed_before_its_triggers_is_refused: sqlite;
    a_table_that_the_copy_lost_is_not_safe: sqlite, slow: postgresql mysql;
    rows_that_only_the_new_database_still_has_are_not_safe: sqlite;
    steps_from_before_there_was_a_new_server_are_no_word: sqlite;
    a_table_that_drops_out_ends_it: sqlite;
    a_table_that_was_never_kept_in_step_is_a_reason: sqlite;
    the_triggers_stay_when_anything_came_after_the_verdict: sqlite;
    all_that_is_so_is_safe: sqlite postgresql, slow: mysql mariadb;
    an_application_of_the_old_server_alone_is_not_safe: sqlite mysql, slow: postgresql mariadb;
}

/// A result that nobody has is said to be written by no command.
#[test]
fn a_full_disk_behind_a_redirect_is_an_error_in_sync_too() {
    let pair = ready(Engine::Sqlite);
    for args in [&["safe-to-retire"][..], &["safe-to-retire", "--json"], DRAIN] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = pair.place.command(args);
        command.stdout(full).stderr(std::process::Stdio::piped());
        let done = command.spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(3) && said.contains("KR-ENV-003"),
            "{args:?}: {:?} {said}",
            done.status
        );
    }
}

#[test]
fn who_is_seen_on_a_server_is_a_reason() {
    for engine in [Engine::Postgres, Engine::MySql, Engine::MariaDb] {
        who_is_seen_in_the_old_database_is_a_reason(engine);
    }
}
