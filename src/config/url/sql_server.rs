//! JDBC URLs of SQL Server.

use super::UrlError;
use super::bridged::{BridgedUrl, LogOn, NOT_ENCRYPTED};
use crate::db::server::Kind;

use UrlError::Malformed;

/// Reads what follows `jdbc:sqlserver:`.
pub(super) fn sql_server(rest: &str) -> Result<BridgedUrl, UrlError> {
    let rest = rest.strip_prefix("//").ok_or(Malformed("has no //host after jdbc:sqlserver:"))?;
    let mut parts = properties(rest)?.into_iter();
    let server = parts.next().unwrap_or_default();
    let mut host = server.to_owned();
    let (mut log_on, mut database, mut kept) = (LogOn::default(), String::new(), String::new());
    let mut settings = Settings::default();
    for part in parts.filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = unbraced(value);
        if log_on.takes(name, &value) {
            continue;
        }
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "databasename" | "database" => database.clone_from(&value),
            "servername" | "server" if host.is_empty() => host.clone_from(&value),
            "portnumber" | "port" if !host.contains(':') => host = format!("{host}:{value}"),
            _ => {}
        }
        if part.contains('=') {
            settings.0.push((name, value.trim().to_owned()));
        }
        kept.push(';');
        kept.push_str(part);
    }
    if host.is_empty() {
        return Err(Malformed("names no host: write jdbc:sqlserver://host:1433;databaseName=…"));
    }
    if database.is_empty() {
        return Err(Malformed("names no database: write ;databaseName=… behind the host"));
    }
    let url = format!("jdbc:sqlserver://{server}{kept}");
    let place = format!("{host};databaseName={database}");
    let hosts = settings.of(if server.is_empty() { &["servername", "server"] } else { &[] });
    let hosts = Some(server).filter(|server| !server.is_empty()).into_iter().chain(hosts);
    let hosts = hosts.chain(settings.of(&["failoverpartner"]));
    Ok(BridgedUrl::on_server(Kind::SqlServer, log_on, url, place, database).reached(hosts, lacks(&settings)))
}

/// The settings of a URL, with their names in lower case.
#[derive(Default)]
struct Settings(Vec<(String, String)>);

impl Settings {
    /// The values of all that have one of these names.
    fn of<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.as_str())
    }
}

fn lacks(settings: &Settings) -> Option<String> {
    let said = |name: &str| settings.of(&[name]).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    let encrypt = said("encrypt");
    if encrypt.is_empty() {
        return Some(format!("{NOT_ENCRYPTED} by drivers before 10.1: there is no encrypt=true"));
    }
    if !encrypt.iter().all(|value| matches!(value.as_str(), "true" | "yes" | "mandatory" | "strict")) {
        return Some(format!("{NOT_ENCRYPTED}: encrypt is not true"));
    }
    let strict = encrypt.iter().all(|value| value == "strict");
    if !strict && said("trustservercertificate").iter().any(|value| !matches!(value.as_str(), "false" | "no"))
    {
        return Some("encrypted, with any certificate: trustServerCertificate is not false".to_owned());
    }
    let mut deciders = ["trustManagerClass", "socketFactoryClass"].into_iter();
    let decider = deciders.find(|name| !said(&name.to_ascii_lowercase()).is_empty());
    decider.map(|name| format!("encrypted, and {name} decides which certificates are taken"))
}

/// Cuts at each `;` that is not within braces.
fn properties(text: &str) -> Result<Vec<&str>, UrlError> {
    let (mut parts, mut from, mut within) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            // A brace within is written twice.
            '{' if !within && text[..at].ends_with('=') => within = true,
            '}' if within => within = false,
            '}' if text[..at].ends_with('}') => within = true,
            ';' if !within => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if within {
        return Err(Malformed("has a { without its }"));
    }
    parts.push(&text[from..]);
    Ok(parts)
}

fn unbraced(value: &str) -> String {
    let inner = value.trim().strip_prefix('{').and_then(|value| value.strip_suffix('}'));
    inner.map_or_else(|| value.to_owned(), |value| value.replace("}}", "}"))
}

#[cfg(test)]
mod tests {
    use super::super::bridged::shown;
    use super::*;
    use crate::Secret;

    #[test]
    fn who_logs_on_does_not_stay_in_the_url() {
        let url = sql_server("//db:1433;user=sa;password={a;b}}c};databaseName=is;encrypt=true").unwrap();
        assert_eq!(url.user.as_deref(), Some("sa"));
        assert_eq!(url.password.as_ref().map(Secret::expose), Some("a;b}c"));
        assert_eq!(
            shown(&url),
            [
                "jdbc:sqlserver://db:1433;databaseName=is",
                "jdbc:sqlserver://db:1433;databaseName=is;encrypt=true",
                "sqlserver:is"
            ]
        );
    }

    #[test]
    fn the_parts_come_in_any_order() {
        let url = sql_server("//;serverName=db\\inst;portNumber=1444;database=is;failoverPartner=b").unwrap();
        assert_eq!(url.place, "db\\inst:1444;databaseName=is");
        assert_eq!(url.hosts, ["db", "b"]);
        let shown = "jdbc:sqlserver://;serverName=db\\inst;portNumber=1444;database=is;failoverPartner=b";
        assert_eq!(url.url.expose(), shown);
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for wrong in ["db", "//db", "//;databaseName=is", "//db;databaseName=", "//db;databaseName={is"] {
            assert!(sql_server(wrong).is_err(), "{wrong}");
        }
    }
}
