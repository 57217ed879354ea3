//! Damages after a rotation, each at random places: `verify` names every one of them.

use std::fs;
use std::path::{Path, PathBuf};

use keyrotation::demo::Spec;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Cell, Place, Random, Snapshot, Spot, apart, execute, flip_a_bit, rounds, seal, tables, xml,
};

/// A rotated deployment, to be damaged over and over.
struct Rotated {
    place: Place,
    /// What it held before the rotation.
    before: Snapshot,
    whole: TempDir,
    random: Random,
}

/// A row of a table, as it is now.
struct Row {
    database: PathBuf,
    table: String,
    number: i64,
    columns: Vec<String>,
    cells: Vec<Cell>,
}

impl Row {
    fn of(place: &Place, table: &str, number: i64) -> Self {
        let database = place.databases().into_iter().find(|path| tables(path).contains_key(table)).unwrap();
        let mut found = tables(&database).remove(table).unwrap();
        let cells = found.rows.remove(&number).unwrap();
        Self { database, table: table.to_owned(), number, columns: found.columns, cells }
    }

    fn cell(&self, column: &str) -> &Cell {
        &self.cells[self.columns.iter().position(|name| name == column).unwrap()]
    }

    fn set(&self, column: &str, cell: &Cell) {
        let sql =
            format!("UPDATE {} SET {column} = {} WHERE rowid = {}", self.table, literal(cell), self.number);
        execute(&self.database, &sql);
    }
}

fn literal(cell: &Cell) -> String {
    let digits = crate::kit::hex(&cell.bytes);
    match cell.kind.as_str() {
        "null" => "NULL".to_owned(),
        "blob" => format!("X'{digits}'"),
        "integer" => String::from_utf8(cell.bytes.clone()).unwrap(),
        _ => format!("CAST(X'{digits}' AS TEXT)"),
    }
}

fn text(text: &str) -> Cell {
    Cell { kind: "text".to_owned(), bytes: text.as_bytes().to_vec() }
}

impl Rotated {
    fn new() -> Self {
        let place = Place::new(80);
        let before = place.snapshot();
        place.run(&["run", "--chunk-size", "40"]).exits(0);
        let whole = place.save();
        Self { place, before, whole, random: Random::seeded() }
    }

    /// Any of them.
    fn any<T>(&mut self, items: Vec<T>) -> T {
        let at = self.random.index(items.len());
        items.into_iter().nth(at).unwrap()
    }

    /// Any ciphertext: where, and which of those there.
    fn any_sealed(&mut self) -> (Spot, usize) {
        self.any(self.before.sealed_spots())
    }

    /// The columns that hold a ciphertext and nothing else.
    fn alone(&self) -> Vec<Spot> {
        let spots = self.before.sealed_spots().into_iter().map(|(spot, _)| spot);
        let text = |spot: &Spot| self.before.cell(spot)?.text().map(str::to_owned);
        spots.filter(|spot| text(spot).is_some_and(|text| self.before.sealed.contains_key(&text))).collect()
    }

    fn row(&self, spot: &Spot) -> Row {
        Row::of(&self.place, &spot.table, spot.row)
    }

    fn path_of(&self, spot: &Spot) -> PathBuf {
        self.place.deployment.home.join(&spot.table)
    }

    /// Inflicts a damage over and over, and looks whether its rows or files are named.
    #[track_caller]
    fn always_named(mut self, damage: impl Fn(&mut Self) -> Vec<Named>) {
        for round in 0..rounds(10) {
            let named = damage(&mut self);
            let ran = self.place.run(&["verify", "--json"]);
            assert_eq!(ran.code(), Some(1), "round {round}, {named:?}: {ran}");
            let report = ran.json();
            assert_eq!(report["differences"], named.len(), "round {round}, {named:?}: {report}");
            for one in &named {
                assert!(one.stands_in(&report), "round {round}: {one:?} is not in {report}");
            }
            self.place.restore(&self.whole);
        }
    }
}

/// What the report must name.
#[derive(Debug)]
struct Named {
    table: String,
    /// What its key may be made of.
    cells: Vec<String>,
    verdicts: &'static [&'static str],
}

impl Named {
    fn row(row: &Row, verdicts: &'static [&'static str]) -> Self {
        let cells = row.cells.iter().map(|cell| String::from_utf8_lossy(&cell.bytes).into_owned());
        let cells = cells.chain([row.number.to_string()]).collect();
        Self { table: row.table.clone(), cells, verdicts }
    }

    fn file(spot: &Spot, verdicts: &'static [&'static str]) -> Self {
        Self { table: "*".to_owned(), cells: vec![spot.table.clone()], verdicts }
    }

    fn stands_in(&self, report: &Value) -> bool {
        let targets = report["targets"].as_array().unwrap().iter();
        let mut findings = targets
            .filter(|target| self.table == "*" || target["place"] == self.table.as_str())
            .flat_map(|target| target["findings"].as_array().unwrap());
        findings.any(|finding| {
            let key = finding["key"].as_str().unwrap();
            let is_key = |rest: &str| self.spells(rest);
            self.verdicts.iter().any(|verdict| finding["verdict"] == *verdict) && is_key(key)
        })
    }

    /// Whether the key is made of the row's cells, with slashes between them.
    fn spells(&self, key: &str) -> bool {
        self.cells.iter().filter(|cell| !cell.is_empty()).any(|cell| {
            let rest = key.strip_prefix(cell.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('/').is_some_and(|rest| self.spells(rest))
            })
        })
    }
}

