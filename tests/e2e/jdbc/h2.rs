//! H2's files, embedded: with `KEYROTATION_E2E=h2`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Admin, Engine, Except, Place, seal};

/// A deployment whose databases are files, by their paths; the server has them open. Updates are not
/// counted: the class of that trigger is the server's own.
fn embedded(tokens: u64) -> (Place, Vec<PathBuf>) {
    assert_eq!(Engine::asked(), Engine::H2);
    let place = Place::new(tokens);
    let folder = std::env::var("KEYROTATION_TEST_FOLDER").unwrap();
    let files: Vec<PathBuf> = (0..place.databases().len())
        .map(|at| Path::new(&folder).join("h2/data").join(place.site().database(at)))
        .collect();
    let mut properties = fs::read_to_string(&place.deployment.config).unwrap();
    for (at, file) in files.iter().enumerate() {
        let server = format!("127.0.0.1:{}", Engine::H2.port());
        properties =
            properties.replace(&place.site().url(at, &server, ""), &format!("jdbc:h2:{}", file.display()));
    }
    fs::write(&place.deployment.config, properties).unwrap();
    (place, files)
}

/// Lets the server go of its files.
fn let_go(place: &Place) {
    for at in 0..place.databases().len() {
        Admin::connect(Engine::H2, &place.site().database(at)).execute("SHUTDOWN");
    }
}

#[test]
fn an_embedded_file_is_rotated_killed_and_gone_on_with() {
    let (place, _) = embedded(300);
    let before = place.snapshot();
    let_go(&place);
    place.run_unlooked(&["plan"]).exits(0);
    let mut running =
        place.start_unlooked("table-after-commit=6*off->1*return(kill)", &["run", "--chunk-size", "40"]);
    running.until(|| place.journal().exists());
    let killed = running.wait();
    assert_eq!(killed.signal(), Some(9), "{killed}");
    let resumed = place.run_unlooked(&["resume"]);
    assert_eq!(resumed.code(), Some(0), "{resumed}");
    place.run_unlooked(&["verify"]).exits(0);
    place.site().pull();
    before.must_be_rotated(&place, &Except::default());
}

/// While it works each commit is written at once, since H2 2.1.214 may write none when it is told to sync; afterwards all is
/// as it was.
#[test]
fn the_delay_of_writes_is_as_it_was() {
    let (place, _) = embedded(20);
    let identity = place.site().database(0);
    let delay = || {
        let setting =
            "SELECT SETTING_VALUE FROM INFORMATION_SCHEMA.SETTINGS WHERE SETTING_NAME = 'WRITE_DELAY'";
        let mut admin = Admin::connect(Engine::H2, &identity);
        let found = admin.rows(setting).concat();
        admin.execute("SHUTDOWN");
        found
    };
    Admin::connect(Engine::H2, &identity).execute("SET WRITE_DELAY 250");
    let_go(&place);
    let killed = place.start_unlooked("table-before-commit=1*return(kill)", &["run"]).wait();
    assert_eq!(killed.signal(), Some(9), "{killed}");
    assert_eq!(delay(), [Some("0".to_owned())]);
    Admin::connect(Engine::H2, &identity).execute("SET WRITE_DELAY 250");
    let_go(&place);
    let resumed = place.run_unlooked(&["resume"]);
    assert_eq!(resumed.code(), Some(0), "{resumed}");
    assert_eq!(delay(), [Some("250".to_owned())], "{resumed}");
}

/// What H2 does not show as a text is named.
#[test]
fn a_scan_names_the_columns_that_it_cannot_look_into() {
    assert_eq!(Engine::asked(), Engine::H2);
    let place = Place::new(5);
    let mut admin = Admin::connect(Engine::H2, &place.site().database(0));
    admin.execute(
        "CREATE TABLE ELSEWHERE (LIST VARCHAR(99) ARRAY, PAIR ROW(ONE VARCHAR(99), TWO INTEGER), NOTE VARCHAR(99), \
         DOCUMENT JSON)",
    );
    let value = seal(&place.deployment.spec.old_key, "a copy");
    admin.execute(&format!("INSERT INTO ELSEWHERE (DOCUMENT) VALUES (JSON '{{\"a\": \"{value}\"}}')"));
    let inventory = place.run(&["keys", "--scan", "--json"]).json()["inventory"].clone();
    assert!(inventory["outside"]["found"].to_string().contains("ELSEWHERE.DOCUMENT"), "{inventory}");
    let left = inventory["not_looked_at"].to_string();
    assert!(left.contains("ELSEWHERE.LIST, an array") && left.contains("ELSEWHERE.PAIR, a row"), "{left}");
    assert!(!left.contains("NOTE"), "{left}");
}

#[test]
fn a_file_that_a_server_has_open_is_refused_with_what_to_do() {
    let (place, files) = embedded(5);
    let held = fs::metadata(files[0].with_extension("mv.db")).unwrap();
    assert!(held.len() > 0);
    let ran = place.run(&["plan"]);
    assert_ne!(ran.code(), Some(0));
    assert!(
        ran.stderr.contains("open in another process") && ran.stderr.contains("stop the server"),
        "{ran}"
    );
}

/// The copy of step 3 as the runbook prints it, of a file and on a server: it has what the old one had.
#[test]
fn copies_are_made_as_printed() {
    let (place, files) = embedded(60);
    let tokens = |database: &str| {
        let rows = "SELECT TOKEN_ID, ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID";
        Admin::connect(Engine::H2, database).rows(rows)
    };
    let old = place.site().database(0);
    let before = tokens(&old);
    assert_eq!(before.len(), 60);
    let say = |old: &str, new: &str| {
        let properties = format!("oldIdnDBUrl: {old}\nnewIdnDBUrl: {new}\nnewRegDBUrl: {new}\n");
        fs::write(&place.deployment.config, properties).unwrap();
        let runbook = place.run_unlooked(&["runbook", "--json"]).exits(0).json();
        let pages = runbook["advice"].as_array().unwrap();
        pages.iter().find(|page| page["id"] == "copy").unwrap()["lines"].as_array().unwrap().clone()
    };

    let server = format!("jdbc:h2:tcp://127.0.0.1:{}/", Engine::H2.port());
    let (scripted, copied) = (format!("{old}_scripted"), format!("{old}_copied"));
    let lines = say(&format!("{server}{old}"), &format!("{server}{scripted}"));
    let file = place.path("identity.sql"); // by its name alone it would be where the server was started
    let statement = |begin: &str| {
        let said = lines.iter().filter_map(|line| line["say"].as_str());
        let mut found = said.filter_map(|line| line.find(begin).map(|at| &line[at..]));
        found.next().unwrap().replace("identity.sql", file.to_str().unwrap())
    };
    Admin::connect(Engine::H2, &old).execute(&statement("SCRIPT TO"));
    Admin::connect(Engine::H2, &scripted).execute(&statement("RUNSCRIPT FROM"));
    assert_eq!(tokens(&scripted), before);

    let_go(&place);
    let new = files[0].with_file_name(&copied);
    let lines = say(&format!("jdbc:h2:{}", files[0].display()), &format!("jdbc:h2:{}", new.display()));
    let commands: Vec<_> = lines.iter().filter_map(|line| line["command"].as_str()).collect();
    let copy = commands.iter().find(|command| command.starts_with("cp -T ")).unwrap();
    assert!(Command::new("sh").args(["-euc", copy]).status().unwrap().success(), "{copy}");
    assert_eq!(tokens(&copied), before);
}
