//! What is special about Oracle, SQL Server and Db2, for which H2 stands in: with `KEYROTATION_E2E=h2-as-…`.

use std::fs;
use std::path::Path;

use keyrotation::triggers::Client;

use crate::kit::Refused as _;
use crate::support::{Admin, Engine, Except, Place, stand_in};

/// What people call the database that H2 stands in for.
fn name() -> &'static str {
    match stand_in().expect("KEYROTATION_E2E names no stand-in").as_str() {
        "oracle" => "Oracle",
        "sqlserver" => "SQL Server",
        "db2" => "Db2",
        other => panic!("{other}"),
    }
}

#[test]
fn a_killed_rotation_goes_on_and_says_that_only_a_stand_in_was_at_hand() {
    let place = Place::new(300);
    place.count_updates();
    let before = place.snapshot();
    let plan = place.run(&["plan"]).exits(0);
    let said = plan.stderr.matches(&format!("not tested on a real {}", name())).count();
    assert_eq!(said, 1, "{plan}");
    assert!(plan.stderr.contains("docs/databases.md"), "{plan}");
    let mut running =
        place.start_at("table-after-commit=6*off->1*return(kill)", &["run", "--chunk-size", "40"]);
    running.until(|| place.journal().exists());
    let killed = running.wait();
    assert_eq!(killed.signal(), Some(9), "{killed}");
    place.run(&["resume"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
}

/// Makes the new identity database the old one, too.
fn name_it_as_the_old_one(place: &Place) {
    let properties = fs::read_to_string(&place.deployment.config).unwrap();
    let of_new = properties.lines().filter(|line| line.starts_with("newIdn"));
    let of_old: Vec<_> =
        of_new.map(|line| line.replace("newIdn", "oldIdn").replace("127.0.0.1", "localhost")).collect();
    assert_eq!(of_old.len(), 3, "URL, user, password");
    let kept = properties.lines().filter(|line| !line.starts_with("oldIdn")).map(str::to_owned);
    let lines: Vec<_> = kept.chain(of_old).collect();
    fs::write(&place.deployment.config, lines.join("\n") + "\n").unwrap();
}

#[test]
fn the_old_database_is_found_behind_another_name() {
    let place = Place::new(5);
    let before = place.snapshot();
    name_it_as_the_old_one(&place);
    place.run(&["run"]).refused(2, "KR-CFG-016");
    before.must_be_untouched(&place);
}

#[test]
fn scripts_reach_the_server_statement_by_statement_and_what_they_make_is_looked_for() {
    let place = Place::new(5);
    name_it_as_the_old_one(&place);
    let client = Client::ALL.into_iter().find(|client| match name() {
        "Oracle" => *client == Client::SqlPlus,
        "SQL Server" => *client == Client::Sqlcmd,
        _ => *client == Client::Db2,
    });
    let print = |args: &[&str]| place.run(args).exits(0).stdout;
    let scripts = [print(&["triggers", "print"]), print(&["triggers", "print", "--remove"])];
    let ran = place.run(&["triggers", "install"]).exits(0);
    assert!(ran.stdout.contains("changes to 8 tables are recorded"), "{ran}");
    let ran = place.run(&["triggers", "remove", "--on", "old"]).exits(0);
    assert!(ran.stdout.contains("sync triggers and change log removed"), "{ran}");
    let folder = std::env::var("KEYROTATION_TEST_FOLDER").unwrap();
    let noted = Path::new(&folder).join("h2").join(place.site().database(0)).with_extension("script");
    let noted = fs::read_to_string(noted).unwrap();
    let noted: Vec<&str> = noted.split_terminator('\0').collect();
    assert_eq!(noted, scripts.map(|script| client.unwrap().statements(&script)).concat());
}

/// Whether something feeds the copy nobody asks there, so it is not said that nothing does.
#[test]
fn what_nobody_asks_is_not_said_to_be_so() {
    let place = Place::new(5);
    let ran = place.run(&["preflight"]);
    assert!(ran.stdout.contains("fed from elsewhere, is not asked there"), "{ran}");
}

/// A policy that would hide rows without a word ends it before anything is read; what cannot be asked is said.
#[test]
fn policies_that_hide_rows_are_refused() {
    let place = Place::new(5);
    let before = place.snapshot();
    let plan = place.run(&["plan"]).exits(0);
    if name() == "Oracle" {
        assert!(plan.stderr.contains("not looked at: policies that show other values"), "{plan}");
    }
    let execute = |sql: &str| Admin::connect(Engine::H2, &place.site().database(0)).execute(sql);
    execute("COMMENT ON TABLE IDN_OAUTH2_ACCESS_TOKEN IS 'the policy FEW'");
    for args in [&["plan"][..], &["run"], &["preflight"]] {
        let ran = place.run_unlooked(args).exits(3);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("KR-DB-008") && said.contains("the policy FEW"), "{args:?}: {ran}");
    }
    execute("COMMENT ON TABLE IDN_OAUTH2_ACCESS_TOKEN IS NULL");
    // On a table of others it is none of ours.
    execute("CREATE TABLE OTHERS (N INTEGER); COMMENT ON TABLE OTHERS IS 'the policy FEW'");
    place.run_unlooked(&["plan"]).exits(0);
    execute("DROP TABLE OTHERS");
    before.must_be_untouched(&place);
}

/// A sync trigger that is there and does not fire is as good as none. A test writes its state into its comment.
#[test]
fn a_sync_trigger_that_does_not_fire_is_refused() {
    let pair = crate::sync::pair::Pair::new(Engine::H2, 60);
    let old = crate::sync::pair::Side::Old;
    pair.execute(old, "COMMENT ON TRIGGER TOKEN_SYNC_UPDATE IS 'is disabled'");
    let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
    assert!(
        ran.stderr.contains("the sync trigger TOKEN_SYNC_UPDATE on IDN_OAUTH2_ACCESS_TOKEN is disabled"),
        "{ran}"
    );
    pair.execute(old, "COMMENT ON TRIGGER TOKEN_SYNC_UPDATE IS NULL");
    if name() == "Db2" {
        pair.execute(old, "DROP TRIGGER TOKEN_SYNC_KEY");
        let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
        assert!(
            ran.stderr.contains("the sync trigger TOKEN_SYNC_KEY on IDN_OAUTH2_ACCESS_TOKEN is missing"),
            "{ran}"
        );
        pair.run(&["triggers", "install"]).exits(0);
    }
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
}
