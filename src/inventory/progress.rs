//! How far a look outside the targets has come, so that one that was interrupted goes on with the next table.
//!
//! A file beside the journal has a line for each table that was looked through, under a digest that chains it to the lines
//! before it. A line that this program has not written under these keys is not believed, nor is any after it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Outside;
use crate::cipher::{Digester, KeyRing};

/// The format of the file.
const FORMAT: u32 = 1;

/// How old may be what an interrupted scan has seen: databases change.
const AGE: SignedDuration = SignedDuration::from_hours(24);

/// What was found in one table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TableScan {
    /// Columns that were looked through.
    pub columns: u64,
    /// Columns with ciphertext.
    pub found: Vec<Outside>,
    /// What of it could not be looked at.
    pub not_looked_at: Option<String>,
    /// Its schema, if that is another server's and a value is under one of the keys.
    pub of_server: Option<String>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    id: [u8; 16],
    keys: Vec<String>,
    /// Milliseconds since 1970.
    began_at: i64,
}

/// A line for a table.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    table: String,
    scan: TableScan,
}

/// What a scan has looked through, here or in a file.
#[derive(Debug, Default)]
pub struct Progress {
    file: Option<Written>,
    /// What an interrupted scan has looked through, by table.
    earlier: BTreeMap<String, TableScan>,
    began_at: Option<Timestamp>,
    tables: u64,
}

/// The file, while it is written.
#[derive(Debug)]
struct Written {
    path: PathBuf,
    file: File,
    digester: Digester,
    last: [u8; 16],
}

impl Progress {
    /// A scan whose progress is kept beside the journal in `dir`; with `resume` it goes on where an interrupted one has
    /// stopped. What cannot be kept or believed is said, and costs no more than time.
    pub fn beside(dir: &Path, keys: &KeyRing, resume: bool) -> Self {
        let path = dir.with_extension("scan");
        if resume {
            match Self::read(&path, keys) {
                Ok(progress) => return progress,
                Err(why) => tracing::warn!("{}: {why}; the scan begins again", path.display()),
            }
        }
        Self::begin(&path, keys).unwrap_or_else(|error| {
            tracing::warn!(
                "{}: {error}; if the scan is interrupted, the next one begins again",
                path.display()
            );
            Self::default()
        })
    }

    fn begin(path: &Path, keys: &KeyRing) -> io::Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        let head = Head {
            format: FORMAT,
            id,
            keys: fingerprints(keys),
            began_at: Timestamp::now().as_millisecond(),
        };
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let digester = Digester::new(keys.new_key(), &id);
        let mut written = Written { path: path.to_owned(), file, digester, last: [0; 16] };
        written.append(&head)?;
        Ok(Self { file: Some(written), ..Self::default() })
    }

    fn read(path: &Path, keys: &KeyRing) -> Result<Self, String> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err("no scan was interrupted".to_owned());
            }
            read => read.map_err(|error| error.to_string())?,
        };
        let mut lines = text.split_inclusive('\n');
        let first = lines.next().unwrap_or_default();
        let head: Head = first
            .split_once(' ')
            .and_then(|(_, json)| serde_json::from_str(json).ok())
            .ok_or("its first line cannot be read")?;
        if head.format != FORMAT || head.keys != fingerprints(keys) {
            return Err("it was written with other keys, or by another version".to_owned());
        }
        let began_at = Timestamp::from_millisecond(head.began_at).map_err(|error| error.to_string())?;
        let age = Timestamp::now().duration_since(began_at);
        if age > AGE || age.is_negative() {
            return Err(format!("it is from {began_at:.3}, and databases have changed since"));
        }
        let digester = Digester::new(keys.new_key(), &head.id);
        let mut last = [0; 16];
        if !believed(&digester, &mut last, first) {
            return Err("this program has not written it under these keys".to_owned());
        }
        let (mut earlier, mut length) = (BTreeMap::new(), first.len());
        for text in lines {
            let before = last;
            let line = text.split_once(' ').and_then(|(_, json)| serde_json::from_str::<Line>(json).ok());
            let Some(line) = line.filter(|_| believed(&digester, &mut last, text)) else {
                last = before;
                break;
            };
            length += text.len();
            earlier.insert(line.table, line.scan);
        }
        let file = OpenOptions::new().append(true).open(path).map_err(|error| error.to_string())?;
        file.set_len(length as u64).map_err(|error| error.to_string())?;
        tracing::info!("continuing the scan of {began_at:.3}: {} tables are done", earlier.len());
        let file = Some(Written { path: path.to_owned(), file, digester, last });
        Ok(Self { file, earlier, began_at: Some(began_at), tables: 0 })
    }

    /// What the interrupted scan has found in a table, if it has looked through it.
    pub(super) fn earlier(&mut self, table: &str) -> Option<TableScan> {
        let scan = self.earlier.remove(table)?;
        self.tables += 1;
        Some(scan)
    }

    /// Keeps what was found in a table.
    pub(super) fn keep(&mut self, table: String, scan: &TableScan) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.append(&Line { table, scan: scan.clone() }) {
            tracing::warn!(
                "{}: {error}; if the scan is interrupted, the next one begins again",
                file.path.display()
            );
            self.file = None;
        }
    }

    /// What the interrupted scan has looked through and this one has not.
    pub(super) fn before(&self) -> Option<Earlier> {
        self.began_at.map(|began_at| Earlier { tables: self.tables, began_at: format!("{began_at:.3}") })
    }

    /// The whole was looked through: there is nothing to go on with.
    pub fn end(&mut self) {
        if let Some(written) = self.file.take() {
            let _ = fs::remove_file(written.path);
        }
    }
}

