//! One thing at a time: what is carried over, what is left alone, what waits.

use std::collections::BTreeMap;

use rustix::process::Signal;

use super::judge::must_be_settled;
use super::pair::{Pair, Side};
use crate::kit::{Refused as _, eventually, plaintext, seal};
use crate::support::Engine;

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const CLAIMS: &str = "IDN_IDENTITY_USER_DATA";
const DRAIN: [&str; 4] = ["sync", "--until-drained", "--quiet-for", "1s"];

/// A pair whose rotation is in its sync phase.
pub(super) fn synced(engine: Engine) -> Pair {
    let pair = Pair::new(engine, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair
}

pub(super) fn drain(pair: &Pair) {
    pair.run(&DRAIN).exits(0);
}

/// Ids of tokens that are active, in order.
pub(super) fn actives(pair: &Pair) -> Vec<String> {
    let sql = format!("SELECT TOKEN_ID FROM {TOKENS} WHERE TOKEN_STATE = 'ACTIVE' ORDER BY TOKEN_ID");
    pair.rows(Side::Old, &sql).into_iter().map(|mut row| row[0].take().unwrap()).collect()
}

pub(super) fn new_token(pair: &Pair, side: Side, id: &str, application: u64, state: &str) -> String {
    let key = pair.keys()[usize::from(side == Side::New)];
    format!(
        "INSERT INTO {TOKENS} (TOKEN_ID, ACCESS_TOKEN, CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, USER_DOMAIN, USER_TYPE, \
         TOKEN_SCOPE_HASH, TOKEN_STATE, TOKEN_STATE_ID) VALUES ('{id}', '{}', {application}, 'someone', -1234, 'PRIMARY', \
         'APPLICATION_USER', 'scopes', '{state}', 'NONE')",
        seal(key, id)
    )
}

pub(super) fn state_of(pair: &Pair, side: Side, id: &str) -> Option<String> {
    let rows = pair.rows(side, &format!("SELECT TOKEN_STATE FROM {TOKENS} WHERE TOKEN_ID = '{id}'"));
    rows.into_iter().next().and_then(|mut row| row[0].take())
}

pub(super) fn set_state(id: &str, state: &str) -> String {
    format!("UPDATE {TOKENS} SET TOKEN_STATE = '{state}', TOKEN_STATE_ID = 'of-{id}' WHERE TOKEN_ID = '{id}'")
}

pub(crate) fn a_row_that_changed_ten_times_is_carried_over_once(engine: Engine) {
    let pair = synced(engine);
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "a-new-token", 1, "ACTIVE"));
    for n in 0..10 {
        let sql =
            format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'subject {n}' WHERE TOKEN_ID = 'a-new-token'");
        pair.execute(Side::Old, &sql);
    }
    assert_eq!(pair.count(Side::Old, &format!("{TOKENS}_TEMP")), 11);
    drain(&pair);
    let status = pair.sync_status();
    assert_eq!(
        (&status["applied"], &status["pending"], &status["drained"]),
        (&1.into(), &0.into(), &true.into()),
        "{status}"
    );
    assert_eq!(pair.count(Side::Old, &format!("{TOKENS}_TEMP")), 0, "what is acknowledged is deleted");
    let stored =
        pair.rows(Side::New, &format!("SELECT ACCESS_TOKEN FROM {TOKENS} WHERE TOKEN_ID = 'a-new-token'"));
    let stored = stored[0][0].as_deref().unwrap();
    assert_eq!(plaintext(pair.keys()[1], stored).as_deref(), Some("a-new-token"));
    must_be_settled(&pair, &BTreeMap::new());
    pair.run(&["verify"]).exits(0);
}

