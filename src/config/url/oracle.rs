//! JDBC URLs of Oracle's thin driver.

use super::bridged::{BridgedUrl, LogOn, NOT_ENCRYPTED};
use super::{UrlError, strip_prefix};
use crate::Secret;
use crate::db::server::Kind;

use UrlError::Malformed;

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
    let identifier = Identifier::read(connect)?;
    let lacks = lacks(connect, &identifier);
    let Identifier { hosts, place, name, .. } = identifier;
    let url = format!("jdbc:oracle:thin:@{connect}");
    // Each user has a schema of its own.
    let url = BridgedUrl { of_user: true, ..BridgedUrl::on_server(Kind::Oracle, log_on, url, place, name) };
    Ok(url.reached(hosts, lacks))
}

/// Oracle's connect identifier: what stands behind the `@`.
struct Identifier<'a> {
    /// None where an alias names them elsewhere.
    hosts: Vec<&'a str>,
    /// Where the database is, for people.
    place: String,
    /// Its name there.
    name: String,
    /// Whether each way there is by TLS.
    by_tls: bool,
}

impl<'a> Identifier<'a> {
    fn read(text: &'a str) -> Result<Self, UrlError> {
        const NO_SERVICE: UrlError = Malformed("names no service and no SID: write @//host:1521/service");
        if text.starts_with('(') {
            let first = |name| all_named(text, name).next();
            let service = first("SERVICE_NAME").or_else(|| first("SID")).ok_or(NO_SERVICE)?;
            let host = first("HOST").unwrap_or("a description");
            let port = first("PORT").map(|port| format!(":{port}")).unwrap_or_default();
            let mut protocols = all_named(text, "PROTOCOL").peekable();
            let by_tls =
                protocols.peek().is_some() && protocols.all(|protocol| protocol.eq_ignore_ascii_case("tcps"));
            let place = format!("{host}{port}/{service}");
            return Ok(Self {
                hosts: all_named(text, "HOST").collect(),
                place,
                name: service.to_owned(),
                by_tls,
            });
        }
        let place = text.split('?').next().unwrap_or_default();
        let place = place.rsplit_once("//").map_or(place, |(_, place)| place);
        let (hosts, name) = match (place.split_once('/'), place.split(':').collect::<Vec<_>>().as_slice()) {
            // A kind of server, or an instance, may follow.
            (Some((hosts, service)), _) => (hosts, service.split([':', '/']).next().unwrap_or_default()),
            (None, [host, _, sid]) => (*host, *sid),
            (None, [alias]) => ("", *alias),
            (None, _) => ("", ""),
        };
        if name.is_empty() {
            return Err(NO_SERVICE);
        }
        let hosts = hosts.split([',', ';']).filter(|host| !host.is_empty()).collect();
        let by_tls = strip_prefix(text.trim_start(), "tcps://").is_some();
        Ok(Self { hosts, place: place.to_owned(), name: name.to_owned(), by_tls })
    }
}

/// Every value of `(NAME = value)` in a description.
fn all_named<'a>(description: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    let parts = description.split('(').filter_map(|part| part.split_once('='));
    let parts = parts.filter(move |(found, _)| found.trim().eq_ignore_ascii_case(name));
    let values = parts.filter_map(|(_, value)| value.split(')').next());
    values.map(str::trim).filter(|value| !value.is_empty())
}

fn lacks(connect: &str, identifier: &Identifier<'_>) -> Option<String> {
    if !identifier.by_tls {
        return Some(if identifier.hosts.is_empty() {
            "not known to be encrypted: tnsnames.ora says what an alias is".to_owned()
        } else {
            format!("{NOT_ENCRYPTED}: the protocol is not tcps")
        });
    }
    let text: String = connect.to_ascii_lowercase().split_whitespace().collect();
    let matches_name = ["yes", "on", "true"].map(|value| format!("ssl_server_dn_match={value}"));
    if matches_name.iter().any(|set| text.contains(set)) {
        return None;
    }
    Some("encrypted, with any server's certificate of a trusted authority: there is no ssl_server_dn_match=yes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::bridged::shown;
    use super::*;

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
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for wrong in ["oci:@is", "thin:is", "thin:@", "thin:@db:1521", "thin:@//db:1521/", "thin:@(HOST=db)"]
        {
            assert!(oracle(wrong).is_err(), "{wrong}");
        }
    }
}
