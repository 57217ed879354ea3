//! JDBC URLs of Oracle, SQL Server and Db2: kept as they are for their drivers, but for user and password.

use super::bridged::BridgedUrl;
use super::{UrlError, strip_prefix};
use crate::config::Secret;
use crate::db::server::Kind;

use UrlError::Malformed;

/// What a URL says of who logs on.
#[derive(Default)]
struct LogOn {
    user: Option<String>,
    password: Option<Secret>,
}

impl LogOn {
    /// Takes a parameter, if it is one of these; it does not stay in the URL.
    fn takes(&mut self, name: &str, value: &str) -> bool {
        match name.to_ascii_lowercase().as_str() {
            "user" | "username" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(Secret::from(value)),
            _ => return false,
        }
        true
    }

    fn url(self, kind: Kind, url: String, place: String, name: String, of_user: bool) -> BridgedUrl {
        BridgedUrl {
            kind,
            url: Secret::from(url),
            place,
            name,
            of_user,
            file: None,
            sole: false,
            user: self.user,
            password: self.password,
            read_only: "",
        }
    }
}

/// Reads what follows `jdbc:oracle:`: service, SID, description or alias.
pub(super) fn oracle(rest: &str) -> Result<BridgedUrl, UrlError> {
    const NO_THIN: UrlError = Malformed(
        "is not a URL of Oracle's thin driver: write jdbc:oracle:thin:@//host:1521/service (or @host:1521:SID)",
    );
    let rest = strip_prefix(rest, "thin:").ok_or(NO_THIN)?;
    let (who, connect) = rest.rsplit_once('@').ok_or(NO_THIN)?;
    let mut log_on = LogOn::default();
    if let Some((user, password)) = who.split_once('/') {
        log_on.user = Some(user.to_owned());
        log_on.password = Some(Secret::from(password));
    } else if !who.is_empty() {
        log_on.user = Some(who.to_owned());
    }
    let (place, name) = connect_identifier(connect)?;
    let url = format!("jdbc:oracle:thin:@{connect}");
    // Each user has a schema of its own.
    Ok(log_on.url(Kind::Oracle, url, place, name, true))
}

/// Where an Oracle database is, for people, and its name there.
fn connect_identifier(text: &str) -> Result<(String, String), UrlError> {
    const NO_SERVICE: UrlError = Malformed("names no service and no SID: write @//host:1521/service");
    if text.starts_with('(') {
        let service = named(text, "SERVICE_NAME").or_else(|| named(text, "SID")).ok_or(NO_SERVICE)?;
        let host = named(text, "HOST").unwrap_or("a description");
        let port = named(text, "PORT").map(|port| format!(":{port}")).unwrap_or_default();
        return Ok((format!("{host}{port}/{service}"), service.to_owned()));
    }
    let place = text.split('?').next().unwrap_or_default();
    let place = place.rsplit_once("//").map_or(place, |(_, place)| place);
    let name = match (place.split_once('/'), place.split(':').collect::<Vec<_>>().as_slice()) {
        // A kind of server, or an instance, may follow.
        (Some((_, service)), _) => service.split([':', '/']).next().unwrap_or_default(),
        (None, [_, _, sid]) => sid,
        (None, [alias]) => alias,
        (None, _) => "",
    };
    if name.is_empty() { Err(NO_SERVICE) } else { Ok((place.to_owned(), name.to_owned())) }
}

/// The value of the first `(NAME = value)` in a description.
fn named<'a>(description: &'a str, name: &str) -> Option<&'a str> {
    description.split('(').find_map(|part| {
        let (found, value) = part.split_once('=')?;
        let value = value.split(')').next()?.trim();
        (found.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
    })
}

