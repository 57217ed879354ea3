//! Commands that copy databases, for the engines of this deployment. They never hold a password:
//! each tool asks for it, or has it from a file of its own (`~/.pgpass`, `~/.my.cnf`).

use std::path::Path;

use super::Advice;
use crate::config::Site;
use crate::db::server::{Host, Kind};

/// A word for a POSIX shell.
pub(super) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path for a POSIX shell.
pub(super) fn path(path: &Path) -> String {
    word(&path.to_string_lossy())
}

/// How to copy one database; `file` is what the dump is called, without its ending.
pub(super) fn copy(old: Option<&Site>, new: Option<&Site>, file: &str) -> Vec<Advice> {
    match (old, new) {
        (Some(Site::File(old)), Some(Site::File(new))) => vec![Advice::Command(sqlite(old, new))],
        (_, Some(Site::File(new))) => vec![Advice::Command(sqlite(Path::new("OLD_DATABASE"), new))],
        (old, Some(Site::Server { kind, host, database, user })) => {
            let new = Login { host: Some(host), user: user.as_deref(), database };
            let old = match old {
                Some(Site::Server { host, database, user, .. }) => {
                    Login { host: Some(host), user: user.as_deref(), database }
                }
                _ => Login { host: None, user: None, database: "OLD_DATABASE" },
            };
            match kind {
                Kind::Postgres => postgresql(&old, &new, file),
                Kind::MySql => mysql(&old, &new, file),
                Kind::H2 => vec![Advice::Say(other(kind.name()).to_owned())],
            }
        }
        (_, Some(Site::Other(name))) | (Some(Site::Other(name)), None) => vec![Advice::Say(other(name).to_owned())],
        _ => vec![Advice::Say(
            "Its URL is not in properties.yaml yet: fill in what is known, and the exact commands stand here.".to_owned(),
        )],
    }
}

/// Where a tool logs on; what is not known is left for people to fill in.
struct Login<'a> {
    host: Option<&'a Host>,
    user: Option<&'a str>,
    database: &'a str,
}

impl Login<'_> {
    /// The options that all tools of PostgreSQL, MySQL and MariaDB have, but for what they call the user.
    fn options(&self, user_option: &str) -> String {
        let host = self.host.map_or("OLD_HOST", |host| host.name.as_str());
        let port = self.host.map_or_else(|| "OLD_PORT".to_owned(), |host| host.port.to_string());
        let user = self.user.unwrap_or("USER");
        format!("--host={} --port={port} --{user_option}={}", word(host), word(user))
    }
}

fn postgresql(old: &Login<'_>, new: &Login<'_>, file: &str) -> Vec<Advice> {
    let (from, to) = (old.options("username"), new.options("username"));
    let (old, new) = (word(old.database), word(new.database));
    vec![
        Advice::Command(format!("pg_dump {from} --format=custom --file={file}.dump {old}")),
        Advice::Command(format!("createdb {to} --template=template0 {new}")),
        Advice::Command(format!("pg_restore {to} --no-owner --exit-on-error --dbname={new} {file}.dump")),
    ]
}

fn mysql(old: &Login<'_>, new: &Login<'_>, file: &str) -> Vec<Advice> {
    let (from, to) = (old.options("user"), new.options("user"));
    let create = word(&format!("CREATE DATABASE `{}`", new.database.replace('`', "``")));
    let (old, new) = (word(old.database), word(new.database));
    vec![
        Advice::Command(format!(
            "mariadb-dump {from} --single-transaction --hex-blob --routines --no-tablespaces --result-file={file}.sql {old}"
        )),
        Advice::Command(format!("mariadb {to} --execute={create}")),
        Advice::Command(format!("mariadb {to} {new} < {file}.sql")),
    ]
}

fn sqlite(old: &Path, new: &Path) -> String {
    // sqlite3 reads a word in double quotes as C does.
    let quoted = new.to_string_lossy().replace('\\', r"\\").replace('"', "\\\"");
    format!("sqlite3 {} {}", path(old), word(&format!(".backup \"{quoted}\"")))
}

/// Databases that only their own tools copy: how, in general.
fn other(name: &str) -> &'static str {
    match name {
        "Oracle" => {
            "Oracle: `expdp` of the schema with FLASHBACK_TIME=SYSTIMESTAMP, then `impdp` into the new one with REMAP_SCHEMA."
        }
        "SQL Server" => {
            "SQL Server: BACKUP DATABASE … WITH COPY_ONLY, then RESTORE DATABASE under the new name WITH MOVE of its files."
        }
        "Db2" => {
            "Db2: BACKUP DATABASE … ONLINE INCLUDE LOGS, then RESTORE DATABASE … INTO the new name, and ROLLFORWARD."
        }
        "H2" => {
            "H2: SCRIPT TO 'file.sql' in the old database, then RUNSCRIPT FROM 'file.sql' in the new one."
        }
        _ => "Copy the database with its own tools, as of one moment.",
    }
}
