//! Many `deployment.toml` files: what becomes of each, and that nothing else changes.
//!
//! `tests/configure/CASE` has a file before and after, and `said.txt`: what is said of it. After a change that is
//! meant: `UPDATE_CASES=1 cargo nextest run -E 'test(configure)'`, then look at the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Choices, Edited, edit};
use crate::config::{Level, NewServer, load_new_server};
use crate::error::Id;

const OLD_KEY: &str = "AFA27B44D43B02A9FEA41D13CEDC2E40";
const NEW_KEY: &str = "1fc0bc7a3805b42afa5f5af07a595f56";
const PASSWORDS: [&str; 2] = ["n3w-identity-pass", "n3w-shared-pass"];

const MYSQL: &str = "oldIdnDBUrl: jdbc:mysql://old-db:3306/identity
newIdnDBUrl: jdbc:mysql://new-db:3307/identity_new?useSSL=true&user=is_app
newIdnPassword: bjN3LWlkZW50aXR5LXBhc3M=
newRegDBUrl: jdbc:mysql://new-db:3307/shared_new
newRegUsername: shared_app
newRegPassword: bjN3LXNoYXJlZC1wYXNz
";
const POSTGRES: &str = "oldIdnDBUrl: jdbc:postgresql://old-db/identity
newIdnDBUrl: jdbc:postgresql://new-db/identity_new
newIdnUsername: is_app
newIdnPassword: bjN3LWlkZW50aXR5LXBhc3M=
newRegDBUrl: jdbc:postgresql://new-db/shared_new
newRegUsername: shared_app
newRegPassword: bjN3LXNoYXJlZC1wYXNz
";
const SCHEMA: &str = "newIdnDBUrl: jdbc:postgresql://a,b:5433/identity_new?currentSchema=is
newRegDBUrl: jdbc:postgresql://a,b:5433/identity_new
newIdnUsername: is_app
newRegUsername: is_app
";
const ORACLE: &str = "newIdnDBUrl: jdbc:oracle:thin:@new-db:1521/IDN
newRegDBUrl: jdbc:oracle:thin:@new-db:1521/REG
";

/// What `properties.yaml` says beside the keys, with the new server's version if it is known.
fn server(properties: &str, version: &str) -> NewServer {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!("oldSecretKey: {OLD_KEY}\nnewSecretKey: {NEW_KEY}\n{properties}");
    if !version.is_empty() {
        fs::create_dir_all(folder.path().join("is/repository")).unwrap();
        fs::create_dir_all(folder.path().join("is/bin")).unwrap();
        fs::write(folder.path().join("is/bin/version.txt"), format!("WSO2 Identity Server v{version}\n"))
            .unwrap();
        text += "newISHome: is\n";
    }
    let file = folder.path().join("properties.yaml");
    fs::write(&file, text).unwrap();
    load_new_server(&file, true).unwrap().0
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/configure").join(name)
}

/// All that is said of an edited file.
fn said(edited: &Edited) -> String {
    let mut out = String::new();
    for change in &edited.changes {
        let _ = writeln!(out, "{}: {}", change.entry, change.to);
    }
    for notice in &edited.notices {
        let level = if notice.level == Level::Warning { "warning" } else { "note" };
        let _ = writeln!(out, "{level}: {}", notice.text);
    }
    for item in &edited.by_hand {
        let _ = writeln!(out, "by hand, since {}:", item.what);
        for step in &item.steps {
            let _ = writeln!(out, "  {step}");
        }
    }
    if !edited.diff.is_empty() {
        let _ = write!(out, "\n{}", edited.diff);
    }
    out
}

#[track_caller]
fn shows_no_secret(edited: &Edited) {
    let shown = format!("{}\n{}", said(edited), edited.masked);
    for secret in [OLD_KEY, NEW_KEY, PASSWORDS[0], PASSWORDS[1], "s3cret", "$3cret"] {
        assert!(!shown.contains(secret), "{secret} is shown:\n{shown}");
    }
}

