//! A TOML text that is changed in places, and stays as it is everywhere else.
//!
//! The text is read for where its values stand, never written anew: comments, order, quotes, line ends and a
//! byte order mark stay. Invariant: [`Editor::finish`] reads the result again, and it says exactly
//! what the old text said, save for the entries that were set or removed.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, Item, Key, TableLike, Value};
use zeroize::Zeroizing;

/// The keys that lead to an entry.
pub(super) type Path = Vec<String>;

/// An entry: its keys, what it says, and where that stands in the text.
pub(super) struct Leaf {
    pub(super) path: Path,
    /// The text of a string, as it is read; anything else as it is written.
    pub(super) said: String,
    pub(super) is_text: bool,
    pub(super) span: Range<usize>,
}

/// A text that is valid TOML.
pub(super) struct Toml<'a> {
    text: &'a str,
    root: Document<&'a str>,
}

/// A table as it stands in the text.
struct Table<'a> {
    entries: &'a dyn TableLike,
    inline: bool,
    /// Where its header, or its replacement, is.
    span: Range<usize>,
}

impl<'a> Toml<'a> {
    /// Reads a text. The error tells the line alone: the text holds secrets.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        match Document::parse(text) {
            Ok(root) => Ok(Self { text, root }),
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                Err(format!("line {} is not TOML", before.matches('\n').count() + 1))
            }
        }
    }

    /// Every entry, in the order of the text.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.collect(self.root.as_table(), &mut Vec::new(), &mut leaves);
        leaves.sort_by_key(|leaf| leaf.span.start);
        leaves
    }

    fn collect(&self, table: &dyn TableLike, path: &mut Path, leaves: &mut Vec<Leaf>) {
        for (key, item) in table.iter() {
            path.push(key.to_owned());
            match item {
                Item::ArrayOfTables(tables) => {
                    for (at, table) in tables.iter().enumerate() {
                        path.push(at.to_string());
                        self.collect(table, path, leaves);
                        path.pop();
                    }
                }
                item => match (item.as_table_like(), item.span()) {
                    (Some(table), _) => self.collect(table, path, leaves),
                    (None, Some(span)) => {
                        let written = self.text.get(span.clone()).unwrap_or_default();
                        let said = item.as_str().unwrap_or(written).to_owned();
                        leaves.push(Leaf { path: path.clone(), said, is_text: item.is_str(), span });
                    }
                    (None, None) => {}
                },
            }
            path.pop();
        }
    }

    /// The text of an entry; `None` where there is none. Anything but a text or a number is an error.
    pub(super) fn get(&self, table: &[&str], key: &str) -> Result<Option<String>, String> {
        let Some(found) = self.table(table)? else { return Ok(None) };
        match found.entries.get(key) {
            None => Ok(None),
            Some(item) if item.is_str() => Ok(item.as_str().map(str::to_owned)),
            Some(item) if item.is_integer() => Ok(item.as_integer().map(|number| number.to_string())),
            Some(_) => Err(format!("{} is neither a text nor a number", entry(table, key))),
        }
    }

    /// Whether an entry is a number.
    pub(super) fn is_number(&self, table: &[&str], key: &str) -> bool {
        let found = self.table(table).ok().flatten();
        found.and_then(|table| table.entries.get(key)).is_some_and(Item::is_integer)
    }

    fn table(&self, path: &[&str]) -> Result<Option<Table<'_>>, String> {
        let mut here = Table { entries: self.root.as_table(), inline: false, span: 0..0 };
        for (at, name) in path.iter().enumerate() {
            let Some(item) = here.entries.get(name) else { return Ok(None) };
            let inline = here.inline || item.is_inline_table();
            let Some(entries) = item.as_table_like() else {
                return Err(format!("{} is not a table", path.get(..=at).unwrap_or(path).join(".")));
            };
            here = Table { entries, inline, span: item.span().unwrap_or_default() };
        }
        Ok(Some(here))
    }
}

/// An entry as messages name it: `[encryption] key`.
pub(super) fn entry(table: &[&str], key: &str) -> String {
    format!("[{}] {key}", table.join("."))
}

/// Changes to a text, to be applied together.
pub(super) struct Editor<'a> {
    toml: &'a Toml<'a>,
    newline: &'static str,
    splices: Vec<(Range<usize>, String)>,
    /// Lines of tables that the text does not have.
    tables: Vec<(Vec<String>, Vec<String>)>,
    wanted: BTreeMap<Path, Option<String>>,
}

impl<'a> Editor<'a> {
    pub(super) fn new(toml: &'a Toml<'a>) -> Self {
        let (windows, all) = (toml.text.matches("\r\n").count(), toml.text.matches('\n').count());
        let newline = if 2 * windows > all { "\r\n" } else { "\n" };
        Self { toml, newline, splices: Vec::new(), tables: Vec::new(), wanted: BTreeMap::new() }
    }

    /// Sets an entry to a text, in place, or as a new line at the end of its table.
    pub(super) fn set(&mut self, table: &[&str], key: &str, text: &str) -> Result<(), String> {
        self.put(table, key, &quoted(text), text)
    }

    /// Sets an entry to a number.
    pub(super) fn set_number(&mut self, table: &[&str], key: &str, number: u16) -> Result<(), String> {
        self.put(table, key, &number.to_string(), &number.to_string())
    }

