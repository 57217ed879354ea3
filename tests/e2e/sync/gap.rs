//! What no change log has: changes that were made before its triggers were there, or while they were away.

use super::flow::{actives, drain, new_token, set_state, state_of, synced};
use super::pair::{Pair, Side};
use crate::support::Engine;

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const DRAIN: [&str; 4] = ["sync", "--until-drained", "--quiet-for", "0s"];

/// Nobody has confirmed anything: the databases alone tell.
pub(crate) fn what_changed_between_the_copy_and_its_triggers_is_carried_over(engine: Engine) {
    let pair = Pair::without_triggers(engine, 60);
    let ids = actives(&pair);
    let [revoked, deleted] = [&ids[0], &ids[1]];
    pair.execute(Side::Old, &set_state(revoked, "REVOKED"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "of-the-gap", 3, "ACTIVE"));
    pair.execute(Side::Old, &format!("INSERT INTO {TOKENS}_SCOPE VALUES ('of-the-gap', 'openid', -1234)"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE WHERE TOKEN_ID = '{deleted}'"));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{deleted}'"));
    pair.run(&["triggers", "install"]).exits(0);
    let ran = pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(1);
    assert!(ran.stderr.contains("compared in full") && ran.stderr.contains("no change log has"), "{ran}");
    assert!(ran.stdout.contains("nothing says that it was deleted"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, revoked).as_deref(), Some("REVOKED"));
    assert_eq!(state_of(&pair, Side::New, "of-the-gap").as_deref(), Some("ACTIVE"));
    assert_eq!(pair.count(Side::New, &format!("{TOKENS}_SCOPE WHERE TOKEN_ID = 'of-the-gap'")), 1);
    assert_eq!(state_of(&pair, Side::New, deleted).as_deref(), Some("ACTIVE"), "nothing says so");
    pair.run(&[&DRAIN[..], &["--accept-deletes", "9"]].concat()).exits(0);
    assert_eq!(state_of(&pair, Side::New, deleted), None);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(&["safe-to-retire"]).exits(0);
}

/// A DBA has taken them away, and put them back, while no program looked.
pub(crate) fn what_changed_while_the_triggers_were_away_is_carried_over(engine: Engine) {
    let pair = synced(engine);
    let install = pair.run(&["triggers", "print"]).exits(0).stdout;
    let remove = pair.run(&["triggers", "print", "--remove"]).exits(0).stdout;
    pair.execute_as_owner(Side::Old, &remove);
    let id = &actives(&pair)[0];
    pair.execute(Side::Old, &set_state(id, "REVOKED"));
    pair.execute_as_owner(Side::Old, &install);
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("REVOKED"));
    let status = pair.sync_status();
    assert_eq!((&status["applied"], &status["superseded"]), (&1.into(), &0.into()), "{status}");
}

/// A row that has to wait is not forgotten because no entry names it.
pub(crate) fn what_the_comparison_cannot_carry_over_waits(engine: Engine) {
    let pair = Pair::without_triggers(engine, 60);
    let application =
        "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, TENANT_ID) VALUES (77, 'late', -1234)";
    pair.execute(Side::Old, application);
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "of-the-late-one", 77, "ACTIVE"));
    pair.run(&["triggers", "install"]).exits(0);
    let ran = pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(1);
    assert!(ran.stdout.contains("application 77 (late) is not in the new database"), "{ran}");
    for _ in 0..2 {
        pair.run(&DRAIN).exits(1);
    }
    pair.execute(Side::New, application);
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, "of-the-late-one").as_deref(), Some("ACTIVE"));
}

/// What only the comparison has found is listed by its key and counted, once.
pub(crate) fn what_both_servers_changed_in_the_gap_is_listed_once(engine: Engine) {
    let pair = synced(engine);
    let install = pair.run(&["triggers", "print"]).exits(0).stdout;
    let remove = pair.run(&["triggers", "print", "--remove"]).exits(0).stdout;
    pair.execute_as_owner(Side::Old, &remove);
    let id = &actives(&pair)[0];
    for (side, subject) in [(Side::Old, "of the old"), (Side::New, "of the new")] {
        pair.execute(
            side,
            &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = '{subject}' WHERE TOKEN_ID = '{id}'"),
        );
    }
    pair.execute_as_owner(Side::Old, &install);
    let said = format!("{TOKENS}: {id}: both servers have changed it");
    let ran = pair.run(&DRAIN).exits(0);
    assert!(ran.stderr.contains(&said), "{ran}");
    let ran = pair.run(&DRAIN).exits(0);
    assert!(!ran.stderr.contains(&said), "{ran}");
    assert_eq!(pair.sync_status()["superseded"], 1);
}

crate::support::on_engines! {
    what_changed_between_the_copy_and_its_triggers_is_carried_over: sqlite postgresql, slow: mysql mariadb;
    what_changed_while_the_triggers_were_away_is_carried_over: sqlite, slow: postgresql mysql mariadb;
    what_the_comparison_cannot_carry_over_waits: sqlite, slow: postgresql mysql mariadb;
    what_both_servers_changed_in_the_gap_is_listed_once: sqlite, slow: postgresql mysql mariadb;
}
