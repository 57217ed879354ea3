//! Databases that are reached by way of their JDBC drivers.

use super::*;
use crate::JdbcUrl;
use crate::db::Server;
use crate::db::server::Kind;

/// A bench with an H2 file, a Java and its driver in the new server's home.
fn bench() -> Bench {
    let bench = Bench::new();
    bench
        .write("idn.mv.db", "")
        .write("jdk/bin/java", "")
        .write("home/repository/components/plugins/h2_2.1.210.wso2v1.jar", "")
        .write("home/repository/components/lib/postgresql-42.5.jar", "");
    let java = bench.path("jdk");
    bench.env("JAVA_HOME", java).set("newIdnUsername", "wso2carbon").set("newIdnPassword", "cGFzcw==")
}

fn server(bench: &Bench) -> Server {
    bench.settings().databases.unwrap().identity.server.unwrap()
}

#[test]
fn an_h2_file_is_opened_where_it_is_and_never_made() {
    let bench = bench().set("newIdnDBUrl", "jdbc:h2:./idn;DB_CLOSE_ON_EXIT=FALSE;LOCK_TIMEOUT=60000");
    let server = server(&bench);
    let place = bench
        .path("idn")
        .canonicalize()
        .unwrap_or_else(|_| bench.dir.path().canonicalize().unwrap().join("idn"));
    assert_eq!((server.kind, server.to_string()), (Kind::H2, place.display().to_string()));
    let route = server.route.unwrap();
    let url =
        format!("jdbc:h2:file:{};DB_CLOSE_ON_EXIT=FALSE;LOCK_TIMEOUT=60000;IFEXISTS=TRUE", place.display());
    assert_eq!(
        (route.url.as_str(), route.read_only, route.sole),
        (url.as_str(), ";ACCESS_MODE_DATA=r", true)
    );
    assert_eq!(route.java.drivers, [bench.path("home/repository/components/plugins/h2_2.1.210.wso2v1.jar")]);
}

#[test]
fn a_file_that_h2_shares_and_a_server_have_more_than_one_user() {
    for url in ["jdbc:h2:./idn;AUTO_SERVER=TRUE", "jdbc:h2:tcp://h:9092/~/idn"] {
        let route = server(&bench().set("newIdnDBUrl", url)).route.unwrap();
        assert!(!route.sole && route.read_only.is_empty(), "{url}");
    }
}

#[test]
fn user_and_password_are_taken_out_of_the_url_and_never_shown() {
    let url = "jdbc:h2:tcp://h:9092/idn;USER=sa;PASSWORD=hunter2;IFEXISTS=TRUE";
    let bench = bench().unset("newIdnUsername").unset("newIdnPassword").set("newIdnDBUrl", url);
    let database = bench.settings().databases.unwrap().identity;
    assert_eq!(database.url.to_string(), "jdbc:h2:tcp://h:9092/idn");
    assert!(!format!("{database:?}").contains("hunter2"));
    let server = database.server.unwrap();
    assert_eq!((server.user.as_str(), server.password.as_str()), ("sa", "hunter2"));
    assert_eq!(server.route.unwrap().url.as_str(), "jdbc:h2:tcp://h:9092/idn;IFEXISTS=TRUE");
}

#[test]
fn one_h2_database_has_one_identity() {
    let bench = bench();
    fs::hard_link(bench.path("idn.mv.db"), bench.path("same.mv.db")).unwrap();
    let parse = |url: &str| JdbcUrl::parse(url, bench.dir.path()).unwrap();
    assert!(parse("jdbc:h2:./idn").same_database(&parse("jdbc:h2:file:same;IFEXISTS=TRUE")));
    let (one, moved) = (parse("jdbc:h2:tcp://a:9092/idn"), parse("jdbc:h2:tcp://b/idn"));
    assert!(!one.same_database(&moved));
    assert_eq!(one.identity(), moved.identity()); // a server's host may change on the way
    bench
        .set("oldIdnDBUrl", "jdbc:h2:./same")
        .set("newIdnDBUrl", "jdbc:h2:./idn")
        .fails(Id::ConfigOldDatabase, "is the same database as oldIdnDBUrl");
}

