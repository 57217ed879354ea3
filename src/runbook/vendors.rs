//! Commands that copy databases of Oracle, SQL Server and Db2, with the vendors' own tools. They are the
//! vendors' documentation's, and were never executed by us. A DBA runs them; no tool is told a password.

use super::Advice;
use crate::db::server::Kind;
use crate::invocation::word;

/// Said before the commands.
const REHEARSE: &str = "We have not run these commands: rehearse them. Replace DBA by a DBA's user; the \
                        tools ask for passwords.";

/// A database of one of the three.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Where it is, as its URL says: host, port and name.
    pub(super) place: &'a str,
    /// Who logs on there.
    pub(super) user: Option<&'a str>,
}

/// How to copy one of this kind; `file` is what the dump is called, without its ending.
pub(super) fn copy(kind: Kind, old: Option<Place<'_>>, new: Place<'_>, file: &str) -> Vec<Advice> {
    match kind {
        Kind::Oracle => oracle(old, new, file),
        Kind::SqlServer => sql_server(old, new, file),
        Kind::Db2 => db2(old, new, file),
        Kind::H2 | Kind::Postgres | Kind::MySql => {
            vec![Advice::Say("Copy the database with its own tools, as of one moment.".to_owned())]
        }
    }
}

fn say(text: impl Into<String>) -> Advice {
    Advice::Say(text.into())
}

/// A statement as an argument. It is full of single quotes, so it stands in double ones where it can.
fn statement(text: &str) -> String {
    if text.contains(['"', '$', '`', '\\', '!']) { word(text) } else { format!("\"{text}\"") }
}

fn oracle(old: Option<Place<'_>>, new: Place<'_>, file: &str) -> Vec<Advice> {
    let connect = |place: Option<Place<'_>>| match place {
        None => "DBA@//OLD_HOST:1521/OLD_SERVICE".to_owned(),
        Some(Place { place, .. }) => match place.split(':').collect::<Vec<_>>().as_slice() {
            [host, port, sid] if !place.contains('/') => format!(
                "DBA@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST={host})(PORT={port}))(CONNECT_DATA=(SID={sid})))"
            ),
            _ if place.contains('/') => format!("DBA@//{place}"),
            _ => format!("DBA@{place}"), // an alias
        },
    };
    let (from, to) = (word(&connect(old)), word(&connect(Some(new))));
    let [owner, heir] =
        [old.and_then(|old| old.user).unwrap_or("OLD_SCHEMA"), new.user.unwrap_or("NEW_SCHEMA")];
    let remap = if owner.eq_ignore_ascii_case(heir) {
        String::new()
    } else {
        format!(" REMAP_SCHEMA={}:{}", word(owner), word(heir))
    };
    let files = |tool: &str| format!("DIRECTORY=DATA_PUMP_DIR DUMPFILE={file}.dmp LOGFILE={file}-{tool}.log");
    vec![
        say(format!(
            "Oracle: {REHEARSE} The servers write and read the dump, in the folder of DATA_PUMP_DIR \
             (DBA_DIRECTORIES names it)."
        )),
        Advice::Command(format!(
            "expdp {from} SCHEMAS={} FLASHBACK_TIME=SYSTIMESTAMP {}",
            word(owner),
            files("expdp")
        )),
        say("If the copy is on another server, copy the dump into that server's folder. Then:"),
        Advice::Command(format!("impdp {to} SCHEMAS={}{remap} {}", word(owner), files("impdp"))),
        say(format!(
            "If impdp created the user {heir}, that user needs a password to log on: run `PASSWORD {heir}` \
             in sqlplus as the DBA, which asks for it. If the new schema has tablespaces of its own, add \
             REMAP_TABLESPACE=OLD:NEW."
        )),
    ]
}

