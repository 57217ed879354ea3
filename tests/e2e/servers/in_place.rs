//! A database that servers work with is rotated where it is: servers with both keys read and write meanwhile.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::{admin, on};
use crate::kit::{Kit, Refused as _};
use crate::support::server_keys::ServerKeys;
use crate::support::{Admin, Engine};

crate::support::on_engines! {
    servers_with_both_keys_read_and_write_meanwhile: postgresql mysql, slow: mariadb;
    a_server_without_both_keys_is_refused: postgresql, slow: mysql mariadb;
    a_row_that_a_server_holds_is_passed_over_and_comes_last: postgresql, slow: mysql mariadb;
    a_row_that_is_never_let_go_is_named: postgresql, slow: mysql mariadb;
    a_table_that_is_locked_for_a_moment_is_waited_for: postgresql, slow: mysql mariadb;
}

const WORD: &str = "--servers-have-both-keys";

/// A server has other things to do, too.
const BETWEEN_STATEMENTS: Duration = Duration::from_millis(3);

/// The deployment, to be rotated where it is, with a server of 7.1 that has both keys.
pub(super) fn in_place(engine: Engine) -> Kit {
    let kit = on(engine);
    configure(&kit);
    kit
}

fn configure(kit: &Kit) {
    for key in ["oldIdnDBUrl", "oldIdnUsername", "oldIdnPassword", "enableSyncMigrator"] {
        kit.configure(key, None);
    }
    kit.configure("mode", Some("in-place"));
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    let (old, new) = (&kit.deployment.spec.old_key, &kit.deployment.spec.new_key);
    deployment_toml(kit, &format!("[encryption]\nkey = \"{new}\"\nold_key = \"{old}\"\n"));
    kit.run(&["keys"]).exits(1); // a server holds the deployment from here on
}

fn deployment_toml(kit: &Kit, text: &str) {
    fs::write(kit.deployment.home.join("repository/conf/deployment.toml"), text).unwrap();
}

/// One session of a server: it reads what is there, and writes and reads again what is its own.
fn session(
    mut database: Admin,
    tokens: Vec<String>,
    keys: impl Fn() -> ServerKeys + Send + 'static,
    end: Arc<AtomicBool>,
    statements: Arc<AtomicU64>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut own: HashMap<&String, String> = HashMap::new();
        for round in 0u64.. {
            for token in &tokens {
                let rows = database.rows(&format!(
                    "SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{token}'"
                ));
                let stored = rows[0][0].clone().unwrap();
                let read = keys().open(&stored).unwrap_or_else(|| panic!("{token} cannot be read: {stored}"));
                if let Some(written) = own.get(token) {
                    assert_eq!(&read, written, "an update of {token} was lost");
                }
                if round % 3 != 0 {
                    let text = format!("{token} {round}");
                    database.execute(&update(token, &keys(), &text));
                    own.insert(token, text);
                }
                statements.fetch_add(1, Ordering::Relaxed);
                thread::sleep(BETWEEN_STATEMENTS);
                if end.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    })
}

/// A new token, with its hash beside it, as a server stores it.
fn update(token: &str, keys: &ServerKeys, text: &str) -> String {
    let (value, hash) = (keys.seal(text), crate::kit::hex(&Sha256::digest(text)));
    format!(
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = '{value}', \
         ACCESS_TOKEN_HASH = '{{\"algorithm\":\"SHA-256\",\"hash\":\"{hash}\"}}' WHERE TOKEN_ID = '{token}'"
    )
}

