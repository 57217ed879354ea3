//! The trigger scripts for databases that are not here, and H2's, for which there is one.
//!
//! The parser reads every statement that the splitter makes of a script, and each statement within a
//! statement. Tables, triggers and blocks are executed on stand-ins.

use std::fmt::Write as _;
use std::sync::Arc;

use keyrotation::db::Identifier;
use keyrotation::triggers::{Action, Client};
use keyrotation_target::sync::Parent;
use keyrotation_target::{SyncTable, TargetRegistry};

use super::{DERBY, must_be_understood, rows, run};

/// The tables that are kept in step.
fn synced() -> Vec<Arc<SyncTable>> {
    TargetRegistry::built_in().synced().to_vec()
}

/// The statements of a client's script.
fn statements(client: Client, action: Action) -> Vec<String> {
    client.statements(&client.script(&TargetRegistry::built_in(), action))
}

/// The statements within a statement: what it has carried out as a text, whole.
fn within(statement: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in statement.split("EXECUTE IMMEDIATE '").skip(1) {
        let text = part.replace("''", "\u{1}");
        let (text, rest) = text.split_once('\'').unwrap();
        if !rest.trim_start().starts_with("||") {
            found.push(text.replace('\u{1}', "'").trim().to_owned());
        }
    }
    found
}

fn all_within(client: Client, action: Action) -> Vec<String> {
    statements(client, action).iter().flat_map(|statement| within(statement)).collect()
}

// What sqlfluff reads.

/// What sqlfluff 4.5 can be asked of a statement; nothing where it does not know the kind of statement,
/// though the database's manual has it.
fn legible(client: Client, statement: &str) -> Option<String> {
    match client {
        Client::SqlPlus if statement.starts_with("LOCK TABLE") => None,
        Client::Db2 => match statement.split_whitespace().next().unwrap_or_default() {
            // Blocks are executed in HSQLDB; what is in them, and locks, by Derby.
            "BEGIN" | "LOCK" | "SET" => None,
            // Of triggers what they do.
            _ if statement.starts_with("CREATE OR REPLACE TRIGGER") => {
                Some(statement.split_once("MODE DB2SQL\n").unwrap().1.to_owned())
            }
            _ => Some(statement.replace(" GENERATED ALWAYS AS IDENTITY", "")),
        },
        _ => Some(statement.to_owned()),
    }
}

#[test]
fn another_parser_reads_the_statements_of_every_script() {
    let mut asked = Vec::new();
    for (client, dialect) in [(Client::SqlPlus, "oracle"), (Client::Sqlcmd, "tsql"), (Client::Db2, "db2")] {
        for action in [Action::Install, Action::Remove] {
            let all = statements(client, action);
            let inner: Vec<_> = all.iter().flat_map(|statement| within(statement)).collect();
            let legible = all.iter().chain(&inner).filter_map(|statement| legible(client, statement));
            let before = asked.len();
            asked.extend(legible.map(|statement| (dialect, statement)));
            assert!(asked.len() >= before + synced().len(), "{dialect}: nearly nothing was asked");
        }
    }
    must_be_understood(&asked);
}

// What stand-ins execute.

/// The tables that are kept in step, with their keys, one more column, and what they belong to.
fn tables() -> Vec<String> {
    let one = |table: &Arc<SyncTable>| {
        let key = &table.relation.key;
        let mut columns = String::new();
        for column in key {
            let kind = if *column == "TENANT_ID" { "INTEGER" } else { "VARCHAR(255)" };
            let _ = write!(columns, "{column} {kind} NOT NULL, ");
        }
        if let Some(Parent::Synced { column, table }) = &table.parent {
            let _ =
                write!(columns, "FOREIGN KEY ({column}) REFERENCES {table} ({column}) ON DELETE CASCADE, ");
        }
        let (table, key) = (&table.relation.table, key.join(", "));
        format!("CREATE TABLE {table} ({columns} V VARCHAR(9), PRIMARY KEY ({key}))")
    };
    synced().iter().map(one).collect()
}

/// A row's key whose last column says `name`.
fn key(table: &SyncTable, parent: &str, name: &str) -> Vec<String> {
    let last = table.relation.key.len() - 1;
    let value = |(at, column): (usize, &Identifier)| match column.as_str() {
        "TENANT_ID" => "-1234".to_owned(),
        _ if at == last => format!("'{name}'"),
        _ => format!("'{parent}'"),
    };
    table.relation.key.iter().enumerate().map(value).collect()
}

