//! Absent is not deleted: what deletes a row in the copy, and what does not.

use super::flow::{actives, drain, new_token, set_state, state_of, synced};
use super::pair::{Pair, Side};
use crate::kit::{Refused as _, eventually};
use crate::support::{Engine, Running};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const CLAIMS: &str = "IDN_IDENTITY_USER_DATA";
const DRAIN: [&str; 4] = ["sync", "--until-drained", "--quiet-for", "0s"];

/// Takes rows out of an old table as TRUNCATE, a restore or a filter would: no entry tells of it.
fn vanish(pair: &Pair, table: &str, condition: &str) {
    pair.execute(Side::Old, &format!("DELETE FROM {table} {condition}; DELETE FROM {table}_TEMP"));
}

pub(crate) fn a_row_that_is_not_found_is_no_deleted_one(engine: Engine) {
    let pair = synced(engine);
    let ids = actives(&pair);
    let (lost, changed, touched) = (&ids[0], &ids[1], &ids[2]);
    let all = format!("WHERE TOKEN_ID IN ('{lost}', '{changed}', '{touched}')");
    vanish(&pair, &format!("{TOKENS}_SCOPE"), &all);
    vanish(&pair, TOKENS, &format!("WHERE TOKEN_ID IN ('{lost}', '{touched}')"));
    // The new server has changed this one, and it is in use.
    pair.execute(
        Side::New,
        &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'new' WHERE TOKEN_ID = '{touched}'"),
    );
    // An entry says that this one is there, and it is not.
    pair.execute(Side::Old, &set_state(changed, "REVOKED"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{changed}'"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_TEMP WHERE AVAILABILITY = 0"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "another", 9, "ACTIVE"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("nothing says that it was deleted"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, "another").as_deref(), Some("ACTIVE"), "the rest goes on");
    for id in [lost, changed, touched] {
        assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("ACTIVE"));
        assert!(ran.stderr.contains(&format!("{TOKENS}: {id} is held")), "{id}: {ran}");
    }
    assert_eq!(pair.count(Side::Old, &format!("{TOKENS}_TEMP")), 1, "it is not acknowledged");
    pair.run(&[&DRAIN[..], &["--accept-deletes", "99"]].concat()).exits(0);
    for id in [lost, changed] {
        assert_eq!(state_of(&pair, Side::New, id), None);
    }
    assert_eq!(state_of(&pair, Side::New, touched).as_deref(), Some("REVOKED"), "it stays, of no use");
    drain(&pair);
}

/// An entry is numbered before its transaction commits. Where the log was read beyond that number meanwhile, the row's
/// delete is read first, and says of both what became of the row.
pub(crate) fn an_entry_that_comes_behind_the_delete_of_its_row_is_seen_to_with_it(engine: Engine) {
    let pair = synced(engine);
    let ids = actives(&pair);
    let (deleted, others) = ids.split_first().unwrap();
    let mut slow = pair.session(Side::Old);
    slow.try_run("BEGIN").unwrap();
    slow.try_run(&set_state(deleted, "REVOKED")).unwrap();
    // More than one page of three.
    others[..4].iter().for_each(|id| pair.execute(Side::Old, &set_state(id, "EXPIRED")));
    let gate = pair.place.path("gate");
    let points = format!("sync-before-acknowledge=1*return({})", gate.display());
    let mut running =
        Running::of(pair.place.command(&DRAIN).env("KEYROTATION_SIZES", "3").env("FAILPOINTS", points), None);
    running.until_it_waits(&gate);
    slow.try_run("COMMIT").unwrap();
    slow.try_run(&format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{deleted}'")).unwrap();
    drop(slow);
    std::fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
    assert_eq!(state_of(&pair, Side::New, deleted), None);
    for id in &others[..4] {
        assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("EXPIRED"));
    }
    assert_eq!(pair.count(Side::Old, &format!("{TOKENS}_TEMP")), 0);
}

pub(crate) fn an_old_table_that_lost_its_rows_ends_it(engine: Engine) {
    let pair = synced(engine);
    let rows = pair.count(Side::New, CLAIMS);
    assert!(rows > 2, "there is something to lose");
    vanish(&pair, CLAIMS, "");
    for _ in 0..2 {
        let ran = pair.run(&DRAIN).refused(5, "KR-SYN-003");
        assert!(ran.stderr.contains(&format!("{CLAIMS}: {rows} rows at the last look, 0 now")), "{ran}");
        assert!(ran.stderr.contains(&format!("--accept-deletes {rows}")), "{ran}");
        assert_eq!(pair.count(Side::New, CLAIMS), rows);
    }
    // Entries say so, and it is too much all the same.
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE; DELETE FROM {TOKENS}"));
    let ran = pair.run(&DRAIN).refused(5, "KR-SYN-003");
    assert!(ran.stderr.contains(&format!("{TOKENS}: 60 rows at the last look, 0 now")), "{ran}");
    assert_eq!((pair.count(Side::New, CLAIMS), pair.count(Side::New, TOKENS)), (rows, 60));
    // What is enough for one of them is not used up: all of them together, or none.
    for enough in [59, rows.max(60)] {
        pair.run(&[&DRAIN[..], &["--accept-deletes", &enough.to_string()]].concat()).refused(5, "KR-SYN-003");
        assert_eq!((pair.count(Side::New, CLAIMS), pair.count(Side::New, TOKENS)), (rows, 60));
    }
    let ran = pair.run(&DRAIN).refused(5, "KR-SYN-003");
    assert!(ran.stderr.contains(&format!("{CLAIMS}: {rows} rows at the last look, 0 now")), "{ran}");
    pair.run(&[&DRAIN[..], &["--accept-deletes", "999"]].concat()).exits(0);
    assert_eq!((pair.count(Side::New, CLAIMS), pair.count(Side::New, TOKENS)), (0, 0));
    drain(&pair);
}

/// The first look is compared with the copy.
#[test]
fn an_old_server_that_comes_back_empty_before_the_first_look_deletes_nothing() {
    let pair = Pair::new(Engine::Sqlite, 60);
    let counted = |side| [TOKENS, CLAIMS].map(|table| pair.count(side, table));
    let before = counted(Side::New);
    for table in [&format!("{TOKENS}_SCOPE"), TOKENS, CLAIMS, "IDN_OAUTH2_AUTHORIZATION_CODE"] {
        vanish(&pair, table, "");
    }
    let ran = pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).refused(5, "KR-SYN-003");
    assert!(
        ran.stderr.contains(&format!("{TOKENS}: 60 rows")) && ran.stderr.contains(&format!("{CLAIMS}: ")),
        "{ran}"
    );
    assert_eq!(counted(Side::New), before);
}

