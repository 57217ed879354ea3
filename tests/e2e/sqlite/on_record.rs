//! What was found stands until somebody has looked as far again: in the report, in the runbook, for what is
//! confirmed, and in the exit code of a rotation that is finished.

use serde_json::Value;

use crate::kit::{Kit, Refused as _, query, seal};
use crate::sqlite::in_place::in_place;
use crate::sqlite::targets::target;

const OTHER: &str = "0123456789abcdef0123456789abcdef";

/// A value in a table that is rotated, under this key.
fn leave(kit: &Kit, key: &str) {
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'one more', \
         'claim', '{}')",
        seal(key, "left behind")
    ));
}

fn leave_under_the_old_key(kit: &Kit) {
    leave(kit, &kit.deployment.spec.old_key.clone());
}

fn take_away(kit: &Kit) {
    kit.sql("DELETE FROM IDN_IDENTITY_USER_DATA WHERE USER_NAME = 'one more'");
}

/// A value under the old key where nothing is rotated.
fn leave_outside(kit: &Kit) {
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}')", seal(&kit.deployment.spec.old_key, "a copy")));
}

/// A token as the old database has it.
fn put_a_token_back(kit: &Kit) {
    let column = "ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' ORDER BY TOKEN_ID DESC LIMIT 1";
    let row = query(&kit.deployment.old_identity, &format!("SELECT TOKEN_ID, {column}")).remove(0);
    let [id, token] = [0, 1].map(|at| row[at].clone().unwrap());
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &format!("TOKEN_ID = '{id}'"), &token);
}

fn verdict(kit: &Kit) -> Value {
    kit.run(&["report", "--format", "json"]).exits(0).json()["verdict"].clone()
}

fn runbook(kit: &Kit) -> Value {
    kit.run(&["runbook", "--json"]).exits(0).json()
}

fn item(kit: &Kit, name: &str) -> Value {
    let runbook = runbook(kit);
    let mut items =
        runbook["steps"].as_array().unwrap().iter().flat_map(|step| step["items"].as_array().unwrap());
    items.find(|item| item["name"] == name).cloned().unwrap_or_else(|| panic!("no {name} in {runbook}"))
}

#[track_caller]
fn refused(kit: &Kit, steps: &[&str], why: &str) {
    for step in steps {
        let ran = kit.run(&["confirm", step]).refused(2, "KR-CFG-024");
        assert!(ran.error().contains(why), "{step}: {ran}");
    }
}

/// In place, rotated and verified.
fn verified_in_place() -> Kit {
    let kit = in_place();
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit
}

const END: [&str; 3] = ["one-key", "retire/proved", "retire/old-key"];

/// One who looks at the targets alone has not seen that it is gone.
#[test]
fn what_keys_has_found_outside_stands_until_another_scan() {
    let kit = verified_in_place();
    leave_outside(&kit);
    kit.run(&["keys", "--scan"]).exits(1);
    refused(&kit, &END, "outside the targets");
    kit.run(&["keys"]).exits(0);
    refused(&kit, &END, "outside the targets");
    assert_eq!(item(&kit, "retire/proved")["done"], false);
    assert_eq!(verdict(&kit)["level"], "bad");
    assert!(verdict(&kit)["reasons"].to_string().contains("outside the targets"), "{}", verdict(&kit));
    // Nor has one who verifies the targets.
    kit.run(&["verify"]).exits(0);
    refused(&kit, &END, "outside the targets");
    kit.sql("DROP TABLE ELSEWHERE");
    kit.run(&["keys", "--scan"]).exits(0);
    assert_eq!(verdict(&kit)["level"], "good", "{}", verdict(&kit));
    for step in END {
        kit.run(&["confirm", step]).exits(0);
    }
}

