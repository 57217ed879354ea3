//! Why a server refuses a statement, where that decides what to do: a grant helps against one reason only.

use super::DbError;

/// Why a server refuses a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The user may not do that: a grant helps.
    Forbidden,
    /// Nothing can be written there at all.
    ReadOnly,
    /// The server's binary log cannot record it.
    BinaryLog,
    /// The server does not understand it.
    Syntax,
    /// It is not there, or the user may not see it: some servers do not say which.
    Unseen,
    /// The user may write there, and has no room.
    NoRoom,
    /// The server, or what it needs for this, is not in a state to do it.
    NotNow,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What to do, where no grant helps and the message alone does not say it.
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::ReadOnly => Some(
                "name the server that can be written to, not a replica; or let a DBA end the read-only mode \
                 (read_only, default_transaction_read_only, ALTER DATABASE … SET READ_WRITE, OPEN READ WRITE)",
            ),
            Self::BinaryLog => Some(
                "let a DBA set `binlog_format = ROW` (or MIXED) on this server: statements of READ COMMITTED \
                 transactions cannot be logged otherwise",
            ),
            Self::Syntax => Some(
                "check that it is a version that docs/databases.md lists, and that sql_mode is as it ships; \
                 if so, please report this with the log",
            ),
            Self::Unseen => Some(
                "see that the table is there, under this name and in the schema or database that the URL names; some \
                 servers say the same of one that the user may not see, so let a DBA grant SELECT on it, too",
            ),
            Self::NoRoom => Some(
                "let a DBA make room where the table is (disk, tablespace, transaction log), or give the user a quota \
                 there (Oracle: ALTER USER … QUOTA … ON …)",
            ),
            Self::NotNow => Some(
                "let a DBA end what the server waits for (a backup, a rebuilt index, an integrity check, a \
                 database that is being restored), then repeat this",
            ),
            Self::Forbidden | Self::Other => None,
        }
    }
}

impl DbError {
    /// Why the server refuses, by the codes in its message.
    pub fn refusal(&self) -> Refusal {
        let text = self.to_string();
        let end = text.rsplit_once('(').map(|(_, end)| end).unwrap_or_default();
        // Db2's own numbers are others' too; its SQLSTATEs are not.
        let end =
            if end.starts_with("SQLCODE") { end.split_once(',').map_or("", |(_, state)| state) } else { end };
        let words = end.split(|c: char| !c.is_ascii_alphanumeric());
        let codes: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let has = |known: &[&str]| codes.iter().any(|code| known.contains(code));
        let says = |words: &[&str]| {
            let text = text.to_lowercase();
            words.iter().any(|word| text.contains(word))
        };
        if has(&["1665"]) {
            Refusal::BinaryLog
        } else if has(READ_ONLY) {
            Refusal::ReadOnly
        } else if has(SYNTAX) {
            Refusal::Syntax
        } else if has(UNSEEN) {
            Refusal::Unseen
        } else if has(NO_ROOM) || (has(NO_ROOM_OF_SQL_SERVER) && says(&["space", "filegroup"])) {
            Refusal::NoRoom
        } else if has(NOT_NOW) {
            Refusal::NotNow
        } else if has(FORBIDDEN)
            || says(&[
                "permission denied",
                "access denied",
                "command denied",
                "insufficient priv",
                "not authorized",
            ])
        {
            Refusal::Forbidden
        } else if has(SYNTAX_OF_H2) {
            Refusal::Syntax
        } else {
            Refusal::Other
        }
    }
}

// Numbers and SQLSTATEs of all servers: MySQL's and MariaDB's have four digits, Oracle's five with a zero before
// them, H2's five, SQL Server's three to five; those with letters, and of 42 and 5x, are SQLSTATEs.

/// The user may not do something.
const FORBIDDEN: &[&str] = &[
    "1044", "1045", "1142", "1143", "1227", "1370", "1410", "1419", "42501", "42502", "229", "230", "262",
    "297", "300", "916", "4060", "15247", "90096", "90040", "01031", "01045", "41900",
];
/// Server, database, tablespace or table are read only.
const READ_ONLY: &[&str] =
    &["1290", "1792", "1836", "25006", "3906", "978", "979", "90097", "16000", "01647", "12081"];