#[test]
fn files_become_what_they_should() {
    let key_as = |key: &str, identity: &str, shared: &str| Choices {
        key_as: Some(key.to_owned()),
        identity_password_as: Some(identity.to_owned()),
        shared_password_as: Some(shared.to_owned()),
        ..Choices::default()
    };
    let plain = Choices::default;
    for (name, properties, version, choices) in [
        ("as-shipped", MYSQL, "", plain()),
        ("done-already", MYSQL, "7.0.0", plain()),
        ("dotted-and-quoted-keys", MYSQL, "", plain()),
        ("environment", MYSQL, "", plain()),
        ("for-a-config-map", MYSQL, "", key_as("$env{IS_KEY}", "$env{IDENTITY_PASSWORD}", "$secret{shared}")),
        ("hostname-and-name", POSTGRES, "", plain()),
        ("hostname-and-number", MYSQL, "", plain()),
        ("inline-tables", MYSQL, "", plain()),
        ("keep-credentials", POSTGRES, "", Choices { keep_credentials: true, ..plain() }),
        ("nothing", MYSQL, "", plain()),
        ("old-key", MYSQL, "7.1.0", plain()),
        ("old-key-removed", MYSQL, "7.1.0", Choices { remove_old_key: true, ..plain() }),
        ("old-key-before-7.1", MYSQL, "7.0.0", plain()),
        ("old-key-without-ids", MYSQL, "7.2.0", plain()),
        ("oracle", ORACLE, "", plain()),
        ("other-databases", MYSQL, "", plain()),
        ("schema-and-parameters", SCHEMA, "", plain()),
        ("secrets", MYSQL, "", plain()),
        ("secrets-half-way", MYSQL, "", plain()),
        ("third-key", MYSQL, "", plain()),
    ] {
        let folder = case(name);
        let before = fs::read_to_string(folder.join("before.toml")).unwrap_or_else(|e| panic!("{name}: {e}"));
        let server = server(properties, version);
        let edited = edit(&before, &server, &choices).unwrap_or_else(|error| panic!("{name}: {error}"));
        shows_no_secret(&edited);
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(folder.join("after.toml"), &*edited.text).unwrap();
            fs::write(folder.join("said.txt"), said(&edited)).unwrap();
        }
        let file = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert_eq!(*edited.text, file("after.toml"), "{name}");
        assert_eq!(said(&edited), file("said.txt"), "{name}");

        // A second time there is nothing left to change.
        let again = edit(&edited.text, &server, &choices).unwrap();
        assert_eq!((again.changes, &again.text), (vec![], &edited.text), "{name}");

        // The same as saved by other editors.
        let windows = edit(&before.replace('\n', "\r\n"), &server, &choices).unwrap();
        assert_eq!(*windows.text, edited.text.replace('\n', "\r\n"), "{name} with CRLF");
        shows_no_secret(&windows);
        let marked = edit(&format!("\u{feff}{before}"), &server, &choices).unwrap();
        assert_eq!(*marked.text, format!("\u{feff}{}", *edited.text), "{name} with a byte order mark");
        let unended = edit(before.trim_end(), &server, &choices).unwrap();
        assert_eq!(unended.text.trim_end(), edited.text.trim_end(), "{name} without a last newline");
    }
}

#[test]
fn what_cannot_be_changed_safely_is_refused() {
    let mysql = server(MYSQL, "7.1.0");
    let several = server(&MYSQL.replace("new-db:3307/identity_new", "a,b/identity_new"), "");
    let remove = Choices { remove_old_key: true, ..Choices::default() };
    let plain = Choices::default();
    for (text, server, choices, says) in [
        ("[encryption]\nkey = \"x", &mysql, &plain, "line 2 is not TOML"),
        ("a = 1\n\na = 2\n", &mysql, &plain, "line 3 is not TOML"),
        ("encryption = \"x\"\n", &mysql, &plain, "encryption is not a table"),
        ("[encryption]\nkey = [\"x\"]\n", &mysql, &plain, "[encryption] key is neither a text nor a number"),
        ("[[database.identity_db]]\nurl = \"x\"\n", &mysql, &plain, "database.identity_db is not a table"),
        ("[encryption.more]\nx = 1\n", &mysql, &plain, "cannot be changed safely"),
        ("database = { user = { url = \"x\" } }\n", &mysql, &plain, "cannot be changed safely"),
        ("encryption = { old_key = \"x\" }\n", &mysql, &remove, "[encryption] old_key stands within {…}"),
        (
            "[database.identity_db]\ntype = \"mysql\"\nhostname = \"h\"\nname = \"n\"\n",
            &several,
            &plain,
            "[database.identity_db] has hostname and name, and newIdnDBUrl has several hosts",
        ),
        (
            "[database.identity_db]\ntype = \"oracle\"\nhostname = \"h\"\nname = \"n\"\n",
            &mysql,
            &plain,
            "type \"oracle\", and newIdnDBUrl is of another kind",
        ),
    ] {
        let error = edit(text, server, choices).expect_err(text);
        assert_eq!(error.id(), Id::DeploymentShape);
        assert!(error.what().contains(says), "{error}\ndoes not say\n{says}");
        assert!(!error.what().contains('\n'), "{error}");
    }
}