/// Once traffic is switched nothing is deleted, but what waited in an old database that comes back empty is lost.
#[test]
fn an_old_table_that_is_emptied_once_traffic_is_switched_ends_it() {
    let pair = synced(Engine::Sqlite);
    pair.say_that_the_old_server_is_out_of_use();
    vanish(&pair, CLAIMS, "");
    for _ in 0..2 {
        pair.run(&DRAIN).refused(5, "KR-SYN-003");
    }
}

/// However few rows are carried over at once.
#[test]
fn too_many_deletes_are_refused_before_the_first_of_them() {
    let pair = synced(Engine::Sqlite);
    let many = "WHERE TOKEN_ID IN (SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID LIMIT 30)";
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE {many}; DELETE FROM {TOKENS} {many}"));
    for _ in 0..2 {
        pair.start_with_pages_of(2, &DRAIN).wait().refused(5, "KR-SYN-003");
        assert_eq!(pair.count(Side::New, TOKENS), 60);
    }
}

/// A table that the old database has no more, or that its user does not see, is none that is in step.
#[test]
fn an_old_table_that_is_not_there_is_refused() {
    let pair = synced(Engine::Sqlite);
    pair.say_that_the_old_server_is_out_of_use();
    pair.execute(Side::Old, &format!("ALTER TABLE {CLAIMS} RENAME TO ELSEWHERE"));
    for command in [&DRAIN[..], &["safe-to-retire"], &["resume"]] {
        let ran = pair.run(command).refused(3, "KR-DB-020");
        assert!(ran.stderr.contains(&format!("{CLAIMS}, which the copy has")), "{ran}");
    }
}

