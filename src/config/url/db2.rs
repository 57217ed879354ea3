//! JDBC URLs of Db2.

use super::UrlError;
use super::bridged::{BridgedUrl, LogOn, NOT_ENCRYPTED};
use crate::db::server::Kind;

use UrlError::Malformed;

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
    let (mut hosts, mut by_tls) = (vec![host], false);
    for part in parameters.split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if log_on.takes(name, value) {
            continue;
        }
        match name.trim().to_ascii_lowercase().as_str() {
            "currentschema" => schema = format!("/{value}"),
            "clientreroutealternateservername" => hosts.extend(value.split(',')),
            "sslconnection" => by_tls = value.trim().eq_ignore_ascii_case("true"),
            _ => {}
        }
        kept.push_str(part);
        kept.push(';'); // the driver wants one behind each
    }
    let separator = if kept.is_empty() { "" } else { ":" };
    let url = format!("jdbc:db2://{host}/{database}{separator}{kept}");
    let (place, name) = (format!("{host}/{database}{schema}"), format!("{database}{schema}"));
    // Without a schema it is the user's own.
    let of_user = schema.is_empty();
    let url = BridgedUrl { of_user, ..BridgedUrl::on_server(Kind::Db2, log_on, url, place, name) };
    Ok(url.reached(hosts, (!by_tls).then(|| format!("{NOT_ENCRYPTED}: there is no sslConnection=true"))))
}

#[cfg(test)]
mod tests {
    use super::super::bridged::shown;
    use super::*;

    #[test]
    fn who_logs_on_does_not_stay_in_the_url() {
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
    fn what_names_no_database_is_refused() {
        for wrong in ["is", "//db:50000", "//db:50000/", "///is"] {
            assert!(db2(wrong).is_err(), "{wrong}");
        }
    }
}
