//! Where Java and the JDBC drivers are: what properties.yaml says, else what the new server has.

use std::path::{Path, PathBuf};

use super::expand;
use super::keys::Key;
use super::others::{Stake, who_else_may_write};
use super::resolve::{Resolver, wrong};
use super::syntax::items;
use crate::db::server::Java;
use crate::error::{Error, Id, Result};

/// The drivers by the scheme of their URLs, as data.
struct Family {
    scheme: &'static str,
    /// What its file's name begins with.
    files: &'static [&'static str],
    /// What people look for.
    name: &'static str,
}

const FAMILIES: &[Family] = &[
    Family { scheme: "h2", files: &["h2"], name: "h2-….jar" },
    Family { scheme: "postgresql", files: &["postgresql"], name: "postgresql-….jar" },
    Family { scheme: "mysql", files: &["mysql"], name: "mysql-connector-j-….jar" },
    Family { scheme: "mariadb", files: &["mariadb"], name: "mariadb-java-client-….jar" },
    // Character sets and wallets are in files of their own.
    Family {
        scheme: "oracle",
        files: &["ojdbc", "orai18n", "oraclepki", "osdt_"],
        name: "ojdbc8.jar or ojdbc11.jar",
    },
    Family {
        scheme: "sqlserver", files: &["mssql-jdbc", "mssql_jdbc", "sqljdbc"], name: "mssql-jdbc-….jar"
    },
    Family { scheme: "db2", files: &["db2jcc", "jcc"], name: "db2jcc4.jar or jcc-….jar" },
];

/// Where an Identity Server has them.
const IN_HOME: &[&str] =
    &["repository/components/lib", "repository/components/dropins", "repository/components/plugins"];

/// What else of a JDK runs, beside `bin/java`.
const IN_JDK: &[&str] = &["lib/modules", "lib/server/libjvm.so"];

/// Java gets the passwords, and what is read and written goes through it: no other user may replace it.
fn must_be_nobody_elses(program: &Path) -> Result<()> {
    let home = program.canonicalize().ok().and_then(|java| Some(java.parent()?.parent()?.to_owned()));
    let parts = home.iter().flat_map(|home| IN_JDK.iter().map(|part| home.join(part)));
    let mut all = std::iter::once(program.to_owned()).chain(parts);
    let Some(who) = all.find_map(|file| who_else_may_write(&file, Stake::Runs)) else { return Ok(()) };
    let text = format!("Java and its folders must belong to this user or root, and {who}");
    Err(Error::new(Id::ConfigJdbc, text)
        .fix("close it to others, or set JAVA_HOME to a JDK that nobody else may write to (11 or later)"))
}

impl Resolver<'_> {
    /// Whether a database that this program has a driver for is to be reached by its JDBC driver.
    pub(super) fn by_jdbc(&self) -> Result<bool> {
        let Some(entry) = self.given(Key::Driver) else { return Ok(false) };
        match entry.value.expose() {
            "jdbc" => Ok(true),
            "native" => Ok(false),
            _ => Err(wrong(Id::ConfigValue, entry, "is neither native nor jdbc")),
        }
    }

    /// Java, and the drivers for URLs of this scheme.
    pub(super) fn java(&self, scheme: &str) -> Result<Java> {
        let family = FAMILIES.iter().find(|family| family.scheme == scheme);
        let family = family.ok_or_else(|| {
            Error::new(Id::ConfigJdbc, format!("there is no JDBC driver for jdbc:{scheme}: that is known"))
        })?;
        let program = self.program()?;
        must_be_nobody_elses(&program)?;
        Ok(Java { program, drivers: self.drivers(family)? })
    }

    fn program(&self) -> Result<PathBuf> {
        let lookup = |name: &str| (self.lookup.env)(name).filter(|value| !value.is_empty());
        if let Some(home) = lookup("JAVA_HOME") {
            let program = Path::new(&home).join("bin/java");
            return if program.is_file() {
                Ok(program)
            } else {
                let text =
                    format!("JAVA_HOME is {}, and there is no bin/java in it", Path::new(&home).display());
                Err(Error::new(Id::ConfigJdbc, text).fix("set JAVA_HOME to the folder of a JDK, 11 or later"))
            };
        }
        let path = lookup("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join("java")).find(|java| java.is_file());
        found.ok_or_else(|| {
            Error::new(
                Id::ConfigJdbc,
                "no Java is found: JAVA_HOME is not set, and no folder of PATH has java",
            )
            .fix("set JAVA_HOME to the JDK that the Identity Server runs on (11 or later)")
        })
    }

    fn drivers(&self, family: &Family) -> Result<Vec<PathBuf>> {
        let (mut found, mut looked) = (Vec::new(), Vec::new());
        if let Some(entry) = self.given(Key::JdbcDrivers) {
            for item in items(entry.value.expose()) {
                let path = expand(item, self.lookup.folder)
                    .map_err(|problem| wrong(Id::ConfigValue, entry, problem))?;
                if path.is_dir() {
                    found.extend(jars(&path, family));
                } else if path.is_file() {
                    found.push(path.clone());
                } else {
                    let problem = format!("names {}, which is neither a file nor a folder", path.display());
                    return Err(wrong(Id::ConfigValue, entry, problem));
                }
                looked.push(path);
            }
        } else if let Some(home) = self.given(Key::NewIsHome) {
            // Whether it is one is said elsewhere.
            let home = expand(home.value.expose(), self.lookup.folder).unwrap_or_default();
            looked.extend(IN_HOME.iter().map(|folder| home.join(folder)));
            found.extend(looked.iter().flat_map(|folder| jars(folder, family)));
        }
        // What is in them runs as this user, and gets the passwords.
        if let Some(who) = found.iter().find_map(|jar| who_else_may_write(jar, Stake::Runs)) {
            let text = format!("a JDBC driver and its folders must belong to this user or root, and {who}");
            return Err(Error::new(Id::ConfigJdbc, text).fix(
                "close it to others, or copy it to a folder of your own and name that with jdbcDrivers; or \
                 run keyrotation as the user who owns it",
            ));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let looked: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
        let looked = match looked.as_slice() {
            [] => "neither jdbcDrivers nor newISHome is given".to_owned(),
            _ => format!("looked in {}", looked.join(", ")),
        };
        let text = format!("the JDBC driver for jdbc:{}: is not found: {looked}", family.scheme);
        Err(Error::new(Id::ConfigJdbc, text)
            .fix(format!("put the server's {} there, or name it with jdbcDrivers", family.name)))
    }
}

/// The drivers in a folder, the latest first.
fn jars(folder: &Path, family: &Family) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_driver = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.strip_suffix(".jar").is_some_and(|name| family.files.iter().any(|start| name.starts_with(start)))
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_driver))
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_go_by_their_names_the_latest_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["h2_1.4.199.wso2v1.jar", "h2_2.1.210.wso2v1.jar", "mysql-connector-j-8.jar", "h2.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = jars(folder.path(), &FAMILIES[0])
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["h2_2.1.210.wso2v1.jar", "h2_1.4.199.wso2v1.jar"]);
    }
}