/// Tables that were looked through before an interruption.
#[derive(Debug, Clone, Serialize)]
pub struct Earlier {
    /// How many.
    pub tables: u64,
    /// When that scan began, in UTC.
    pub began_at: String,
}

impl Written {
    fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(line)? + "\n";
        let digest = self.digester.digest(&[&self.last, json.as_bytes()]);
        self.file.write_all(format!("{} {json}", hex(&digest)).as_bytes())?;
        self.last = digest;
        Ok(())
    }
}

/// Whether the line is this program's, and follows the one before.
fn believed(digester: &Digester, last: &mut [u8; 16], line: &str) -> bool {
    let Some((named, json)) = line.split_once(' ') else { return false };
    let digest = digester.digest(&[&*last, json.as_bytes()]);
    *last = digest;
    named == hex(&digest)
}

fn hex(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

fn fingerprints(keys: &KeyRing) -> Vec<String> {
    keys.in_order().map(|key| keys.key(key).fingerprint().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::SecretKey;

    fn ring() -> KeyRing {
        let key = |digit: &str| SecretKey::parse(&digit.repeat(32)).unwrap();
        KeyRing::new(key("a"), key("b"))
    }

    fn found(columns: u64) -> TableScan {
        TableScan { columns, ..TableScan::default() }
    }

    #[test]
    fn it_goes_on_with_what_it_has_written_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, keys) = (folder.path().join("journal"), ring());
        let mut first = Progress::beside(&dir, &keys, false);
        first.keep("A".to_owned(), &found(1));
        first.keep("B".to_owned(), &found(2));
        drop(first);
        let path = dir.with_extension("scan");
        let whole = fs::read_to_string(&path).unwrap();

        // A torn line is looked at again, and the file goes on in its place.
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let mut second = Progress::beside(&dir, &keys, true);
        assert_eq!(second.earlier("A").unwrap().columns, 1);
        assert!(second.earlier("B").is_none());
        assert_eq!(second.before().unwrap().tables, 1);
        second.keep("B".to_owned(), &found(2));
        drop(second);
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);

        // A line that this program has not written is not trusted, and neither is what follows.
        let planted = whole.replace("\"table\":\"A\"", "\"table\":\"C\"");
        assert_ne!(planted, whole);
        fs::write(&path, planted).unwrap();
        let mut third = Progress::beside(&dir, &keys, true);
        assert!(["A", "B", "C"].iter().all(|table| third.earlier(table).is_none()));
        third.end();
        assert!(!path.exists());

        // Nor is it under other keys, nor with a line taken out.
        fs::write(&path, &whole).unwrap();
        let mut others = ring();
        others.add_old(SecretKey::parse(&"c".repeat(32)).unwrap()).unwrap();
        assert!(Progress::beside(&dir, &others, true).earlier("A").is_none());
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        fs::write(&path, [lines[0], lines[2]].concat()).unwrap();
        assert!(Progress::beside(&dir, &keys, true).earlier("B").is_none());
    }
}
