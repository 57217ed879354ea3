//! Whether what goes to a database, the password first, can be read or answered by somebody else.

use super::{Check, Facts, Found, Needs};
use crate::config::{Database, JdbcUrl};
use crate::db::server::{Kind, TlsMode};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "transport",
    title: "connections to other hosts are encrypted, and the server is known by its certificate",
    needs: Needs::Settings,
    warns: "a connection to another host is not encrypted, or takes any certificate: whoever is on the way reads the password",
    refuses: &[],
    fix: "write sslmode=verify-full (sslMode=VERIFY_IDENTITY, encrypt=true, …) in the URL, with tlsCaFile for an authority of your own",
    look: transport,
}];

fn transport(facts: &Facts<'_>) -> Found {
    let Some(databases) = &facts.settings.databases else {
        return Found::NotChecked("no database is rotated".to_owned());
    };
    let all = [
        Some(&databases.identity),
        Some(&databases.registry),
        databases.old_identity.as_ref(),
        databases.old_registry.as_ref(),
    ];
    let mut open: Vec<String> = all.into_iter().flatten().filter_map(problem).collect();
    open.dedup();
    if open.is_empty() {
        Found::Ok("yes, or there are none".to_owned())
    } else {
        Found::Warning(open.join("; "))
    }
}

/// What is wrong with the way to a database, if it is on another host.
fn problem(database: &Database) -> Option<String> {
    let server = database.server.as_ref()?;
    let said = |what: &str| Some(format!("{}: {what}", database.key));
    if let JdbcUrl::Bridged(url) = &database.url {
        if url.file.is_some() || is_local(url.place.as_str()) {
            return None;
        }
        let text = url.url.expose().to_ascii_lowercase().replace(' ', "");
        let has = |word: &str| text.contains(word);
        let is_verified = match url.kind {
            Kind::H2 => has("jdbc:h2:ssl:"),
            Kind::Oracle => has("tcps"),
            Kind::SqlServer => {
                !has("encrypt=false") && !has("encrypt=optional") && !has("trustservercertificate=true")
            }
            Kind::Db2 => has("sslconnection=true"),
            Kind::Postgres | Kind::MySql => true, // below
        };
        return if is_verified { None } else { said("not encrypted, or with any certificate") };
    }
    if server.hosts.iter().all(|host| is_local(&host.name)) {
        return None;
    }
    match server.tls.mode {
        TlsMode::Disabled => said("not encrypted"),
        TlsMode::Preferred => said("encrypted only if the server wants it, with any certificate"),
        TlsMode::Required => said("encrypted, with any certificate"),
        TlsMode::VerifyCa | TlsMode::VerifyFull => None,
    }
}

/// Whether a host, at the beginning of a place, is this machine.
fn is_local(place: &str) -> bool {
    let place = place.rsplit_once("//").map_or(place, |(_, rest)| rest).to_ascii_lowercase();
    let host = match place.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if place.matches(':').count() > 1 && !place.contains('/') => place.as_str(),
        None => place.split([':', '/', ';', '?']).next().unwrap_or_default(),
    };
    host == "localhost"
        || host == "::1"
        || host.is_empty()
        || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for local in [
            "localhost",
            "LOCALHOST:5432",
            "127.0.0.1",
            "127.1.2.3:3306/x",
            "[::1]:5432",
            "::1",
            "tcp://localhost/~/x",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "db1",
            "10.0.0.1:5432",
            "localhost.example.org",
            "[2001:db8::1]:5432",
            "tcp://db1/x",
            "127.example.org",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }
}
