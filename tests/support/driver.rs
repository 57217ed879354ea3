//! By which JDBC driver a deployment's databases are reached, if by one.

use super::server::{Engine, stand_in};

impl Engine {
    /// Lines of a properties.yaml, with the driver that the program is to go by.
    pub(super) fn by_driver(self, lines: impl Iterator<Item = String>) -> String {
        // A copy of a deployment has them already.
        let ours = |line: &String| !line.starts_with("driver:") && !line.starts_with("jdbcDrivers:");
        let driver = self.jdbc_drivers().map(|drivers| format!("driver: jdbc\njdbcDrivers: [{drivers}]\n"));
        lines.filter(ours).map(|line| line + "\n").chain(driver).collect()
    }

    /// The JDBC drivers that the program is to go by, if it is.
    pub(crate) fn jdbc_drivers(self) -> Option<String> {
        let asked = std::env::var("KEYROTATION_E2E").is_ok_and(|asked| asked.ends_with("-jdbc"));
        if self == Self::H2 && stand_in().is_some() {
            let folder = std::env::var("KEYROTATION_TEST_FOLDER").unwrap();
            return Some(format!("{folder}/h2/stand-in.jar, {}", self.driver()?));
        }
        if !asked && self != Self::H2 {
            return None;
        }
        std::env::var("KEYROTATION_TEST_JAR").ok().or_else(|| self.driver().map(str::to_owned))
    }

    /// What its URLs begin with, behind `jdbc:`. MySQL's own driver takes no other than `mysql`.
    pub(super) fn scheme(self) -> &'static str {
        let jar = std::env::var("KEYROTATION_TEST_JAR").unwrap_or_default();
        match self {
            Self::Postgres => "postgresql",
            Self::H2 => "h2:tcp",
            Self::MySql => "mysql",
            Self::MariaDb if jar.contains("mysql-connector") => "mysql",
            Self::MariaDb | Self::Sqlite => "mariadb",
        }
    }

    /// Its JDBC driver, where Debian puts it; `KEYROTATION_TEST_JAR` names another.
    pub(crate) const fn driver(self) -> Option<&'static str> {
        match self {
            Self::H2 => Some("/usr/share/java/h2.jar"),
            Self::Postgres => Some("/usr/share/java/postgresql.jar"),
            Self::MariaDb => Some("/usr/share/java/mariadb-java-client.jar"),
            Self::MySql | Self::Sqlite => None,
        }
    }
}
