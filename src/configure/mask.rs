//! `deployment.toml` for the screen: every secret in it masked.
//!
//! What counts as a secret: what stands under a name like `password`, `key` or `secret`, unless it only
//! refers to something elsewhere; log-on parameters of URLs; long words of letters and digits in comments; and
//! wherever it occurs, what the caller knows to be secret. Rather too much is masked than too little.

use similar::TextDiff;

use super::reference::reference;
use super::toml::{Leaf, Path, Toml};

/// A text with its secrets masked. Entries that were `touched` get a mask of their own, so that
/// the old and the new text differ there.
pub(super) fn masked(text: &str, touched: &[Path], known: &[(&str, String)]) -> String {
    let Ok(toml) = Toml::parse(text) else { return String::new() };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for leaf in toml.leaves() {
        out.push_str(&comments(text.get(at..leaf.span.start).unwrap_or_default()));
        match shown(&leaf, touched.contains(&leaf.path), known) {
            Some(mask) => out.push_str(&mask),
            None => out.push_str(text.get(leaf.span.clone()).unwrap_or_default()),
        }
        at = leaf.span.end;
    }
    out.push_str(&comments(text.get(at..).unwrap_or_default()));
    known
        .iter()
        .filter(|(secret, _)| secret.len() >= 8)
        .fold(out, |out, (secret, mask)| out.replace(secret, mask))
}

/// What changes, as people and `patch` read it.
pub(super) fn diff(old: &str, new: &str, name: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().header(name, &format!("{name} (new)")).to_string()
}

/// How many values of a text are masked.
pub(super) fn secrets(text: &str) -> usize {
    let Ok(toml) = Toml::parse(text) else { return 0 };
    toml.leaves().iter().filter(|leaf| shown(leaf, false, &[]).is_some()).count()
}

/// What stands in place of a value; `None` for one that may be shown.
fn shown(leaf: &Leaf, touched: bool, known: &[(&str, String)]) -> Option<String> {
    if leaf.path.iter().any(|name| is_secret(name)) && !matches!(leaf.said.as_str(), "" | "true" | "false") {
        if leaf.is_text && reference(&leaf.said).is_some() {
            return None;
        }
        let known = known.iter().find(|(secret, _)| *secret == leaf.said).map(|(_, mask)| mask.clone());
        let plain = || if touched { "<masked, new>".to_owned() } else { "<masked>".to_owned() };
        return Some(format!("\"{}\"", known.unwrap_or_else(plain)));
    }
    let url = masked_url(&leaf.said);
    (leaf.is_text && url != leaf.said).then(|| format!("\"{url}\""))
}

/// Whether the value of this name is a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "passphrase", "secret", "credential"].iter().any(|word| name.contains(word))
        || ["key", "token", "pass", "pwd"].iter().any(|word| name.ends_with(word))
}

/// A URL without what it logs on with.
pub(super) fn masked_url(text: &str) -> String {
    if !text.contains(':') {
        return text.to_owned();
    }
    let parts = text.split_inclusive(['?', '&', ';']).map(|part| match part.split_once('=') {
        Some((name, value)) if is_secret(name.trim_start_matches("amp;")) => {
            let end = value.chars().next_back().filter(|c| matches!(c, '?' | '&' | ';'));
            format!("{name}=<masked>{}", end.map(String::from).unwrap_or_default())
        }
        _ => part.to_owned(),
    });
    let text: String = parts.collect();
    match text.split_once("//").and_then(|(before, rest)| Some((before, rest.split_once('@')?))) {
        Some((before, (who, place))) if !who.contains('/') => format!("{before}//<masked>@{place}"),
        _ => text,
    }
}

/// What stands between values, with everything in its comments that might be a secret masked.
fn comments(text: &str) -> String {
    let line = |line: &str| match line.split_once('#') {
        Some((before, comment)) => format!("{before}#{}", comment_masked(comment)),
        None => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

fn comment_masked(comment: &str) -> String {
    if let Some((name, value)) = comment.split_once('=') {
        let last = name.split_whitespace().next_back().unwrap_or_default();
        if is_secret(last.trim_matches(['"', '\'', '.'])) {
            return format!("{name}= <masked>{}", line_ending(value));
        }
        return format!("{name}={}", comment_masked(value));
    }
    let suspicious = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        word.len() >= 16
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
            && word.chars().any(|c| c.is_ascii_digit())
    };
    let word = |word: &str| {
        if suspicious(word.trim_end()) {
            format!("<masked>{}", word.get(word.trim_end().len()..).unwrap_or_default())
        } else {
            masked_url(word)
        }
    };
    comment.split_inclusive([' ', '\t', '\r', '\n']).map(word).collect()
}

fn line_ending(text: &str) -> &str {
    text.get(text.trim_end_matches(['\r', '\n']).len()..).unwrap_or_default()
}
