//! The text of `properties.yaml` as keys and values.
//!
//! The Java tool reads the file as Java properties, its name promises YAML, and people write either.
//! So every line is read twice, by the rules of `java.util.Properties` and by serde_yaml straight
//! into a `String` (so a value is never a number, a boolean or null), and counts only when both
//! readings agree. One liberty: quotes around a whole value are removed, which Java would keep. A key that the Java tool
//! has not, and that takes more than a text, has a block of YAML.
//!
//! Invariants: [`parse`] depends on its argument alone and panics on none; no error shows
//! a secret or a URL, nor a line that might be a secret gone astray.

use std::collections::BTreeMap;
use std::iter::Peekable;

use serde::Deserialize;

use super::java::{self, Pair};
use super::keys::{Form, Key};
use super::secret::{Origin, Secret};
use crate::error::{Error, Id, Result};

/// The file's keys and values, as written.
#[derive(Debug, Default)]
pub struct Raw {
    entries: BTreeMap<Key, Entry>,
}

/// A value and where it stands. Each counts as a secret: none is shown by `Debug`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) line: usize,
    /// The key's name, as the file has it.
    pub(super) name: &'static str,
    pub(super) value: Secret,
}

impl Raw {
    /// What an item of a list says, as if it stood in the file by itself, beside some of what the file says.
    pub(super) fn of_item(&self, shared: &[Key], line: usize, item: Vec<(Key, Secret)>) -> Self {
        let shared = shared.iter().filter_map(|key| Some((*key, self.get(*key)?.clone())));
        let own = item.into_iter().map(|(key, value)| (key, Entry { line, name: key.name(), value }));
        Self { entries: shared.chain(own).collect() }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// Whether a command is to be run for one of the values, or told of what happens.
    pub(super) fn names_a_command(&self) -> bool {
        self.value(Key::OnEvent).is_some_and(|text| !text.is_empty())
            || self.texts().any(|text| matches!(Origin::of(text), Origin::Command(_)))
    }

    /// Every text of every value: the items of lists and of pairs, too.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|(key, entry)| parts(*key, entry.value.expose()))
    }

    /// The value of a key, as written; `None` when the file does not have the key.
    pub fn value(&self, key: Key) -> Option<&str> {
        self.get(key).map(|entry| entry.value.expose())
    }
}

/// The longest line, in bytes. Longer ones would only keep the YAML reader busy.
const LONGEST: usize = 8192;

/// Reads the text of a `properties.yaml`.
///
/// Says nothing yet of what the values mean: a key is known, given once, and has one reading.
pub fn parse(text: &str) -> Result<Raw> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut raw = Raw::default();
    let mut lines = java::lines(text).peekable();
    while let Some((number, line)) = lines.next() {
        let start = line.trim_start_matches(java::WHITE);
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        if line.len() > LONGEST {
            return Err(Error::new(
                Id::ConfigSyntax,
                format!("line {number}: is longer than {LONGEST} bytes"),
            )
            .fix("shorten the line, or remove it if it is not meant to be there"));
        }
        if raw.entries.is_empty() && line.trim_end() == "---" {
            continue; // YAML's start of a document; says nothing
        }
        if start.len() < line.len() {
            return Err(Error::new(Id::ConfigSyntax, format!("line {number}: begins with white space"))
                .fix("write every key at the start of its line, with its value on the same line"));
        }
        if line == "-" || line.starts_with("- ") {
            return Err(Error::new(Id::ConfigSyntax, format!("line {number}: an item of a list"))
                .fix("write a list on the line of its key: `allowedRoots: [/first, /second]`"));
        }
        let pair = java::split(line);
        let (key, name) = Key::find(pair.key).ok_or_else(|| unknown(&pair, number))?;
        let value = match key.form() {
            Form::Block => block(pair.value, &mut lines),
            _ => agreed(key, pair.value).map_err(|differing| differing.explain(key, number))?,
        };
        if let Some(first) = raw.entries.insert(key, Entry { line: number, name, value }) {
            return Err(Error::new(
                Id::ConfigDuplicateKey,
                format!("line {number}: {key} is given already in line {}", first.line),
            ));
        }
    }
    Ok(raw)
}