fn sql_server(old: Option<Place<'_>>, new: Place<'_>, file: &str) -> Vec<Advice> {
    let parts = |place: &str| {
        let (host, database) = place.split_once(";databaseName=").unwrap_or((place, "DATABASE"));
        // sqlcmd wants a comma before the port.
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => {
                format!("{name},{port}")
            }
            _ => host.to_owned(),
        };
        (format!("sqlcmd -S {} -U DBA -b -Q", word(&format!("tcp:{host}"))), database.to_owned())
    };
    let (there, from) =
        old.map_or_else(|| parts("OLD_HOST:1433;databaseName=OLD_DATABASE"), |old| parts(old.place));
    let (here, to) = parts(new.place);
    let name = |text: &str| format!("[{}]", text.replace(']', "]]"));
    let text = |text: &str| format!("N'{}'", text.replace('\'', "''"));
    let disk = text(&format!("{file}.bak"));
    let backup = format!("BACKUP DATABASE {} TO DISK = {disk} WITH COPY_ONLY, CHECKSUM, FORMAT", name(&from));
    let list = format!("RESTORE FILELISTONLY FROM DISK = {disk}");
    let restore = format!(
        "RESTORE DATABASE {} FROM DISK = {disk} WITH CHECKSUM, MOVE N'LOGICAL_DATA' TO {}, MOVE N'LOGICAL_LOG' TO {}",
        name(&to),
        text(&format!("DATA_FOLDER/{to}.mdf")),
        text(&format!("LOG_FOLDER/{to}_log.ldf"))
    );
    vec![
        say(format!(
            "SQL Server: {REHEARSE} The servers write and read the backup, in their default folder for backups."
        )),
        Advice::Command(format!("{there} {}", statement(&backup))),
        say("If the copy is on another server, copy the backup into that server's folder. The second \
             command prints the names of the logical files. Write them and their new folders into the third \
             command, with one MOVE for each file."),
        Advice::Command(format!("{here} {}", statement(&list))),
        Advice::Command(format!("{here} {}", statement(&restore))),
        say(
            "sqlcmd before version 18 encrypts only with -N; -C trusts any certificate. The logins that use \
             the database must also exist on the new server.",
        ),
    ]
}

fn db2(old: Option<Place<'_>>, new: Place<'_>, file: &str) -> Vec<Advice> {
    let parts = |place: &str| {
        let mut parts = place.split('/').map(str::to_owned);
        let host = parts.next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().to_owned();
        (host, parts.next().unwrap_or_else(|| "DATABASE".to_owned()))
    };
    let (there, from) = old.map_or_else(|| parts("OLD_HOST/OLD_DATABASE"), |old| parts(old.place));
    let (here, to) = parts(new.place);
    let (from, to) = (word(&from), word(&to));
    vec![
        say(format!(
            "Db2: We have not run these commands: rehearse them. Run them on the servers, as the owner of \
             the instance, who needs no password. On {there}, if LOGARCHMETH1 is set; the database then \
             stays open:"
        )),
        Advice::Command(format!("db2 BACKUP DATABASE {from} ONLINE TO DUMP_FOLDER INCLUDE LOGS")),
        say(format!(
            "Without archived logs, run BACKUP DATABASE {from} TO DUMP_FOLDER while nobody is connected, \
             and leave out the ROLLFORWARD below. The backup prints its TIMESTAMP. On {here}, with the \
             backup in its DUMP_FOLDER and an empty LOG_FOLDER:"
        )),
        Advice::Command(format!(
            "db2 RESTORE DATABASE {from} FROM DUMP_FOLDER TAKEN AT TIMESTAMP INTO {to} LOGTARGET LOG_FOLDER REDIRECT GENERATE SCRIPT {file}.clp"
        )),
        say(format!(
            "Check {file}.clp: if the old database is on the same machine, the copy needs other containers \
             and paths. Then:"
        )),
        Advice::Command(format!("db2 -tvf {file}.clp")),
        Advice::Command(format!(
            "db2 \"ROLLFORWARD DATABASE {to} TO END OF BACKUP AND STOP OVERFLOW LOG PATH (LOG_FOLDER)\""
        )),
    ]
}
