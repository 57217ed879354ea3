//! Whose rows are: what a lost journal, an archived one and a clock must not change.

use keyrotation_journal::{Step, submit_step};

use super::flow::{actives, drain, new_token, state_of, synced};
use super::pair::{Pair, Side};
use crate::kit::Refused as _;
use crate::support::Engine;

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const DRAIN: [&str; 4] = ["sync", "--until-drained", "--quiet-for", "0s"];

fn steps(pair: &Pair, name: &str) -> usize {
    let status = pair.run(&["status", "--json"]).exits(0).json();
    status["steps"].as_array().unwrap().iter().filter(|step| step["name"] == name).count()
}

/// Deletes a token of the old server's, with what belongs to it, and what was noted of that.
fn delete_unseen(pair: &Pair, id: &str) {
    let of = format!("WHERE TOKEN_ID = '{id}'");
    let tables = [format!("{TOKENS}_SCOPE"), TOKENS.to_owned()];
    for table in &tables {
        pair.execute(Side::Old, &format!("DELETE FROM {table} {of}"));
    }
    for table in &tables {
        pair.execute(Side::Old, &format!("DELETE FROM {table}_TEMP"));
    }
}

/// The new server is alive and has issued tokens; then the rotation begins again over the same copy.
fn must_not_claim(pair: &Pair, begin: &[&str]) {
    let ids = actives(pair);
    pair.execute(Side::New, &new_token(pair, Side::New, "of-the-new-server", 5, "ACTIVE"));
    for table in [&format!("{TOKENS}_SCOPE"), TOKENS] {
        pair.execute(Side::New, &format!("DELETE FROM {table} WHERE TOKEN_ID = '{}'", ids[1]));
    }
    let ran = pair.run(begin).refused(5, "KR-SYN-004");
    assert!(ran.stderr.contains("--new-server-has-run"), "{ran}");
    pair.run(&DRAIN).refused(2, "KR-SYN-001");
    let ran = pair.run(&["resume", "--new-server-has-run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    assert_eq!(
        state_of(pair, Side::New, &ids[1]),
        None,
        "what the new server has deleted does not come back"
    );
    assert!(ran.stderr.contains("rows are in the old database only, and are left out"), "{ran}");
    assert_eq!(state_of(pair, Side::New, "of-the-new-server").as_deref(), Some("ACTIVE"));
    // What was in the copy is the new server's now; what comes from the old one still arrives.
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS}_SCOPE WHERE TOKEN_ID = '{}'", ids[0]));
    pair.execute(Side::Old, &format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{}'", ids[0]));
    pair.execute(Side::Old, &new_token(pair, Side::Old, "of-the-old-server", 6, "ACTIVE"));
    drain(pair);
    assert_eq!(state_of(pair, Side::New, &ids[0]).as_deref(), Some("REVOKED"), "it stays, of no use");
    assert_eq!(state_of(pair, Side::New, "of-the-old-server").as_deref(), Some("ACTIVE"));
    assert_eq!(state_of(pair, Side::New, "of-the-new-server").as_deref(), Some("ACTIVE"));
}

pub(crate) fn a_lost_journal_does_not_make_the_new_servers_rows_ours(engine: Engine) {
    let pair = synced(engine);
    std::fs::remove_dir_all(pair.place.journal()).unwrap();
    // Without a journal nothing tells that the keys are the right way round.
    must_not_claim(&pair, &["run", "--all-already-new", "--until-drained", "--quiet-for", "0s"]);
    assert_eq!(steps(&pair, "route-traffic"), 0);
}

pub(crate) fn a_journal_that_is_put_aside_does_not_either_and_its_steps_count_on(engine: Engine) {
    for recorded in [true, false] {
        let pair = synced(engine);
        pair.run(&["confirm", "route-traffic"]).exits(0);
        if recorded {
            drain(&pair);
        }
        must_not_claim(&pair, &["run", "--new", "--until-drained", "--quiet-for", "0s"]);
        // As if by a cascade of MySQL.
        let id = &actives(&pair)[3];
        delete_unseen(&pair, id);
        let ran = pair.run(&DRAIN).exits(0);
        assert!(steps(&pair, "route-traffic") > 0, "{ran}");
    }
}

/// A journal from a backup does not know what was carried over since: that looks like the new server's work.
#[test]
fn rows_that_changed_before_anybody_started_the_new_server_are_told() {
    let pair = synced(Engine::Sqlite);
    let journal = pair.place.journal();
    let backup = pair.place.path("backup");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(copied.success());
    };
    let touch = |subject: &str| {
        pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = '{subject}'"));
        pair.run(&DRAIN).exits(0)
    };
    copy(&journal, &backup);
    let told = "nobody has confirmed that the new server was started";
    assert!(!touch("once").stderr.contains(told));
    std::fs::remove_dir_all(&journal).unwrap();
    copy(&backup, &journal);
    let ran = touch("twice");
    assert!(ran.stderr.contains(" rows of the copy are not as") && ran.stderr.contains(told), "{ran}");
    pair.run(&["confirm", "start"]).exits(0);
    assert!(!touch("again").stderr.contains(told));
}

