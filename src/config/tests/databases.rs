//! Which databases are rotated, and which never.

use std::fs;
use std::os::unix::fs::symlink;

use super::Bench;
use crate::error::Id;
use crate::exit::Exit;

#[test]
fn urls_name_sqlite_files_that_exist() {
    for (url, id, says) in [
        ("", Id::ConfigUrl, "is empty"),
        ("identity.db", Id::ConfigUrl, "does not begin with jdbc:"),
        ("sqlite:identity.db", Id::ConfigUrl, "does not begin with jdbc:"),
        ("jdbc:sqlite", Id::ConfigUrl, "has no second colon"),
        ("'jdbc:sqlite:'", Id::ConfigUrl, "names no file"),
        ("'jdbc:sqlite::memory:'", Id::ConfigUrl, "names no file"),
        ("jdbc:sqlite::resource:a", Id::ConfigUrl, "names no file"),
        ("jdbc:sqlite:identity.db?mode=ro", Id::ConfigUrl, "has parameters"),
        ("jdbc:sqlite:file:identity.db", Id::ConfigUrl, "write the plain path"),
        ("jdbc:sqlite:~/identity.db", Id::ConfigUrl, "begins with ~"),
        ("jdbc:derby:identity", Id::ConfigUrl, "a scheme that is not known (jdbc:derby:)"),
        ("jdbc:hunter2:identity", Id::ConfigUrl, "a scheme that is not known (its scheme)"),
        ("jdbc:sqlite:absent.db", Id::ConfigDatabaseFile, "absent.db, which cannot be found"),
        ("jdbc:sqlite:home", Id::ConfigDatabaseFile, "home, which is not a regular file"),
        ("jdbc:oracle:oci:scott/hunter2@h", Id::ConfigUrl, "Oracle's thin driver"),
        ("jdbc:sqlserver://h;password=hunter2", Id::ConfigUrl, "names no database"),
        ("jdbc:db2:idndb", Id::ConfigUrl, "//host:port/database"),
        ("jdbc:h2:~/is/IDN", Id::ConfigUrl, "begins with ~"),
        ("jdbc:h2:mem:idn", Id::ConfigUrl, "a database in memory"),
        ("jdbc:h2:zip:a.zip!/idn", Id::ConfigUrl, "a file with zip:"),
        ("jdbc:h2:./absent;PASSWORD=hunter2", Id::ConfigDatabaseFile, "absent.mv.db, which cannot be found"),
        ("jdbc:postgresql://h/", Id::ConfigUrl, "names no database"),
        ("jdbc:MySQL://h", Id::ConfigUrl, "names no database"),
        ("jdbc:mysql:replication://a,b/idn", Id::ConfigUrl, "spreads connections"),
        ("jdbc:mysql://address=(host=a)(port=1)/idn", Id::ConfigUrl, "write host:port"),
        ("jdbc:mysql://root:hunter2@h/idn", Id::ConfigUrl, "user before its host"),
        ("jdbc:postgresql://::1/idn", Id::ConfigUrl, "without brackets"),
        ("jdbc:postgresql://[::1/idn", Id::ConfigUrl, "without its ]"),
        ("jdbc:postgresql://h:0/idn", Id::ConfigUrl, "a port that is not a number"),
        ("jdbc:postgresql://h/%FF", Id::ConfigUrl, "not UTF-8"),
    ] {
        for key in ["newIdnDBUrl", "newRegDBUrl"] {
            let bench = Bench::new().set(key, url);
            let error = bench.fails(id, says);
            assert_eq!(error.exit(), Exit::Usage);
            assert!(error.what().contains(key) && !error.to_string().contains("hunter2"), "{error}");
            assert!(!bench.path("absent.db").exists());
        }
    }
    let bench = Bench::new();
    let absolute = format!("JDBC:SQLite:{}", bench.path("identity.db").display());
    let settings = bench.set("newIdnDBUrl", &absolute).settings();
    assert!(settings.databases.is_some());
}

#[test]
fn identity_and_registry_may_be_one_database() {
    let bench = Bench::new().set("newRegDBUrl", "jdbc:sqlite:./home/../identity.db");
    assert!(bench.settings().databases.unwrap().same_database());
    let bench = Bench::new().set("newRegDBUrl", "jdbc:sqlite:link.db");
    fs::hard_link(bench.path("identity.db"), bench.path("link.db")).unwrap();
    assert!(bench.settings().databases.unwrap().same_database());
}

#[test]
fn the_old_database_is_never_rewritten() {
    let bench = Bench::new();
    symlink(bench.path("identity.db"), bench.path("symbolic.db")).unwrap();
    fs::hard_link(bench.path("registry.db"), bench.path("hard.db")).unwrap();
    let mut bench = bench;
    for (old, key) in [
        ("jdbc:sqlite:identity.db", "newIdnDBUrl"),
        ("jdbc:sqlite:symbolic.db", "newIdnDBUrl"),
        ("jdbc:sqlite:registry.db", "newRegDBUrl"),
        ("jdbc:sqlite:hard.db", "newRegDBUrl"),
    ] {
        for databases in ["true", "false"] {
            bench = bench.set("oldIdnDBUrl", old).set("enableDBMigrator", databases);
            let says = format!("{key} is the same database as oldIdnDBUrl");
            bench.fails(Id::ConfigOldDatabase, &says);
        }
    }
}

#[test]
fn an_old_database_that_is_not_needed_is_no_obstacle() {
    for (url, warned) in [
        ("", false),
        ("jdbc:sqlite:old.db", false),
        ("jdbc:mysql://h/db", false),
        ("jdbc:sqlite:absent.db", true),
    ] {
        let bench = Bench::new().set("oldIdnDBUrl", url);
        let warnings = bench.warnings();
        assert_eq!(warnings.iter().any(|text| text.contains("cannot be compared")), warned, "{warnings:?}");
        assert_eq!(bench.settings().databases.unwrap().old_identity.is_some(), url.contains("old.db"));
    }
    Bench::new()
        .set("oldIdnDBUrl", "jdbc:derby:old")
        .fails(Id::ConfigUrl, "oldIdnDBUrl begins with a scheme");
}