pub(crate) fn what_the_new_server_has_made_its_own_is_left_alone(engine: Engine) {
    let pair = synced(engine);
    let ids = actives(&pair);
    let [changed, deleted, revoked] = [&ids[0], &ids[1], &ids[2]];
    // Made by both: the new server's counts.
    let claim = |key, value: &str| {
        format!("INSERT INTO {CLAIMS} VALUES (-1234, 'both', 'claim', '{}')", seal(key, value))
    };
    pair.execute(Side::New, &claim(pair.keys()[1], "of the new server"));
    pair.execute(Side::Old, &claim(pair.keys()[0], "of the old server"));
    pair.execute(
        Side::New,
        &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'new' WHERE TOKEN_ID = '{changed}'"),
    );
    pair.execute(Side::New, &format!("DELETE FROM {TOKENS}_SCOPE WHERE TOKEN_ID = '{deleted}'"));
    pair.execute(Side::New, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{deleted}'"));
    pair.execute(Side::New, &set_state(revoked, "REVOKED"));
    for id in [changed, deleted, revoked] {
        pair.execute(
            Side::Old,
            &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'old' WHERE TOKEN_ID = '{id}'"),
        );
    }
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{}'", ids[3]));
    drain(&pair);
    let subject = |id: &str| {
        let rows =
            pair.rows(Side::New, &format!("SELECT SUBJECT_IDENTIFIER FROM {TOKENS} WHERE TOKEN_ID = '{id}'"));
        rows.into_iter().next().and_then(|mut row| row[0].take())
    };
    assert_eq!(subject(changed).as_deref(), Some("new"));
    assert_eq!(subject(deleted), None, "what the new server deleted does not come back");
    assert_eq!(state_of(&pair, Side::New, revoked).as_deref(), Some("REVOKED"));
    assert_eq!(state_of(&pair, Side::New, &ids[3]), None, "what only the old server touched is carried over");
    let value = pair.rows(Side::New, &format!("SELECT DATA_VALUE FROM {CLAIMS} WHERE USER_NAME = 'both'"));
    assert_eq!(
        plaintext(pair.keys()[1], value[0][0].as_deref().unwrap()).as_deref(),
        Some("of the new server")
    );
    let status = pair.sync_status();
    assert_eq!(status["superseded"], 4, "{status}");
    pair.say_that_the_old_server_is_out_of_use();
    let ran = pair.run(&["safe-to-retire", "--json"]).exits(0);
    assert_eq!(ran.json()["safe"], true, "{ran}");
}

pub(crate) fn an_inactive_token_never_becomes_active(engine: Engine) {
    let pair = synced(engine);
    let id = actives(&pair)[0].clone();
    pair.execute(Side::Old, &set_state(&id, "INACTIVE"));
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, &id).as_deref(), Some("INACTIVE"));
    pair.execute(Side::Old, &set_state(&id, "ACTIVE"));
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, &id).as_deref(), Some("INACTIVE"));
    assert_eq!(pair.sync_status()["superseded"], 1);
}

pub(crate) fn a_token_of_an_unknown_application_is_held_and_holds_up_nothing(engine: Engine) {
    let pair = synced(engine);
    pair.execute(
        Side::Old,
        "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, TENANT_ID) VALUES (77, 'late-app', -1234)",
    );
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "of-the-late-app", 77, "ACTIVE"));
    pair.execute(
        Side::Old,
        &format!("INSERT INTO {TOKENS}_SCOPE VALUES ('of-the-late-app', 'openid', -1234)"),
    );
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "of-another", 2, "ACTIVE"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("application 77 (late-app) is not in the new database"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, "of-another").as_deref(), Some("ACTIVE"));
    assert_eq!(state_of(&pair, Side::New, "of-the-late-app"), None);
    let status = pair.sync_status();
    assert_eq!((&status["held"], &status["pending"]), (&2.into(), &2.into()), "{status}");
    pair.run(&["safe-to-retire"]).exits(1);
    // Another application under the same number is not the same.
    pair.execute(
        Side::New,
        "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, TENANT_ID) VALUES (77, 'other-app', -1234)",
    );
    pair.run(&DRAIN).exits(1);
    pair.execute(Side::New, "UPDATE IDN_OAUTH_CONSUMER_APPS SET CONSUMER_KEY = 'late-app' WHERE ID = 77");
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, "of-the-late-app").as_deref(), Some("ACTIVE"));
    must_be_settled(&pair, &BTreeMap::new());
}

