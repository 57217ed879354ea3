//! What stands outside the targets: what is found there, what cannot be looked at, and what is recorded of it.

use std::fs;

use keyrotation::db::{Access, Db};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::kit::{Kit, hex, seal};
use crate::sqlite::targets::target;

fn add_copy(kit: &Kit) {
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}')", seal(&kit.deployment.spec.old_key, "a copy")));
}

fn level(kit: &Kit) -> String {
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    report["verdict"]["level"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_found_outside_the_targets_is_on_record() {
    let kit = Kit::rotated();
    kit.run(&["verify", "--scan"]).exits(0);
    assert_eq!(level(&kit), "good");
    add_copy(&kit);
    let verified = kit.run(&["verify", "--scan", "--json"]).exits(1).json();
    assert_eq!(verified["differences"], 1, "{verified}");
    let status = kit.status();
    let last = status["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["name"], "verify-differences", "{status}");
    assert!(last["note"].as_str().unwrap().contains("outside=1"), "{last}");
    assert_eq!(level(&kit), "bad");
    // One who looks in the targets alone has not seen that it is gone.
    kit.run(&["verify"]).exits(0);
    assert_eq!(level(&kit), "bad");
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(
        report["verdict"]["reasons"].to_string().contains("outside the targets"),
        "{}",
        report["verdict"]
    );
    let runbook = kit.run(&["runbook", "--all"]).exits(0).stdout;
    assert!(runbook.contains("nobody has looked there since"), "{runbook}");
    kit.sql("DROP TABLE ELSEWHERE");
    kit.run(&["verify", "--scan"]).exits(0);
    assert_eq!(level(&kit), "good");
}

#[test]
fn a_plan_says_what_a_rotation_would_not_reach() {
    let kit = Kit::new();
    add_copy(&kit);
    assert_eq!(kit.run(&["plan", "--json"]).exits(0).json()["outside"], serde_json::Value::Null);
    let plan = kit.run(&["plan", "--scan", "--json"]).exits(0).json();
    let found = plan["outside"]["found"].as_array().unwrap();
    assert!(found.len() == 1 && found[0]["place"].as_str().unwrap().contains("ELSEWHERE.NOTE"), "{plan}");
    let text = kit.run(&["plan", "--scan"]).exits(0).stdout;
    assert!(
        text.contains("are not rotated, unless `targets`") && text.contains("ELSEWHERE.NOTE: 1 under"),
        "{text}"
    );
}

#[test]
fn what_could_not_be_looked_at_is_on_record_too() {
    let kit = Kit::rotated();
    let folder = kit.deployment.home.join("repository/elsewhere");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(kit.beside(""), folder.join("away")).unwrap();
    let verified = kit.run(&["verify", "--scan", "--json"]).exits(1).json();
    assert_eq!(verified["differences"], 1, "{verified}");
    assert_ne!(level(&kit), "good");
}

/// A file of any size is read to its end, wherever in it an envelope stands.
#[test]
fn a_large_file_is_looked_through_to_its_end() {
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let file = kit.deployment.home.join("repository/large.log");
    let (mib, line) = (1 << 20, b"nothing to see here\n");
    let mut text: Vec<u8> = line.iter().copied().cycle().take(33 * mib).collect();
    // In the midst of a part, across where the next one begins, and at its end.
    let places = [5 * mib, 15 * mib - 40, 16 * mib - 40, 30 * mib - 40, 33 * mib - value.len()];
    for at in places {
        text[at..at + value.len()].copy_from_slice(value.as_bytes());
    }
    fs::write(&file, text).unwrap();
    let found = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    let under: u64 = found["outside"]["found"][0]["keys"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(under, places.len() as u64, "{}", found["outside"]);
}

/// What a link leads to is looked at there, or it is named.
#[test]
fn where_links_lead_is_looked_at_or_named() {
    let kit = Kit::rotated();
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let linked = |to: &std::path::Path| {
        let link = kit.deployment.home.join("repository/elsewhere");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(to, link).unwrap();
    };
    let away = kit.beside("away");
    fs::create_dir(&away).unwrap();
    let note = away.join("note.txt");
    fs::write(&note, "nothing").unwrap();
    // Within the home, to nothing, and to a file.
    for to in [kit.deployment.home.join("repository/conf"), kit.beside("nothing"), note.clone()] {
        linked(&to);
        scan(0);
    }
    linked(&away);
    let found = scan(1);
    assert!(found["not_looked_at"].to_string().contains("repository/elsewhere"), "{found}");
    let text = kit.run(&["keys", "--scan"]).exits(1).stdout;
    assert!(!text.contains("or outside of them"), "{text}");
    kit.configure("allowedRoots", Some(&format!("[{}]", away.display())));
    scan(0);
    fs::write(&note, seal(&kit.deployment.spec.old_key, "a copy")).unwrap();
    assert!(scan(1)["outside"]["found"].to_string().contains("away/note.txt"));
    linked(&note);
    assert!(scan(1)["outside"]["found"].to_string().contains("repository/elsewhere"));
}

/// As types for JSON print it: with white space.
#[test]
fn an_envelope_with_white_space_is_found() {
    use base64::Engine as _;
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let plain = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    kit.sql("CREATE TABLE ELSEWHERE (DOCUMENT TEXT)");
    for between in [": ", " :", "\t:\n  "] {
        let spaced = plain.replace("\":", &format!("\"{between}")).replace(",\"", ", \"");
        kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{{\"a\": {spaced}}}')"));
        kit.run(&["verify", "--scan"]).exits(1);
        kit.sql("DELETE FROM ELSEWHERE");
    }
}

/// In a column without a type, or with another one; in one that is computed; in a table with a name like SQLite's own.
#[test]
fn columns_of_sqlite_are_looked_through_whatever_is_declared() {
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let rest = value.strip_prefix("eyJjIjoi").unwrap();
    let looked = |number: usize| {
        let found = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
        assert_eq!(found["outside"]["found"].as_array().unwrap().len(), number, "{found}");
        found
    };
    kit.sql("CREATE TABLE ELSEWHERE (A, B INTEGER, C CHAR(3), D TEXT AS ('eyJjIjoi' || A))");
    kit.sql(&format!(
        "INSERT INTO ELSEWHERE (A, B, C) VALUES ('{rest}', '{value}', x'{}')",
        hex(value.as_bytes())
    ));
    kit.sql(&format!("CREATE TABLE sqlitecopy AS SELECT '{value}' AS NOTE"));
    looked(4);
    kit.sql("DROP TABLE ELSEWHERE");
    kit.sql("DROP TABLE sqlitecopy");
    // Whatever the letters of its name.
    for name in ["Gerätedaten", "記録", "a.b", "what (ever) [100 %]"] {
        kit.sql(&format!("CREATE TABLE \"{name}\" AS SELECT '{value}' AS \"{name}\""));
        looked(1);
        kit.sql(&format!("DROP TABLE \"{name}\""));
    }
    kit.sql("CREATE VIRTUAL TABLE ELSEWHERE USING fts5(NOTE)");
    let found = looked(0);
    assert!(
        found["outside"]["not_looked_at"].to_string().contains("ELSEWHERE.*, a virtual table"),
        "{found}"
    );
}

/// Whatever the encoding in which the database has its texts.
#[test]
fn bytes_are_looked_through_in_a_database_in_utf_16() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("utf16.db");
    let value = seal("76267dca757ad0fc76267dca757ad0fc", "a copy");
    let count = crate::support::wait(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut made = options.pragma("encoding", "'UTF-16le'").connect().await.unwrap();
        let hex = hex(value.as_bytes());
        for sql in [
            "CREATE TABLE ELSEWHERE (B BLOB, T TEXT)".to_owned(),
            format!("INSERT INTO ELSEWHERE VALUES (x'00FF{hex}', 'a'), (x'00', '{value}'), (x'01', 'b')"),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut made).await.unwrap();
        }
        made.close().await.unwrap();
        let db = Db::open_sqlite(&file, Access::ReadOnly).await.unwrap();
        let columns = db.scan_columns().await.unwrap().columns;
        let mut count = 0;
        let each = |_: usize, found: &keyrotation::db::Value| {
            let bytes = found.as_bytes().unwrap_or_default();
            count += keyrotation_codec::embedded::envelopes(bytes).len();
        };
        db.look_through(&columns, each).await.unwrap();
        db.close().await;
        count
    });
    assert_eq!(count, 2);
}

/// What `keys --scan` and `verify --scan` count outside of the values, where nothing else is wrong.
fn is_found_everywhere(kit: &Kit, place: &str, verified: i32) {
    let found = kit.run(&["keys", "--json"]).exits(1).json()["inventory"].clone();
    assert!(found["keys"][0]["why"].as_str().unwrap().contains("in places that are not rotated"), "{found}");
    assert!(found["targets"].to_string().contains(place), "{found}");
    assert!(kit.run(&["keys"]).exits(1).stdout.contains(place));
    let found = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    let outside = &found["outside"]["found"];
    assert!(outside.as_array().unwrap().len() == 1 && outside.to_string().contains(place), "{outside}");
    assert_eq!((&found["keys"][0]["outside"], &found["keys"][0]["may_go"]), (&1.into(), &false.into()));
    kit.run(&["verify"]).exits(verified);
    let verified = kit.run(&["verify", "--scan", "--json"]).exits(1).json();
    assert_eq!(verified["outside"]["under_old"], 1, "{verified}");
    assert_ne!(level(kit), "good");
}

/// A path that is mistyped, an element that is not marked, a value in something else.
#[test]
fn ciphertext_that_a_codec_does_not_read_is_never_plain() {
    for (codec, around) in [
        ("codec: json, paths: [$.client.secert]", "{\"client\":{\"secret\":\"#\"}}"),
        ("codec: xml", "<a><b>#</b></a>"),
        ("codec: envelope", "{\"a\":\"#\"}"),
    ] {
        let kit = Kit::new();
        kit.sql("CREATE TABLE MINE (ID INTEGER PRIMARY KEY, DOC TEXT)");
        let value = seal(&kit.deployment.spec.old_key, "a secret");
        kit.sql(&format!("INSERT INTO MINE VALUES (1, '{}')", around.replace('#', &value)));
        target(&kit, &format!("  - {{table: MINE, key: [ID], values: [DOC], {codec}}}\n"));
        let plan = kit.run(&["plan"]).exits(0).stdout;
        assert!(plan.contains("hidden-values") || plan.contains("hold some in other places"), "{plan}");
        assert_eq!(plan.contains("MINE: $.client.secert"), codec.contains("json"), "{plan}");
        let ran = kit.run(&["run"]).exits(1);
        assert!(ran.stdout.contains("1 failed"), "{ran}");
        let failures = kit.run(&["status", "--failures"]).exits(0).stdout;
        assert!(failures.contains("not a value of its own"), "{failures}");
        is_found_everywhere(&kit, "MINE.DOC", 1);
        // Under the new key it is nobody's affair, and so is what only looks like one.
        let value = seal(&kit.deployment.spec.new_key, "a secret");
        kit.sql(&format!("UPDATE MINE SET DOC = '{}'", around.replace('#', &value)));
        kit.run(&["keys", "--scan"]).exits(0);
    }
}

#[test]
fn so_it_is_in_tables_that_are_built_in() {
    let kit = Kit::new();
    let value = seal(&kit.deployment.spec.old_key, "a secret");
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'one more', \
         'document', '{{\"a\":\"{value}\"}}')"
    ));
    kit.run(&["plan", "--scan"]).exits(0);
    let plan = kit.run(&["plan", "--scan", "--json"]).exits(0).json();
    assert!(plan["outside"]["found"].to_string().contains("IDN_IDENTITY_USER_DATA.DATA_VALUE"), "{plan}");
    kit.run(&["run"]).exits(1);
    is_found_everywhere(&kit, "IDN_IDENTITY_USER_DATA.DATA_VALUE", 1);
}

