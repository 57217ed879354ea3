//! Keys that no version of WSO2 has, on servers: numbers of more digits than a machine has, and texts of which
//! nobody knows the encoding. No walk goes on for ever, and one row never stops the others.

use std::time::{Duration, Instant};

use super::{admin, on, outside};
use crate::kit::{Kit, plaintext, seal};
use crate::support::{Engine, Ran};
use crate::sync::pair::{Pair, Side};

crate::support::on_engines! {
    numbers_of_many_digits_are_walked_to_their_end: postgresql mysql, slow: mariadb;
    keys_of_many_digits_are_compared_to_their_end: postgresql mysql, slow: mariadb;
}

/// Rows of a table of one's own: more than a page has.
const ROWS: u64 = 60;
const PAGE: u64 = 20;

/// Runs the program, and fails if it has not ended after a minute.
#[track_caller]
fn run(kit: &Kit, args: &[&str]) -> Ran {
    let begun = Instant::now();
    let mut running = kit.start_with_pages_of(PAGE, args);
    while !running.ended() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not end: {}", running.said("err"));
        std::thread::sleep(Duration::from_millis(5));
    }
    running.wait()
}

/// Types of numbers that no machine's number holds, and values of them: what stands before two digits, and behind them.
fn numbers(engine: Engine) -> Vec<(&'static str, String, &'static str)> {
    let mut all = vec![
        ("DECIMAL(50,0)", "1".repeat(40), ""),
        ("DECIMAL(65,0)", "9".repeat(63), ""),
        ("DECIMAL(40,2)", "9".repeat(36), ".75"),
        ("DECIMAL(65,30)", "1".repeat(33), ".123456789012345678901234567891"),
        ("DECIMAL(30,20)", "-12345678".to_owned(), ".00000000000000000001"),
    ];
    if engine != Engine::Postgres {
        all.push(("BIGINT UNSIGNED", "184467440737095515".to_owned(), ""));
    }
    all
}

fn numbers_of_many_digits_are_walked_to_their_end(engine: Engine) {
    let kit = on(engine);
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let sealed = seal(&old, "under a long key");
    let mut targets = String::new();
    for (at, (kind, prefix, suffix)) in numbers(engine).into_iter().enumerate() {
        let rows: Vec<String> =
            (10..10 + ROWS).map(|n| format!("({prefix}{n}{suffix}, '{sealed}')")).collect();
        let mut admin = admin(&kit);
        admin.execute(&format!(
            "CREATE TABLE E2E_LONG_{at} (ID {kind} NOT NULL PRIMARY KEY, SECRET VARCHAR(1000))"
        ));
        admin.execute(&format!("INSERT INTO E2E_LONG_{at} VALUES {}", rows.join(", ")));
        if engine == Engine::Postgres {
            let user = kit.site().user();
            admin.execute(&format!("GRANT SELECT, UPDATE, INSERT, DELETE ON E2E_LONG_{at} TO \"{user}\""));
        }
        targets += &format!("  - table: E2E_LONG_{at}\n    key: [ID]\n    values: [SECRET]\n");
    }
    crate::sqlite::targets::target(&kit, &targets);
    run(&kit, &["run"]).exits(0);
    run(&kit, &["verify"]).exits(0);
    for (at, (kind, ..)) in numbers(engine).into_iter().enumerate() {
        let values = admin(&kit).rows(&format!("SELECT SECRET FROM E2E_LONG_{at}"));
        assert_eq!(values.len() as u64, ROWS, "{kind}");
        let value = values[3][0].clone().unwrap();
        assert_eq!(plaintext(&new, &value).as_deref(), Some("under a long key"), "{kind}");
        assert!(values.iter().all(|value| value[0].as_ref() != Some(&sealed)), "{kind}");
    }
}

/// In any table of both databases, whoever's it is.
fn keys_of_many_digits_are_compared_to_their_end(engine: Engine) {
    let pair = Pair::new(engine, 60);
    for side in [Side::Old, Side::New] {
        pair.execute(side, "CREATE TABLE MY_LONG (ID DECIMAL(39,0) NOT NULL PRIMARY KEY)");
        pair.execute(
            side,
            "INSERT INTO MY_LONG VALUES (100000000000000000000000000000000000001), (100000000000000000000000000000000000002)",
        );
        if engine == Engine::Postgres {
            pair.execute(side, "GRANT SELECT ON MY_LONG TO PUBLIC");
        }
    }
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    let begun = Instant::now();
    let mut running = pair.start(&["safe-to-retire", "--json"]);
    while !running.ended() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let ran = running.wait();
    assert!(!ran.stdout.contains("MY_LONG"), "{ran}");
    pair.execute(Side::New, "DELETE FROM MY_LONG WHERE ID = 100000000000000000000000000000000000002");
    let ran = pair.run(&["safe-to-retire", "--json"]).exits(1);
    assert!(ran.stdout.contains("MY_LONG: 1 rows are in the old database only"), "{ran}");
}

/// A database without an encoding (SQL_ASCII) has texts of any: a key that is none stops nothing but its own row.
#[test]
fn a_key_of_another_encoding_stops_its_own_row_alone() {
    let kit = on(Engine::Postgres);
    let old = kit.deployment.spec.old_key.clone();
    let name = kit.site().database(0);
    outside(Engine::Postgres)
        .execute(&format!("UPDATE pg_database SET encoding = 0 WHERE datname = '{name}'"));
    let insert = |user: &str, value: &str| {
        let row = format!("(1, E'{user}', 'k', '{value}')");
        admin(&kit).execute(&format!("INSERT INTO IDN_IDENTITY_USER_DATA VALUES {row}"));
    };
    insert("m\\xfcller", "true");
    let rotated = kit.run_unlooked(&["run"]).exits(0);
    assert!(!rotated.stderr.contains("KR-"), "{rotated}");
    kit.run_unlooked(&["verify"]).exits(0);
    kit.run_unlooked(&["keys"]).exits(0);
    insert("m\\xfcllerin", &seal(&old, "left behind"));
    kit.run_unlooked(&["keys"]).exits(1);
    let verified = kit.run_unlooked(&["verify"]).exits(1);
    assert!(verified.stdout.contains("1/m\\xfcllerin/k"), "{verified}");
    let ran = kit.run_unlooked(&["run", "--new"]).exits(1);
    assert!(ran.stdout.contains("1 row") || ran.stderr.contains("1 row"), "{ran}");
    let failures = kit.run_unlooked(&["status", "--failures"]).exits(0).stdout;
    assert!(failures.contains("1/m\\xfcllerin/k") && failures.contains("cannot be read"), "{failures}");
    let again = kit.run_unlooked(&["resume", "--retry-failed"]).exits(1);
    let status = kit.run_unlooked(&["status", "--json"]).exits(0).json();
    let target = status["targets"].as_array().unwrap().iter();
    let target = target.clone().find(|target| target["place"] == "IDN_IDENTITY_USER_DATA").unwrap();
    assert_eq!((&target["failed"], &target["gone"]), (&1.into(), &0.into()), "{again}");
}
