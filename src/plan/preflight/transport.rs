//! Whether what goes to a database, the password first, can be read or answered by an attacker.

use std::net::IpAddr;

use super::{Check, Facts, Found, Needs};
use crate::config::{Database, JdbcUrl};
use crate::db::server::TlsMode;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "transport",
    title: "connections to other hosts are encrypted, and the server is known by its certificate",
    needs: Needs::Settings,
    warns: "a connection to another host is not encrypted, or accepts any certificate: an attacker in \
            between can read the password",
    refuses: &[],
    fix: "write sslmode=verify-full (sslMode=VERIFY_IDENTITY, encrypt=true, …) in the URL, with tlsCaFile for an authority of your own",
    look: transport,
}];

fn transport(facts: &Facts<'_>) -> Found {
    let Some(databases) = &facts.settings.databases else {
        return Found::NotChecked("no database is rotated".to_owned());
    };
    let all = databases.new_ones().chain(databases.old_ones()).chain(&facts.settings.replicas);
    let mut open: Vec<String> = all.filter_map(problem).collect();
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
    let lacks = lacks(&database.url, server.tls.mode, server.route.is_some())?;
    Some(format!("{}: {lacks}", database.key))
}

/// Likewise, by its URL, with what TLS comes to together with `tlsCaFile`.
fn lacks(url: &JdbcUrl, mode: TlsMode, by_jdbc: bool) -> Option<String> {
    let url = match url {
        JdbcUrl::Sqlite { .. } => return None,
        JdbcUrl::Bridged(url) => {
            let is_here = !url.hosts.is_empty() && url.hosts.iter().all(|host| is_local(host));
            return url.lacks.clone().filter(|_| !is_here);
        }
        JdbcUrl::Server(url) => url,
    };
    if url.hosts.iter().all(|host| is_local(&host.name)) {
        return None;
    }
    if let Some(decider) = url.decider.as_ref().filter(|decider| by_jdbc && !decider.verifies) {
        return Some(format!("{} decides how it is protected, which may be not at all", decider.name));
    }
    let what = match mode {
        TlsMode::Disabled => "not encrypted",
        TlsMode::Preferred => "encrypted only if the server wants it, with any certificate",
        TlsMode::Required => "encrypted, with any certificate",
        TlsMode::VerifyCa | TlsMode::VerifyFull => return None,
    };
    Some(what.to_owned())
}