/// The text of a block: what follows its key, and the lines below it that belong to it.
fn block<'a>(first: &str, lines: &mut Peekable<impl Iterator<Item = (usize, &'a str)>>) -> Secret {
    let belongs = |line: &str| {
        line.is_empty() || line == "-" || line.starts_with("- ") || line.starts_with([' ', '\t', '#'])
    };
    let mut text = first.to_owned();
    while let Some((_, line)) = lines.next_if(|(_, line)| line.len() <= LONGEST && belongs(line)) {
        text.push('\n');
        text.push_str(line);
    }
    if text.trim().is_empty() { "".into() } else { text.as_str().into() }
}

/// The items of a list value: `[a, b]`, `a, b` or `a`.
pub(super) fn items(value: &str) -> Vec<&str> {
    let inner = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(value);
    inner.split(',').map(|item| unquoted(item.trim())).filter(|item| !item.is_empty()).collect()
}

/// Both texts of a pair: `{old: a, new: b}`.
pub(super) fn pair(value: &str) -> Option<[&str; 2]> {
    let inner = value.strip_prefix('{')?.strip_suffix('}')?;
    let (first, second) = inner.split_once(',')?;
    let named = |name: &str| {
        let mut found = [first, second].into_iter().filter_map(|part| {
            let (key, text) = part.split_once(':')?;
            (unquoted(key.trim()) == name).then(|| unquoted(text.trim()))
        });
        found.next().filter(|_| found.next().is_none())
    };
    Some([named("old")?, named("new")?])
}

/// The texts of a value, whatever its form.
pub(super) fn parts(key: Key, value: &str) -> Vec<&str> {
    match key.form() {
        Form::Text => vec![value],
        Form::List => items(value),
        Form::Pair => pair(value).map(Vec::from).unwrap_or_default(),
        Form::Block => value.split(|c: char| c.is_whitespace() || "[]{},\"'".contains(c)).collect(),
    }
}

/// Less quotes around the whole, if there are any.
fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

/// One line in YAML's eyes.
#[derive(Deserialize)]
struct Line<T> {
    #[serde(rename = "value")]
    value: T,
}

fn yaml<T: for<'a> Deserialize<'a>>(written: &str) -> Option<T> {
    let line = zeroize::Zeroizing::new(format!("value: {written}"));
    serde_yaml::from_str::<Line<T>>(&line).ok().map(|line| line.value)
}

/// The two readings of a value, when they are not one.
struct Differing<'a> {
    written: &'a str,
    properties: Option<Secret>,
    yaml: Option<Secret>,
}

/// The value, if properties and YAML read the same.
fn agreed(key: Key, written: &str) -> Result<Secret, Differing<'_>> {
    if key.form() == Form::Pair && written.starts_with('{') {
        let map: Option<BTreeMap<String, String>> = yaml(written);
        let same = map.filter(|map| {
            pair(written).is_some_and(|[old, new]| {
                let is = |name, text| map.get(name).is_some_and(|value| value == text);
                map.len() == 2 && is("old", old) && is("new", new)
            })
        });
        return match same {
            Some(_) => Ok(written.into()),
            None => Err(Differing { written, properties: Some(written.into()), yaml: None }),
        };
    }
    if key.form() == Form::List && written.starts_with('[') {
        // Only YAML has lists. The plain splitting that is used later must come to the same.
        let list: Option<Vec<String>> = yaml(written);
        return match list {
            Some(list) if list == items(written) => Ok(written.into()),
            list => {
                let yaml = list.map(|list| list.join(", ").into());
                Err(Differing { written, properties: Some(written.into()), yaml })
            }
        };
    }
    if key.is_secret() && matches!(written, "stdin:" | "prompt:") {
        // To YAML a word that ends in a colon is a key, and there cannot be one here.
        return Ok(written.into());
    }
    let properties = java::unescape(written).map(Secret::from);
    let yaml = yaml::<String>(written).map(Secret::from);
    // With a backslash they agree only by way of the quotes that Java would have kept, if at all.
    match (&properties, &yaml) {
        (Some(p), Some(y)) if unquoted(p.expose()) == y.expose() && !written.contains('\\') => Ok(y.clone()),
        _ => Err(Differing { written, properties, yaml }),
    }
}

