//! What people write: properties.yaml and JDBC URLs.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use keyrotation::config::{self, JdbcUrl, Key, UrlError};

/// Stands where a secret would.
const SECRET: &str = "hunter2hunter2";

pub(crate) const PROPERTIES: &[&[u8]] = &[
    b": ",
    b"=",
    b"\n",
    b"\r\n",
    b"\\\n",
    b"\\u0041",
    b"\\",
    b"'",
    b"\"",
    b"# ",
    b"!",
    b" #",
    b"---\n",
    b"- ",
    b"&a ",
    b"*a",
    b"|\n ",
    b">",
    b"{a: b}",
    b"[a]",
    b"~",
    b"!!str ",
    b"\t",
    b"\xEF\xBB\xBF",
    b"oldSecretKey: hunter2hunter2\n",
    b"newIdnPassword: hunter2hunter2\n",
    b"newIdnDBUrl: jdbc:postgresql://hunter2hunter2@h/d\n",
    b"enableDBMigrator: true\n",
    b"hunter2hunter2",
];

/// Reading depends on the text alone, and no error shows a secret.
pub(crate) fn properties(input: &[u8]) -> u64 {
    let mut seen = DefaultHasher::new();
    let text = String::from_utf8_lossy(input);
    match config::parse(&text) {
        Ok(raw) => {
            for key in Key::ALL {
                raw.value(*key).map(|value| value.len().min(8)).hash(&mut seen);
            }
            assert!(!format!("{raw:?}").contains(SECRET), "a secret is shown");
        }
        Err(error) => {
            let said = format!("{error} {error:?}");
            let may_be_shown = said.contains("KR-CFG-003") && named(&text) || of_an_open_key(&said);
            assert!(!said.contains(SECRET) || may_be_shown, "a secret is shown: {said}");
            assert!(error.to_string().lines().count() <= 3, "{error}");
            error.to_string().chars().filter(char::is_ascii_alphabetic).collect::<String>().hash(&mut seen);
        }
    }
    seen.finish()
}

/// Whether the secret stands in a key's place, with a value behind it or more letters around it: what
/// looks like the name of a key, mistyped, is shown.
fn named(text: &str) -> bool {
    let alone = |line: &str| line.trim_matches(|c: char| !c.is_ascii_alphanumeric()) == SECRET;
    text.split(['\n', '\r']).any(|line| line.contains(SECRET) && (!alone(line) || line.contains([':', '='])))
}

/// Whether the error is about a key of which everybody may see the value, whatever stands there.
fn of_an_open_key(said: &str) -> bool {
    Key::ALL.iter().any(|key| !key.is_secret() && said.contains(&format!(": {key} can be read in two ways")))
}

pub(crate) const URLS: &[&[u8]] = &[
    b"jdbc:",
    b"postgresql:",
    b"mysql:",
    b"mariadb:",
    b"sqlite:",
    b"oracle:thin:@",
    b"sqlserver:",
    b"db2:",
    b"h2:",
    b"sequential:",
    b"failover:",
    b"//",
    b"/",
    b",",
    b":",
    b":65536",
    b"[::1]",
    b"[",
    b"]",
    b"%20",
    b"%FF",
    b"%",
    b"?",
    b"&",
    b"=",
    b"&amp;",
    b"sslmode=verify-full",
    b"useSSL=true",
    b"currentSchema=a",
    b"connectTimeout=10",
    b"socketTimeout=-1",
    b"hunter2hunter2:hunter2hunter2@",
    b"user=hunter2hunter2",
    b"password=hunter2hunter2",
    b"address=(host=a)(port=1)",
    b"~",
];

/// What is read names the same database however often it is written and read again.
pub(crate) fn url(input: &[u8]) -> u64 {
    let mut seen = DefaultHasher::new();
    let text = String::from_utf8_lossy(input);
    let nowhere = Path::new("/nonexistent");
    match JdbcUrl::parse(&text, nowhere) {
        Ok(url) => {
            let shown = url.to_string();
            let again = JdbcUrl::parse(&shown, nowhere);
            let again = again.unwrap_or_else(|error| panic!("{shown} cannot be read again: {error:?}"));
            assert_eq!(again.identity(), url.identity());
            assert!(url.same_database(&again), "{shown} is another database than itself");
            let parts = ["%", "[", "\"", "?currentSchema=", "mysql"].map(|part| shown.contains(part));
            (parts, shown.matches(',').count().min(4), shown.len().ilog2()).hash(&mut seen);
        }
        Err(UrlError::Malformed(what)) => what.hash(&mut seen),
        // What else is said has words of the input in it.
        Err(error) => {
            let said = format!("{error:?}");
            (said.get(..10), said.len().ilog2()).hash(&mut seen);
        }
    }
    seen.finish()
}