/// Whatever a password or user is: the server reads it back, and no output shows it.
#[derive(Debug)]
struct Odd(String);

fn odd() -> impl Strategy<Value = Odd> {
    "[ -~äß€😀\t]{9,30}".prop_map(Odd)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_password_is_written_so_that_it_is_read_back(password in odd(), old in odd()) {
        prop_assume!(!password.0.contains("${") && super::reference::reference(&old.0).is_none());
        let mut server = server(MYSQL, "");
        for database in [&mut server.identity, &mut server.registry] {
            database.as_mut().unwrap().password = Some(password.0.as_str().into());
        }
        let before = format!(
            "[database.identity_db] # {0}\n\"password\" = {1} # password = {0}\nurl = \"\"\n",
            "x", toml_edit::Value::from(old.0.as_str())
        );
        let edited = edit(&before, &server, &Choices::default()).unwrap();
        let read: toml::Table = edited.text.parse().unwrap();
        prop_assert_eq!(read["database"]["identity_db"]["password"].as_str(), Some(password.0.as_str()));
        prop_assert_eq!(read["database"]["shared_db"]["password"].as_str(), Some(password.0.as_str()));
        let shown = format!("{}{}", said(&edited), edited.masked);
        prop_assert!(!shown.contains(password.0.trim()), "{}", shown);
        prop_assert!(password.0 == old.0 || !shown.contains(old.0.trim()), "{}", shown);
    }

    #[test]
    fn any_text_is_edited_or_refused(text in "(?s)[\\[\\]a-c.={}\"'#\\n ]{0,60}") {
        let _ = edit(&text, &server(MYSQL, ""), &Choices::default());
    }
}

#[test]
fn comments_and_urls_hide_what_might_be_secret() {
    for (text, shown) in [
        ("# key = \"s3cret\"\n", "# key = <masked>\n"),
        ("a = 1 # old_key=s3cret\r\n", "a = 1 # old_key= <masked>\r\n"),
        ("# was AFA27B44D43B02A9FEA41D13CEDC2E41, see wiki\n", "# was <masked> see wiki\n"),
        ("# plain words stay, repository/conf too\n", "# plain words stay, repository/conf too\n"),
        (
            "url = \"jdbc:mysql://h/d?user=u&password=p&x=y\"",
            "url = \"jdbc:mysql://h/d?user=u&password=<masked>&x=y\"",
        ),
        (
            "url = \"jdbc:sqlserver://h;user=u;password=p\"",
            "url = \"jdbc:sqlserver://h;user=u;password=<masked>\"",
        ),
        ("url = \"ldaps://admin:pw@host:636/x\"", "url = \"ldaps://<masked>@host:636/x\""),
        (
            "[keystore.primary]\nkey_password = 's'\nname = \"x\"",
            "[keystore.primary]\nkey_password = \"<masked>\"\nname = \"x\"",
        ),
        ("[secrets]\nadmin = \"[s3cret]\"", "[secrets]\nadmin = \"<masked>\""),
        (
            "password = \"$secret{x}\"\npin.password = 1234",
            "password = \"$secret{x}\"\npin.password = \"<masked>\"",
        ),
    ] {
        assert_eq!(super::mask::masked(text, &[], &[]), shown);
    }
}