impl Differing<'_> {
    fn explain(&self, key: Key, line: usize) -> Error {
        let because = Because::of(self.written);
        let (properties, yaml) = if java::continues(self.written) {
            ("the value goes on in the next line".to_owned(), "it ends here".to_owned())
        } else if key.is_secret() || swallowed_a_line(self.written) {
            let (properties, yaml) = because.in_words();
            (format!("the value {properties}"), yaml.to_owned())
        } else {
            let show = |reading: &Option<Secret>| match reading {
                Some(text) => format!("{:?}", text.expose().chars().take(100).collect::<String>()),
                None => "an error".to_owned(),
            };
            (show(&self.properties), show(&self.yaml))
        };
        Error::new(
            Id::ConfigSyntax,
            format!("line {line}: {key} can be read in two ways: properties reads {properties}, YAML {yaml}"),
        )
        .fix(because.fix(key))
    }
}

/// Whether a line break was lost in front of a secret.
fn swallowed_a_line(written: &str) -> bool {
    Key::ALL.iter().any(|key| key.is_secret() && written.contains(key.name()))
}

/// Why the readings differ, as far as a look at the text tells.
enum Because {
    Backslash,
    Comment,
    Quotes,
    EndsInSpace,
    Special,
}

impl Because {
    fn of(written: &str) -> Self {
        if written.contains('\\') {
            Self::Backslash
        } else if written.ends_with(java::WHITE) {
            Self::EndsInSpace
        } else if written.starts_with(['"', '\'']) {
            Self::Quotes
        } else if written.starts_with('#') || written.contains(" #") || written.contains("\t#") {
            Self::Comment
        } else {
            Self::Special
        }
    }

    /// Both readings without showing them: of properties, of YAML.
    fn in_words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Backslash => ("with its backslash as an escape", "by rules of its own"),
            Self::Comment => ("with everything from the # on", "without it"),
            Self::Quotes => ("with its quotes", "by rules of its own, or not at all"),
            Self::EndsInSpace => ("with the white space at its end", "without it"),
            Self::Special => ("as it stands", "not as plain text"),
        }
    }

    fn fix(&self, key: Key) -> &'static str {
        match self {
            Self::Backslash | Self::Quotes if key.is_secret() => {
                "keep the secret out of this file: `env:NAME` or `file:/path` in its place"
            }
            Self::Backslash => "write the value without a backslash",
            Self::Quotes => "put quotes only around the whole value, or none",
            Self::Comment => {
                "move a comment to a line of its own; if the # belongs to the value, put the value in single quotes"
            }
            Self::EndsInSpace => "remove the white space at the end of the line",
            Self::Special => "put the value in single quotes",
        }
    }
}

/// The error for a key that is not known. The text is shown only when it looks like a key's name:
/// it might be the rest of a secret that was broken over two lines.
fn unknown(pair: &Pair<'_>, line: usize) -> Error {
    let (nearest, near) = Key::nearest(pair.key);
    let word = pair.key.len() <= 40
        && pair.key.starts_with(|c: char| c.is_ascii_alphabetic())
        && pair.key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let has_value = pair.separated && !pair.value.trim_start_matches('=').is_empty();
    let name = if word && (has_value || near >= 0.6) {
        format!("`{}` is not a key that is known", pair.key)
    } else {
        "does not begin with a key that is known".to_owned()
    };
    let error = Error::new(Id::ConfigUnknownKey, format!("line {line}: {name}; the nearest is `{nearest}`"));
    if pair.key.eq_ignore_ascii_case(nearest.name()) {
        error.fix(format!("write `{nearest}`: upper and lower case count"))
    } else {
        error
    }
}