/// An entry of a row that the new server has deleted is no reason to insert it again, whatever the journal knows.
pub(crate) fn what_the_new_server_has_deleted_does_not_come_back_by_an_entry(engine: Engine) {
    let pair = synced(engine);
    std::fs::remove_dir_all(pair.place.journal()).unwrap();
    let ids = actives(&pair);
    let [before, since] = [&ids[0], &ids[1]];
    let delete = |id: &str| {
        for table in [&format!("{TOKENS}_SCOPE"), TOKENS] {
            pair.execute(Side::New, &format!("DELETE FROM {table} WHERE TOKEN_ID = '{id}'"));
        }
    };
    let touch = |id: &str| {
        let sql = format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'used' WHERE TOKEN_ID = '{id}'");
        pair.execute(Side::Old, &sql);
    };
    delete(before);
    touch(before);
    pair.run(&["run", "--all-already-new", "--until-drained", "--quiet-for", "0s"]).refused(5, "KR-SYN-004");
    let ran = pair.run(&["resume", "--new-server-has-run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let said =
        format!("{TOKENS}: {before}: only the old database has it, and the new server may have deleted it");
    assert!(ran.stderr.contains(&said), "{ran}");
    assert_eq!(state_of(&pair, Side::New, before), None);
    // And later, of one that the copy had when it was looked at; what is new on the old server arrives.
    delete(since);
    touch(before);
    touch(since);
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "of-the-old-server", 6, "ACTIVE"));
    let ran = pair.run(&DRAIN).exits(0);
    let said = format!("{TOKENS}: {since}: the new server has deleted it: it does not come back");
    assert!(ran.stderr.contains(&said), "{ran}");
    for id in [before, since] {
        assert_eq!(state_of(&pair, Side::New, id), None);
    }
    assert_eq!(state_of(&pair, Side::New, "of-the-old-server").as_deref(), Some("ACTIVE"));
    // Nobody knows of the first whether it is missing: who retires the old database is told.
    pair.say_that_the_old_server_is_out_of_use();
    let ran = pair.run(&["safe-to-retire"]);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.code() != Some(0) && told.contains(before.as_str()) && !told.contains(since.as_str()),
        "{ran}"
    );
}

/// Values under a further old key are of the old server only if that one has such values, too.
#[test]
fn rows_of_an_earlier_rotation_are_no_copys_though_its_key_is_an_old_one() {
    for swapped in [false, true] {
        let pair = synced(Engine::Sqlite);
        pair.run(&["confirm", "start/started"]).exits(0);
        pair.run(&["confirm", "route-traffic"]).exits(0);
        let id = &actives(&pair)[1];
        for table in [&format!("{TOKENS}_SCOPE"), TOKENS] {
            pair.execute(Side::New, &format!("DELETE FROM {table} WHERE TOKEN_ID = '{id}'"));
        }
        let [first, second] = pair.keys();
        let config = std::fs::read_to_string(&pair.place.deployment.config).unwrap();
        let (one, other) = if swapped { (first, second) } else { (second, first) };
        let third = "a third key, of no server before";
        let keys = format!("oldSecretKey: {one}\noldSecretKeys: [{other}]\nnewSecretKey: {third}\n");
        let rest: Vec<&str> = config.lines().filter(|line| !line.contains("SecretKey")).collect();
        std::fs::write(&pair.place.deployment.config, format!("{keys}{}\n", rest.join("\n"))).unwrap();
        let begin = ["run", "--new", "--until-drained", "--quiet-for", "0s"];
        let ran = pair.run(&begin).refused(5, "KR-SYN-004");
        assert!(ran.stderr.contains("no value of the old database is"), "{ran}");
        pair.run(&["resume", "--new-server-has-run", "--until-drained", "--quiet-for", "0s"]).exits(0);
        assert_eq!(state_of(&pair, Side::New, id), None, "it does not come back");
    }
}

/// Where the old server has values under both keys, a copy has them, too.
#[test]
fn a_copy_of_a_server_with_two_keys_is_ours() {
    let pair = Pair::without_triggers(Engine::Sqlite, 60);
    let further = "a key that was in use before it.";
    for side in [Side::Old, Side::New] {
        let value = crate::kit::seal(further, "sealed long ago");
        pair.execute(
            side,
            &format!("INSERT INTO IDN_IDENTITY_USER_DATA VALUES (7, 'old', 'claim', '{value}')"),
        );
    }
    pair.run(&["triggers", "install"]).exits(0);
    let config = std::fs::read_to_string(&pair.place.deployment.config).unwrap();
    std::fs::write(&pair.place.deployment.config, format!("{config}oldSecretKeys: [{further}]\n")).unwrap();
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
}