/// The exception is for rows that had failed and nothing else.
#[test]
fn a_row_that_failed_hides_nothing_else() {
    let kit = in_place();
    leave(&kit, OTHER);
    kit.run(&["run"]).exits(1);
    kit.run(&["verify"]).exits(1);
    leave_outside(&kit);
    kit.run(&["verify", "--scan"]).exits(1);
    refused(&kit, &["one-key"], "outside the targets");
    kit.run(&["verify"]).exits(1);
    kit.run(&["keys"]).exits(0);
    refused(&kit, &END, "outside the targets");
    kit.sql("DROP TABLE ELSEWHERE");
    kit.run(&["verify", "--scan"]).exits(1);
    kit.run(&["resume", "--retry-failed"]).exits(1);
    kit.run(&["keys"]).exits(0);
    refused(&kit, &["one-key", "retire/old-key"], "rows were rotated after it was verified");
    kit.run(&["verify"]).exits(1);
    kit.run(&["confirm", "one-key"]).exits(0);
}

#[test]
fn what_keys_has_found_is_bad_in_the_report_and_in_the_runbook() {
    let kit = verified_in_place();
    assert_eq!(verdict(&kit)["level"], "good");
    leave_under_the_old_key(&kit);
    kit.run(&["keys"]).exits(1);
    assert_eq!(verdict(&kit)["level"], "bad");
    assert!(verdict(&kit)["reasons"].to_string().contains("`keyrotation keys` found"), "{}", verdict(&kit));
    assert_eq!(item(&kit, "verified")["done"], false);
    take_away(&kit);
    // The one says nothing of the other.
    kit.run(&["verify"]).exits(0);
    assert_eq!(verdict(&kit)["level"], "bad");
    kit.run(&["keys"]).exits(0);
    assert_eq!((&verdict(&kit)["level"], &item(&kit, "verified")["done"]), (&"good".into(), &true.into()));
}

/// What was found later counts, however well it was retired.
#[test]
fn what_is_found_after_the_end_is_no_good_end() {
    let ends = |kit: &Kit, code: i32, said: &str| {
        for command in ["run", "resume"] {
            let ran = kit.run(&[command]).exits(code);
            let is_good = ran.stdout.contains("Finished and retired");
            assert!(is_good == (code == 0) && format!("{ran}").contains(said), "{said}: {ran}");
        }
    };
    let kit = verified_in_place();
    kit.run(&["keys"]).exits(0);
    for step in END {
        kit.run(&["confirm", step]).exits(0);
    }
    ends(&kit, 0, "");
    leave_under_the_old_key(&kit);
    kit.run(&["verify"]).exits(1);
    ends(&kit, 1, "1 rows or files differ");
    take_away(&kit);
    kit.run(&["verify"]).exits(0);
    ends(&kit, 0, "");
    leave_under_the_old_key(&kit);
    kit.run(&["keys"]).exits(1);
    ends(&kit, 1, "`keyrotation keys` found");

    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    kit.run(&["confirm", "retire/old-key"]).exits(0);
    ends(&kit, 0, "");
    leave_under_the_old_key(&kit);
    kit.run(&["verify"]).exits(1);
    ends(&kit, 1, "1 rows or files differ");
}

/// What was found later counts before it is retired, too.
#[test]
fn what_is_found_after_it_is_finished_is_no_good_end() {
    let ends = |kit: &Kit, code: i32, said: &str| {
        for command in ["run", "resume"] {
            let ran = kit.run(&[command]).exits(code);
            assert!(ran.stderr.contains("is finished") && ran.stderr.contains(said), "{said}: {ran}");
        }
    };
    let kit = verified_in_place();
    ends(&kit, 0, "");
    leave_under_the_old_key(&kit);
    kit.run(&["verify"]).exits(1);
    ends(&kit, 1, "1 rows or files differ");
    take_away(&kit);
    kit.run(&["verify"]).exits(0);
    ends(&kit, 0, "");
    leave_under_the_old_key(&kit);
    kit.run(&["keys"]).exits(1);
    ends(&kit, 1, "`keyrotation keys` found");
    take_away(&kit);
    kit.run(&["keys"]).exits(0);
    leave_outside(&kit);
    kit.run(&["verify", "--scan"]).exits(1);
    ends(&kit, 1, "outside the targets");
}

