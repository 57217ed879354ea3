//! `report --check`: makes a report again from the journal, and compares it byte for byte.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::Path;

use super::{Document, Format, HTML_META, Made, Source, WriteError};
use crate::error::{Error, Id, Result};
use crate::{printable, thousands};

/// How far into a report it is looked for how it was made.
const HEAD: u64 = 256 * 1024;

/// Characters of a line that differs that are shown.
const SHOWN: usize = 120;

/// What stands in a report that no journal knows: it is made again with what the report itself says there.
const ITS_MAKERS: &str = "not checked, since no journal has it: when the report was made, by which user and \
                          on which host; whether a process was at work then; its title, key-in-use-since \
                          and next-rotation-due, and what follows from them (how long the old key was in \
                          use, when the new one is due)";

/// What came of comparing a report with its journal.
#[derive(Debug)]
pub enum Checked {
    /// Byte for byte what the journal gives, and what a page or a document says itself of how it was made.
    Same {
        /// Whether it says that: what no journal knows was taken from it.
        says_itself: bool,
    },
    /// The journal's log is not the one that the report was made from.
    OtherLog(String),
    /// The journal has gone on since: how many events it had, and has.
    GoneOn(u64, u64),
    /// Another version of the program made it.
    OtherVersion(String),
    /// What stands in which line, and what should.
    Differs(u64, String, String),
}

impl Checked {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Same { says_itself: false } => "byte for byte what the journal gives".to_owned(),
            Self::Same { says_itself: true } => {
                format!("byte for byte what the journal gives, but for {ITS_MAKERS}")
            }
            Self::OtherLog(rotation) => {
                format!(
                    "it was not made from this journal of rotation {rotation}: the log's SHA-256 is another one"
                )
            }
            Self::GoneOn(then, now) => format!(
                "it was made from the first {} of {} events, which are unchanged; its content was not \
                 compared, since a report is about a whole journal: make a new one",
                thousands(*then),
                thousands(*now)
            ),
            Self::OtherVersion(version) => format!(
                "the log is the one that it was made from; its content was not compared, since version \
                 {version} made it, and this is {}",
                env!("CARGO_PKG_VERSION")
            ),
            Self::Differs(line, found, expected) => format!(
                "line {} is not what the journal gives\n  report:  {}\n  journal: {}",
                thousands(*line),
                printable(found),
                printable(expected)
            ),
        }
    }
}

/// Compares the report in `path` with these journals. `asked` is how a CSV, which does not say how it
/// was made, is made again.
pub fn check(path: &Path, sources: &[Source<'_>], asked: Made) -> Result<Checked> {
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", path.display()));
    let no_report = || {
        Error::new(Id::CommandLineValue, format!("{} is not a report of this program", path.display()))
            .fix("name a file that `keyrotation report` has written")
    };
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)).map_err(failed)?;
    let head = String::from_utf8_lossy(&head);
    let (format, made) = if head.starts_with('{') {
        (Format::Json, json_made(&head).ok_or_else(no_report)?)
    } else if head.starts_with("<!DOCTYPE") {
        (Format::Html, html_made(&head).ok_or_else(no_report)?)
    } else if head.starts_with("rotation_id,") {
        (Format::Csv, asked.bound_to(sources)?)
    } else {
        return Err(no_report());
    };
    // In the order in which they stand in the report.
    let mut ordered = Vec::new();
    for bound in &made.of {
        let of = sources.iter().find(|source| source.journal.state().rotation.name() == bound.rotation_id);
        let Some(source) = of else {
            return Err(Error::new(
                Id::JournalOther,
                format!(
                    "{} is about rotation {}, whose journal was not named",
                    path.display(),
                    bound.rotation_id
                ),
            )
            .fix("name its folder with --journal, and those of further journals with --also"));
        };
        let events = source.journal.state().entries;
        if !bound.is_part_of(source)? {
            return Ok(Checked::OtherLog(bound.rotation_id.clone()));
        }
        if events > bound.events {
            return Ok(Checked::GoneOn(bound.events, events));
        }
        ordered.push(*source);
    }
    if made.version != env!("CARGO_PKG_VERSION") {
        return Ok(Checked::OtherVersion(made.version));
    }
    let document = Document::new(&ordered, made)?;
    let file = File::open(path).map_err(failed)?;
    let mut comparison =
        Comparison { found: BufReader::new(file), line: Vec::new(), number: 1, differs: None };
    let written = document.write(format, &ordered, &mut comparison);
    if let Err(WriteError::Journal(error)) = written {
        return Err(error);
    }
    match (comparison.finish().map_err(failed)?, written) {
        (Some((line, found, expected)), _) => Ok(Checked::Differs(line, found, expected)),
        (None, Err(WriteError::Output(error))) => Err(failed(error)),
        (None, _) => Ok(Checked::Same { says_itself: format != Format::Csv }),
    }
}

fn json_made(head: &str) -> Option<Made> {
    let (_, after) = head.split_once("\"made\": ")?;
    serde_json::Deserializer::from_str(after).into_iter().next()?.ok()
}

fn html_made(head: &str) -> Option<Made> {
    let (_, after) = head.split_once(&format!("<meta name=\"{HTML_META}\" content=\""))?;
    let (value, _) = after.split_once('"')?;
    let text = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).ok()
}

/// Takes what should stand in a file, and compares it line by line with what does.
struct Comparison {
    found: BufReader<File>,
    /// What is expected of the line that is not whole yet.
    line: Vec<u8>,
    number: u64,
    differs: Option<(u64, String, String)>,
}

impl Comparison {
    fn compare(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        self.found.read_until(b'\n', &mut found)?;
        if found != self.line {
            let excerpt = |bytes: &[u8], from: usize| -> String {
                let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned();
                text.trim_end().chars().take(SHOWN).collect()
            };
            let same = found.iter().zip(&self.line).take_while(|(a, b)| a == b).count();
            let from = same.saturating_sub(SHOWN / 2);
            self.differs = Some((self.number, excerpt(&found, from), excerpt(&self.line, from)));
            return Err(io::Error::other("the report differs"));
        }
        self.number += 1;
        self.line.clear();
        Ok(())
    }

    /// The first line that differs: its number, what it is, and what it should be.
    fn finish(mut self) -> io::Result<Option<(u64, String, String)>> {
        if self.differs.is_none() {
            // The rest of what is expected, and of the file: neither may have more than the other.
            match self.compare() {
                Err(_) if self.differs.is_some() => {}
                other => other?,
            }
        }
        Ok(self.differs)
    }
}

impl Write for Comparison {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.compare()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