/// Replaces one text within bytes.
fn replace(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    [&bytes[..at], new.as_bytes(), &bytes[at + old.len()..]].concat()
}

const BAD: &[&str] = &["bad"];

/// Whatever was rotated, and however: without damage there is no alarm.
#[test]
fn nothing_is_named_where_nothing_is_damaged() {
    let mut random = Random::seeded();
    for _ in 0..rounds(5) {
        let separate_registry = random.below(2) == 0;
        let spec =
            Spec { tokens: random.below(150), separate_registry, seed: random.next(), ..Spec::default() };
        let place = Place::of(&spec);
        let chunk = (1 + random.below(200)).to_string();
        place.run(&["run", "--chunk-size", &chunk]).exits(0);
        for args in [&["verify", "--json"][..], &["verify", "--live", "--json"]] {
            let report = place.run(args).exits(0).json();
            assert_eq!(report["differences"], 0, "{report}");
        }
    }
}

#[test]
fn a_bit_of_a_ciphertext() {
    Rotated::new().always_named(|rotated| {
        let (spot, at) = rotated.any_sealed();
        if spot.row == 0 {
            let path = rotated.path_of(&spot);
            let bytes = fs::read(&path).unwrap();
            let envelope = &xml(&bytes).envelopes[at];
            let flipped = flip_a_bit(envelope, &mut rotated.random);
            fs::write(&path, replace(&bytes, envelope, &flipped)).unwrap();
            return vec![Named::file(&spot, BAD)];
        }
        let row = rotated.row(&spot);
        let cell = row.cell(&spot.column);
        let envelope = &apart(&spot.table, cell).unwrap().envelopes[at];
        let flipped = flip_a_bit(envelope, &mut rotated.random);
        let bytes = replace(&cell.bytes, envelope, &flipped);
        row.set(&spot.column, &Cell { kind: cell.kind.clone(), bytes });
        vec![Named::row(&row, BAD)]
    });
}

#[test]
fn the_values_of_two_rows_swapped() {
    Rotated::new().always_named(|rotated| {
        let alone = rotated.alone();
        let (one, other) = loop {
            let (one, other) = (rotated.any(alone.clone()), rotated.any(alone.clone()));
            if (&one.table, &one.column) == (&other.table, &other.column) && one.row != other.row {
                break (one, other);
            }
        };
        let (row, other_row) = (rotated.row(&one), rotated.row(&other));
        row.set(&one.column, &text("in between"));
        other_row.set(&one.column, row.cell(&one.column));
        row.set(&one.column, other_row.cell(&one.column));
        // Two rows may hold the same secret.
        let verdicts = &["bad", "changed"];
        vec![Named::row(&row, verdicts), Named::row(&other_row, verdicts)]
    });
}

#[test]
fn an_old_value_put_back() {
    Rotated::new().always_named(|rotated| {
        let (spot, _) = rotated.any_sealed();
        if spot.row == 0 {
            fs::write(rotated.path_of(&spot), rotated.before.file(&spot.table).unwrap()).unwrap();
            return vec![Named::file(&spot, BAD)];
        }
        let row = rotated.row(&spot);
        row.set(&spot.column, rotated.before.cell(&spot).unwrap());
        vec![Named::row(&row, BAD)]
    });
}

#[test]
fn a_row_or_file_removed() {
    Rotated::new().always_named(|rotated| {
        let (spot, _) = rotated.any_sealed();
        if spot.row == 0 {
            fs::remove_file(rotated.path_of(&spot)).unwrap();
            return vec![Named::file(&spot, &["gone"])];
        }
        let row = rotated.row(&spot);
        let delete = format!("DELETE FROM {} WHERE rowid = {}", row.table, row.number);
        execute(&row.database, &format!("PRAGMA foreign_keys = OFF; {delete}"));
        vec![Named::row(&row, &["gone"])]
    });
}