/// Whether a host is this machine, by its name or address.
fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.is_empty()
        || matches!(host.as_str(), "localhost" | ".")
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for local in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", ""] {
            assert!(is_local(local), "{local}");
        }
        for other in ["db1", "10.0.0.1", "localhost.example.org", "2001:db8::1", "127.example.org", "0.0.0.0"]
        {
            assert!(!is_local(other), "{other}");
        }
    }

    /// URLs, and what is said of each by way of its JDBC driver; nothing where all is well.
    const URLS: &[(&str, &str)] = &[
        ("jdbc:postgresql://localhost/is", ""),
        ("jdbc:postgresql://localhost,db/is", "only if the server wants it"),
        ("jdbc:postgresql://db/is", "only if the server wants it"),
        ("jdbc:postgresql://db/is?sslmode=require", "with any certificate"),
        ("jdbc:postgresql://db/is?sslmode=verify-ca", ""),
        ("jdbc:postgresql://db/is?ssl=true", ""),
        (
            "jdbc:postgresql://db/is?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory",
            "sslfactory decides",
        ),
        (
            "jdbc:postgresql://db/is?sslmode=verify-full&sslhostnameverifier=a.B",
            "sslhostnameverifier decides",
        ),
        ("jdbc:postgresql://db/is?sslmode=verify-full&socketFactory=a.B", "socketFactory decides"),
        ("jdbc:postgresql://db/is?sslmode=verify-full&service=x", "service decides"),
        ("jdbc:postgresql://db/is?sslmode=verify-full&sslfactory=org.postgresql.ssl.LibPQFactory", ""),
        ("jdbc:postgresql://db/is?ssl=true&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory", ""),
        ("jdbc:mysql://db/is?useSSL=false", "not encrypted"),
        ("jdbc:mysql://db/is?useSSL=true&requireSSL=true", "with any certificate"),
        (
            "jdbc:mysql://db/is?useSSL=true&requireSSL=true&verifyServerCertificate=false",
            "with any certificate",
        ),
        ("jdbc:mysql://db/is?sslMode=VERIFY_IDENTITY", ""),
        ("jdbc:mysql://db/is?sslMode=VERIFY_IDENTITY&sslContextProvider=x", "sslContextProvider decides"),
        ("jdbc:mariadb://db/is", "not encrypted"),
        ("jdbc:mariadb://db/is?useSsl=true", ""),
        ("jdbc:mariadb://db/is?useSsl=true&disableSslHostnameVerification=true", ""),
        ("jdbc:mariadb://db/is?useSsl=true&trustServerCertificate=true", "with any certificate"),
        ("jdbc:mariadb://db/is?sslMode=trust", "with any certificate"),
        ("jdbc:mariadb://db/is?sslMode=verify-full&tlsSocketType=x", "tlsSocketType decides"),
        ("jdbc:h2:tcp://localhost/~/is", ""),
        ("jdbc:h2:tcp://db/~/is", "not encrypted"),
        ("jdbc:h2:ssl://db/~/is", "takes any certificate"),
        ("jdbc:h2:ssl://localhost,db/~/is", "takes any certificate"),
        ("jdbc:sqlserver://localhost\\inst:1433;databaseName=is", ""),
        ("jdbc:sqlserver://;serverName=localhost;databaseName=is", ""),
        ("jdbc:sqlserver://;serverName=db;databaseName=is", "no encrypt=true"),
        ("jdbc:sqlserver://localhost;failoverPartner=db;databaseName=is", "no encrypt=true"),
        ("jdbc:sqlserver://db;databaseName=is", "no encrypt=true"),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=false", "encrypt is not true"),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=optional", "encrypt is not true"),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=true;Encrypt={false}", "encrypt is not true"),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=true", ""),
        ("jdbc:sqlserver://db;databaseName={is;encrypt=true}", "no encrypt=true"),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=true;trustServerCertificate=false", ""),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=true;TrustServerCertificate=TRUE", "any certificate"),
        (
            "jdbc:sqlserver://db;databaseName=is;encrypt = true;trustServerCertificate = {true}",
            "any certificate",
        ),
        ("jdbc:sqlserver://db;databaseName=is;encrypt=strict;trustServerCertificate=true", ""),
        (
            "jdbc:sqlserver://db;databaseName=is;encrypt=true;trustManagerClass=a.B",
            "trustManagerClass decides",
        ),
        ("jdbc:oracle:thin:@//localhost:1521/is", ""),
        ("jdbc:oracle:thin:@localhost:1521:is", ""),
        ("jdbc:oracle:thin:@//db:1521/is", "not tcps"),
        ("jdbc:oracle:thin:@//localhost,db:1521/is", "not tcps"),
        ("jdbc:oracle:thin:@//db:1521/tcps", "not tcps"),
        ("jdbc:oracle:thin:@is_alias", "tnsnames.ora"),
        ("jdbc:oracle:thin:@tcps://db:2484/is", "ssl_server_dn_match"),
        ("jdbc:oracle:thin:@tcps://db:2484/is?oracle.net.ssl_server_dn_match=false", "ssl_server_dn_match"),
        ("jdbc:oracle:thin:@tcps://db:2484/is?ssl_server_dn_match=true", ""),
        (
            "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)(HOST=db))(ADDRESS=(PROTOCOL=tcp)(HOST=db2))\
                 (CONNECT_DATA=(SERVICE_NAME=is)))",
            "not tcps",
        ),
        (
            "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCPS)(HOST=db))(CONNECT_DATA=(SERVICE_NAME=is))\
                 (SECURITY=(SSL_SERVER_DN_MATCH = yes)))",
            "",
        ),
        (
            "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=localhost))(ADDRESS=(PROTOCOL=TCP)(HOST=db))\
                 (CONNECT_DATA=(SERVICE_NAME=is)))",
            "not tcps",
        ),
        ("jdbc:db2://localhost:50000/is", ""),
        ("jdbc:db2://db:50000/is", "no sslConnection=true"),
        ("jdbc:db2://db:50000/is:sslConnection=false;", "no sslConnection=true"),
        ("jdbc:db2://db:50000/is:sslConnection=true;", ""),
        ("jdbc:db2://localhost:50000/is:clientRerouteAlternateServerName=db;", "no sslConnection=true"),
    ];

    #[test]
    fn what_a_url_leaves_open_is_said() {
        for (url, said) in URLS {
            let parsed =
                JdbcUrl::parse(url, Path::new("/")).unwrap_or_else(|error| panic!("{url}: {error:?}"));
            let mode = match &parsed {
                JdbcUrl::Server(url) => url.tls.mode,
                JdbcUrl::Sqlite { .. } | JdbcUrl::Bridged(_) => TlsMode::Preferred,
            };
            let found = lacks(&parsed, mode, true).unwrap_or_default();
            assert_eq!(found.is_empty(), said.is_empty(), "{url}: {found}");
            assert!(found.contains(said), "{url}: {found}");
        }
        // This program's own driver reads none of these.
        let url = "jdbc:postgresql://db/is?sslmode=verify-full&sslfactory=a.B";
        let parsed = JdbcUrl::parse(url, Path::new("/")).unwrap();
        assert_eq!(lacks(&parsed, TlsMode::VerifyFull, false), None);
    }
}