/// What a server does: two rows in one statement, a change of both, another key for one, and the
/// other's end, in a table with children by way of its foreign keys.
fn work() -> Vec<String> {
    let mut work = Vec::new();
    for table in &synced() {
        let name = &table.relation.table;
        let columns = table.relation.key.join(", ");
        let (a, b) = (key(table, "a", "a").join(", "), key(table, "b", "b").join(", "));
        work.push(format!("INSERT INTO {name} ({columns}, V) VALUES ({a}, 'x'), ({b}, 'x')"));
        work.push(format!("UPDATE {name} SET V = 'y'"));
    }
    for table in synced().iter().rev() {
        let (name, last) = (&table.relation.table, table.relation.key.last().unwrap());
        if is_parent(table) {
            work.push(format!("DELETE FROM {name} WHERE {last} = 'b'"));
        } else {
            work.push(format!("UPDATE {name} SET {last} = 'A' WHERE {last} = 'a'"));
            if !matches!(table.parent, Some(Parent::Synced { .. })) {
                work.push(format!("DELETE FROM {name} WHERE {last} = 'b'"));
            }
        }
    }
    work
}

fn is_parent(table: &SyncTable) -> bool {
    synced().iter().any(
        |other| matches!(&other.parent, Some(Parent::Synced { table: parent, .. }) if *parent == table.relation.table),
    )
}

/// Reads the whole change log: table, key, whether the row may be there.
fn read_logs() -> Vec<String> {
    let one = |table: &Arc<SyncTable>| {
        let key = table.relation.key.join(", ");
        format!(
            "SELECT '{}', {key}, AVAILABILITY FROM {} WHERE SYNCED = 0 AND CHANGED_AT IS NOT NULL ORDER BY SYNC_ID",
            table.triggers, table.log
        )
    };
    synced().iter().map(one).collect()
}

/// What the change log must say of [`work`].
fn noted() -> String {
    let mut noted = String::new();
    for table in &synced() {
        let mut note = |parent: &str, name: &str, availability: u8| {
            let key = key(table, parent, name).join("\t").replace('\'', "");
            let _ = writeln!(noted, "{}\t{key}\t{availability}", table.triggers);
        };
        for (name, availability) in [("a", 1), ("b", 1), ("a", 1), ("b", 1)] {
            note(name, name, availability);
        }
        if !is_parent(table) {
            note("a", "a", 0);
            note("a", "A", 1);
        }
        note("b", "b", 0);
    }
    noted
}

#[test]
fn h2_executes_its_own_scripts_twice() {
    let install = statements(Client::H2, Action::Install);
    let remove = statements(Client::H2, Action::Remove);
    let again = "SELECT COUNT(DISTINCT TRIGGER_NAME) FROM INFORMATION_SCHEMA.TRIGGERS";
    let gone = "SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME LIKE '%TEMP'";
    // The script of before made several triggers for each table.
    let former = "CREATE TRIGGER TOTP_SYNC_DELETE AFTER DELETE ON IDN_IDENTITY_USER_DATA FOR EACH ROW AS \
                  'org.h2.api.Trigger log() { return (connection, before, after) -> { }; }'";
    let mut all = [tables(), vec![former.to_owned()], install.clone(), install, work()].concat();
    all.extend(read_logs());
    all.push(again.to_owned());
    all.extend(remove.iter().chain(&remove).cloned());
    all.extend([again.to_owned(), gone.to_owned()]);
    assert_eq!(rows("jdbc:h2:mem:stand_in", &all), noted() + "9\n0\n0\n");
}

#[test]
fn h2_refuses_a_log_with_other_columns() {
    let log = format!("CREATE TABLE {} (SYNC_ID BIGINT, WIDE VARCHAR(9))", synced()[0].log);
    let all = [tables(), vec![log], statements(Client::H2, Action::Install)].concat();
    let refused = run("jdbc:h2:mem:stand_in", &all).unwrap_err();
    assert!(refused.contains("Column count does not match"), "{refused}");
}

#[test]
fn derby_executes_what_the_script_for_db2_makes() {
    let install = all_within(Client::Db2, Action::Install);
    assert_eq!(install.len(), synced().len() * 6);
    let install = install.iter().map(|statement| statement.replace("CREATE OR REPLACE", "CREATE"));
    let mut all = [tables(), install.collect(), work(), read_logs()].concat();
    all.extend(all_within(Client::Db2, Action::Remove));
    all.push("SELECT COUNT(*) FROM SYS.SYSTRIGGERS".to_owned());
    all.push("SELECT COUNT(*) FROM SYS.SYSTABLES WHERE TABLENAME LIKE '%TEMP'".to_owned());
    assert_eq!(rows(DERBY, &all), noted() + "0\n0\n");
}

