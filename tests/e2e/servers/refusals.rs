//! What is refused in one clear line, before anything is written.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{admin, before_update, on, outside};
use crate::kit::{Kit, Refused as _};
use crate::support::{Engine, Except, updates};

crate::support::on_engines! {
    a_wrong_password_and_a_wrong_host_are_named: postgresql mysql, slow: mariadb;
    a_missing_privilege_is_found_before_the_first_write: postgresql mysql, slow: mariadb;
    a_missing_column_and_a_key_that_is_not_unique_are_refused: postgresql mysql, slow: mariadb;
    a_database_that_takes_no_writes_is_named: postgresql mysql, slow: mariadb;
    tls_with_a_private_authority_and_with_a_wrong_one: postgresql mysql, slow: mariadb;
    a_server_that_refuses_plain_connections_is_understood: postgresql mysql, slow: mariadb;
    the_first_host_that_answers_is_taken: postgresql mysql, slow: mariadb;
    rows_that_the_server_refuses_fail_alone: postgresql mysql, slow: mariadb;
    rows_that_break_a_constraint_fail_alone: postgresql mysql, slow: mariadb;
}

/// Runs it and expects a refusal that names all of this, and nothing written.
#[track_caller]
fn refused(kit: &Kit, code: i32, id: &str, names: &[&str]) {
    let before = kit.snapshot();
    for args in [&["run", "--dry-run"][..], &["run"]] {
        let ran = kit.run(args).refused(code, id);
        for name in names {
            assert!(ran.error().contains(name), "no {name} in {}", ran.error());
        }
    }
    before.must_be_untouched(kit);
    assert!(!kit.journal().exists());
}

fn a_wrong_password_and_a_wrong_host_are_named(engine: Engine) {
    let kit = on(engine);
    kit.configure("newIdnPassword", Some(&STANDARD.encode("not this one")));
    refused(&kit, 3, "KR-DB-001", &["newIdnDBUrl", "127.0.0.1", &kit.site().user()]);
    let kit = on(engine);
    kit.configure("newIdnDBUrl", Some(&kit.site().url(0, "127.0.0.1:1", "")));
    refused(&kit, 3, "KR-DB-001", &["newIdnDBUrl", "127.0.0.1:1", "refused"]);
    kit.configure("newIdnDBUrl", Some(&kit.site().url(0, "no-such-host.invalid", "")));
    refused(&kit, 3, "KR-DB-001", &["newIdnDBUrl", "no-such-host.invalid"]);
}

fn a_missing_privilege_is_found_before_the_first_write(engine: Engine) {
    let kit = on(engine);
    let (user, database) = (kit.site().user(), kit.site().database(0));
    admin(&kit).execute(&match engine {
        Engine::Postgres => format!("REVOKE UPDATE ON IDN_SECRET FROM \"{user}\""),
        _ => format!("REVOKE UPDATE ON {database}.* FROM '{user}'@'%'"),
    });
    let table = if engine == Engine::Postgres { "idn_secret" } else { "IDN_IDENTITY_USER_DATA" };
    refused(&kit, 3, "KR-DB-006", &[table, "denied"]);
}

fn a_missing_column_and_a_key_that_is_not_unique_are_refused(engine: Engine) {
    let kit = on(engine);
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    admin(&kit).execute("ALTER TABLE IDN_SECRET RENAME COLUMN SECRET_VALUE TO SECRET");
    let ran = kit.run_unlooked(&["run"]).refused(3, "KR-DB-002");
    assert!(ran.error().contains("IDN_SECRET: there is no column SECRET_VALUE"), "{}", ran.error());
    admin(&kit).execute(
        "DROP TABLE IDN_SECRET; CREATE TABLE IDN_SECRET (ID VARCHAR(255) NOT NULL, SECRET_VALUE VARCHAR(8000))",
    );
    let ran = kit.run_unlooked(&["run"]).refused(3, "KR-DB-002");
    assert!(ran.error().contains("IDN_SECRET: nothing makes (ID) unique"), "{}", ran.error());
    assert!(!kit.journal().exists());
}

fn a_database_that_takes_no_writes_is_named(engine: Engine) {
    if engine != Engine::Postgres {
        return super::trouble::a_replica_is_named(engine);
    }
    let kit = on(engine);
    outside(engine).execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        kit.site().database(0)
    ));
    refused(&kit, 3, "KR-DB-001", &["127.0.0.1", "replica", "read only"]);
    kit.run(&["plan"]).exits(3); // it is a plan all the same
}

fn tls_with_a_private_authority_and_with_a_wrong_one(engine: Engine) {
    let kit = on(engine);
    let before = kit.snapshot();
    let server = format!("localhost:{}", engine.port());
    let full = match engine {
        Engine::Postgres => "?sslmode=verify-full",
        Engine::MySql => "?sslMode=VERIFY_IDENTITY",
        _ => "?sslMode=verify-full",
    };
    kit.configure("newIdnDBUrl", Some(&kit.site().url(0, &server, full)));
    kit.configure("newRegDBUrl", Some(&kit.site().url(1, &server, full)));
    // Signed by nobody whom the machine knows.
    refused(&kit, 3, "KR-DB-001", &["newIdnDBUrl", "localhost", "certificate"]);
    let other = kit.beside("other.pem");
    authority(&other);
    kit.configure("tlsCaFile", Some(other.to_str().unwrap()));
    refused(&kit, 3, "KR-DB-001", &["newIdnDBUrl", "localhost", "certificate"]);
    kit.configure("tlsCaFile", Some(&std::env::var("KEYROTATION_TEST_CA").unwrap()));
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
}