/// What one side has taken out of use is of no use on the other, whoever has changed the row besides.
pub(crate) fn revocation_wins_on_both_sides(engine: Engine) {
    let pair = synced(engine);
    let ids = actives(&pair);
    let subject = |id: &str, text: &str| {
        format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = '{text}' WHERE TOKEN_ID = '{id}'")
    };
    let [by_old, by_new, deleted] = [&ids[0], &ids[1], &ids[2]];
    for id in [by_old, by_new, deleted] {
        pair.execute(Side::New, &subject(id, "new"));
        pair.execute(Side::Old, &subject(id, "old"));
    }
    pair.execute(Side::Old, &set_state(by_old, "REVOKED"));
    pair.execute(Side::New, &set_state(by_new, "REVOKED"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE WHERE TOKEN_ID = '{deleted}'"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{deleted}'"));
    let ran = pair.run(&DRAIN).exits(0);
    for id in [by_old, by_new, deleted] {
        assert!(ran.stderr.contains(id.as_str()), "{id} is listed: {ran}");
    }
    // Some servers move what they revoke to another table: the row is gone, and stays of no use.
    for id in [by_old, by_new, deleted] {
        assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("REVOKED"));
    }
    let kept = format!("{TOKENS} WHERE SUBJECT_IDENTIFIER = 'new'");
    assert_eq!(pair.count(Side::New, &kept), 3);
    // It stays the new server's own.
    pair.execute(Side::Old, &subject(by_old, "older"));
    drain(&pair);
    assert_eq!(pair.count(Side::New, &kept), 3);
}

/// A code that the old server has used up and deleted, or an application whose tokens go with it.
pub(crate) fn what_goes_with_its_application_is_of_no_use_either(engine: Engine) {
    let pair = synced(engine);
    let sql = format!(
        "SELECT MIN(TOKEN_ID), MAX(TOKEN_ID), {} FROM {TOKENS} WHERE TOKEN_STATE = 'ACTIVE' \
         GROUP BY CONSUMER_KEY_ID HAVING COUNT(*) > 1 ORDER BY 1",
        pair.engine.text("CONSUMER_KEY_ID")
    );
    let row = pair.rows(Side::Old, &sql).into_iter().next().unwrap();
    let [touched, left, application] = [0, 1, 2].map(|at| row[at].clone().unwrap());
    pair.execute(
        Side::New,
        &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'new' WHERE TOKEN_ID = '{touched}'"),
    );
    // On MySQL and MariaDB no entry says what the foreign key has deleted.
    let keys = if engine == Engine::Sqlite { "PRAGMA foreign_keys = ON; " } else { "" };
    pair.execute(Side::Old, &format!("{keys}DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = {application}"));
    assert_eq!(state_of(&pair, Side::Old, &touched), None);
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, &left), None);
    assert_eq!(state_of(&pair, Side::New, &touched).as_deref(), Some("REVOKED"));
}

/// Where triggers fire for what a foreign key deletes, a parent that is gone says nothing of its children.
pub(crate) fn a_parent_that_is_gone_is_evidence_only_where_no_trigger_fires(engine: Engine) {
    let pair = synced(engine);
    let id = &actives(&pair)[0];
    let number = pair.engine.text("CONSUMER_KEY_ID");
    let application = pair.rows(Side::Old, &format!("SELECT {number} FROM {TOKENS} WHERE TOKEN_ID = '{id}'"));
    let application = application[0][0].as_deref().unwrap();
    // As restored without it: no entry tells of any of it.
    let of = format!("WHERE CONSUMER_KEY_ID = {application}");
    for table in ["_SCOPE", "_BINDING"] {
        let name = format!("IDN_OAUTH2_{}{table}", if table == "_SCOPE" { "ACCESS_TOKEN" } else { "TOKEN" });
        let of = format!("WHERE TOKEN_ID IN (SELECT TOKEN_ID FROM {TOKENS} {of})");
        vanish(&pair, &name, &of);
    }
    vanish(&pair, TOKENS, &of);
    let codes = "IDN_OAUTH2_AUTHORIZATION_CODE";
    vanish(
        &pair,
        "IDN_OAUTH2_AUTHZ_CODE_SCOPE",
        &format!("WHERE CODE_ID IN (SELECT CODE_ID FROM {codes} {of})"),
    );
    vanish(&pair, codes, &of);
    pair.execute(Side::Old, &format!("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = {application}"));
    if matches!(engine, Engine::MySql | Engine::MariaDb) {
        drain(&pair);
        assert_eq!(state_of(&pair, Side::New, id), None);
        return;
    }
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stderr.contains(&format!("{TOKENS}: {id} is held")), "{ran}");
    assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("ACTIVE"));
}

