//! Absent is not deleted: what deletes a row in the copy, and what does not.

use super::flow::{actives, drain, new_token, set_state, state_of, synced};
use super::pair::{Pair, Side};
use crate::kit::Refused as _;
use crate::support::Engine;

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
    let (lost, changed) = (&ids[0], &ids[1]);
    vanish(&pair, &format!("{TOKENS}_SCOPE"), &format!("WHERE TOKEN_ID IN ('{lost}', '{changed}')"));
    vanish(&pair, TOKENS, &format!("WHERE TOKEN_ID = '{lost}'"));
    // An entry says that this one is there, and it is not.
    pair.execute(Side::Old, &set_state(changed, "REVOKED"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{changed}'"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_TEMP WHERE AVAILABILITY = 0"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "another", 9, "ACTIVE"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("nothing says that it was deleted"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, "another").as_deref(), Some("ACTIVE"), "the rest goes on");
    for id in [lost, changed] {
        assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("ACTIVE"));
    }
    assert_eq!(pair.count(Side::Old, &format!("{TOKENS}_TEMP")), 1, "it is not acknowledged");
    pair.run(&[&DRAIN[..], &["--accept-deletes", "99"]].concat()).exits(0);
    for id in [lost, changed] {
        assert_eq!(state_of(&pair, Side::New, id), None);
    }
    drain(&pair);
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
    pair.run(&[&DRAIN[..], &["--accept-deletes", "59"]].concat()).refused(5, "KR-SYN-003");
    assert_eq!(pair.count(Side::New, TOKENS), 60);
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
    for id in [by_old, by_new] {
        assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("REVOKED"));
    }
    assert_eq!(state_of(&pair, Side::New, deleted).as_deref(), Some("ACTIVE"));
    let kept = format!("{TOKENS} WHERE SUBJECT_IDENTIFIER = 'new'");
    assert_eq!(pair.count(Side::New, &kept), 3);
    // It stays the new server's own.
    pair.execute(Side::Old, &subject(by_old, "older"));
    drain(&pair);
    assert_eq!(pair.count(Side::New, &kept), 3);
}

super::on_each_engine!(
    a_row_that_is_not_found_is_no_deleted_one,
    an_old_table_that_lost_its_rows_ends_it,
    revocation_wins_on_both_sides,
);