/// Makes an authority that has signed nothing here.
fn authority(path: &Path) {
    let key = path.with_extension("key");
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Another"];
    let done = Command::new("openssl").args(arguments).arg("-keyout").arg(key).arg("-out").arg(path).output();
    assert!(done.unwrap().status.success());
}

fn a_server_that_refuses_plain_connections_is_understood(engine: Engine) {
    let kit = on(engine);
    let user = kit.site().user();
    let role = "DO $$ BEGIN CREATE ROLE tls_only; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    let (only_tls, off, on) = if engine == Engine::Postgres {
        (format!("{role}; GRANT tls_only TO \"{user}\""), "?sslmode=disable", "?sslmode=require")
    } else {
        let on = if engine == Engine::MySql { "?sslMode=REQUIRED" } else { "?sslMode=trust" };
        (format!("ALTER USER '{user}'@'%' REQUIRE SSL"), "?useSsl=false", on)
    };
    outside(engine).execute(&only_tls);
    let server = format!("127.0.0.1:{}", engine.port());
    let both = |query: &str| {
        for (at, key) in [(0, "newIdnDBUrl"), (1, "newRegDBUrl")] {
            kit.configure(key, Some(&kit.site().url(at, &server, query)));
        }
    };
    both(off);
    let expected = if engine == Engine::Postgres { "sslmode=require" } else { "Access denied" };
    refused(&kit, 3, "KR-DB-001", &["127.0.0.1", &user, expected]);
    both(on);
    kit.run(&["run"]).exits(0);
}

fn the_first_host_that_answers_is_taken(engine: Engine) {
    let kit = on(engine);
    let hosts = format!("127.0.0.1:1,127.0.0.1:{}", engine.port());
    kit.configure("newIdnDBUrl", Some(&kit.site().url(0, &hosts, "")));
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
}

fn rows_that_the_server_refuses_fail_alone(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let rows = kit.sql(
        "SELECT TOKEN_ID, rowid FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' ORDER BY rowid LIMIT 40",
    );
    let chosen = [&rows[0], &rows[7], &rows[8], &rows[39]];
    let keys: Vec<_> = chosen.iter().map(|row| format!("'{}'", row[0].as_deref().unwrap())).collect();
    let refuse = match engine {
        Engine::Postgres => "RAISE EXCEPTION 'not this one'",
        _ => "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'",
    };
    before_update(&kit, &format!("NEW.TOKEN_ID IN ({})", keys.join(", ")), refuse);
    let ran = kit.run(&["run"]).exits(1);
    let number = |row: &[Option<String>]| row[1].as_ref().unwrap().parse().unwrap();
    let except =
        Except(chosen.iter().map(|row| ("IDN_OAUTH2_ACCESS_TOKEN".to_owned(), number(row))).collect());
    assert!(ran.stdout.contains("not this one"), "{ran}");
    before.must_be_rotated(&kit, &except);
    before.must_be_updated_once(&kit, &except);
    let drop = "DROP TRIGGER meddle";
    admin(&kit).execute(&match engine {
        Engine::Postgres => format!("{drop} ON IDN_OAUTH2_ACCESS_TOKEN"),
        _ => drop.to_owned(),
    });
    kit.run(&["resume", "--retry-failed"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    assert!(updates(&kit).len() > 50);
    kit.run(&["verify"]).exits(0);
}

/// A CHECK that only the old values of some rows keep, and one on the length of another's.
fn rows_that_break_a_constraint_fail_alone(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let rows = kit.sql(
        "SELECT TOKEN_ID, rowid, ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' \
         ORDER BY rowid LIMIT 40",
    );
    let text = |row: &[Option<String>], at: usize| row[at].clone().unwrap();
    let chosen = [&rows[3], &rows[4], &rows[30]];
    let pinned = |row: &[Option<String>]| {
        format!("(TOKEN_ID <> '{}' OR ACCESS_TOKEN = '{}')", text(row, 0), text(row, 2))
    };
    let pins = [pinned(chosen[0]), pinned(chosen[1])].join(" AND ");
    let long = &chosen[2];
    let length = text(long, 2).len();
    // No new value of this row has the length of the old one; if it had, it would be rotated.
    let short = format!("TOKEN_ID <> '{}' OR LENGTH(ACCESS_TOKEN) = {length}", text(long, 0));
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    let add = "ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN ADD CONSTRAINT";
    admin(&kit).execute(&format!("{add} E2E_PINS CHECK ({pins})"));
    admin(&kit).execute(&format!("{add} E2E_SHORT CHECK ({short})"));
    let ran = kit.run(&["run"]).exits(1);
    assert!(ran.stdout.to_lowercase().contains("e2e_pins"), "{ran}");
    let number =
        |row: &[Option<String>]| ("IDN_OAUTH2_ACCESS_TOKEN".to_owned(), text(row, 1).parse().unwrap());
    let mut except = Except(chosen.iter().map(|row| number(row)).collect());
    if !ran.stdout.to_lowercase().contains("e2e_short") {
        except.0.remove(&number(long));
    }
    before.must_be_rotated(&kit, &except);
    before.must_be_updated_once(&kit, &except);
    for name in ["E2E_PINS", "E2E_SHORT"] {
        admin(&kit).execute(&format!("ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN DROP CONSTRAINT {name}"));
    }
    kit.run(&["resume", "--retry-failed"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}