fn tokens(kit: &Kit) -> Vec<String> {
    let sql = "SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' ORDER BY TOKEN_ID";
    let rows = admin(kit).rows(sql);
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// Two nodes with two sessions each, of which one node writes with the old key until it is restarted; the rotation
/// is killed again and again.
fn servers_with_both_keys_read_and_write_meanwhile(engine: Engine) {
    let kit = in_place(engine);
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let (end, statements) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let restarted = Arc::new(AtomicBool::new(false));
    let all = tokens(&kit);
    assert!(all.len() >= 40, "{}", all.len());
    // The late node knows both keys, too, and tells them by the ids of its own values.
    for token in all.iter().skip(3).step_by(4) {
        admin(&kit).execute(&update(token, &ServerKeys::new(&old, &new), "of the late node"));
    }
    let sessions: Vec<_> = (0..4)
        .map(|number| {
            let own: Vec<String> = all.iter().skip(number).step_by(4).cloned().collect();
            let (old, new, restarted) = (old.clone(), new.clone(), Arc::clone(&restarted));
            let is_late = number == 3;
            let keys = move || {
                if is_late && !restarted.load(Ordering::Relaxed) {
                    ServerKeys::new(&old, &new)
                } else {
                    ServerKeys::new(&new, &old)
                }
            };
            session(admin(&kit), own, keys, Arc::clone(&end), Arc::clone(&statements))
        })
        .collect();
    let slowly = ["run", WORD, "--max-rows-per-second", "60"];
    for round in 0..4 {
        let args: &[&str] = if round == 0 { &slowly } else { &["resume", "--max-rows-per-second", "60"] };
        let mut running = kit.start(args);
        running.until_it_says("this will change");
        thread::sleep(Duration::from_millis(400 * (round + 1)));
        running.kill();
    }
    restarted.store(true, Ordering::Relaxed);
    let done = kit.run(&["resume"]).exits(0);
    assert!(done.stderr.contains("`keyrotation keys` says whether the old key may go"), "{done}");
    kit.run(&["verify"]).exits(0);
    let before = statements.load(Ordering::Relaxed);
    thread::sleep(Duration::from_millis(500));
    assert!(statements.load(Ordering::Relaxed) > before, "the servers have stopped");
    end.store(true, Ordering::Relaxed);
    for session in sessions {
        session.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
    // Without old_key: everything opens with the new key alone.
    deployment_toml(&kit, &format!("[encryption]\nkey = \"{new}\"\n"));
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
    let alone = ServerKeys::new(&new, &new);
    for token in &all {
        let sql = format!("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{token}'");
        assert!(alone.open(admin(&kit).rows(&sql)[0][0].as_ref().unwrap()).is_some(), "{token}");
    }
}

fn a_server_without_both_keys_is_refused(engine: Engine) {
    let kit = in_place(engine);
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let before = admin(&kit).rows("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID");
    let server = admin(&kit);
    // Nobody has said that those who are connected have both keys.
    let refused = kit.run(&["run"]).refused(2, "KR-DB-004");
    assert!(refused.error().contains(WORD) && refused.error().contains("old_key = the old one"), "{refused}");
    for (text, why) in [
        (format!("[encryption]\nkey = \"{old}\"\n"), "key is not newSecretKey"),
        (format!("[encryption]\nkey = \"{new}\"\n"), "old_key is not set"),
        (format!("[encryption]\nkey = \"{old}\"\nold_key = \"{new}\"\n"), "key is not newSecretKey"),
        (format!("[encryption]\nkey = \"{new}\"\nold_key = \"{new}\"\n"), "old_key is not an old key"),
        (
            format!("[encryption]\nkey = \"{new}\"\nold_key = \"{old}\"\nenable_key_id = false\n"),
            "enable_key_id",
        ),
    ] {
        deployment_toml(&kit, &text);
        let refused = kit.run(&["run", WORD]).refused(2, "KR-CFG-062");
        assert!(refused.error().contains(why), "{text}: {refused}");
    }
    deployment_toml(&kit, &format!("[encryption]\nkey = \"{new}\"\nold_key = \"{old}\"\n"));
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.0.0\n").unwrap();
    assert!(kit.run(&["run", WORD]).refused(2, "KR-CFG-062").error().contains("older than 7.1"));
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    // Every node counts.
    let second = kit.folder().join("second-node");
    fs::create_dir_all(second.join("repository/conf")).unwrap();
    fs::write(second.join("repository/conf/deployment.toml"), format!("[encryption]\nkey = \"{old}\"\n"))
        .unwrap();
    kit.configure("homes", Some("[second-node]"));
    assert!(kit.run(&["run", WORD]).refused(2, "KR-CFG-062").error().contains("second-node"));
    let after = admin(&kit).rows("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID");
    assert_eq!(before, after);
    drop(server);
    // Stopped servers need no second key: nobody is connected.
    kit.configure("homes", None);
    deployment_toml(&kit, &format!("[encryption]\nkey = \"{old}\"\n"));
    kit.run(&["run"]).exits(0);
    kit.run(&["keys"]).exits(0);
}

/// The others go on meanwhile, and whoever has the row is never waited for long.
fn a_row_that_a_server_holds_is_passed_over_and_comes_last(engine: Engine) {
    let kit = in_place(engine);
    let token = tokens(&kit).remove(5);
    let mut server = admin(&kit);
    server.execute("BEGIN");
    let row = format!("WHERE TOKEN_ID = '{token}'");
    server.rows(&format!("SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN {row} FOR UPDATE"));
    let running = kit.start(&["run", WORD]);
    let under_old = || {
        let counted = kit.run(&["keys", "--json"]).json();
        let keys = counted["inventory"]["keys"].as_array().unwrap().clone();
        let old = keys.into_iter().find(|key| key["role"] == "old").unwrap();
        old["values"].as_u64().unwrap()
    };
    let begun = Instant::now();
    while under_old() > 2 {
        assert!(begun.elapsed() < Duration::from_mins(4), "the others wait for it: {}", under_old());
        thread::sleep(Duration::from_millis(200));
    }
    let another = tokens(&kit).remove(6);
    let quick = Instant::now();
    admin(&kit).execute(&format!(
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET TOKEN_STATE = 'INACTIVE' WHERE TOKEN_ID = '{another}'"
    ));
    assert!(quick.elapsed() < Duration::from_secs(3), "{:?}", quick.elapsed());
    server.execute("COMMIT");
    running.wait().exits(0);
    assert_eq!(under_old(), 0);
    kit.run(&["verify"]).exits(0);
    assert_eq!(
        kit.status()["targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["failed"].as_u64().unwrap())
            .sum::<u64>(),
        0
    );
}

/// It ends at a safe point with the table's name, and goes on once the row is free.
fn a_row_that_is_never_let_go_is_named(engine: Engine) {
    let kit = in_place(engine);
    let token = tokens(&kit).remove(5);
    let mut server = admin(&kit);
    server.execute("BEGIN");
    server
        .rows(&format!("SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{token}' FOR UPDATE"));
    let mut running = kit.start(&["run", WORD]);
    running.until_it_says("IDN_OAUTH2_ACCESS_TOKEN: 1 rows were still under the old key");
    running.signal(rustix::process::Signal::INT);
    running.wait().exits(130);
    let failures = kit.run(&["status", "--failures"]).exits(0).stdout;
    assert!(failures.contains(&token) && failures.contains("a server was working with it"), "{failures}");
    server.execute("COMMIT");
    kit.run(&["resume"]).exits(0);
    kit.run(&["keys"]).exits(0);
}

/// As a server's DDL or a dump does it: whoever only reads waits, and so does the beginning of a rotation.
fn a_table_that_is_locked_for_a_moment_is_waited_for(engine: Engine) {
    let kit = in_place(engine);
    let mut other = admin(&kit);
    let mut locked = |args: &[&str], code: i32| {
        if engine == Engine::Postgres {
            other.execute("BEGIN");
            other.execute("LOCK TABLE IDN_OAUTH2_ACCESS_TOKEN IN ACCESS EXCLUSIVE MODE");
        } else {
            other.execute("LOCK TABLES IDN_OAUTH2_ACCESS_TOKEN WRITE");
        }
        let running = kit.start(args);
        thread::sleep(Duration::from_secs(4));
        other.execute(if engine == Engine::Postgres { "COMMIT" } else { "UNLOCK TABLES" });
        running.wait().exits(code);
    };
    locked(&["keys"], 1);
    locked(&["run", WORD], 0);
    locked(&["keys"], 0);
    kit.run(&["verify"]).exits(0);
}
