//! Words that a server takes for a value of its own where they stand without quotes, whatever a table's columns are called.
//!
//! Names are not quoted in statements, so that each server takes them in its own case: a column that has such a name
//! cannot be named there, and its table is refused. Other reserved words need no list: a statement with one is no statement.

use super::Syntax;

/// By dialect, in upper case.
const OWN_WORDS: &[(&str, &[&str])] = &[
    ("SQLite", &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "NULL"]),
    (
        "PostgreSQL",
        &[
            "CURRENT_CATALOG",
            "CURRENT_DATE",
            "CURRENT_ROLE",
            "CURRENT_SCHEMA",
            "CURRENT_TIME",
            "CURRENT_TIMESTAMP",
            "CURRENT_USER",
            "DEFAULT",
            "FALSE",
            "LOCALTIME",
            "LOCALTIMESTAMP",
            "NULL",
            "SESSION_USER",
            "SYSTEM_USER",
            "TRUE",
            "USER",
        ],
    ),
    (
        "MySQL and MariaDB",
        &[
            "CURRENT_DATE",
            "CURRENT_ROLE",
            "CURRENT_TIME",
            "CURRENT_TIMESTAMP",
            "CURRENT_USER",
            "DEFAULT",
            "FALSE",
            "LOCALTIME",
            "LOCALTIMESTAMP",
            "NULL",
            "ROWNUM",
            "SYSDATE",
            "TRUE",
            "UTC_DATE",
            "UTC_TIME",
            "UTC_TIMESTAMP",
        ],
    ),
    (
        "H2",
        &[
            "CURRENT_CATALOG",
            "CURRENT_DATE",
            "CURRENT_PATH",
            "CURRENT_ROLE",
            "CURRENT_SCHEMA",
            "CURRENT_TIME",
            "CURRENT_TIMESTAMP",
            "CURRENT_USER",
            "DEFAULT",
            "FALSE",
            "LOCALTIME",
            "LOCALTIMESTAMP",
            "NULL",
            "ROWNUM",
            "SESSION_USER",
            "SYSDATE",
            "SYSTEM_USER",
            "SYSTIMESTAMP",
            "TODAY",
            "TRUE",
            "UNKNOWN",
            "USER",
            "_ROWID_",
        ],
    ),
    (
        "Oracle",
        &[
            "COLUMN_VALUE",
            "CONNECT_BY_ISCYCLE",
            "CONNECT_BY_ISLEAF",
            "CURRENT_DATE",
            "CURRENT_TIMESTAMP",
            "DBTIMEZONE",
            "DEFAULT",
            "LEVEL",
            "LOCALTIMESTAMP",
            "NULL",
            "OBJECT_ID",
            "OBJECT_VALUE",
            "ORA_ROWSCN",
            "ROWID",
            "ROWNUM",
            "SESSIONTIMEZONE",
            "SYSDATE",
            "SYSTIMESTAMP",
            "UID",
            "USER",
            "VERSIONS_OPERATION",
            "XMLDATA",
        ],
    ),
    (
        "SQL Server",
        &[
            "$ACTION",
            "$IDENTITY",
            "$PARTITION",
            "$ROWGUID",
            "CURRENT_DATE",
            "CURRENT_TIME",
            "CURRENT_TIMESTAMP",
            "CURRENT_USER",
            "DEFAULT",
            "IDENTITYCOL",
            "NULL",
            "ROWGUIDCOL",
            "SESSION_USER",
            "SYSTEM_USER",
            "USER",
        ],
    ),
    (
        "Db2",
        &[
            "CURRENT",
            "CURRENT_DATE",
            "CURRENT_LC_CTYPE",
            "CURRENT_PATH",
            "CURRENT_ROLE",
            "CURRENT_SCHEMA",
            "CURRENT_SERVER",
            "CURRENT_TIME",
            "CURRENT_TIMESTAMP",
            "CURRENT_TIMEZONE",
            "CURRENT_USER",
            "DEFAULT",
            "FALSE",
            "LEVEL",
            "LOCALTIME",
            "LOCALTIMESTAMP",
            "NULL",
            "ROWID",
            "ROWNUM",
            "SESSION_USER",
            "SYSDATE",
            "SYSTEM_USER",
            "SYSTIMESTAMP",
            "TRUE",
            "USER",
        ],
    ),
];

impl Syntax {
    /// Whether a name without quotes is no column's, but a value of the server's own.
    pub fn has_own(&self, name: &str) -> bool {
        let of_this = OWN_WORDS.iter().filter(|(dialect, _)| *dialect == self.name);
        of_this.flat_map(|(_, words)| *words).any(|word| word.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use crate::DIALECTS;

    #[test]
    fn every_dialect_has_words_of_its_own() {
        for syntax in DIALECTS {
            assert!(syntax.has_own("null") && syntax.has_own("CURRENT_TIMESTAMP"), "{}", syntax.name);
            assert!(!syntax.has_own("USER_NAME") && !syntax.has_own("TOKEN_ID"), "{}", syntax.name);
        }
        let with_user: Vec<&str> =
            DIALECTS.iter().filter(|syntax| syntax.has_own("User")).map(|syntax| syntax.name).collect();
        assert_eq!(with_user, ["PostgreSQL", "H2", "Oracle", "SQL Server", "Db2"]);
    }
}
