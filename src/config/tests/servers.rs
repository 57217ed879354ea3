//! URLs of database servers: what they come to, and what is refused.

use std::time::Duration;

use proptest::prelude::*;

use super::Bench;
use crate::JdbcUrl;
use crate::db::Server;
use crate::db::server::{Kind, TlsMode};
use crate::error::Id;

fn bench(url: &str) -> Bench {
    Bench::new().set("newIdnDBUrl", url).set("newIdnUsername", "wso2").set("newIdnPassword", "c2VjcmV0")
}

fn server(bench: &Bench) -> Server {
    bench.settings().databases.unwrap().identity.server.unwrap()
}

#[test]
fn urls_name_hosts_ports_and_databases() {
    for (url, kind, place) in [
        ("jdbc:postgresql://db.example.com/idn", Kind::Postgres, "db.example.com:5432/idn"),
        ("jdbc:postgresql://db:6000/idn?sslmode=disable", Kind::Postgres, "db:6000/idn"),
        ("jdbc:postgresql:idn", Kind::Postgres, "localhost:5432/idn"),
        ("jdbc:postgresql:///idn", Kind::Postgres, "localhost:5432/idn"),
        ("jdbc:postgresql://[::1]:5433/idn", Kind::Postgres, "[::1]:5433/idn"),
        ("jdbc:postgresql://[2001:db8::1]/idn", Kind::Postgres, "[2001:db8::1]:5432/idn"),
        ("jdbc:postgresql://a,b:1,[::2]/idn", Kind::Postgres, "a:5432,b:1,[::2]:5432/idn"),
        ("JDBC:MySQL://db/IDN?useSSL=false&amp;allowPublicKeyRetrieval=true", Kind::MySql, "db:3306/IDN"),
        ("jdbc:mysql:failover://a,b:3307/idn", Kind::MySql, "a:3306,b:3307/idn"),
        ("jdbc:mariadb:sequential://a,b/idn", Kind::MySql, "a:3306,b:3306/idn"),
        ("jdbc:mariadb://db/idn%20db", Kind::MySql, "db:3306/idn db"),
    ] {
        let server = server(&bench(url));
        assert_eq!((server.kind, server.to_string().as_str()), (kind, place), "{url}");
        assert_eq!((server.user.as_str(), server.password.as_str()), ("wso2", "secret"), "{url}");
        assert!(!format!("{server:?}").contains("secret"));
    }
}

#[test]
fn tls_is_as_each_driver_means_it() {
    for (url, mode) in [
        ("jdbc:postgresql://h/d", TlsMode::Preferred),
        ("jdbc:postgresql://h/d?ssl=true", TlsMode::VerifyFull),
        ("jdbc:postgresql://h/d?ssl=false", TlsMode::Disabled),
        ("jdbc:postgresql://h/d?sslmode=require", TlsMode::Required),
        ("jdbc:postgresql://h/d?ssl=true&sslmode=verify-ca", TlsMode::VerifyCa),
        ("jdbc:mysql://h/d", TlsMode::Preferred),
        ("jdbc:mysql://h/d?useSSL=false", TlsMode::Disabled),
        ("jdbc:mysql://h/d?useSSL=true&requireSSL=true", TlsMode::Required),
        ("jdbc:mysql://h/d?useSSL=true&verifyServerCertificate=true", TlsMode::VerifyCa),
        ("jdbc:mysql://h/d?sslMode=VERIFY_IDENTITY", TlsMode::VerifyFull),
        ("jdbc:mariadb://h/d", TlsMode::Disabled),
        ("jdbc:mariadb://h/d?useSsl=true&trustServerCertificate=true", TlsMode::Required),
        ("jdbc:mariadb://h/d?sslMode=trust", TlsMode::Required),
    ] {
        assert_eq!(server(&bench(url)).tls.mode, mode, "{url}");
    }
    let bench = bench("jdbc:mysql://h/d").set("tlsCaFile", "ca.pem");
    bench.write("ca.pem", "PEM");
    let tls = server(&bench).tls;
    assert_eq!((tls.mode, tls.authorities), (TlsMode::VerifyCa, Some(bench.path("ca.pem"))));
}