#[test]
fn a_row_added_under_the_old_key() {
    Rotated::new().always_named(|rotated| {
        let spot = rotated.any(rotated.alone());
        let mut row = rotated.row(&spot);
        let value = seal(&rotated.place.deployment.spec.old_key, "added by the old server");
        row.number = 1_000_000 + i64::try_from(rotated.random.below(1000)).unwrap();
        // Nothing else of it is unique, neither.
        for (column, cell) in row.columns.iter().zip(&mut row.cells) {
            match cell.kind.as_str() {
                _ if *column == spot.column => *cell = text(&value),
                _ if spot.table == "REG_PROPERTY" && column == "REG_NAME" => {}
                "integer" if column.ends_with("ID") => cell.bytes = row.number.to_string().into_bytes(),
                "text" if !column.starts_with("IS_") => {
                    cell.bytes = format!("{}-{}", rotated.random.below(1000), column).into_bytes();
                }
                _ => {}
            }
        }
        let values: Vec<_> = row.cells.iter().map(literal).collect();
        let (columns, values) = (row.columns.join(", "), values.join(", "));
        let insert =
            format!("INSERT INTO {} (rowid, {columns}) VALUES ({}, {values})", row.table, row.number);
        execute(&row.database, &format!("PRAGMA foreign_keys = OFF; {insert}"));
        vec![Named::row(&row, BAD)]
    });
}

#[test]
fn another_plaintext_under_the_new_key() {
    Rotated::new().always_named(|rotated| {
        let spot = rotated.any(rotated.alone());
        let row = rotated.row(&spot);
        let plaintext = format!("another secret {}", rotated.random.next());
        row.set(&spot.column, &text(&seal(&rotated.place.deployment.spec.new_key, &plaintext)));
        vec![Named::row(&row, BAD)]
    });
}

#[test]
fn a_file_edited() {
    Rotated::new().always_named(|rotated| {
        let mut files = rotated.before.sealed_spots();
        files.retain(|(spot, _)| spot.row == 0);
        let (spot, _) = rotated.any(files);
        let path = rotated.path_of(&spot);
        let mut bytes = fs::read(&path).unwrap();
        let at = rotated.random.index(bytes.len());
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        fs::write(&path, bytes).unwrap();
        vec![Named::file(&spot, &["bad", "changed"])]
    });
}

/// Damages the journal over and over: `verify` refuses it.
fn always_refused(damage: impl Fn(&Path, &mut Random) -> String) {
    let mut rotated = Rotated::new();
    let journal = rotated.place.journal();
    for round in 0..rounds(10) {
        let what = damage(&journal, &mut rotated.random);
        let ran = rotated.place.run(&["verify", "--json"]);
        assert_eq!(ran.code(), Some(4), "round {round}, {what}: {ran}");
        assert!(ran.stderr.contains("error: [KR-JRN-002]"), "round {round}, {what}: {ran}");
        assert!(!ran.stderr.contains("panicked"), "round {round}, {what}: {ran}");
        rotated.place.restore(&rotated.whole);
    }
}

#[test]
fn a_journal_cut_off() {
    always_refused(|journal, random| {
        let path = journal.join("log/db");
        let length = random.below(fs::metadata(&path).unwrap().len());
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
        format!("cut to {length}")
    });
}

/// The records of a journal: each under its number and page.
fn records(db: &sled::Db) -> Vec<(sled::IVec, sled::IVec)> {
    db.scan_prefix("r").map(Result::unwrap).collect()
}

fn opened(journal: &Path) -> sled::Db {
    sled::Config::default().path(journal.join("log")).mode(sled::Mode::HighThroughput).open().unwrap()
}

/// A value with its checksum made to fit the place: version, kind, checksum, then what is kept.
fn fitted(key: &[u8], value: &[u8]) -> Vec<u8> {
    let (head, body) = value.split_at(6);
    let crc = crc32fast::hash(&[key, &head[..2], body].concat());
    [&head[..2], &crc.to_le_bytes(), body].concat()
}

/// What the next two tests do to a journal, without an edit, is no damage.
#[test]
fn a_journal_that_was_only_looked_at_is_whole() {
    let rotated = Rotated::new();
    let db = opened(&rotated.place.journal());
    let (key, value) = records(&db).swap_remove(0);
    db.insert(key, value).unwrap();
    db.flush().unwrap();
    drop(db);
    rotated.place.run(&["verify"]).exits(0);
}

#[test]
fn a_record_of_the_journal_edited_and_its_checksum_mended() {
    always_refused(|journal, random| {
        let db = opened(journal);
        let records = records(&db);
        let (key, value) = &records[random.index(records.len())];
        assert_eq!(&fitted(key, value)[..], &value[..], "this is how a checksum is made");
        let mut edited = value.to_vec();
        let bit = 6 * 8 + random.index((value.len() - 6) * 8);
        edited[bit / 8] ^= 1 << (bit % 8);
        db.insert(key, fitted(key, &edited)).unwrap();
        db.flush().unwrap();
        format!("bit {bit} of {key:?}")
    });
}

#[test]
fn two_records_of_the_journal_exchanged_and_their_checksums_mended() {
    always_refused(|journal, random| {
        let db = opened(journal);
        let records = records(&db);
        let (one, other) = loop {
            let [one, other] = [0; 2].map(|_| &records[random.index(records.len())]);
            if one.1 != other.1 {
                break (one, other);
            }
        };
        db.insert(&one.0, fitted(&one.0, &other.1)).unwrap();
        db.insert(&other.0, fitted(&other.0, &one.1)).unwrap();
        db.flush().unwrap();
        format!("{:?} and {:?}", one.0, other.0)
    });
}
