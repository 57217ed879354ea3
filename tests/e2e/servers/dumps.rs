//! The commands of step 3 as they are printed, executed against real databases: the copy has what the
//! old one had.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Admin, Engine, Place};

/// The commands with which the runbook copies databases.
fn commands(place: &Place) -> Vec<String> {
    let runbook = place.run_unlooked(&["runbook", "--json"]).exits(0).json();
    let pages = runbook["advice"].as_array().unwrap();
    let copy = pages.iter().find(|page| page["id"] == "copy").unwrap();
    let lines = copy["lines"].as_array().unwrap().iter().filter_map(|line| line["command"].as_str());
    lines.filter(|line| !line.starts_with("cp ")).map(str::to_owned).collect()
}

fn execute(engine: Engine, command: &str, folder: &Path) {
    let password = crate::support::ADMIN;
    let administrator = if engine == Engine::Postgres { "postgres" } else { "root" };
    let command = &command.replace("=DBA ", &format!("={administrator} "));
    let mut shell = Command::new("sh");
    if command.contains(" --password ") {
        // On a terminal, where it is asked for, as a person types it.
        shell = Command::new("python3");
        shell.args([
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/terminal.py"),
            password,
            "--",
            "/bin/sh",
        ]);
    }
    let ran = shell
        .args(["-euc", command])
        .current_dir(folder)
        .env("PATH", engine.with_its_programs())
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{command}\n{}", String::from_utf8_lossy(&ran.stderr));
}

/// Every row of two tables, one of which holds bytes.
fn content(engine: Engine, database: &str) -> Vec<Vec<Option<String>>> {
    let mut admin = Admin::connect(engine, database);
    let bytes = match engine {
        Engine::Postgres => "encode(REQUEST, 'hex')",
        _ => "CAST(HEX(REQUEST) AS CHAR)",
    };
    let tokens = "SELECT TOKEN_ID, ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID";
    let mut rows = admin.rows(tokens);
    rows.extend(admin.rows(&format!("SELECT UUID, {bytes} FROM WF_REQUEST ORDER BY UUID")));
    rows
}

fn copies_are_made_as_printed(engine: Engine) {
    let place = Place::on(engine, 60);
    let old = place.site().database(0);
    if engine != Engine::Postgres {
        Admin::connect(engine, "mysql").execute(&format!("ALTER DATABASE {old} COLLATE latin1_general_cs"));
    }
    let new = format!("{old}_new copy");
    let scheme = match engine {
        Engine::Postgres => "postgresql",
        Engine::MySql => "mysql",
        _ => "mariadb",
    };
    let user = place.site().user(); // who may not do it: the commands name a DBA
    let authority = std::env::var("KEYROTATION_TEST_CA").unwrap();
    let tls = match engine {
        Engine::Postgres => format!("sslmode=verify-full&sslrootcert={authority}"),
        Engine::MySql => "sslMode=VERIFY_IDENTITY".to_owned(),
        _ => format!("sslMode=verify-full&serverSslCert={authority}"),
    };
    let url = |database: &str| format!("jdbc:{scheme}://localhost:{}/{database}?{tls}", engine.port());
    let new_url = url(&new.replace(' ', "%20"));
    let properties = format!(
        "oldIdnDBUrl: {}\noldIdnUsername: '{user}'\nnewIdnDBUrl: {new_url}\nnewIdnUsername: '{user}'\n\
         newRegDBUrl: {new_url}\nnewRegUsername: '{user}'\ntlsCaFile: {authority}\n",
        url(&old)
    );
    fs::write(&place.deployment.config, properties).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let commands = commands(&place);
    assert_eq!(commands.len(), if engine == Engine::Postgres { 3 } else { 4 }, "{commands:?}");
    for command in &commands {
        assert!(command.contains(&authority), "its TLS is the URL's: {command}");
        execute(engine, command, folder.path());
    }
    let dump = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| {
        path.file_stem().is_some_and(|name| name == "identity") // not what only makes the database
    });
    let mode = fs::metadata(dump.unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads the dump");
    let rows = content(engine, &old);
    assert!(rows.len() > 60, "{}", rows.len());
    assert_eq!(rows, content(engine, &new));
    if engine != Engine::Postgres {
        let defaults = |database: &str| {
            let named =
                "CONCAT(DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA";
            Admin::connect(engine, "mysql").text(&format!("SELECT {named} WHERE SCHEMA_NAME = '{database}'"))
        };
        assert_eq!(
            defaults(&new),
            "latin1latin1_general_cs",
            "the copy's own defaults are the old database's"
        );
    }
    let quote = if engine == Engine::Postgres { '"' } else { '`' };
    Admin::connect(engine, engine.home()).execute(&format!("DROP DATABASE {quote}{new}{quote}"));
}

crate::support::on_engines! {
    copies_are_made_as_printed: postgresql mysql mariadb;
}

#[test]
fn a_file_of_sqlite_is_copied_as_printed() {
    let place = Place::in_files(&keyrotation::demo::Spec { tokens: 60, ..Default::default() });
    let (old, new) = (&place.deployment.old_identity, place.path("o'neill's \"copy\".db"));
    let properties = format!(
        "oldIdnDBUrl: jdbc:sqlite:{}\nnewIdnDBUrl: jdbc:sqlite:{}\nnewRegDBUrl: jdbc:sqlite:{}\n",
        old.display(),
        new.display(),
        new.display()
    );
    fs::write(&place.deployment.config, properties).unwrap();
    let commands = commands(&place);
    assert_eq!(commands.len(), 1, "{commands:?}");
    execute(Engine::Sqlite, &commands[0], place.path(".").as_path());
    let rows = |file| {
        crate::kit::query(file, "SELECT TOKEN_ID, ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY 1")
    };
    assert_eq!(rows(&new).len(), 60);
    assert_eq!(rows(&new), rows(old));
}