#[test]
fn contradictions_are_refused_by_name() {
    for (url, says) in [
        ("jdbc:mysql://h/d?useSSL=false&requireSSL=true", "asks for TLS and forbids it"),
        ("jdbc:mysql://h/d?sslMode=DISABLED&useSSL=true", "asks for TLS and forbids it"),
        ("jdbc:mysql://h/d?useSSL=false&verifyServerCertificate=true", "to verify a certificate"),
        ("jdbc:mysql://h/d?sslMode=VERIFY_CA&verifyServerCertificate=false", "and not to"),
        ("jdbc:postgresql://h/d?ssl=false&sslmode=require", "asks for TLS and forbids it"),
        ("jdbc:postgresql://h/d?sslmode=sometimes", "has sslmode with a value"),
        ("jdbc:postgresql://h/d?sslcert=a.pem", "which go together"),
        ("jdbc:mysql://h/d?useSSL=perhaps", "neither true nor false"),
        ("jdbc:mysql://h/d?connectTimeout=soon", "has connectTimeout with a value that is not a number"),
        ("jdbc:mysql://h/d?trustCertificateKeyStoreUrl=file:/k.jks", "export its certificates as PEM"),
        ("jdbc:postgresql://h/d?gssEncMode=require", "has gssEncMode=require"),
        ("jdbc:postgresql://h/d?channelBinding=require&sslmode=verify-full", "has channelBinding=require"),
        ("jdbc:mysql://h/d?fipsCompliantJsse=true", "has fipsCompliantJsse=true"),
    ] {
        bench(url).fails(Id::ConfigUrl, says);
    }
    bench("jdbc:mysql://h/d?user=other").fails(Id::ConfigValue, "two different things");
    let forbids = bench("jdbc:mysql://h/d?useSSL=false").set("tlsCaFile", "ca.pem");
    forbids.write("ca.pem", "PEM");
    forbids.fails(Id::ConfigValue, "newIdnDBUrl forbids TLS");
    bench("jdbc:mysql://h/d").set("tlsCaFile", "absent.pem").fails(Id::ConfigValue, "is not a file");
}

#[test]
fn parameters_mean_what_their_driver_says() {
    let url = "jdbc:postgresql://h/d?currentSchema=%22Wso2%22,public&connectTimeout=3&socketTimeout=60";
    let server = server(&bench(url));
    assert_eq!(server.schema.as_deref(), Some("Wso2"));
    assert_eq!((server.connect_timeout.as_secs(), server.socket_timeout), (3, Some(Duration::from_mins(1))));
    let url =
        "jdbc:mysql://h/d?connectTimeout=2500&socketTimeout=0&serverTimezone=UTC&characterEncoding=utf8";
    let of_mysql = bench(url);
    let settings = of_mysql.settings();
    let server = settings.databases.unwrap().identity.server.unwrap();
    assert_eq!((server.connect_timeout.as_millis(), server.socket_timeout), (2500, None));
    assert!(of_mysql.warnings().is_empty(), "{:?}", of_mysql.warnings());

    let warnings = bench("jdbc:mysql://h/d?useSSL=false&frobnicate=hunter2").warnings();
    assert!(warnings[0].contains("newIdnDBUrl has the parameter frobnicate"), "{warnings:?}");
    assert!(!warnings.concat().contains("hunter2"));
}

/// What narrows down how a connection is protected, and this program's driver does not go by.
#[test]
fn what_of_protection_has_no_effect_here_is_said() {
    for query in [
        "mysql://h/d?enabledTLSProtocols=TLSv1.3",
        "mysql://h/d?tlsVersions=TLSv1.3",
        "mysql://h/d?tlsCiphersuites=TLS_AES_256_GCM_SHA384",
        "mysql://h/d?enabledSSLCipherSuites=TLS_AES_256_GCM_SHA384",
        "mariadb://h/d?enabledSslProtocolSuites=TLSv1.3",
        "mariadb://h/d?enabledSslCipherSuites=TLS_AES_256_GCM_SHA384",
        "mysql://h/d?disabledAuthenticationPlugins=mysql_clear_password",
        "mariadb://h/d?restrictedAuth=parsec",
        "mariadb://h/d?localSocket=/run/mysqld.sock",
        "mysql://h/d?socksProxyHost=proxy",
    ] {
        let (_, named) = query.split_once('?').unwrap();
        let (name, value) = named.split_once('=').unwrap();
        let warnings = bench(&format!("jdbc:{query}")).warnings();
        let found = warnings.iter().find(|warning| warning.contains(name));
        let found = found.unwrap_or_else(|| panic!("{query}: {warnings:?}"));
        assert!(found.contains("has no effect here") && !found.contains(value), "{found}");
    }
    for query in [
        "postgresql://h/d?gssEncMode=prefer&channelBinding=prefer",
        "postgresql://h/d?gssEncMode=disable&channelBinding=disable",
        "postgresql://h/d?gssEncMode=allow",
        "mysql://h/d?fipsCompliantJsse=false",
    ] {
        let warnings = bench(&format!("jdbc:{query}")).warnings();
        assert!(warnings.is_empty(), "{query}: {warnings:?}");
    }
}

