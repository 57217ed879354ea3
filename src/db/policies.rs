//! What hides rows or values from a user without a word, and cannot be switched off by a session: policies, row
//! permissions, masks. SQL as data.
//!
//! PostgreSQL's sessions refuse what a policy would hide (`row_security`); SQLite, H2, MySQL and MariaDB have
//! nothing of the kind. What a catalogue does not tell this user is said, never taken for "none".

use super::{Class, Db, DbError, Value};

/// One kind of policy, and how its dialect tells of it.
struct Asks {
    dialect: &'static str,
    /// What it is.
    what: &'static str,
    /// 1 if this user does not see all of them; not asked where it is empty.
    is_blind: &'static str,
    /// Those that hold for this user: table, in upper case, and how.
    found: &'static str,
    /// What ends it.
    fix: &'static str,
}

const ASKS: &[Asks] = &[
    Asks {
        dialect: "Oracle",
        what: "policies that hide rows (VPD)",
        is_blind: "",
        found: "SELECT OBJECT_NAME, 'the policy ' || POLICY_NAME FROM ALL_POLICIES \
                WHERE OBJECT_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND \"ENABLE\" = 'YES' \
                AND (SEL = 'YES' OR UPD = 'YES' OR DEL = 'YES') AND NOT EXISTS \
                (SELECT 1 FROM SESSION_PRIVS WHERE PRIVILEGE = 'EXEMPT ACCESS POLICY') ORDER BY 1, 2",
        fix: "grant EXEMPT ACCESS POLICY to the user, or disable the policy in the copy (DBMS_RLS.ENABLE_POLICY)",
    },
    Asks {
        dialect: "Oracle",
        what: "policies that show other values (redaction)",
        is_blind: "",
        found: "SELECT OBJECT_NAME, 'the redaction policy ' || POLICY_NAME FROM REDACTION_POLICIES \
                WHERE OBJECT_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND TRIM(\"ENABLE\") = 'YES' AND NOT EXISTS \
                (SELECT 1 FROM SESSION_PRIVS WHERE PRIVILEGE = 'EXEMPT REDACTION POLICY') ORDER BY 1, 2",
        fix: "grant EXEMPT REDACTION POLICY to the user, or disable the policy in the copy (DBMS_REDACT.DISABLE_POLICY)",
    },
    Asks {
        dialect: "SQL Server",
        what: "security policies that hide rows",
        is_blind: "SELECT CASE WHEN HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION') = 1 \
                   OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY SECURITY POLICY') = 1 THEN 0 ELSE 1 END",
        found: "SELECT UPPER(OBJECT_NAME(f.target_object_id)), CONCAT(N'the security policy ', p.name) \
                FROM sys.security_predicates AS f JOIN sys.security_policies AS p ON p.object_id = f.object_id \
                WHERE p.is_enabled = 1 AND f.predicate_type = 0 \
                AND f.target_object_id = OBJECT_ID(OBJECT_NAME(f.target_object_id)) ORDER BY 1, 2",
        fix: "switch the policy off in the copy for the rotation: ALTER SECURITY POLICY … WITH (STATE = OFF)",
    },
    Asks {
        dialect: "SQL Server",
        what: "masks that show other values",
        is_blind: "",
        found: "SELECT UPPER(OBJECT_NAME(m.object_id)), CONCAT(N'the mask of column ', m.name) \
                FROM sys.masked_columns AS m WHERE m.is_masked = 1 AND m.object_id = OBJECT_ID(OBJECT_NAME(m.object_id)) \
                AND COALESCE(HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'UNMASK'), 0) = 0 ORDER BY 1, 2",
        fix: "grant UNMASK to the user, or drop the mask in the copy: ALTER COLUMN … DROP MASKED",
    },
    Asks {
        dialect: "Db2",
        what: "row permissions and column masks",
        is_blind: "",
        found: "SELECT TABNAME, CASE CONTROLTYPE WHEN 'C' THEN 'the column mask ' ELSE 'the row permission ' END \
                || CONTROLNAME FROM SYSCAT.CONTROLS WHERE TABSCHEMA = CURRENT SCHEMA AND ENABLE = 'Y' ORDER BY 1, 2",
        fix: "end it in the copy for the rotation: ALTER TABLE … DEACTIVATE ROW ACCESS CONTROL DEACTIVATE COLUMN \
              ACCESS CONTROL",
    },
    Asks {
        dialect: "Db2",
        what: "labels that hide rows (LBAC)",
        is_blind: "",
        found: "SELECT TABNAME, 'a security policy (LBAC)' FROM SYSCAT.TABLES \
                WHERE TABSCHEMA = CURRENT SCHEMA AND SECPOLICYID > 0 ORDER BY 1, 2",
        fix: "take it from the table in the copy for the rotation: ALTER TABLE … DROP SECURITY POLICY",
    },
];

/// Every such question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let each = |asks: &'static Asks| {
        [(asks.dialect, asks.what, asks.found), (asks.dialect, "are they hidden", asks.is_blind)]
    };
    ASKS.iter().flat_map(each).filter(|(_, _, sql)| !sql.is_empty())
}

/// What hides rows or values of a table from this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The table, in upper case.
    pub table: String,
    /// What it is, by its name.
    pub how: String,
    /// What ends it.
    pub fix: &'static str,
}

/// What is known of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Those that hold for this user.
    pub found: Vec<Policy>,
    /// Kinds that could not be asked for, with the reason.
    pub unseen: Vec<String>,
}

impl Db {
    /// What hides rows or values from this user.
    pub async fn policies(&self) -> Result<Policies, DbError> {
        let mut policies = Policies::default();
        for asks in ASKS.iter().filter(|asks| asks.dialect == self.syntax().name) {
            if !asks.is_blind.is_empty() && self.says_yes(asks.is_blind).await? {
                policies.unseen.push(format!("{}: this user does not see all of them", asks.what));
            }
            match self.read(asks.found, &[]).await {
                Ok(records) => {
                    let text = |value: Option<&Value>| {
                        value.and_then(Value::as_text).unwrap_or_default().trim().to_owned()
                    };
                    policies.found.extend(records.iter().map(|record| Policy {
                        table: text(record.first()).to_uppercase(),
                        how: text(record.get(1)),
                        fix: asks.fix,
                    }));
                }
                Err(error) if error.class == Class::Lost => return Err(error),
                Err(error) => policies.unseen.push(format!("{}: {error}", asks.what)),
            }
        }
        Ok(policies)
    }

    async fn says_yes(&self, sql: &str) -> Result<bool, DbError> {
        Ok(self.read(sql, &[]).await?.first().and_then(|record| record.first()?.as_int()) == Some(1))
    }
}