/// The blocks of the script for Db2 as procedures, in which a text is noted instead of carried out.
fn procedures(action: Action) -> Vec<String> {
    let blocks =
        statements(Client::Db2, action).into_iter().filter(|statement| statement.starts_with("BEGIN"));
    let procedure = |(at, block): (usize, String)| {
        let body = block
            .replacen("BEGIN", "BEGIN ATOMIC", 1)
            .replace("CURRENT SCHEMA", "CURRENT_SCHEMA")
            .replace("EXECUTE IMMEDIATE '", "INSERT INTO DONE (WHAT) VALUES ('")
            .replace("';\n", "');\n")
            .replace(" here');", " here';")
            .replace(" first');", " first';");
        format!("CREATE PROCEDURE SECTION_{at}() MODIFIES SQL DATA {body}")
    };
    blocks.enumerate().map(procedure).collect()
}

const CATALOG: [&str; 6] = [
    "CREATE SCHEMA SYSCAT",
    "CREATE TABLE SYSCAT.TABLES (TABSCHEMA VARCHAR(128), TABNAME VARCHAR(128), TYPE CHAR(1))",
    "CREATE TABLE SYSCAT.TRIGGERS (TRIGSCHEMA VARCHAR(128), TRIGNAME VARCHAR(128))",
    "CREATE TABLE SYSCAT.COLUMNS (TABSCHEMA VARCHAR(128), TABNAME VARCHAR(128), COLNAME VARCHAR(128), LENGTH INTEGER)",
    "CREATE TABLE DONE (NR INTEGER GENERATED ALWAYS AS IDENTITY, WHAT VARCHAR(4000))",
    "INSERT INTO SYSCAT.TABLES VALUES (CURRENT_SCHEMA, 'IDN_IDENTITY_USER_DATA', 'T')",
];

/// Calls the blocks in HSQLDB with a catalogue of Db2's kind.
fn blocks(action: Action, there: &[&str]) -> Result<String, String> {
    let mut all: Vec<String> = CATALOG.map(str::to_owned).to_vec();
    all.extend(there.iter().map(|&there| there.to_owned()));
    let procedures = procedures(action);
    let calls: Vec<_> = (0..procedures.len()).map(|at| format!("CALL SECTION_{at}()")).collect();
    all.extend(procedures);
    all.extend(calls);
    all.push("SELECT SUBSTRING(TRIM(REPLACE(REPLACE(WHAT, CHAR(10), ' '), '  ', '')) FROM 1 FOR 38) FROM DONE ORDER BY NR".to_owned());
    run("jdbc:hsqldb:mem:stand_in;sql.syntax_db2=true", &all)
}

#[test]
fn hsqldb_executes_the_blocks_of_the_scripts_for_db2() {
    let log = "INSERT INTO SYSCAT.TABLES VALUES (CURRENT_SCHEMA, 'IDN_IDENTITY_USER_DATA_TEMP', 'T')";
    let column = |table: &str, name: &str, length: u32| {
        format!("INSERT INTO SYSCAT.COLUMNS VALUES (CURRENT_SCHEMA, '{table}', '{name}', {length})")
    };
    let made = blocks(Action::Install, &[]).unwrap();
    let first = |made: &str| made.lines().map(|line| line[..12].to_owned()).collect::<Vec<_>>();
    let of_one =
        ["LOCK TABLE I", "CREATE TABLE", "CREATE OR RE", "CREATE OR RE", "CREATE OR RE", "CREATE OR RE"];
    assert_eq!(first(&made), of_one, "only the table that is there\n{made}");

    let names = ["IDN_IDENTITY_USER_DATA", "IDN_IDENTITY_USER_DATA_TEMP"];
    let fits = [column(names[0], "USER_NAME", 255), column(names[1], "USER_NAME", 1020)];
    let made = blocks(Action::Install, &[log, &fits[0], &fits[1]]).unwrap();
    assert_eq!(first(&made).len(), 5, "a log that is there is kept\n{made}");

    let foreign = column(names[1], "DATA_VALUE", 9);
    let refused = blocks(Action::Install, &[log, &foreign]).unwrap_err();
    assert!(refused.contains("run newDB2.sql first"), "{refused}");

    let narrow = [column(names[0], "USER_NAME", 2000), column(names[1], "USER_NAME", 1020)];
    let refused = blocks(Action::Install, &[log, &narrow[0], &narrow[1]]).unwrap_err();
    assert!(refused.contains("widen it here"), "{refused}");

    assert_eq!(blocks(Action::Remove, &[]).unwrap(), "", "nothing is there to drop");
    let trigger = "INSERT INTO SYSCAT.TRIGGERS VALUES (CURRENT_SCHEMA, 'TOTP_SYNC_KEY')";
    let dropped = blocks(Action::Remove, &[log, trigger]).unwrap();
    assert_eq!(dropped, "DROP TRIGGER totp_sync_key\nDROP TABLE IDN_IDENTITY_USER_DATA_TEMP\n");
}