#[test]
fn who_logs_on_may_stand_in_the_url_and_may_be_anybody() {
    let in_url = Bench::new().set("newIdnDBUrl", "jdbc:postgresql://h/d?user=w%26so2&password=p%3Dw%C3%A9");
    let server = server(&in_url);
    assert_eq!((server.user.as_str(), server.password.as_str()), ("w&so2", "p=wé"));
    Bench::new().set("newIdnDBUrl", "jdbc:mysql://h/d").fails(Id::ConfigMissingKey, "newIdnUsername");
    let from_env = bench("jdbc:mysql://h/d").set("newIdnPassword", "env:PW").env("PW", "a b'c\"d");
    assert_eq!(super::servers::server(&from_env).password.as_str(), "a b'c\"d");
}

#[test]
fn a_schema_in_options_is_the_one_that_is_taken() {
    let of = |query: &str| bench(&format!("jdbc:postgresql://h/d?{query}"));
    let schema = |query: &str| server(&of(query)).schema;
    assert_eq!(schema("options=-c%20search_path=idn").as_deref(), Some("idn"));
    assert_eq!(schema("options=-c%20search_path%3Didn&currentSchema=idn").as_deref(), Some("idn"));
    of("options=-c%20search_path=idn,public").fails(Id::ConfigUrl, "currentSchema");
    of("options=-c%20search_path=idn&currentSchema=reg").fails(Id::ConfigUrl, "another in options");
    assert!(of("options=-c%20work_mem=1MB").settings().notices[0].text.contains("work_mem"));
}

#[test]
fn the_journal_knows_a_database_by_its_name_not_its_hosts() {
    let identity = |url: &str| bench(url).settings().databases.unwrap().identity.url.identity();
    assert_eq!(identity("jdbc:postgresql://a/idn"), identity("jdbc:postgresql://b:6000/idn"));
    assert_eq!(identity("jdbc:mysql://a/idn"), identity("jdbc:mariadb://a/idn"));
    assert_ne!(identity("jdbc:postgresql://a/idn"), identity("jdbc:postgresql://a/idn?currentSchema=x"));
    assert_ne!(identity("jdbc:postgresql://a/idn"), identity("jdbc:mysql://a/idn"));
}

#[test]
fn a_name_with_odd_characters_is_no_other_ones() {
    let url = |url: &str| JdbcUrl::parse(url, std::path::Path::new("/")).unwrap();
    let (slash, schema) = (url("jdbc:postgresql://a/idn/x"), url("jdbc:postgresql://a/idn?currentSchema=x"));
    assert_eq!(
        (slash.identity().as_str(), schema.identity().as_str()),
        ("postgresql:idn%2Fx", "postgresql:idn/x")
    );
    assert_eq!(schema.to_string(), "jdbc:postgresql://a:5432/idn?currentSchema=x");
    let spaced = url("jdbc:postgresql://a/i%3Fd?currentSchema=%22 x%22");
    assert_eq!(spaced.to_string(), "jdbc:postgresql://a:5432/i%3Fd?currentSchema=\" x\"");
    for odd in ["a b", "a\tb", "a[b", "[a ]"] {
        bench(&format!("jdbc:postgresql://{odd}/idn")).fails(Id::ConfigUrl, "a host with white space");
    }
}

#[test]
fn the_old_server_by_name_is_refused_before_anybody_connects() {
    let old = bench("jdbc:mysql://DB:3306/IDN").set("oldIdnDBUrl", "jdbc:mariadb://db/idn");
    old.fails(Id::ConfigOldDatabase, "is the same database as oldIdnDBUrl");
}

proptest! {
    #[test]
    fn no_text_panics_and_no_error_shows_it(rest in "[ -~é]{0,60}", scheme in "postgresql|mysql|mariadb") {
        let url = format!("jdbc:{scheme}:{rest}hunter2");
        if let Err(error) = JdbcUrl::parse(&url, std::path::Path::new("/")) {
            let shown = format!("{error:?}");
            prop_assert!(!shown.contains("hunter2"));
        }
    }
}