#[test]
fn other_databases_take_the_bridge_where_that_is_asked_for() {
    let url = "jdbc:postgresql://db/idn?sslmode=require&amp;sslfactory=x";
    let bench = bench().set("newIdnDBUrl", url);
    assert_eq!(server(&bench).route, None);
    let bench = bench.set("driver", "jdbc");
    let route = server(&bench).route.unwrap();
    assert_eq!(route.url.as_str(), "jdbc:postgresql://db/idn?sslmode=require&sslfactory=x");
    assert_eq!(route.java.drivers, [bench.path("home/repository/components/lib/postgresql-42.5.jar")]);
    bench.set("driver", "odbc").fails(Id::ConfigValue, "neither native nor jdbc");
}

#[test]
fn only_the_bridge_reads_java_keystores() {
    let url = "jdbc:mariadb://db/idn?trustStore=/k.jks";
    let bench = bench().set("newIdnDBUrl", url).set("jdbcDrivers", "[mariadb.jar]");
    bench.write("mariadb.jar", "");
    let bench = bench.set("driver", "native");
    bench.fails(Id::ConfigUrl, "write `driver: jdbc`");
    let bench = bench.set("driver", "jdbc");
    assert_eq!(server(&bench).route.unwrap().url.as_str(), url);
}

#[test]
fn what_is_missing_is_said_with_where_it_was_looked_for() {
    let h2 = || bench().set("newIdnDBUrl", "jdbc:h2:./idn");
    h2().unset("newISHome")
        .set("enableConfigMigrator", "false")
        .fails(Id::ConfigJdbc, "neither jdbcDrivers nor newISHome is given");
    h2().set("jdbcDrivers", "[home/bin]").fails(Id::ConfigJdbc, "home/bin");
    h2().set("jdbcDrivers", "[absent.jar]").fails(Id::ConfigValue, "neither a file nor a folder");
    h2().env("JAVA_HOME", "/nowhere").fails(Id::ConfigJdbc, "JAVA_HOME is /nowhere");
    h2().env("JAVA_HOME", "").fails(Id::ConfigJdbc, "no Java is found");
    h2().set("driver", "native").fails(Id::ConfigValue, "names a database of H2");
}

/// Java runs as this user and gets the passwords, as the drivers do.
#[test]
fn a_java_that_somebody_else_may_replace_is_refused() {
    let by_home = bench().set("newIdnDBUrl", "jdbc:h2:./idn");
    by_home.write("jdk/lib/modules", "");
    let by_path = bench().set("newIdnDBUrl", "jdbc:h2:./idn").env("JAVA_HOME", "");
    by_path.write("links/about.txt", "");
    std::os::unix::fs::symlink(by_path.path("jdk/bin/java"), by_path.path("links/java")).unwrap();
    let links = by_path.path("links");
    let by_path = by_path.env("PATH", links);
    for (bench, place) in [
        (&by_home, "jdk/bin/java"),
        (&by_home, "jdk/bin"),
        (&by_home, "jdk/lib/modules"),
        (&by_path, "jdk/bin/java"),
        (&by_path, "jdk"),
        (&by_path, "links"),
    ] {
        bench.settings();
        let before = fs::metadata(bench.path(place)).unwrap().permissions().mode();
        bench.mode(place, before | 0o002);
        let why = format!("everyone may write to {}", bench.path(place).display());
        bench.fails(Id::ConfigJdbc, &why);
        bench.mode(place, before);
    }
}

/// On a server, or shared by `AUTO_SERVER`, H2 has room for two.
#[test]
fn an_embedded_file_is_not_kept_in_step() {
    let synced = |old: &str, new: &str| {
        bench()
            .set("newIdnDBUrl", new)
            .set("oldIdnDBUrl", old)
            .set("oldIdnUsername", "wso2carbon")
            .set("enableSyncMigrator", "true")
    };
    let server = "jdbc:h2:tcp://old/idn";
    for (old, new) in [(server, "jdbc:h2:./idn"), ("jdbc:h2:./idn", server)] {
        synced(old, new).fails(Id::ConfigUnsupportedDatabase, "open to one program at a time");
    }
    synced(server, "jdbc:h2:tcp://new/idn").settings();
    synced("jdbc:h2:./idn;AUTO_SERVER=TRUE", server).settings();
}