/// Reads what follows `jdbc:sqlserver:`.
pub(super) fn sql_server(rest: &str) -> Result<BridgedUrl, UrlError> {
    let rest = rest.strip_prefix("//").ok_or(Malformed("has no //host after jdbc:sqlserver:"))?;
    let mut parts = properties(rest)?.into_iter();
    let mut host = parts.next().unwrap_or_default().to_owned();
    let (mut log_on, mut database, mut kept) = (LogOn::default(), String::new(), String::new());
    for part in parts.filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = unbraced(value);
        match name.trim().to_ascii_lowercase().as_str() {
            name if log_on.takes(name, &value) => continue,
            "databasename" | "database" => database = value,
            "servername" | "server" if host.is_empty() => host = value,
            "portnumber" | "port" if !host.contains(':') => host = format!("{host}:{value}"),
            _ => {}
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
    let server = rest.split(';').next().unwrap_or_default();
    let url = format!("jdbc:sqlserver://{server}{kept}");
    let place = format!("{host};databaseName={database}");
    Ok(log_on.url(Kind::SqlServer, url, place, database, false))
}

/// Cuts at each `;` that is not within braces.
pub(super) fn properties(text: &str) -> Result<Vec<&str>, UrlError> {
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

pub(super) fn unbraced(value: &str) -> String {
    let inner = value.trim().strip_prefix('{').and_then(|value| value.strip_suffix('}'));
    inner.map_or_else(|| value.to_owned(), |value| value.replace("}}", "}"))
}

/// Reads what follows `jdbc:db2:`.
pub(super) fn db2(rest: &str) -> Result<BridgedUrl, UrlError> {
    const NO_DATABASE: UrlError =
        Malformed("names no //host:port/database, as in jdbc:db2://host:50000/IDENTITY");
    let (host, rest) = rest.strip_prefix("//").and_then(|rest| rest.split_once('/')).ok_or(NO_DATABASE)?;
    let (database, parameters) = rest.split_once(':').unwrap_or((rest, ""));
    if host.is_empty() || database.is_empty() {
        return Err(NO_DATABASE);
    }
    let (mut log_on, mut schema, mut kept) = (LogOn::default(), String::new(), String::new());
    for part in parameters.split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if log_on.takes(name.trim(), value) {
            continue;
        }
        if name.trim().eq_ignore_ascii_case("currentSchema") {
            schema = format!("/{value}");
        }
        kept.push_str(part);
        kept.push(';'); // the driver wants one behind each
    }
    let separator = if kept.is_empty() { "" } else { ":" };
    let url = format!("jdbc:db2://{host}/{database}{separator}{kept}");
    let (place, name) = (format!("{host}/{database}{schema}"), format!("{database}{schema}"));
    // Without a schema it is the user's own.
    Ok(log_on.url(Kind::Db2, url, place, name, schema.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &BridgedUrl) -> [String; 3] {
        [url.to_string(), url.url.expose().to_owned(), url.identity()]
    }

    #[test]
    fn each_way_of_naming_an_oracle_database_goes_to_the_driver_as_it_is() {
        let description = "(DESCRIPTION=(ADDRESS_LIST=(ADDRESS=(PROTOCOL=TCP)(HOST = rac1)(PORT=1521))\
                           (ADDRESS=(PROTOCOL=TCP)(HOST=rac2)(PORT=1521)))(CONNECT_DATA=(SERVICE_NAME=is.local)))";
        for (connect, place, name) in [
            (
                "localhost:1521/ORCLCDB.LOCALDOMAIN",
                "localhost:1521/ORCLCDB.LOCALDOMAIN",
                "ORCLCDB.LOCALDOMAIN",
            ),
            ("//db:1521/is:dedicated", "db:1521/is:dedicated", "is"),
            ("db:1521:ORCL", "db:1521:ORCL", "ORCL"),
            ("tcps://db:2484/is?wallet_location=/w", "db:2484/is", "is"),
            ("is_alias?TNS_ADMIN=/etc/tns", "is_alias", "is_alias"),
            (description, "rac1:1521/is.local", "is.local"),
        ] {
            let url = oracle(&format!("thin:@{connect}")).unwrap();
            let whole = format!("jdbc:oracle:thin:@{connect}");
            assert_eq!(
                shown(&url),
                [format!("jdbc:oracle:thin:@{place}"), whole, format!("oracle:{name}")],
                "{connect}"
            );
        }
    }

    #[test]
    fn who_logs_on_does_not_stay_in_the_url() {
        let url = oracle("thin:scott/t@ger@//db:1521/is").unwrap();
        assert_eq!(url.user.as_deref(), Some("scott"));
        assert_eq!(url.password.as_ref().map(Secret::expose), Some("t@ger"));
        assert_eq!(url.url.expose(), "jdbc:oracle:thin:@//db:1521/is");

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

        let url = db2("//db:50000/IS:user=anna;password=x;currentSchema=WSO2;sslConnection=true;").unwrap();
        assert_eq!(url.user.as_deref(), Some("anna"));
        assert_eq!(
            shown(&url),
            [
                "jdbc:db2://db:50000/IS/WSO2",
                "jdbc:db2://db:50000/IS:currentSchema=WSO2;sslConnection=true;",
                "db2:IS/WSO2"
            ]
        );
        assert!(!url.of_user && db2("//db:50000/IS").unwrap().of_user);
    }

    #[test]
    fn the_parts_of_an_sql_server_url_come_in_any_order() {
        let url = sql_server("//;serverName=db\\inst;portNumber=1444;database=is").unwrap();
        assert_eq!(url.place, "db\\inst:1444;databaseName=is");
        assert_eq!(url.url.expose(), "jdbc:sqlserver://;serverName=db\\inst;portNumber=1444;database=is");
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for wrong in ["oci:@is", "thin:is", "thin:@", "thin:@db:1521", "thin:@//db:1521/", "thin:@(HOST=db)"]
        {
            assert!(oracle(wrong).is_err(), "{wrong}");
        }
        for wrong in ["db", "//db", "//;databaseName=is", "//db;databaseName=", "//db;databaseName={is"] {
            assert!(sql_server(wrong).is_err(), "{wrong}");
        }
        for wrong in ["is", "//db:50000", "//db:50000/", "///is"] {
            assert!(db2(wrong).is_err(), "{wrong}");
        }
    }
}