pub(crate) fn tokens_that_swap_what_is_unique_are_put_right(engine: Engine) {
    let pair = synced(engine);
    for id in ["one", "two", "three"] {
        let insert =
            new_token(&pair, Side::Old, id, 3, "INACTIVE").replace("'NONE')", &format!("'state-{id}')"));
        pair.execute(Side::Old, &insert);
    }
    drain(&pair);
    // Round and round: each has what another is to have, and a new active one comes.
    let set = |id: &str, state: &str| {
        format!("UPDATE {TOKENS} SET TOKEN_STATE_ID = '{state}' WHERE TOKEN_ID = '{id}'")
    };
    for sql in
        [set("one", "x"), set("two", "state-one"), set("three", "state-two"), set("one", "state-three")]
    {
        pair.execute(Side::Old, &sql);
    }
    drain(&pair);
    must_be_settled(&pair, &BTreeMap::new());
    // Refreshed: the active one's place goes to its successor.
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "first", 4, "ACTIVE"));
    drain(&pair);
    pair.execute(Side::Old, &set_state("first", "INACTIVE"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "a-second", 4, "ACTIVE"));
    drain(&pair);
    must_be_settled(&pair, &BTreeMap::new());
    // The new server has issued one in the same place: it stays.
    pair.execute(Side::Old, &set_state("a-second", "INACTIVE"));
    drain(&pair);
    pair.execute(Side::New, &new_token(&pair, Side::New, "of-the-new-server", 4, "ACTIVE"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "a-third", 4, "ACTIVE"));
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, "of-the-new-server").as_deref(), Some("ACTIVE"));
    assert_eq!(state_of(&pair, Side::New, "a-third"), None);
    assert_eq!(pair.sync_status()["superseded"], 1);
}