/// A bench with drivers of other databases in the new server's home.
fn vendors() -> Bench {
    let bench = bench();
    for driver in ["ojdbc8_12.2.jar", "orai18n.jar", "mssql-jdbc-12.jar", "db2jcc4.jar"] {
        bench.write(&format!("home/repository/components/lib/{driver}"), "");
    }
    bench
}

#[test]
fn oracle_sql_server_and_db2_go_by_the_drivers_of_the_server_and_are_said_to_be_untried() {
    for (url, kind, drivers) in [
        ("jdbc:oracle:thin:@//db:1521/is", Kind::Oracle, &["orai18n.jar", "ojdbc8_12.2.jar"] as &[&str]),
        ("jdbc:sqlserver://db;databaseName=is", Kind::SqlServer, &["mssql-jdbc-12.jar"]),
        ("jdbc:db2://db:50000/is", Kind::Db2, &["db2jcc4.jar"]),
    ] {
        let bench = vendors()
            .set("newIdnDBUrl", url)
            .set("newRegDBUrl", url)
            .set("newRegUsername", "registry")
            .set("newRegPassword", "cGFzcw==");
        let server = server(&bench);
        let lib = bench.path("home/repository/components/lib");
        let route = server.route.unwrap();
        assert_eq!((server.kind, route.url.as_str(), route.sole), (kind, url, false));
        assert_eq!(route.java.drivers, drivers.iter().map(|name| lib.join(name)).collect::<Vec<_>>());
        let notices = bench.settings().notices;
        let said = notices.iter().filter(|notice| notice.text.contains("only on stand-ins")).count();
        assert_eq!(said, 1, "{url}");
    }
}

#[test]
fn two_users_of_one_oracle_have_two_databases() {
    let url = "jdbc:oracle:thin:@//db:1521/is";
    let bench = |registry: &str, old: &str| {
        vendors()
            .set("newIdnDBUrl", url)
            .set("newRegDBUrl", url)
            .set("newRegUsername", registry)
            .set("newRegPassword", "cGFzcw==")
            .set("oldIdnDBUrl", url)
            .set("oldIdnUsername", old)
            .set("oldIdnPassword", "cGFzcw==")
    };
    let databases = bench("registry", "old").settings().databases.unwrap();
    assert!(!databases.same_database());
    assert_eq!(databases.identity.identity(), "oracle:is/wso2carbon");
    assert_ne!(databases.identity.identity(), databases.registry.identity());
    assert!(bench("WSO2Carbon", "old").settings().databases.unwrap().same_database());
    bench("registry", "WSO2CARBON").fails(Id::ConfigOldDatabase, "is the same database as oldIdnDBUrl");
    // A schema in the URL is the same for every user.
    let url = "jdbc:db2://db:50000/is:currentSchema=WSO2;";
    let bench = bench("registry", "old").set("newIdnDBUrl", url).set("newRegDBUrl", url).unset("oldIdnDBUrl");
    assert!(bench.settings().databases.unwrap().same_database());
}