    fn put(&mut self, table: &[&str], key: &str, written: &str, said: &str) -> Result<(), String> {
        self.wanted.insert(path(table, key), Some(said.to_owned()));
        let Some(found) = self.toml.table(table)? else {
            let name: Vec<String> = table.iter().map(|&part| part.to_owned()).collect();
            let line = format!("{key} = {written}");
            match self.tables.iter_mut().find(|(known, _)| *known == name) {
                Some((_, lines)) => lines.push(line),
                None => self.tables.push((name, vec![line])),
            }
            return Ok(());
        };
        let splice = if let Some(item) = found.entries.get(key) {
            let span = item.span().filter(|_| item.is_value() && !item.is_inline_table());
            let span = span.ok_or_else(|| format!("{} is not a text", entry(table, key)))?;
            (span, written.to_owned())
        } else {
            self.added(&found, key, written)
        };
        self.splices.push(splice);
        Ok(())
    }

    /// A further entry of a table, after its last one.
    fn added(&self, table: &Table<'_>, key: &str, written: &str) -> (Range<usize>, String) {
        let last = table.entries.get_values().into_iter().filter_map(|(keys, value)| {
            let span = value.span()?;
            Some((span.end, keys.last().and_then(|key| Key::span(key)), keys.len()))
        });
        let last = last.max_by_key(|(end, ..)| *end);
        if table.inline {
            if let Some((end, ..)) = last {
                return (end..end, format!(", {key} = {written}"));
            }
            let inside = table.span.start + 1;
            return (inside..inside, format!(" {key} = {written} "));
        }
        // As its neighbour stands there: indented, or with the rest of a dotted key before it.
        let prefix = match &last {
            Some((_, Some(key), 1)) => self.toml.text.get(self.line_start(key.start)..key.start),
            _ => None,
        };
        let at = self.line_end(last.map_or(table.span.end, |(end, ..)| end));
        (at..at, format!("{}{}{key} = {written}", self.newline, prefix.unwrap_or_default()))
    }

    /// Removes an entry with its line. Says nothing if there is none.
    pub(super) fn remove(&mut self, table: &[&str], key: &str) -> Result<(), String> {
        let Some(found) = self.toml.table(table)? else { return Ok(()) };
        let spans =
            found.entries.get(key).and_then(Item::span).zip(found.entries.key(key).and_then(Key::span));
        let Some((value, name)) = spans else { return Ok(()) };
        if found.inline {
            return Err(format!("{} stands within {{…}}: remove it by hand", entry(table, key)));
        }
        let (start, end) = (self.line_start(name.start), self.line_end(value.end));
        let rest = self.toml.text.get(end..).unwrap_or_default();
        let newline = rest.len() - rest.trim_start_matches('\r').strip_prefix('\n').unwrap_or(rest).len();
        self.splices.push((start..end + newline, String::new()));
        self.wanted.insert(path(table, key), None);
        Ok(())
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.toml.text.get(..at).unwrap_or_default();
        // A byte order mark belongs to no line.
        let mark = if before.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        before.rfind('\n').map_or(mark, |newline| newline + 1)
    }

    /// Where the line's text ends, before its newline.
    fn line_end(&self, at: usize) -> usize {
        let after = self.toml.text.get(at..).unwrap_or_default();
        let line = after.split('\n').next().unwrap_or_default();
        at + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// The entries that were set or removed.
    pub(super) fn touched(&self) -> Vec<Path> {
        self.wanted.keys().cloned().collect()
    }

    /// The changed text, if it says what it should and nothing else has changed.
    pub(super) fn finish(mut self) -> Result<Zeroizing<String>, String> {
        self.splices.sort_by_key(|(span, _)| span.start);
        let mut out = Zeroizing::new(String::with_capacity(2 * self.toml.text.len() + 4096));
        let mut at = 0;
        for (span, new) in &self.splices {
            out.push_str(self.toml.text.get(at..span.start).unwrap_or_default());
            out.push_str(new);
            at = span.end;
        }
        out.push_str(self.toml.text.get(at..).unwrap_or_default());
        for (name, lines) in &self.tables {
            if !matches!(out.as_str(), "" | "\u{feff}") {
                let ended = out.ends_with('\n');
                out.push_str(if ended { "" } else { self.newline });
                out.push_str(self.newline);
            }
            for line in [format!("[{}]", name.join("."))].iter().chain(lines) {
                out.push_str(line);
                out.push_str(self.newline);
            }
        }
        let mut expected = said(self.toml);
        for (path, wanted) in &self.wanted {
            match wanted {
                Some(text) => expected.insert(path.clone(), text.clone()),
                None => expected.remove(path),
            };
        }
        let unsafely = || "its tables stand in a way that cannot be changed safely".to_owned();
        let new = Toml::parse(&out).map_err(|_| unsafely())?;
        if said(&new) == expected { Ok(out) } else { Err(unsafely()) }
    }
}

fn said(toml: &Toml<'_>) -> BTreeMap<Path, String> {
    toml.leaves().into_iter().map(|leaf| (leaf.path, leaf.said)).collect()
}

fn path(table: &[&str], key: &str) -> Path {
    table.iter().chain([&key]).map(|&part| part.to_owned()).collect()
}

/// A text in quotes: the plain ones where they will do.
fn quoted(text: &str) -> String {
    let plain = !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\'));
    if plain { format!("\"{text}\"") } else { Value::from(text).to_string() }
}
