//! Commands that copy databases, for the engines of this deployment. They never hold a password:
//! each tool asks for it, or has it from a file of its own (`~/.pgpass`, `~/.my.cnf`).

use std::path::Path;

use super::Advice;
use super::vendors::{self, Place};
use crate::config::Site;
use crate::db::server::{Host, Kind, Tls, TlsMode};

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
        (old, Some(Site::H2File(new))) => h2_file(old, new),
        (old, Some(Site::H2Server(new))) => h2_server(old, new, file),
        (old, Some(Site::Server { kind, host, database, user, tls })) => {
            let new = Login { host: Some(host), user: user.as_deref(), database, tls: tls.as_ref() };
            let old = match old {
                Some(Site::Server { host, database, user, tls, .. }) => {
                    Login { host: Some(host), user: user.as_deref(), database, tls: tls.as_ref() }
                }
                _ => Login { host: None, user: None, database: "OLD_DATABASE", tls: None },
            };
            match kind {
                Kind::Postgres => postgresql(&old, &new, file),
                Kind::MySql => mysql(&old, &new, file),
                Kind::H2 | Kind::Oracle | Kind::SqlServer | Kind::Db2 => vendors::copy(*kind, None, Place { place: database, user: user.as_deref() }, file),
            }
        }
        (old, Some(Site::Vendor { kind, place, user })) => {
            let old = match old {
                Some(Site::Vendor { place, user, .. }) => Some(Place { place, user: user.as_deref() }),
                _ => None,
            };
            vendors::copy(*kind, old, Place { place, user: user.as_deref() }, file)
        }
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
    tls: Option<&'a Tls>,
}

impl Login<'_> {
    /// The options that all tools of PostgreSQL, MySQL and MariaDB have, but for what they call the user.
    fn options(&self, user_option: &str) -> String {
        let host = self.host.map_or("OLD_HOST", |host| host.name.as_str());
        let port = self.host.map_or_else(|| "OLD_PORT".to_owned(), |host| host.port.to_string());
        let user = self.user.unwrap_or("USER");
        format!("--host={} --port={port} --{user_option}={}", word(host), word(user))
    }

    /// What stands before a command of PostgreSQL: `createdb` takes TLS from the environment only.
    fn pg_environment(&self) -> String {
        let Some(tls) = self.tls else { return String::new() };
        let mode = match tls.mode {
            TlsMode::Disabled => "disable",
            TlsMode::Preferred => "prefer",
            TlsMode::Required => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        };
        let mut variables = vec![("PGSSLMODE", mode.to_owned())];
        variables.extend(trusted(tls).map(|file| ("PGSSLROOTCERT", file)));
        if let Some((certificate, key)) = &tls.client {
            variables.extend([("PGSSLCERT", path(certificate)), ("PGSSLKEY", path(key))]);
        }
        let words: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        words.concat()
    }

    /// TLS and the way to the server, for MariaDB's tools; MySQL's call them otherwise.
    fn mysql_options(&self) -> String {
        // Without it these tools take a local socket, whatever the port says.
        let is_local = self.host.is_some_and(|host| host.name.eq_ignore_ascii_case("localhost"));
        let mut options = if is_local { vec!["--protocol=tcp".to_owned()] } else { Vec::new() };
        if let Some(tls) = self.tls {
            match tls.mode {
                TlsMode::Disabled => options.push("--skip-ssl".to_owned()),
                TlsMode::Preferred => {}
                TlsMode::Required => {
                    options.extend(["--ssl", "--skip-ssl-verify-server-cert"].map(str::to_owned));
                }
                TlsMode::VerifyCa | TlsMode::VerifyFull => {
                    options.extend(trusted(tls).map(|file| format!("--ssl-ca={file}")));
                    options.push("--ssl-verify-server-cert".to_owned());
                }
            }
            if let Some((certificate, key)) = &tls.client {
                options.extend([
                    format!("--ssl-cert={}", path(certificate)),
                    format!("--ssl-key={}", path(key)),
                ]);
            }
        }
        let words: Vec<String> = options.iter().map(|option| format!(" {option}")).collect();
        words.concat()
    }
}

/// The file with the authorities, where a certificate is verified by any that are named.
fn trusted(tls: &Tls) -> Option<String> {
    tls.authorities.as_deref().filter(|_| tls.mode >= TlsMode::VerifyCa).map(path)
}

fn postgresql(old: &Login<'_>, new: &Login<'_>, file: &str) -> Vec<Advice> {
    let (from, to) = (old.options("username"), new.options("username"));
    let (there, here) = (old.pg_environment(), new.pg_environment());
    let (old, new) = (word(old.database), word(new.database));
    vec![
        Advice::Command(format!("{there}pg_dump {from} --format=custom --file={file}.dump {old}")),
        Advice::Command(format!("{here}createdb {to} --template=template0 {new}")),
        Advice::Command(format!(
            "{here}pg_restore {to} --no-owner --exit-on-error --dbname={new} {file}.dump"
        )),
    ]
}

fn mysql(old: &Login<'_>, new: &Login<'_>, file: &str) -> Vec<Advice> {
    let [from, to] = [old, new].map(|login| login.options("user") + &login.mysql_options());
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

fn h2_file(old: Option<&Site>, new: &Path) -> Vec<Advice> {
    let old = match old {
        Some(Site::H2File(old)) => old,
        _ => Path::new("OLD_DATABASE.mv.db"),
    };
    vec![
        Advice::Say("H2: stop the old server first, since it has the file open.".to_owned()),
        Advice::Command(format!("cp -T {} {}", path(old), path(new))),
    ]
}

/// The server writes and reads the file, on its own machine. It never makes a database for a client.
fn h2_server(old: Option<&Site>, new: &str, file: &str) -> Vec<Advice> {
    let old = match old {
        Some(Site::H2Server(old)) => old,
        _ => "the old database",
    };
    let shell = "`java -cp h2.jar org.h2.tools.Shell`, which asks for the URL, the driver (org.h2.Driver), the user and the password";
    vec![
        Advice::Say(format!("H2: an administrator's statements, in any client, such as {shell}.")),
        Advice::Say(format!("In {old}: SCRIPT TO '{file}.sql'")),
        Advice::Say(format!(
            "In {new}, which is new and empty, made on the server's machine: RUNSCRIPT FROM '{file}.sql'"
        )),
    ]
}