/// The columns in what a trigger asks of an UPDATE, such as `UPDATING('A')`.
fn asked<'a>(body: &'a str, before: &str, after: char) -> Vec<&'a str> {
    body.split(before).skip(1).filter_map(|part| part.split(after).next()).collect()
}

/// A stand-in's triggers for the INSERTs in the body of a trigger, one for each. The first of two is the
/// one that is asked whether key columns were named: there as the trigger's own `UPDATE OF`.
fn triggers(
    [name, event, table]: [&str; 3],
    body: &str,
    columns: &[&str],
    of_insert: impl Fn(&str) -> String,
) -> Vec<String> {
    let one = |(at, insert): (usize, &str)| {
        let insert = of_insert(insert.split_once(';').unwrap().0);
        let of =
            if at == 0 && !columns.is_empty() { format!("OF {}", columns.join(", ")) } else { String::new() };
        format!("CREATE TRIGGER {name}_{at} AFTER {event} {of} ON {table} {insert}")
    };
    body.split("INSERT INTO").skip(1).enumerate().map(one).collect()
}

#[test]
fn h2_and_hsqldb_execute_tables_and_inserts_of_the_script_for_oracle() {
    let all = all_within(Client::SqlPlus, Action::Install);
    let logs = all.iter().filter(|sql| sql.starts_with("CREATE TABLE"));
    let logs: Vec<_> = logs.map(|sql| sql.replace("SYS_EXTRACT_UTC(SYSTIMESTAMP)", "SYSTIMESTAMP")).collect();
    assert_eq!(logs.len(), synced().len());
    rows("jdbc:h2:mem:stand_in;MODE=Oracle", &[logs.clone(), read_logs()].concat());
    let of_insert = |insert: &str| {
        let row = if insert.contains(":NEW.") { "NEW ROW AS n" } else { "OLD ROW AS o" };
        let insert = insert.replace(":NEW.", "n.").replace(":OLD.", "o.");
        format!("REFERENCING {row} FOR EACH ROW INSERT INTO{insert}")
    };
    let mut made = Vec::new();
    for trigger in all.iter().filter(|sql| sql.starts_with("CREATE OR REPLACE TRIGGER")) {
        let (head, body) = trigger.split_once("BEGIN\n").unwrap();
        let words: Vec<_> = head.split_whitespace().collect();
        let columns = asked(body, "UPDATING('", '\'');
        made.extend(triggers([words[4], words[6], words[8]], body, &columns, of_insert));
    }
    let all = [tables(), logs, made, work(), read_logs()].concat();
    assert_eq!(rows("jdbc:hsqldb:mem:stand_in;sql.syntax_ora=true", &all), noted());
}

#[test]
fn h2_and_derby_execute_tables_and_inserts_of_the_script_for_sql_server() {
    let all = statements(Client::Sqlcmd, Action::Install);
    let logs = all.iter().filter_map(|sql| sql.find("CREATE TABLE").map(|at| &sql[at..]));
    let logs = logs.map(|log| {
        let (log, _index) = log.split_once(",\n        INDEX").unwrap();
        let log = log.replace(" COLLATE Latin1_General_BIN2", "");
        format!("{})", log.replace("SYSUTCDATETIME()", "CURRENT_TIMESTAMP"))
    });
    let logs: Vec<_> = logs.collect();
    assert_eq!(logs.len(), synced().len());
    rows("jdbc:h2:mem:stand_in;MODE=MSSQLServer", &[logs, read_logs()].concat());
    let of_insert = |insert: &str| {
        let rows =
            if insert.ends_with("FROM inserted") { "NEW TABLE AS inserted" } else { "OLD TABLE AS deleted" };
        format!("REFERENCING {rows} FOR EACH STATEMENT INSERT INTO{insert}")
    };
    let mut made = Vec::new();
    for trigger in all.iter().filter(|sql| sql.starts_with("CREATE OR ALTER TRIGGER ")) {
        let (head, body) = trigger.split_once(" AS\nBEGIN\n").unwrap();
        let words: Vec<_> = head.split_whitespace().collect();
        made.extend(triggers([words[4], words[8], words[6]], body, &asked(body, "UPDATE(", ')'), of_insert));
    }
    let logs =
        all_within(Client::Db2, Action::Install).into_iter().filter(|sql| sql.starts_with("CREATE TABLE"));
    let all = [tables(), logs.collect(), made, work(), read_logs()].concat();
    assert_eq!(rows(DERBY, &all), noted());
}