/// A copy that was made anew is ours.
#[test]
fn a_new_copy_is_no_new_servers() {
    let pair = Pair::new(Engine::Sqlite, 60);
    let copy = &pair.place.deployment.new_identity;
    let kept = std::fs::read(copy).unwrap();
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    std::fs::write(copy, kept).unwrap();
    pair.run(&["run", "--new", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let id = &actives(&pair)[0];
    pair.execute(Side::Old, &super::flow::set_state(id, "REVOKED"));
    drain(&pair);
    assert_eq!(state_of(&pair, Side::New, id).as_deref(), Some("REVOKED"));
}

/// Where the identity tables hold no ciphertext, what else is under the new key tells, or the journal that was put aside.
#[test]
fn rows_without_ciphertext_are_not_claimed_either() {
    for registry in [true, false] {
        let pair = Pair::without_triggers(Engine::Sqlite, 60);
        for side in [Side::Old, Side::New] {
            pair.execute(
                side,
                &format!("UPDATE {TOKENS} SET ACCESS_TOKEN = 'plain ' || TOKEN_ID, REFRESH_TOKEN = NULL"),
            );
            for (table, column) in [
                ("IDN_IDENTITY_USER_DATA", "DATA_VALUE"),
                ("IDN_OAUTH2_AUTHORIZATION_CODE", "AUTHORIZATION_CODE"),
                ("IDN_OAUTH2_REFRESH_TOKEN", "REFRESH_TOKEN"),
                ("IDN_OAUTH2_ACCESS_TOKEN_AUDIT", "ACCESS_TOKEN"),
                ("IDN_OAUTH_CONSUMER_APPS", "CONSUMER_SECRET"),
                ("IDN_OAUTH_CONSUMER_SECRETS", "SECRET_VALUE"),
                ("WF_BPS_PROFILE", "PASSWORD"),
                ("WF_REQUEST", "REQUEST"),
                ("IDN_SECRET", "SECRET_VALUE"),
                ("IDN_XACML_SUBSCRIBER_PROPERTY", "PROPERTY_VALUE"),
            ] {
                pair.execute(
                    side,
                    &format!("DELETE FROM {table} WHERE {column} NOT IN ('true', 'false', '0')"),
                );
            }
        }
        if !registry {
            pair.registry("UPDATE REG_PROPERTY SET REG_VALUE = 'plain'");
            pair.registry("UPDATE KEY_STORE SET PASSWORD = 'plain', PRIVATE_KEY_PASS = 'plain'");
        }
        pair.run(&["triggers", "install"]).exits(0);
        pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
        pair.run(&["confirm", "route-traffic"]).exits(0);
        drain(&pair);
        pair.execute(Side::New, &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'of the new server'"));
        let ran =
            pair.run(&["run", "--new", "--until-drained", "--quiet-for", "0s"]).refused(5, "KR-SYN-004");
        let why = if registry { "were under the new key before" } else { "has kept this copy in step" };
        assert!(ran.stderr.contains(why), "{ran}");
        pair.run(&["resume", "--new-server-has-run", "--until-drained", "--quiet-for", "0s"]).exits(0);
        assert_eq!(
            pair.count(Side::New, &format!("{TOKENS} WHERE SUBJECT_IDENTIFIER <> 'of the new server'")),
            0
        );
        assert!(steps(&pair, "route-traffic") > 0);
    }
}

/// The order of recording decides, never a clock.
pub(crate) fn a_confirmation_from_a_host_whose_clock_is_behind_counts(engine: Engine) {
    let pair = synced(engine);
    let ids = actives(&pair);
    let at = jiff::Timestamp::now().as_millisecond() - 3_600_000;
    let step =
        |name: &str| Step { at, name: name.into(), note: String::new(), user: "u".into(), host: "h".into() };
    submit_step(&pair.place.journal(), &step("route-traffic")).unwrap();
    delete_unseen(&pair, &ids[0]);
    let ran = pair.run(&DRAIN).exits(0);
    assert!(ran.stderr.contains("traffic is switched, so they stay"), "{ran}");
    submit_step(&pair.place.journal(), &step("undo:route-traffic")).unwrap();
    let ran = pair.run(&DRAIN).exits(1);
    assert!(!ran.stderr.contains("traffic is switched"), "{ran}");
}

crate::support::on_engines! {
    a_lost_journal_does_not_make_the_new_servers_rows_ours: sqlite postgresql, slow: mysql;
    a_journal_that_is_put_aside_does_not_either_and_its_steps_count_on: sqlite, slow: postgresql mysql;
    a_confirmation_from_a_host_whose_clock_is_behind_counts: sqlite, slow: postgresql mysql;
    what_the_new_server_has_deleted_does_not_come_back_by_an_entry: sqlite, slow: postgresql mysql;
}