/// A loop that calls it until it succeeds does not take failures for success.
#[test]
fn a_finished_rotation_with_failures_ends_as_it_did_before() {
    let kit = Kit::new();
    leave(&kit, OTHER);
    for command in ["run", "run", "resume"] {
        let ran = kit.run(&[command]).exits(1);
        assert!(ran.stdout.contains("1 failed"), "{ran}");
    }
    kit.run(&["status", "--watch"]).exits(1);
    take_away(&kit);
    kit.run(&["resume", "--retry-failed"]).exits(0);
    for command in ["run", "resume"] {
        kit.run(&[command]).exits(0);
    }
}

const RETIRE: [&str; 7] = [
    "retire/old-identity",
    "retire/old-registry",
    "retire/dumps",
    "retire/logs",
    "retire/backups",
    "retire/old-home",
    "retire/old-key",
];

/// As in place; and whoever knows better says so, which is on record.
#[test]
fn nothing_is_retired_after_a_window_against_what_is_on_record() {
    let kit = Kit::new();
    leave(&kit, OTHER);
    kit.run(&["run"]).exits(1);
    // Everything that speaks against it is said.
    for why in ["not verified", "1 rows or files could not be moved", "--despite-findings"] {
        refused(&kit, &RETIRE, why);
    }
    let said = kit.run(&["confirm", "retire/dumps"]).exits(2);
    assert!(said.stderr.contains("nobody has confirmed that traffic"), "{said}");
    take_away(&kit);
    kit.run(&["resume", "--retry-failed"]).exits(0);
    kit.run(&["verify"]).exits(0);
    leave_under_the_old_key(&kit);
    kit.run(&["verify"]).exits(1);
    refused(&kit, &RETIRE, "1 rows or files differ");
    for step in ["start", "route-traffic"] {
        let ran = kit.run(&["confirm", step]).exits(0);
        assert!(ran.stderr.contains("1 rows or files differ"), "{step}: {ran}");
    }
    for step in RETIRE {
        kit.run(&["confirm", step, "--despite-findings", "--note", "seen to by anna"]).exits(0);
    }
    let note = item(&kit, "retire/old-key")["note"].as_str().unwrap().to_owned();
    assert!(
        note.starts_with("seen to by anna; despite ") && note.contains("1 rows or files differ"),
        "{note}"
    );
    // The end of the list is not the end of the day.
    let text = kit.run(&["runbook"]).exits(0).stdout;
    assert!(!text.contains("all is done") && text.contains(">  "), "{text}");
    assert_ne!(runbook(&kit)["now"], Value::Null);
    kit.run(&["run"]).exits(1);
    // What is not so at all needs no such word.
    let early = Kit::new();
    early.run(&["confirm", "retire/old-key", "--despite-findings"]).refused(2, "KR-CFG-024");
}

#[test]
fn what_differs_after_the_last_step_is_to_be_done_now() {
    let kit = verified_in_place();
    kit.run(&["keys"]).exits(0);
    kit.run(&["confirm", "properties/key-kept"]).exits(0);
    for step in
        ["one-key", "retire/proved", "retire/dumps", "retire/logs", "retire/backups", "retire/old-key"]
    {
        kit.run(&["confirm", step]).exits(0);
    }
    leave_under_the_old_key(&kit);
    kit.run(&["verify"]).exits(1);
    let text = kit.run(&["runbook"]).exits(0).stdout;
    assert!(!text.contains("all is done"), "{text}");
    assert!(runbook(&kit)["now"].is_string(), "{}", runbook(&kit));
    assert_eq!(item(&kit, "verified")["done"], false);
}

/// What all rows were found to be a part of them does not make good.
#[test]
fn a_sample_washes_out_nothing() {
    let kit = Kit::new();
    kit.run(&["run", "--chunk-size", "5"]).exits(0);
    put_a_token_back(&kit);
    kit.run(&["verify"]).exits(1);
    let missed = (0..200).any(|_| kit.run(&["verify", "--sample", "1%"]).code() == Some(0));
    assert!(missed, "no sample has missed it");
    assert_eq!(verdict(&kit)["level"], "bad", "{}", verdict(&kit));
    assert_eq!(kit.status()["verified"]["differences"], 1, "{}", kit.status());
    let text = kit.run(&["status"]).exits(0).stdout;
    assert!(text.contains(", 1 differ") && text.contains("(a sample of 1%), 0 differ"), "{text}");
    assert_eq!(item(&kit, "verified")["done"], false);
}