/// In a comment and in an attribute of a file whose values are rotated.
#[test]
fn so_it_is_in_files_whose_values_are_rotated() {
    let folder = "repository/deployment/server/userstores";
    for around in
        ["<!-- <Property name=\"password\" encrypted=\"true\">#</Property> -->", "<Note was=\"#\"/>"]
    {
        let kit = Kit::new();
        let value = seal(&kit.deployment.spec.old_key, "a password");
        let files = fs::read_dir(kit.deployment.home.join(folder)).unwrap();
        let file = files
            .map(|file| file.unwrap().path())
            .find(|path| path.extension().is_some_and(|it| it == "xml"));
        let file = file.unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let (before, end) = text.rsplit_once("</").unwrap();
        fs::write(&file, format!("{before}{}</{end}", around.replace('#', &value))).unwrap();
        kit.run(&["run"]).exits(0); // its values are rotated all the same
        is_found_everywhere(&kit, file.file_name().unwrap().to_str().unwrap(), 0);
        fs::write(&file, fs::read_to_string(&file).unwrap().replace(&value, "")).unwrap();
        kit.run(&["keys", "--scan"]).exits(0);
    }
}

/// As Gson writes a text by default, as `java.util.Properties` does, wrapped as MIME and XML files are.
#[test]
fn an_envelope_that_is_escaped_or_wrapped_is_found() {
    let kit = Kit::rotated();
    // With one `=` at its end, and with two.
    let sealed = |end: &str| {
        let mut all = (0..60).map(|length| seal(&kit.deployment.spec.old_key, &"x".repeat(length)));
        all.find(|value| value.trim_end_matches('=').len() + end.len() == value.len()).unwrap()
    };
    let (one, two) = (sealed("="), sealed("=="));
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    let gson =
        |value: &str| format!("{{\"secret\":\"{}\"}}", value.replace('=', "\\u003d").replace('/', "\\/"));
    for value in [&one, &two] {
        kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}')", gson(value)));
    }
    let folder = kit.deployment.home.join("repository/elsewhere");
    fs::create_dir(&folder).unwrap();
    let properties = format!("a={}\nb={}\n", one.replace('=', "\\="), two.replace('=', "\\="));
    fs::write(folder.join("a.properties"), properties).unwrap();
    let url = format!("a={}&b={}", one.replace('=', "%3D"), two.replace('=', "%3d").replace('/', "%2F"));
    fs::write(folder.join("a.url"), url).unwrap();
    let wrapped = |value: &str, break_: &str| {
        let lines: Vec<&str> =
            value.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("<a>\n{}\n</a>", lines.join(break_))
    };
    let texts =
        [wrapped(&one, "\n"), wrapped(&two, "\r\n    "), wrapped(&one, "&#10;"), wrapped(&two, "\\n")];
    fs::write(folder.join("a.xml"), texts.concat()).unwrap();
    let inventory = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    let old = &inventory["keys"].as_array().unwrap()[0];
    assert!(old["outside"] == 10 && old["may_go"] == false, "{}", inventory["outside"]);
    for found in inventory["outside"]["found"].as_array().unwrap() {
        assert!(found["unknown"] == 0 && found["one_of"] == 0, "{found}");
    }
}