/// Its token is gone, nothing says so, and the new database has it as it was: the entry is not lost.
pub(crate) fn an_entry_of_a_child_waits_for_what_became_of_its_parent(engine: Engine) {
    let pair = synced(engine);
    pair.run(&["confirm", "route-traffic"]).exits(0);
    let sql = format!("SELECT MIN(TOKEN_ID) FROM {TOKENS}_SCOPE");
    let id = pair.rows(Side::Old, &sql).remove(0).remove(0).unwrap();
    pair.execute(Side::Old, &format!("UPDATE {TOKENS}_SCOPE SET TENANT_ID = 7 WHERE TOKEN_ID = '{id}'"));
    let entries = pair.count(Side::Old, &format!("{TOKENS}_SCOPE_TEMP"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE WHERE TOKEN_ID = '{id}'"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE_TEMP WHERE AVAILABILITY = 0"));
    let binding = "IDN_OAUTH2_TOKEN_BINDING";
    vanish(&pair, binding, &format!("WHERE TOKEN_ID = '{id}'"));
    vanish(&pair, TOKENS, &format!("WHERE TOKEN_ID = '{id}'"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stderr.contains("nothing says that it was deleted there"), "{ran}");
    assert_eq!(pair.count(Side::Old, &format!("{TOKENS}_SCOPE_TEMP")), entries, "it is not acknowledged");
}

/// A table that was empty at the last look has a brake once it has grown.
#[test]
fn a_table_that_has_grown_from_nothing_has_a_brake() {
    let pair = Pair::without_triggers(Engine::Sqlite, 60);
    let codes = "IDN_OAUTH2_AUTHORIZATION_CODE";
    for side in [Side::Old, Side::New] {
        pair.execute(side, &format!("DELETE FROM IDN_OAUTH2_AUTHZ_CODE_SCOPE; DELETE FROM {codes}"));
    }
    pair.run(&["triggers", "install"]).exits(0);
    let mut running = pair.start_syncing(&["run"]);
    pair.execute(
        Side::Old,
        &format!(
            "INSERT INTO {codes} (CODE_ID, AUTHORIZATION_CODE, CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, STATE) \
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 30) \
             SELECT 'code-' || n, 'plain', 1, 'someone', -1234, 'ACTIVE' FROM numbers"
        ),
    );
    eventually("they are carried over", || pair.count(Side::New, codes) == 30);
    pair.execute(Side::Old, &format!("DELETE FROM {codes}"));
    eventually("it ends", || running.ended());
    let ran = running.wait().refused(5, "KR-SYN-003");
    assert!(ran.stderr.contains(&format!("{codes}: 30 rows at the last look, 0 now")), "{ran}");
    assert_eq!(pair.count(Side::New, codes), 30);
}

crate::support::on_engines! {
    what_goes_with_its_application_is_of_no_use_either: sqlite mysql, slow: postgresql mariadb;
    a_parent_that_is_gone_is_evidence_only_where_no_trigger_fires: sqlite mysql, slow: postgresql mariadb;
    an_entry_of_a_child_waits_for_what_became_of_its_parent: sqlite mysql, slow: postgresql mariadb;
    a_row_that_is_not_found_is_no_deleted_one: sqlite postgresql, slow: mysql mariadb;
    an_entry_that_comes_behind_the_delete_of_its_row_is_seen_to_with_it: postgresql, slow: mysql mariadb;
    an_old_table_that_lost_its_rows_ends_it: sqlite mysql, slow: postgresql mariadb;
    revocation_wins_on_both_sides: sqlite postgresql mysql, slow: mariadb;
}
