//! JDBC URLs of H2: a file, or a server.

use std::path::{Path, PathBuf};

use super::bridged::{BridgedUrl, LogOn, NOT_ENCRYPTED};
use super::{UrlError, expand, strip_prefix};
use crate::db::server::Kind;

/// What H2 puts behind a database's name to make the name of its file: 2.x and 1.4, then 1.4 with PageStore.
const FILES: [&str; 2] = [".mv.db", ".h2.db"];

/// Reads what follows `jdbc:h2:`; a relative path is relative to `folder`.
pub(super) fn h2(rest: &str, folder: &Path) -> Result<BridgedUrl, UrlError> {
    use UrlError::{Malformed, Said};
    let mut parts = settings(rest).into_iter();
    let base = parts.next().unwrap_or_default();
    let (mut who, mut kept) = (LogOn::default(), String::new());
    let (mut auto_server, mut if_exists, mut access) = (false, false, false);
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if who.takes(name, value) {
            continue;
        }
        let name = name.trim().to_ascii_uppercase();
        auto_server |= name == "AUTO_SERVER" && value.eq_ignore_ascii_case("true");
        if_exists |= name == "IFEXISTS";
        access |= name == "ACCESS_MODE_DATA";
        kept.push(';');
        kept.push_str(part);
    }
    let tls = strip_prefix(base, "ssl:");
    if let Some(server) = tls.or_else(|| strip_prefix(base, "tcp:")) {
        let (hosts, name) = server.trim_start_matches('/').split_once('/').unwrap_or((server, base));
        let lacks = match tls {
            Some(_) => "encrypted, and H2 takes any certificate: go to localhost through a tunnel (`ssh -L`)",
            None => NOT_ENCRYPTED,
        };
        let url = format!("jdbc:h2:{base}{kept}");
        let url = BridgedUrl::on_server(Kind::H2, who, url, base.to_owned(), name.to_owned());
        return Ok(url.reached(hosts.split(','), Some(lacks.to_owned())));
    }
    if base.is_empty() || strip_prefix(base, "mem:").is_some() {
        return Err(Malformed("names no file: a database in memory cannot be rotated"));
    }
    let path = strip_prefix(base, "file:").unwrap_or(base);
    if let Some((scheme, _)) = path.split_once(':') {
        let scheme: String = scheme.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        return Err(Said(format!(
            "names a file with {scheme}:, which is not supported; write the plain path"
        )));
    }
    let path = expand(path, folder).map_err(UrlError::Path)?;
    let (path, file) = find(&path)?;
    let sole = !auto_server;
    if !if_exists {
        kept.push_str(";IFEXISTS=TRUE"); // none is ever made
    }
    let place = path.display().to_string();
    let url = format!("jdbc:h2:file:{place}{kept}");
    Ok(BridgedUrl {
        file: Some(file),
        sole,
        read_only: if sole && !access { ";ACCESS_MODE_DATA=r" } else { "" },
        ..BridgedUrl::on_server(Kind::H2, who, url, place.clone(), place)
    })
}

/// Cuts a URL at each `;` that has no backslash before it.
fn settings(rest: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, c) in rest.char_indices() {
        if c == ';' && !escaped {
            parts.push(&rest[from..at]);
            from = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&rest[from..]);
    parts
}

/// The database's name and its file, both without symbolic links.
fn find(path: &Path) -> Result<(PathBuf, PathBuf), UrlError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let missing = |error: &std::io::Error| UrlError::Missing(with(FILES[0]), error.to_string());
    let found = FILES.iter().find(|suffix| with(suffix).exists());
    let Some(suffix) = found else {
        return Err(UrlError::Missing(with(FILES[0]), "there is no such file".to_owned()));
    };
    let file = with(suffix).canonicalize().map_err(|error| missing(&error))?;
    if !file.is_file() {
        return Err(UrlError::NotAFile(file));
    }
    let name = file.to_str().and_then(|file| file.strip_suffix(suffix)).map(PathBuf::from);
    // A link to a file of another name: H2 puts its own suffix behind whatever it is given.
    Ok((name.unwrap_or_else(|| path.to_owned()), file))
}