/// What begins like an envelope and breaks off may be under any key.
#[test]
fn a_damaged_envelope_keeps_every_old_key() {
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}...')", &value[..value.len() / 2]));
    let inventory = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    assert_eq!(inventory["keys"].as_array().unwrap()[0]["may_go"], false, "{inventory}");
    // One under a key that nobody has named is whole, and opens under none of these.
    kit.sql(&format!("UPDATE ELSEWHERE SET NOTE = '{}'", seal("0123456789abcdef0123456789abcdef", "x")));
    kit.run(&["keys", "--scan"]).exits(0);
}

/// A scan that was killed goes on with the table that it had not looked through, and says what it took over.
#[test]
fn an_interrupted_scan_goes_on_with_the_next_table() {
    let kit = Kit::rotated();
    add_copy(&kit);
    let killed = kit.run_at("scan-after-table=5*off->1*return(kill)", &["keys", "--scan"]);
    assert_eq!(killed.signal(), Some(9), "{killed}");
    let scan = |options: &[&str], code: i32| {
        let ran = kit.run(&[&["keys", "--scan", "--json"], options].concat()).exits(code);
        (ran.json()["inventory"]["outside"].clone(), ran.stderr)
    };
    let (resumed, said) = scan(&["--resume-scan"], 1);
    assert_eq!(resumed["looked_earlier"]["tables"], 6, "{resumed}");
    assert!(said.contains("6 tables are done"), "{said}");
    let (whole, _) = scan(&[], 1);
    assert!(whole.get("looked_earlier").is_none(), "{whole}");
    for what in ["found", "columns", "files", "not_looked_at"] {
        assert_eq!(resumed[what], whole[what]);
    }
    // The whole was looked through: there is nothing to go on with.
    let (again, said) = scan(&["--resume-scan"], 1);
    assert!(again.get("looked_earlier").is_none() && said.contains("no scan was interrupted"), "{said}");
    // `verify` has one, too.
    let killed = kit.run_at("scan-after-table=2*off->1*return(kill)", &["verify", "--scan"]);
    assert_eq!(killed.signal(), Some(9), "{killed}");
    let text = kit.run(&["verify", "--scan", "--resume-scan"]).exits(1).stdout;
    assert!(text.contains("3 tables were scanned before an interruption"), "{text}");
}