/// A rogue server once got the password in clear: the driver was never told whom to trust.
#[test]
fn a_jdbc_driver_is_told_whom_to_trust_or_refused() {
    let with = |url: &str| {
        let bench = bench().set("driver", "jdbc").set("newIdnDBUrl", url).set("tlsCaFile", "ca.pem");
        bench
            .write("ca.pem", "PEM")
            .write("home/repository/components/lib/mariadb-java-client-3.jar", "")
            .write("home/repository/components/lib/mysql-connector-j-8.jar", "")
            .write("home/repository/components/lib/ojdbc11.jar", "")
            .write("home/repository/components/lib/mssql-jdbc-12.jar", "")
            .write("home/repository/components/lib/jcc-11.jar", "");
        bench
    };
    let ca = "the file of tlsCaFile";
    let of_old = |mode, any_host: bool| {
        let mut told = vec![("sslMode", mode), ("useSsl", "true"), ("trustServerCertificate", "false")];
        told.extend(any_host.then_some(("disableSslHostnameVerification", "true")));
        told.push(("serverSslCert", ca));
        told
    };
    for (url, expected) in [
        ("jdbc:postgresql://h/d", vec![("sslmode", "verify-ca"), ("sslrootcert", ca)]),
        ("jdbc:postgresql://h/d?sslmode=verify-full", vec![("sslmode", "verify-full"), ("sslrootcert", ca)]),
        (
            "jdbc:postgresql://h/d?sslfactory=org.postgresql.ssl.LibPQFactory",
            vec![("sslmode", "verify-ca"), ("sslrootcert", ca)],
        ),
        // Its driver knows no sslMode before 3.0, and would go without TLS.
        ("jdbc:mariadb://h/d", of_old("verify-ca", true)),
        ("jdbc:mariadb://h/d?sslMode=verify-full", of_old("verify-full", false)),
        ("jdbc:mariadb://h/d?useSsl=true&disableSslHostnameVerification=true", of_old("verify-ca", true)),
    ] {
        let bench = with(url);
        let file = bench.path("ca.pem").display().to_string();
        let told = server(&bench).route.unwrap().properties;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, value)| (name, if value == ca { file.clone() } else { value.to_owned() }))
            .collect();
        assert_eq!(told, expected, "{url}");
    }
    for (url, says) in [
        ("jdbc:postgresql://h/d?sslmode=require", "accept any certificate"),
        (
            "jdbc:postgresql://h/d?sslfactory=org.postgresql.ssl.NonValidatingFactory",
            "with sslfactory in newIdnDBUrl",
        ),
        ("jdbc:postgresql://h/d?sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory", "with sslfactory in"),
        ("jdbc:postgresql://h/d?sslmode=verify-full&sslhostnameverifier=a.B", "with sslhostnameverifier in"),
        ("jdbc:postgresql://h/d?socketFactory=a.B", "with socketFactory in"),
        ("jdbc:mariadb://h/d?sslMode=trust", "accept any certificate"),
        ("jdbc:mariadb://h/d?trustServerCertificate=true", "forbids TLS"),
        ("jdbc:mariadb://h/d?sslMode=verify-full&socketFactory=a.B", "with socketFactory in"),
        ("jdbc:mariadb://h/d?sslMode=verify-full&tlsSocketType=x", "with tlsSocketType in"),
        ("jdbc:mariadb://h/d?sslMode=verify-full&trustStore=/k.jks", "with trustStore in"),
        ("jdbc:mysql://h/d", "trust stores only"),
        ("jdbc:mysql://h/d?useSSL=true&verifyServerCertificate=false", "accept any certificate"),
        ("jdbc:h2:tcp://h:9092/idn", "cannot be given to the JDBC driver"),
        ("jdbc:oracle:thin:@//h:1521/s", "cannot be given to the JDBC driver"),
        ("jdbc:sqlserver://h:1433;databaseName=d", "cannot be given to the JDBC driver"),
        ("jdbc:db2://h:50000/d", "cannot be given to the JDBC driver"),
    ] {
        with(url).fails(Id::ConfigValue, says);
    }
    // Nothing goes over a network.
    assert!(server(&with("jdbc:h2:./idn")).route.unwrap().properties.is_empty());
}

/// Old drivers leave out the words of new ones: what the URL asks for is said in those of both.
#[test]
fn what_a_url_asks_of_tls_is_told_in_the_words_of_all_versions_of_its_driver() {
    let told = |url: &str| {
        let bench = bench().set("driver", "jdbc").set("newIdnDBUrl", url);
        bench
            .write("home/repository/components/lib/mariadb-java-client-2.jar", "")
            .write("home/repository/components/lib/mysql-connector-java-5.jar", "");
        let told = server(&bench).route.unwrap().properties;
        told.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    for (url, expected) in [
        ("jdbc:mariadb://h/d", ""),
        ("jdbc:mariadb://h/d?sslMode=trust", "sslMode=trust useSsl=true trustServerCertificate=true"),
        (
            "jdbc:mariadb://h/d?sslMode=verify-full",
            "sslMode=verify-full useSsl=true trustServerCertificate=false",
        ),
        ("jdbc:mysql://h/d?useSSL=false", ""),
        ("jdbc:mysql://h/d?sslMode=REQUIRED", "useSSL=true requireSSL=true"),
        ("jdbc:mysql://h/d?sslMode=VERIFY_CA", "useSSL=true requireSSL=true verifyServerCertificate=true"),
        ("jdbc:postgresql://h/d?ssl=true", "sslmode=verify-full"),
        // A factory in the URL is accepted; preflight warns.
        ("jdbc:postgresql://h/d?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", ""),
    ] {
        assert_eq!(told(url), expected, "{url}");
    }
}