/// It is no SQL to the server.
const SYNTAX: &[&str] = &["1064", "42601", "102", "156", "00900", "00907", "00923", "00933", "00936"];
/// Likewise; elsewhere these are SQLSTATEs of more than that.
const SYNTAX_OF_H2: &[&str] = &["42000", "42001"];
/// There is no such table, as far as this user may know.
const UNSEEN: &[&str] = &[
    "1146", "42P01", "42704", "42102", "42103", "42104", "208", "1088", "3701", "4902", "15151", "00942",
    "04043",
];
/// No quota, or nothing left of a disk, a file, a tablespace or a log.
const NO_ROOM: &[&str] = &[
    "1021", "1114", "53100", "57011", "9002", "01536", "01950", "01652", "01653", "01654", "01658", "01688",
    "30036",
];
/// Likewise; MySQL's of these numbers are an unknown error, and one of syntax.
const NO_ROOM_OF_SQL_SERVER: &[&str] = &["1101", "1105"];
/// Something else must be done there first.
const NOT_NOW: &[&str] =
    &["55000", "55019", "55039", "57007", "57016", "924", "927", "942", "945", "00376", "01502"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    #[test]
    fn a_grant_is_advised_only_where_it_helps() {
        for (text, expected) in [
            ("UPDATE command denied to user 'k'@'%' for table 'T' (error 1142)", Refusal::Forbidden),
            ("permission denied for table idn (SQLSTATE 42501)", Refusal::Forbidden),
            ("The UPDATE permission was denied on the object (S0005, 229)", Refusal::Forbidden),
            ("Cannot execute statement: impossible to write to binary log (error 1665)", Refusal::BinaryLog),
            ("You have an error in your SQL syntax (error 1064)", Refusal::Syntax),
            ("Cannot execute statement in a READ ONLY transaction (error 1792)", Refusal::ReadOnly),
            ("cannot execute UPDATE in a read-only transaction (SQLSTATE 25006)", Refusal::ReadOnly),
            ("Disk full (error 1021)", Refusal::NoRoom),
            ("Unknown error (error 1105)", Refusal::Other),
            (
                "BLOB, TEXT, GEOMETRY or JSON column 'X' can't have a default value (error 1101)",
                Refusal::Other,
            ),
            (
                "Could not allocate space for object 'T' in database 'IS' because the 'PRIMARY' filegroup is full (error 1105)",
                Refusal::NoRoom,
            ),
            ("ORA-01031: insufficient privileges (42000, 1031)", Refusal::Forbidden),
            ("ORA-01031: insufficient privileges (ORA-01031)", Refusal::Forbidden),
            ("ORA-00942: table or view does not exist (ORA-00942)", Refusal::Unseen),
            ("ORA-01950: no privileges on tablespace 'USERS' (ORA-01950)", Refusal::NoRoom),
            ("ORA-01536: space quota exceeded for tablespace 'USERS' (ORA-01536)", Refusal::NoRoom),
            ("ORA-16000: database open for read-only access (ORA-16000)", Refusal::ReadOnly),
            ("ORA-01502: index 'X' or partition is in unusable state (ORA-01502)", Refusal::NotNow),
            ("ORA-00933: SQL command not properly ended (ORA-00933)", Refusal::Syntax),
            (
                "Failed to update database \"IS\" because the database is read-only. (error 3906)",
                Refusal::ReadOnly,
            ),
            ("The INSERT permission was denied on the object 'T' (error 229)", Refusal::Forbidden),
            ("CREATE TRIGGER permission denied in database 'IS' (error 262)", Refusal::Forbidden),
            ("VIEW SERVER STATE permission was denied (error 300)", Refusal::Forbidden),
            ("The user does not have permission to perform this action (error 297)", Refusal::Forbidden),
            ("Invalid object name 'T' (error 208)", Refusal::Unseen),
            (
                "Cannot find the object \"T\" because it does not exist or you do not have permissions (error 1088)",
                Refusal::Unseen,
            ),
            ("The transaction log for database 'IS' is full (error 9002)", Refusal::NoRoom),
            ("Database 'IS' is in the middle of a restore (error 927)", Refusal::NotNow),
            ("does not have the required authorization (SQLCODE -551, SQLSTATE 42501)", Refusal::Forbidden),
            ("does not have the privilege (SQLCODE -552, SQLSTATE 42502)", Refusal::Forbidden),
            ("is an undefined name (SQLCODE -204, SQLSTATE 42704)", Refusal::Unseen),
            ("unavailable resource (SQLCODE -904, SQLSTATE 57011)", Refusal::NoRoom),
            ("operation not allowed, reason code 7 (SQLCODE -668, SQLSTATE 57016)", Refusal::NotNow),
            ("a number that is another server's (SQLCODE -1142, SQLSTATE 58004)", Refusal::Other),
            ("Not enough rights for object \"T\" (error 90096)", Refusal::Forbidden),
            ("The database is read only (error 90097)", Refusal::ReadOnly),
            ("Table \"T\" not found (error 42102)", Refusal::Unseen),
            ("relation \"t\" does not exist (SQLSTATE 42P01)", Refusal::Unseen),
            ("Table storage engine for 'T' doesn't have this option (error 1031)", Refusal::Other),
            ("no code at all", Refusal::Other),
        ] {
            let refusal = DbError::new(Class::Environment, text).refusal();
            assert_eq!(refusal, expected, "{text}");
            let grant_helps = refusal == Refusal::Forbidden;
            assert!(!(grant_helps && refusal.advice().is_some()), "{text}");
        }
    }
}