/// The order of recording decides, no clock.
#[test]
fn keys_with_a_clock_that_is_ahead_is_no_less_stale() {
    for start in [2, 6] {
        let kit = in_place();
        leave(&kit, OTHER);
        kit.run(&["run"]).exits(1);
        kit.run_in_odd_times(start, "", &["keys"]).exits(0);
        take_away(&kit);
        leave_under_the_old_key(&kit);
        kit.run(&["resume", "--retry-failed"]).exits(0);
        kit.run(&["verify"]).exits(0);
        refused(&kit, &END, "rows were rotated after `keyrotation keys` ran");
        kit.run(&["keys"]).exits(0);
        kit.run(&["confirm", "one-key"]).exits(0);
    }
}

#[test]
fn a_deployment_of_which_a_half_was_not_rotated_is_not_finished() {
    for (part, other, what) in [
        ("enableConfigMigrator", "enableDBMigrator", "configuration files"),
        ("enableDBMigrator", "enableConfigMigrator", "databases"),
    ] {
        let kit = Kit::new();
        kit.configure(part, Some("false"));
        kit.run(&["run"]).exits(0);
        kit.run(&["verify"]).exits(0);
        let found = verdict(&kit);
        assert_eq!(found["level"], "attention", "{found}");
        assert!(found["reasons"].to_string().contains(&format!("{what} were not part of")), "{found}");
        let note = item(&kit, "run/re-encrypted")["note"].as_str().unwrap().to_owned();
        assert!(note.contains(&format!("{what} were not part of")), "{note}");
        refused(&kit, &["retire/old-key"], &format!("{what} were not part of it"));
        // Where they are rotated by themselves, their journal tells.
        kit.configure(part, Some("true"));
        kit.configure(other, Some("false"));
        let second = kit.beside("second");
        let second = second.to_str().unwrap();
        kit.run(&["run", "--journal", second]).exits(0);
        kit.run(&["verify", "--journal", second]).exits(0);
        let both = kit.run(&["report", "--format", "json", "--also", second]).exits(0).json();
        assert_eq!(both["verdict"]["level"], "good", "{}", both["verdict"]);
    }
}

/// Nobody needs `keys` to know what a rotation was told to leave under the old key.
#[test]
fn the_old_key_is_not_confirmed_away_while_a_table_was_left_out() {
    let kit = Kit::new();
    target(&kit, "  - leaveOut: IDN_OAUTH2_ACCESS_TOKEN\n");
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
    let why = "IDN_OAUTH2_ACCESS_TOKEN was left out by `targets`";
    refused(&kit, &["retire/old-key"], why);
    kit.run(&["confirm", "retire/dumps"]).exits(0); // the copy has it all
    kit.run(&["confirm", "retire/old-key", "--despite-findings"]).exits(0);
    let ran = kit.run(&["run"]).exits(1);
    assert!(!ran.stdout.contains("Finished and retired") && format!("{ran}").contains(why), "{ran}");
}

/// What was seen before an interruption may have changed since: the record says so.
#[test]
fn a_scan_that_was_taken_up_again_is_on_record_as_one() {
    let kit = verified_in_place();
    let killed = kit.run_at("scan-after-table=2*off->1*return(kill)", &["keys", "--scan"]);
    assert_eq!(killed.signal(), Some(9), "{killed}");
    let on_record = |options: &[&str]| {
        kit.run(&[&["keys", "--scan"], options].concat()).exits(0);
        let steps = kit.run(&["status", "--json"]).exits(0).json()["steps"].clone();
        steps.as_array().unwrap().last().unwrap()["note"].to_string()
    };
    let part = "3 tables were scanned before an interruption";
    let resumed = on_record(&["--resume-scan"]);
    assert!(resumed.contains(part), "{resumed}");
    let whole = on_record(&[]);
    assert!(!whole.contains(part), "{whole}");
}
