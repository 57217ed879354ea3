//! Commands that copy databases, for the engines of this deployment. They never hold a password: each tool asks for it on
//! the terminal. MySQL's and MariaDB's do so only if told (`--password` without a value). Dumps are closed to others.

use std::path::Path;

use super::Advice;
use super::vendors::{self, Place};
use crate::config::Site;
use crate::db::server::{Host, Kind, Tls, TlsMode};
use crate::invocation::{quoted as path, word};

/// How to copy one database; `file` is what the dump is called, without its ending.
pub(super) fn copy(old: Option<&Site>, new: Option<&Site>, file: &str) -> Vec<Advice> {
    match (old, new) {
        (Some(Site::File(old)), Some(Site::File(new))) => vec![Advice::Command(sqlite(old, new))],
        (_, Some(Site::File(new))) => vec![Advice::Command(sqlite(Path::new("OLD_DATABASE"), new))],
        (old, Some(Site::H2File(new))) => h2_file(old, new),
        (old, Some(Site::H2Server(new))) => h2_server(old, new, file),
        (old, Some(Site::Server { kind, is_mariadb, host, database, user, tls })) => {
            let new = Login { host: Some(host), database, tls: tls.as_ref() };
            let old = match old {
                Some(Site::Server { host, database, tls, .. }) => Login { host: Some(host), database, tls: tls.as_ref() },
                _ => Login { host: None, database: "OLD_DATABASE", tls: None },
            };
            match kind {
                Kind::Postgres => postgresql(&old, &new, file),
                Kind::MySql => mysql(&old, &new, file, if *is_mariadb { &MARIADB } else { &MYSQL }),
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
            "Its URL is not in properties.yaml yet: fill in what you know, and this step shows the exact commands.".to_owned(),
        )],
    }
}

/// Stands for an administrator's user: to make a database, and triggers in it, takes rights that the rotation's user
/// does not have.
const DBA: &str = "DBA";

/// The tools of MySQL or MariaDB.
struct Tools {
    dump: &'static str,
    client: &'static str,
    /// What the dump is to leave out. An option that begins with `loose` is passed over by a tool that does not know it:
    /// MariaDB's tools may go by these names, too.
    options: &'static str,
    /// How TLS is asked for.
    tls: fn(TlsMode) -> &'static str,
}

const MYSQL: Tools = Tools {
    dump: "mysqldump",
    client: "mysql",
    // The copy has transactions of its own: with the GTIDs of the old one it cannot be loaded into the same server.
    options: " --loose-set-gtid-purged=OFF --loose-column-statistics=0",
    tls: |mode| match mode {
        // Without TLS these tools would want the server's RSA key, as keyrotation does.
        TlsMode::Disabled | TlsMode::Preferred => "",
        TlsMode::Required => " --ssl-mode=REQUIRED",
        TlsMode::VerifyCa => " --ssl-mode=VERIFY_CA",
        TlsMode::VerifyFull => " --ssl-mode=VERIFY_IDENTITY",
    },
};

const MARIADB: Tools = Tools {
    dump: "mariadb-dump",
    client: "mariadb",
    options: "",
    tls: |mode| match mode {
        TlsMode::Disabled => " --skip-ssl",
        TlsMode::Preferred => "",
        TlsMode::Required => " --ssl --skip-ssl-verify-server-cert",
        TlsMode::VerifyCa | TlsMode::VerifyFull => " --ssl-verify-server-cert",
    },
};

/// Where a tool logs on; what is not known is left for people to fill in.
struct Login<'a> {
    host: Option<&'a Host>,
    database: &'a str,
    tls: Option<&'a Tls>,
}

impl Login<'_> {
    /// The options that all tools of PostgreSQL, MySQL and MariaDB have, but for what they call the user.
    fn options(&self, user_option: &str) -> String {
        let host = self.host.map_or("OLD_HOST", |host| host.name.as_str());
        let port = self.host.map_or_else(|| "OLD_PORT".to_owned(), |host| host.port.to_string());
        format!("--host={} --port={port} --{user_option}={DBA}", word(host))
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

    /// The way to the server and its TLS, for these tools.
    fn mysql_options(&self, tools: &Tools) -> String {
        // Without it they take a local socket, whatever the port says.
        let is_local = self.host.is_some_and(|host| host.name.eq_ignore_ascii_case("localhost"));
        let mut options = if is_local { " --protocol=tcp".to_owned() } else { String::new() };
        if let Some(tls) = self.tls {
            options += (tools.tls)(tls.mode);
            let authorities = trusted(tls).map(|file| format!(" --ssl-ca={file}"));
            let client = tls.client.as_ref();
            let client = client.map(|(certificate, key)| {
                format!(" --ssl-cert={} --ssl-key={}", path(certificate), path(key))
            });
            options.extend(authorities.into_iter().chain(client));
        }
        options
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
        Advice::Command(format!(
            "umask 077 && {there}pg_dump {from} --format=custom --file={file}.dump {old}"
        )),
        Advice::Command(format!("{here}createdb {to} --template=template0 {new}")),
        Advice::Command(format!(
            "{here}pg_restore {to} --no-owner --exit-on-error --dbname={new} {file}.dump"
        )),
    ]
}

fn mysql(old: &Login<'_>, new: &Login<'_>, file: &str, tools: &Tools) -> Vec<Advice> {
    let [from, to] =
        [old, new].map(|login| login.options("user") + " --password" + &login.mysql_options(tools));
    let Tools { dump, client, options, .. } = tools;
    // The copy's default character set and collation are the old database's, whatever the server's are.
    let create = format!(
        "SELECT CONCAT({}, DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME) \
         FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        text(&format!("CREATE DATABASE `{}` CHARACTER SET ", new.database.replace('`', "``"))),
        text(old.database)
    );
    let (create, old, new) = (word(&create), word(old.database), word(new.database));
    vec![
        Advice::Command(format!(
            "umask 077 && {dump} {from} --single-transaction --hex-blob --routines --no-tablespaces{options} --result-file={file}.sql {old}"
        )),
        Advice::Command(format!(
            "{client} {from} --batch --raw --skip-column-names --execute={create} > {file}-create.sql"
        )),
        Advice::Command(format!("{client} {to} < {file}-create.sql")),
        Advice::Command(format!("{client} {to} {new} < {file}.sql")),
    ]
}

/// A text of MySQL's, in quotes.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', "''"))
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
