//! What a server's `deployment.toml` says of keys and databases, for those who only look.
//!
//! It holds secrets: nothing here has `Debug`, and a problem is told by its line alone.

use std::path::Path;

use super::JdbcUrl;
use super::home::{DEPLOYMENT, first_line_that_is_not_toml, read};
use super::url::UrlError;
use crate::cipher::SecretKey;

/// What one entry of the file says.
pub enum Said<T> {
    /// There is no such entry.
    Nothing,
    /// It stands elsewhere, as in `$secret{alias}` or `$env{NAME}`.
    Elsewhere,
    /// It cannot be used; why.
    Unusable(String),
    /// This.
    This(T),
}

/// The file.
pub struct Deployment {
    table: toml::Table,
}

impl Deployment {
    /// Reads the file of the server in `home`; none if there is no such file.
    pub fn read(home: &Path) -> Result<Option<Self>, String> {
        let text = match read(&home.join(DEPLOYMENT)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        match text.parse() {
            Ok(table) => Ok(Some(Self { table })),
            Err(error) => Err(first_line_that_is_not_toml(&text, &error)),
        }
    }

    /// `[encryption] key`.
    pub fn key(&self) -> Said<SecretKey> {
        self.encryption("key")
    }

    /// `[encryption] old_key`.
    pub fn old_key(&self) -> Said<SecretKey> {
        self.encryption("old_key")
    }

    /// `[encryption] totpKey`.
    pub fn totp_key(&self) -> Said<SecretKey> {
        self.encryption("totpKey")
    }

    /// `[system.parameter] 'org.wso2.CipherTransformation'`, by which servers seal; with or without quotes.
    pub fn transformation(&self) -> Said<&str> {
        match self.text(&["system", "parameter"], "org.wso2.CipherTransformation") {
            Said::Nothing => self.text(&["system", "parameter", "org", "wso2"], "CipherTransformation"),
            said => said,
        }
    }

    fn encryption(&self, name: &str) -> Said<SecretKey> {
        match self.text(&["encryption"], name) {
            Said::This(text) => match SecretKey::parse(text) {
                Ok(key) => Said::This(key),
                Err(error) => Said::Unusable(error.to_string()),
            },
            Said::Nothing => Said::Nothing,
            Said::Elsewhere => Said::Elsewhere,
            Said::Unusable(why) => Said::Unusable(why),
        }
    }

    /// The database of `[database.<name>]`, by its URL or by host, port and name.
    pub fn database(&self, name: &str, folder: &Path) -> Said<JdbcUrl> {
        let section = ["database", name];
        let url = match self.text(&section, "url") {
            Said::This(url) => url.replace("&amp;", "&"),
            Said::Nothing => match self.parts(&section) {
                Said::This(url) => url,
                Said::Nothing => return Said::Nothing,
                Said::Elsewhere => return Said::Elsewhere,
                Said::Unusable(why) => return Said::Unusable(why),
            },
            Said::Elsewhere => return Said::Elsewhere,
            Said::Unusable(why) => return Said::Unusable(why),
        };
        match JdbcUrl::parse(&url, folder) {
            Ok(url) => Said::This(url),
            Err(UrlError::Missing(path, _) | UrlError::NotAFile(path)) => {
                Said::Unusable(format!("there is no file {}", path.display()))
            }
            Err(_) => Said::Unusable("its URL is not understood".to_owned()),
        }
    }

    fn parts(&self, section: &[&str]) -> Said<String> {
        let (kind, host, name) =
            (self.text(section, "type"), self.text(section, "hostname"), self.text(section, "name"));
        let (Said::This(kind), Said::This(host), Said::This(name)) = (&kind, &host, &name) else {
            let elsewhere = [&kind, &host, &name].iter().any(|said| matches!(said, Said::Elsewhere));
            return if elsewhere { Said::Elsewhere } else { Said::Nothing };
        };
        let (scheme, default) = match *kind {
            "postgre" | "postgresql" => ("postgresql", 5432),
            "mysql" => ("mysql", 3306),
            "mariadb" => ("mariadb", 3306),
            _ => return Said::Unusable("it is a database of a kind that is not rotated".to_owned()),
        };
        let port = match self.section(section).and_then(|table| table.get("port")) {
            Some(toml::Value::Integer(port)) => *port,
            Some(toml::Value::String(port)) => port.trim().parse().unwrap_or(default),
            _ => default,
        };
        Said::This(format!("jdbc:{scheme}://{host}:{port}/{name}"))
    }

    fn section(&self, section: &[&str]) -> Option<&toml::Table> {
        let mut table = &self.table;
        for name in section {
            table = table.get(*name)?.as_table()?;
        }
        Some(table)
    }

    fn text(&self, section: &[&str], name: &str) -> Said<&str> {
        match self.section(section).and_then(|table| table.get(name)) {
            None => Said::Nothing,
            Some(toml::Value::String(text)) if text.trim().is_empty() => Said::Nothing,
            Some(toml::Value::String(text)) if text.contains("${") || text.trim_start().starts_with('$') => {
                Said::Elsewhere
            }
            Some(toml::Value::String(text)) => Said::This(text),
            Some(_) => Said::Unusable("it is not a text".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(text: &str) -> Deployment {
        Deployment { table: text.parse().unwrap() }
    }

    fn word<T>(said: &Said<T>) -> &'static str {
        match said {
            Said::Nothing => "nothing",
            Said::Elsewhere => "elsewhere",
            Said::Unusable(_) => "unusable",
            Said::This(_) => "this",
        }
    }

    #[test]
    fn a_key_is_read_or_said_to_be_elsewhere() {
        for (text, expected) in [
            ("", "nothing"),
            ("[encryption]\nkey = ''", "nothing"),
            ("[encryption]\nkey = 'short'", "unusable"),
            ("[encryption]\nkey = 3", "unusable"),
            ("[encryption]\nkey = '$secret{encryption}'", "elsewhere"),
            ("[encryption]\nkey = '0123456789abcdef0123456789abcdef'", "this"),
        ] {
            assert_eq!(word(&deployment(text).key()), expected, "{text}");
        }
    }

    #[test]
    fn a_database_is_named_by_a_url_or_by_its_parts() {
        let here = Path::new("/");
        let database = |text: &str| {
            let text = format!("[database.identity_db]\n{text}");
            match deployment(&text).database("identity_db", here) {
                Said::This(url) => url.to_string(),
                other => word(&other).to_owned(),
            }
        };
        let url = database("url = 'jdbc:mysql://db:3306/identity?useSSL=false&amp;x=y'");
        assert!(url.contains("db:3306/identity"), "{url}");
        let parts = database("type = 'postgre'\nhostname = 'db'\nname = 'identity'\nport = '5433'");
        assert!(parts.contains("db:5433/identity"), "{parts}");
        assert_eq!(database("url = '$env{IDENTITY_URL}'"), "elsewhere");
        assert_eq!(database("url = 'jdbc:h2:./db'"), "unusable");
        assert_eq!(database("type = 'oracle'\nhostname = 'db'\nname = 'x'"), "unusable");
        assert_eq!(database("username = 'x'"), "nothing");
    }
}
