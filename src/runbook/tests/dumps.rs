//! Commands that copy databases.

use super::*;

fn on(kind: Kind, database: &str, user: &str) -> Site {
    let host = Host { name: "db1".into(), port: 5000 };
    Site::Server {
        kind,
        is_mariadb: false,
        host,
        database: database.into(),
        user: Some(user.into()),
        tls: None,
    }
}

fn commands(step: &str, outline: &DraftConfig) -> Vec<String> {
    let step = STEPS.iter().find(|one| one.id == step).unwrap();
    let commands = advice(step, Zero, outline).into_iter().filter_map(|line| match line {
        Advice::Command(command) => Some(command),
        Advice::Say(_) => None,
    });
    commands.collect()
}

#[test]
fn dump_commands_name_hosts_and_users_and_are_quoted() {
    let outline = DraftConfig {
        old_identity: Some(on(Kind::Postgres, "identity", "o'neill")),
        new_identity: Some(on(Kind::Postgres, "identity copy", "anna")),
        new_registry: Some(on(Kind::MySql, "reg`copy", "anna")),
        old_home: Some(PathBuf::from("/opt/old is")),
        home: Some(PathBuf::from("/opt/new is")),
        ..DraftConfig::default()
    };
    assert_eq!(
        commands("copy", &outline),
        [
            "cp -a -T '/opt/old is' '/opt/new is'",
            "umask 077 && pg_dump --host=db1 --port=5000 --username=DBA --format=custom --file=identity.dump identity",
            "createdb --host=db1 --port=5000 --username=DBA --template=template0 'identity copy'",
            "pg_restore --host=db1 --port=5000 --username=DBA --no-owner --exit-on-error --dbname='identity copy' identity.dump",
            "umask 077 && mysqldump --host=OLD_HOST --port=OLD_PORT --user=DBA --password --single-transaction --hex-blob --routines \
             --no-tablespaces --loose-set-gtid-purged=OFF --loose-column-statistics=0 --result-file=registry.sql OLD_DATABASE",
            r"mysql --host=OLD_HOST --port=OLD_PORT --user=DBA --password --batch --raw --skip-column-names --execute='SELECT CONCAT('\''CREATE DATABASE `reg``copy` CHARACTER SET '\'', DEFAULT_CHARACTER_SET_NAME, '\'' COLLATE '\'', DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '\''OLD_DATABASE'\''' > registry-create.sql",
            "mysql --host=db1 --port=5000 --user=DBA --password < registry-create.sql",
            "mysql --host=db1 --port=5000 --user=DBA --password 'reg`copy' < registry.sql",
        ]
    );
    let file = |path: &str| Some(Site::File(Path::new(path).to_owned()));
    let outline =
        DraftConfig { old_identity: file("/a b"), new_identity: file("/c\"d"), ..DraftConfig::default() };
    assert_eq!(commands("copy", &outline)[0], "cp -a -T OLD_IS_HOME NEW_IS_HOME");
    let registry =
        DraftConfig { old_registry: file("/old.db"), new_registry: file("/new.db"), ..outline.clone() };
    assert_eq!(commands("copy", &registry)[2], r#"sqlite3 /old.db '.backup "/new.db"'"#);
    assert_eq!(commands("copy", &outline)[1], r#"sqlite3 '/a b' '.backup "/c\"d"'"#);
    let stores = vec![("users".to_owned(), file("/users.db"), file("/new-users.db"))];
    let with_store = DraftConfig { stores, ..outline };
    assert_eq!(
        commands("copy", &with_store).last().map(String::as_str),
        Some(r#"sqlite3 /users.db '.backup "/new-users.db"'"#)
    );
}

#[test]
fn how_h2_is_copied_depends_on_who_has_its_file() {
    let file = |path: &str| Some(Site::H2File(Path::new(path).to_owned()));
    let server = |name: &str| Some(Site::H2Server(format!("jdbc:h2:tcp://db1/{name}")));
    let embedded = DraftConfig {
        old_identity: file("/old.mv.db"),
        new_identity: file("/a b.mv.db"),
        ..DraftConfig::default()
    };
    assert_eq!(commands("copy", &embedded)[1], "cp -T /old.mv.db '/a b.mv.db'");
    let step = STEPS.iter().find(|step| step.id == "copy").unwrap();
    let remote =
        DraftConfig { old_identity: server("old"), new_identity: server("new"), ..DraftConfig::default() };
    let said = serde_json::to_string(&advice(step, Zero, &remote)).unwrap();
    assert!(said.contains("In jdbc:h2:tcp://db1/old: SCRIPT TO 'identity.sql'"), "{said}");
    assert!(said.contains("RUNSCRIPT FROM 'identity.sql'"), "{said}");
}

fn vendor(kind: Kind, place: &str, user: Option<&str>) -> Site {
    Site::Vendor { kind, place: place.to_owned(), user: user.map(str::to_owned) }
}

/// The commands of the three vendors, as a shell would get them: with hosts, ports, names and no password.
#[test]
fn the_vendors_commands_name_this_deployments_databases() {
    let commands = |kind, old: (&str, Option<&str>), new: (&str, Option<&str>)| {
        let outline = DraftConfig {
            old_identity: Some(vendor(kind, old.0, old.1)),
            new_identity: Some(vendor(kind, new.0, new.1)),
            new_registry: Some(vendor(kind, new.0, new.1)),
            ..DraftConfig::default()
        };
        commands("copy", &outline).split_off(1) // without the home's
    };
    assert_eq!(
        commands(Kind::Oracle, ("db1:1521/is", Some("WSO2")), ("db2:1521:ORCL", Some("WSO2NEW"))),
        [
            "expdp DBA@//db1:1521/is SCHEMAS=WSO2 FLASHBACK_TIME=SYSTIMESTAMP DIRECTORY=DATA_PUMP_DIR \
             DUMPFILE=identity.dmp LOGFILE=identity-expdp.log",
            "impdp 'DBA@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db2)(PORT=1521))(CONNECT_DATA=(SID=ORCL)))' \
             SCHEMAS=WSO2 REMAP_SCHEMA=WSO2:WSO2NEW DIRECTORY=DATA_PUMP_DIR DUMPFILE=identity.dmp \
             LOGFILE=identity-impdp.log",
        ]
    );
    let same = commands(Kind::Oracle, ("alias_old", Some("WSO2")), ("alias_new", Some("wso2")));
    assert!(same[1].starts_with("impdp DBA@alias_new SCHEMAS=WSO2 DIRECTORY="), "{same:?}");
    assert_eq!(
        commands(
            Kind::SqlServer,
            ("db1:1433;databaseName=is", Some("wso2")),
            ("db2\\i:1444;databaseName=o'is", None)
        ),
        [
            "sqlcmd -S tcp:db1,1433 -U DBA -b -Q \"BACKUP DATABASE [is] TO DISK = N'identity.bak' WITH COPY_ONLY, \
             CHECKSUM, FORMAT\"",
            "sqlcmd -S 'tcp:db2\\i,1444' -U DBA -b -Q \"RESTORE FILELISTONLY FROM DISK = N'identity.bak'\"",
            "sqlcmd -S 'tcp:db2\\i,1444' -U DBA -b -Q \"RESTORE DATABASE [o'is] FROM DISK = N'identity.bak' WITH CHECKSUM, \
             MOVE N'LOGICAL_DATA' TO N'DATA_FOLDER/o''is.mdf', MOVE N'LOGICAL_LOG' TO N'LOG_FOLDER/o''is_log.ldf'\"",
        ]
    );
    assert_eq!(
        commands(Kind::Db2, ("db1:50000/IS/WSO2", Some("anna")), ("db2:50000/ISNEW", None)),
        [
            "db2 BACKUP DATABASE IS ONLINE TO DUMP_FOLDER INCLUDE LOGS",
            "db2 RESTORE DATABASE IS FROM DUMP_FOLDER TAKEN AT TIMESTAMP INTO ISNEW LOGTARGET LOG_FOLDER REDIRECT \
             GENERATE SCRIPT identity.clp",
            "db2 -tvf identity.clp",
            "db2 \"ROLLFORWARD DATABASE ISNEW TO END OF BACKUP AND STOP OVERFLOW LOG PATH (LOG_FOLDER)\"",
        ]
    );
}

/// A command that was never executed says so.
#[test]
fn dumps_that_were_never_executed_say_so() {
    let step = STEPS.iter().find(|step| step.id == "copy").unwrap();
    for kind in [Kind::Oracle, Kind::SqlServer, Kind::Db2] {
        let outline =
            DraftConfig { new_identity: Some(vendor(kind, "db2:1/is", None)), ..DraftConfig::default() };
        let said = serde_json::to_string(&advice(step, Zero, &outline)).unwrap();
        assert!(said.contains(&format!("{}: We have not run these commands", kind.name())), "{said}");
        assert!(said.contains("OLD_"), "what is not known is left to fill in: {said}");
    }
    let mysql =
        DraftConfig { new_identity: Some(on(Kind::MySql, "identity", "anna")), ..DraftConfig::default() };
    assert!(
        serde_json::to_string(&advice(step, Zero, &mysql))
            .unwrap()
            .contains("Replace DBA by the name of an administrator")
    );
}

#[test]
fn dump_commands_are_protected_as_the_connection_is() {
    let site = |kind, mode, files: bool| {
        let authorities = files.then(|| PathBuf::from("/ca's.pem"));
        let client = files.then(|| (PathBuf::from("/c.pem"), PathBuf::from("/k.pem")));
        let mut site = on(kind, "identity", "anna");
        if let Site::Server { tls, host, .. } = &mut site {
            *tls = Some(Tls { mode, authorities, client });
            host.name = "localhost".into();
        }
        Some(site)
    };
    let dump = |site: Option<Site>| {
        commands(
            "copy",
            &DraftConfig { old_identity: site.clone(), new_identity: site, ..DraftConfig::default() },
        )
    };
    let said = dump(site(Kind::Postgres, TlsMode::VerifyFull, true));
    let environment = r"PGSSLMODE=verify-full PGSSLROOTCERT='/ca'\''s.pem' PGSSLCERT=/c.pem PGSSLKEY=/k.pem ";
    for (command, tool) in said[1..4].iter().zip(["pg_dump", "createdb", "pg_restore"]) {
        let dump = if tool == "pg_dump" { "umask 077 && " } else { "" };
        assert!(command.starts_with(&format!("{dump}{environment}{tool} --host=localhost")), "{command}");
    }
    assert!(
        dump(site(Kind::Postgres, TlsMode::Required, true))[1]
            .starts_with("umask 077 && PGSSLMODE=require PGSSLCERT=")
    );
    for (mode, files, mariadb, mysql) in [
        (
            TlsMode::VerifyFull,
            true,
            r" --ssl-verify-server-cert --ssl-ca='/ca'\''s.pem' --ssl-cert=/c.pem --ssl-key=/k.pem ",
            r" --ssl-mode=VERIFY_IDENTITY --ssl-ca='/ca'\''s.pem' --ssl-cert=/c.pem --ssl-key=/k.pem ",
        ),
        (TlsMode::VerifyCa, false, " --ssl-verify-server-cert ", " --ssl-mode=VERIFY_CA "),
        (TlsMode::Required, false, " --ssl --skip-ssl-verify-server-cert ", " --ssl-mode=REQUIRED "),
        (TlsMode::Preferred, false, " ", " "),
        (TlsMode::Disabled, false, " --skip-ssl ", " "),
    ] {
        for (is_mariadb, options) in [(true, mariadb), (false, mysql)] {
            let mut site = site(Kind::MySql, mode, files);
            if let Some(Site::Server { is_mariadb: is, .. }) = &mut site {
                *is = is_mariadb;
            }
            for command in &dump(site)[1..5] {
                assert!(
                    command.contains(&format!("--user=DBA --password --protocol=tcp{options}")),
                    "{command}"
                );
            }
        }
    }
}