/// MySQL and MariaDB fire no trigger where a foreign key deletes: only the parent's entry is there.
pub(crate) fn deletes_that_no_trigger_sees_are_found(engine: Engine) {
    let pair = synced(engine);
    let ids = actives(&pair);
    let (lost, switched) = (&ids[0], &ids[1]);
    let delete = |id: &str| {
        format!(
            "DELETE FROM {TOKENS}_SCOPE WHERE TOKEN_ID = '{id}'; DELETE FROM {TOKENS} WHERE TOKEN_ID = '{id}'; \
             DELETE FROM {TOKENS}_SCOPE_TEMP"
        )
    };
    pair.execute(Side::Old, &delete(lost));
    pair.execute(Side::New, &new_token(&pair, Side::New, "of-the-new-server", 5, "ACTIVE"));
    drain(&pair);
    let verdict = pair.run(&["safe-to-retire", "--json"]).exits(1).json();
    let reasons: Vec<_> = verdict["reasons"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert!(reasons.iter().all(|reason| reason.contains("nobody has confirmed")), "{verdict}");
    assert_eq!(state_of(&pair, Side::New, lost), None);
    assert_eq!(pair.count(Side::New, &format!("{TOKENS}_SCOPE WHERE TOKEN_ID = '{lost}'")), 0);
    assert_eq!(state_of(&pair, Side::New, "of-the-new-server").as_deref(), Some("ACTIVE"));
    assert_eq!(pair.sync_status()["superseded"], 0);
    pair.run(&["confirm", "route-traffic", "--note", "at night"]).exits(0);
    pair.execute(Side::Old, &format!("{}; DELETE FROM {TOKENS}_TEMP", delete(switched)));
    let ran = pair.run(&DRAIN).exits(0);
    assert!(ran.stderr.contains("traffic is switched, so they stay"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, switched).as_deref(), Some("ACTIVE"));
}

pub(crate) fn names_that_differ_in_case_alone(engine: Engine) {
    let pair = synced(engine);
    pair.execute(Side::Old, &format!("INSERT INTO {CLAIMS} VALUES (-1234, 'Bob', 'claim', 'one')"));
    drain(&pair);
    pair.execute(
        Side::Old,
        &format!("UPDATE {CLAIMS} SET USER_NAME = 'bob', DATA_VALUE = 'two' WHERE USER_NAME = 'Bob'"),
    );
    drain(&pair);
    must_be_settled(&pair, &BTreeMap::new());
    pair.execute(Side::Old, &format!("DELETE FROM {CLAIMS} WHERE USER_NAME = 'bob'"));
    drain(&pair);
    must_be_settled(&pair, &BTreeMap::new());
    assert_eq!(pair.sync_status()["superseded"], 0);
}

pub(crate) fn a_value_that_does_not_open_waits_and_the_rest_goes_on(engine: Engine) {
    let pair = synced(engine);
    let foreign = seal("0123456789abcdef0123456789abcdef", "of a third key");
    pair.execute(Side::Old, &format!("INSERT INTO {CLAIMS} VALUES (-1234, 'odd', 'claim', '{foreign}')"));
    pair.execute(Side::Old, &format!("INSERT INTO {CLAIMS} VALUES (-1234, 'even', 'claim', 'plain')"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("failed: IDN_IDENTITY_USER_DATA -1234/odd/claim: DATA_VALUE"), "{ran}");
    assert_eq!(pair.count(Side::New, &format!("{CLAIMS} WHERE USER_NAME = 'even'")), 1);
    pair.execute(Side::Old, &format!("UPDATE {CLAIMS} SET DATA_VALUE = 'mended' WHERE USER_NAME = 'odd'"));
    drain(&pair);
    must_be_settled(&pair, &BTreeMap::new());
}

pub(crate) fn it_runs_until_it_is_stopped_and_one_at_a_time(engine: Engine) {
    let pair = Pair::new(engine, 60);
    pair.run(&["sync"]).refused(4, "KR-JRN-007");
    let running = pair.start_syncing(&["run"]);
    let ran = pair.run(&["sync"]).exits(4);
    assert!(ran.stderr.contains(&format!("process {}", running.pid())), "{ran}");
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "while-it-runs", 1, "ACTIVE"));
    eventually("the token is carried over", || state_of(&pair, Side::New, "while-it-runs").is_some());
    eventually("the status tells", || pair.sync_status()["applied"] == 1);
    let status = pair.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (&status["state"], &status["sync"]["drained"].is_boolean()),
        (&"running".into(), &true),
        "{status}"
    );
    running.signal(Signal::INT);
    let ran = running.wait().exits(130);
    assert!(
        ran.stderr
            .contains("Successfully transformed OAuth token data records in IDN_OAUTH2_ACCESS_TOKEN_TEMP: 1"),
        "{ran}"
    );
    // Where nothing came, the guide's line says 0.
    for line in [
        "Successfully transformed OAuth scope data records in IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP: 0",
        "Transformation failed totp data records in IDN_IDENTITY_USER_DATA_TEMP: 0",
    ] {
        assert!(ran.stderr.contains(line), "{line}: {ran}");
    }
    let status = pair.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["finished_at"], serde_json::Value::Null, "it was not drained");
    assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()), "{status}");
    pair.run(&["run"]).refused(4, "KR-JRN-006");
    pair.execute(Side::Old, &set_state("while-it-runs", "REVOKED"));
    pair.run(&["resume", "--until-drained", "--quiet-for", "1s"]).exits(0);
    assert_eq!(state_of(&pair, Side::New, "while-it-runs").as_deref(), Some("REVOKED"));
    assert_eq!(pair.run(&["status", "--json"]).exits(0).json()["state"], "completed");
}

