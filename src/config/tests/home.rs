//! The new server's folder: what it must be, and what it tells about key ids.

use super::Bench;
use crate::error::Id;
use crate::{Home, Level};

#[test]
fn home_must_be_a_server_when_its_files_are_rotated() {
    for (value, says) in [
        ("", "newISHome names no path"),
        ("absent", "absent) cannot be found: No such file"),
        ("identity.db", "identity.db) is not a folder"),
        ("empty", "empty) has no folder `repository`"),
        ("~/is", "begins with ~"),
        ("~", "begins with ~"),
    ] {
        let bench = Bench::new().set("newISHome", value);
        bench.write("empty/file", "");
        bench.fails(Id::ConfigHome, says);
        // Without files to rotate it only tells the version.
        let bench = bench.set("enableConfigMigrator", "false");
        assert_eq!(bench.warnings().len(), usize::from(!value.is_empty()), "{value}");
    }
}

#[test]
fn a_home_is_found_through_symbolic_links() {
    let bench = Bench::new().set("newISHome", "link");
    std::os::unix::fs::symlink(bench.path("home"), bench.path("link")).unwrap();
    assert_eq!(bench.settings().files.unwrap().home, bench.path("home").canonicalize().unwrap());
}

#[test]
fn allowed_roots_are_folders() {
    let bench = Bench::new().set("allowedRoots", "[home, home/bin]");
    let home = bench.path("home").canonicalize().unwrap();
    assert_eq!(bench.settings().files.unwrap().allowed_roots, [home.clone(), home.join("bin")]);
    assert!(Bench::new().settings().files.unwrap().allowed_roots.is_empty());
    for (value, says) in
        [("absent", "cannot be found"), ("identity.db", "not a folder"), ("home, ~/a", "begins with ~")]
    {
        Bench::new().set("allowedRoots", value).fails(Id::ConfigValue, says);
    }
}

/// version.txt, wso2carbon-version.txt, a core jar, deployment.toml, `enableKeyId`: whether key ids
/// are written.
#[test]
fn key_ids_are_written_where_the_server_looks_for_them() {
    const V70: &str = "WSO2 Identity Server v7.0.0";
    const V71: &str = "WSO2 Identity Server v7.1.0\n";
    const K709: &str = "WSO2 Carbon Framework v4.10.9";
    const K742: &str = "WSO2 Carbon Framework v4.10.42";
    const OLD: &str = "[encryption]\nkey = \"x\"\nold_key = \"y\"\n";
    for (version, kernel, jar, toml, asked, expected) in [
        ("WSO2 Identity Server v5.11.0", "", "", "", "", false),
        (V70, "", "", "", "", false),
        (V71, "", "", "", "", true),
        ("WSO2 Identity Server v7.2.0-SNAPSHOT", "", "", "", "", true),
        ("WSO2 Identity Server v10.0.0.17", "", "", "", "", true),
        (V70, K742, "", "", "", false),
        ("", K709, "", "", "", false),
        ("", K742, "", "", "", true),
        ("nonsense", K742, "", "", "", true),
        ("", "", "4.10.23", "", "", false),
        ("", "", "4.10.24", "", "", true),
        ("", "", "4.10.101", "", "", true),
        ("", "", "", "", "", false),
        (V70, "", "", OLD, "", true),
        (V70, "", "", "encryption.old_key = \"y\"", "", true),
        (V70, "", "", "[encryption]\nold_key = \"\"", "", false),
        (V70, "", "", "[encryption]\n#old_key = \"y\"", "", false),
        (V70, "", "", "[other]\nold_key = \"y\"", "", false),
        (V71, "", "", "[encryption]\nenable_key_id = false", "", false),
        (V71, "", "", "[encryption]\nenable_key_id = \"False\"\nold_key = \"y\"", "", false),
        (V70, "", "", "[encryption]\nenable_key_id = true", "", true),
        (V70, "", "", "", "true", true),
        (V71, "", "", "[encryption]\nkey = \"x\"", "false", false),
        (V71, "", "", "[encryption", "", true),
    ] {
        let bench = Bench::new();
        std::fs::remove_file(bench.path("home/bin/version.txt")).unwrap();
        for (file, text) in [
            ("bin/version.txt", version),
            ("bin/wso2carbon-version.txt", kernel),
            ("repository/conf/deployment.toml", toml),
        ] {
            if !text.is_empty() {
                bench.write(&format!("home/{file}"), text);
            }
        }
        if !jar.is_empty() {
            bench.write(&format!("home/repository/components/plugins/org.wso2.carbon.core_{jar}.jar"), "");
            bench.write("home/repository/components/plugins/org.wso2.carbon.core.services_9.9.9.jar", "");
        }
        let row = format!("{version:?} {kernel:?} {jar:?} {toml:?} {asked:?}");
        let bench = if asked.is_empty() { bench } else { bench.set("enableKeyId", asked) };
        assert_eq!(bench.settings().key_id, expected, "{row}");
        // The same without files to rotate: then the home only tells the version.
        let bench = bench.set("enableConfigMigrator", "false");
        assert_eq!(bench.settings().key_id, expected, "{row}");
    }
}

#[test]
fn doubts_about_key_ids_are_told() {
    let bench = Bench::new().set("enableKeyId", "false");
    bench.write("home/bin/version.txt", "WSO2 Identity Server v7.1.0");
    assert!(bench.warnings()[0].starts_with("enableKeyId is false, but"));
    // With old_key the server opens nothing of what would be written.
    bench.write("home/repository/conf/deployment.toml", "[encryption]\nold_key = \"x\"");
    bench.fails(Id::ConfigValue, "enableKeyId is false, but the new server");
    bench.write(
        "home/repository/conf/deployment.toml",
        "[encryption]\nold_key = \"x\"\nenable_key_id = false",
    );
    bench.settings();

    let bench = Bench::new();
    bench.write("home/bin/version.txt", "?");
    assert!(bench.notices(Level::Info)[0].starts_with("the version of the server in newISHome is not known"));

    let bench = Bench::new().set("newSecretKey", &"0f".repeat(32));
    assert!(bench.warnings()[0].contains("the server in newISHome (6.1.0) may not read"));
    assert_eq!(bench.set("newISHome", "").set("enableConfigMigrator", "false").settings().notices, []);
}

#[test]
fn a_broken_deployment_toml_is_told_by_its_line_alone() {
    let bench = Bench::new();
    bench.write("home/repository/conf/deployment.toml", "[encryption]\nkey = \"hunter2hunter2\nold_key = 1");
    let warnings = bench.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("deployment.toml: line 2 is not TOML"),
        "{warnings:?}"
    );
    assert!(!warnings[0].contains("hunter2"));
    assert_eq!(Home::inspect(&bench.path("home")).version, Some((6, 1, 0)));
}