pub(crate) fn a_crash_anywhere_loses_and_doubles_nothing(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let ran = pair.run_at(
        "journal-before-sync=5*off->1*return(kill)",
        &["run", "--until-drained", "--quiet-for", "0s"],
    );
    assert_eq!(ran.signal(), Some(9), "{ran}");
    pair.run(&["resume", "--until-drained", "--quiet-for", "0s"]).exits(0);
    // Rows that wait for each other are written one by one, and recorded once more.
    let ids = ["one", "two", "three"];
    let set = |id: &str, state: &str| {
        pair.execute(
            Side::Old,
            &format!("UPDATE {TOKENS} SET TOKEN_STATE_ID = '{state}' WHERE TOKEN_ID = '{id}'"),
        );
    };
    for (at, id) in ids.iter().enumerate() {
        let insert = new_token(&pair, Side::Old, id, 3, "INACTIVE");
        pair.execute(Side::Old, &insert.replace("'NONE')", &format!("'state-{at}')")));
    }
    drain(&pair);
    let mut turn = 0;
    let points = [
        "sync-recorded",
        "sync-before-commit",
        "sync-after-commit",
        "sync-before-acknowledge",
        "sync-after-acknowledge",
    ];
    // A server sees that its client is gone, whatever the reason: it is killed there.
    let ways = [("return(kill)", None, Some(9)), ("panic", Some(101), None), ("return", Some(3), None)];
    let ways = if engine == Engine::Sqlite { &ways[..] } else { &ways[..1] };
    for (n, point) in points.iter().enumerate() {
        for (what, code, signal) in ways.iter().copied() {
            let id = format!("crash-{n}-{}", code.unwrap_or(9));
            pair.execute(
                Side::Old,
                &new_token(&pair, Side::Old, &id, 10 + n as u64, "INACTIVE")
                    .replace("'NONE')", &format!("'{id}')")),
            );
            pair.execute(Side::Old, &format!("INSERT INTO {TOKENS}_SCOPE VALUES ('{id}', 'openid', -1234)"));
            turn += 1;
            set(ids[0], "aside");
            for at in [1, 2, 0] {
                set(ids[at], &format!("state-{}", (at + 2 * turn) % 3));
            }
            let ran = pair.run_at(&format!("{point}={what}"), &DRAIN);
            assert_eq!((ran.code(), ran.signal()), (code, signal), "{point} {what}: {ran}");
            drain(&pair);
            assert_eq!(state_of(&pair, Side::New, &id).as_deref(), Some("INACTIVE"), "{point} {what}");
            must_be_settled(&pair, &BTreeMap::new());
        }
    }
    let status = pair.sync_status();
    assert_eq!((&status["superseded"], &status["pending"]), (&0.into(), &0.into()), "{status}");
    assert_eq!(status["applied"], 3 + 5 * points.len() * ways.len(), "{status}");
}

crate::support::on_engines! {
    a_row_that_changed_ten_times_is_carried_over_once: sqlite mysql, slow: postgresql mariadb;
    what_the_new_server_has_made_its_own_is_left_alone: sqlite postgresql mysql, slow: mariadb;
    an_inactive_token_never_becomes_active: sqlite mysql, slow: postgresql mariadb;
    a_token_of_an_unknown_application_is_held_and_holds_up_nothing: sqlite mysql, slow: postgresql mariadb;
    tokens_that_swap_what_is_unique_are_put_right: sqlite postgresql mysql, slow: mariadb;
    deletes_that_no_trigger_sees_are_found: sqlite postgresql mysql, slow: mariadb;
    names_that_differ_in_case_alone: sqlite postgresql mysql, slow: mariadb;
    a_value_that_does_not_open_waits_and_the_rest_goes_on: sqlite mysql, slow: postgresql mariadb;
    it_runs_until_it_is_stopped_and_one_at_a_time: sqlite mysql, slow: postgresql mariadb;
    a_crash_anywhere_loses_and_doubles_nothing: sqlite mysql, slow: postgresql mariadb;
}
