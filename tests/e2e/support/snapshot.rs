//! The judge: what a deployment held before its rotation, and whether it is rotated now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::envelopes::{self, Apart};
use super::place::UPDATES;
use super::{Cell, Place, Table, opener, tables};

/// A place where something is stored: a table's row and column, or a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Spot {
    /// The table, or the file's path under the home.
    pub(crate) table: String,
    /// The row's number; zero for a file.
    pub(crate) row: i64,
    /// The column; empty for a file.
    pub(crate) column: String,
}

/// Rows that must stay as they are, by table and row number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Except(pub(crate) BTreeSet<(String, i64)>);

/// What a deployment held.
pub(crate) struct Snapshot {
    databases: Vec<BTreeMap<String, Table>>,
    files: BTreeMap<String, Vec<u8>>,
    /// The ciphertexts with what they hold. The empty text has none.
    pub(crate) sealed: HashMap<String, Vec<u8>>,
    new_key: String,
}

impl Snapshot {
    pub(super) fn take(place: &Place) -> Self {
        let databases = place.databases().iter().map(|path| tables(path)).collect();
        let mut snapshot = Self {
            databases,
            files: place.files(),
            sealed: HashMap::new(),
            new_key: place.deployment.spec.new_key.clone(),
        };
        let texts: Vec<String> = snapshot.stored().into_values().flat_map(|apart| apart.envelopes).collect();
        let opened = opener::open(&place.deployment.spec.old_key, texts.iter().map(String::as_str));
        // Now and then the padding of what another key sealed in CBC looks right; what is within does not.
        let is_text = |open: &Vec<u8>| {
            !open.is_empty() && std::str::from_utf8(open).is_ok_and(|text| !text.contains(char::is_control))
        };
        let sealed = texts.into_iter().zip(opened);
        snapshot.sealed = sealed.filter_map(|(text, open)| Some((text, open.filter(is_text)?))).collect();
        snapshot
    }

    /// Everything in the scope of a rotation that may hold envelopes.
    fn stored(&self) -> BTreeMap<Spot, Apart> {
        let mut stored = BTreeMap::new();
        for (table, Table { columns, rows }) in self.databases.iter().flatten() {
            for (row, cells) in rows {
                let bytes = |name: &str| {
                    let at = columns.iter().position(|column| column == name)?;
                    Some(cells[at].bytes.as_slice())
                };
                if !envelopes::row_in_scope(table, bytes) {
                    continue;
                }
                for (column, cell) in columns.iter().zip(cells) {
                    if !envelopes::in_scope(table, column) {
                        continue;
                    }
                    if let Some(apart) = envelopes::apart(table, cell) {
                        let spot = Spot { table: table.clone(), row: *row, column: column.clone() };
                        stored.insert(spot, apart);
                    }
                }
            }
        }
        for (file, bytes) in &self.files {
            if Path::new(file).extension() == Some("xml".as_ref()) {
                let spot = Spot { table: file.clone(), row: 0, column: String::new() };
                stored.insert(spot, envelopes::xml(bytes));
            }
        }
        stored
    }

    /// Every ciphertext: the place where it is stored, and which of those stored there it is.
    pub(crate) fn sealed_spots(&self) -> Vec<(Spot, usize)> {
        let spots = self.stored().into_iter().flat_map(|(spot, apart)| {
            let sealed = apart.envelopes.into_iter().enumerate();
            sealed.filter(|(_, text)| self.sealed.contains_key(text)).map(move |(at, _)| (spot.clone(), at))
        });
        spots.collect()
    }

    /// What stood in a column.
    pub(crate) fn cell(&self, spot: &Spot) -> Option<&Cell> {
        let table = self.databases.iter().find_map(|database| database.get(&spot.table))?;
        let at = table.columns.iter().position(|column| *column == spot.column)?;
        Some(&table.rows.get(&spot.row)?[at])
    }

    /// A file's content, by its path under the home.
    pub(crate) fn file(&self, name: &str) -> Option<&Vec<u8>> {
        self.files.get(name)
    }

    /// The rows and files that hold a ciphertext.
    pub(crate) fn sealed_rows(&self) -> BTreeSet<(String, i64)> {
        let stored = self.stored().into_iter();
        stored
            .filter(|(_, apart)| apart.envelopes.iter().any(|text| self.sealed.contains_key(text)))
            .map(|(spot, _)| (spot.table, spot.row))
            .collect()
    }

    /// The deployment is as this one, but each ciphertext opens under the new key to what it held
    /// under the old one. Rows that are excepted are as they were.
    #[track_caller]
    pub(crate) fn must_be_rotated(&self, place: &Place, except: &Except) {
        let now = Self {
            databases: place.databases().iter().map(|path| tables(path)).collect(),
            files: place.files(),
            sealed: HashMap::new(),
            new_key: String::new(),
        };
        let (was, is) = (self.stored(), now.stored());
        let mut changed: Vec<(&Spot, String, &[u8])> = Vec::new();
        for (spot, before) in &was {
            let after = is.get(spot).unwrap_or_else(|| panic!("{spot:?} is gone"));
            assert_eq!(before.rest, after.rest, "{spot:?}: something around the ciphertext changed");
            assert_eq!(before.envelopes.len(), after.envelopes.len(), "{spot:?}");
            let excepted = except.0.contains(&(spot.table.clone(), spot.row));
            for (old, new) in before.envelopes.iter().zip(&after.envelopes) {
                match self.sealed.get(old).filter(|_| !excepted) {
                    Some(plaintext) => changed.push((spot, new.clone(), plaintext)),
                    None => assert_eq!(old, new, "{spot:?}: a value changed that must not"),
                }
            }
        }
        let opened = opener::open(&self.new_key, changed.iter().map(|(_, text, _)| text.as_str()));
        for ((spot, _, plaintext), opened) in changed.iter().zip(opened) {
            let opened = opened.unwrap_or_else(|| panic!("{spot:?} does not open under the new key"));
            assert_eq!(&opened, plaintext, "{spot:?} holds something else");
        }
        self.must_be_equal_but_for(&now, |spot| is.contains_key(spot));
    }

    /// Every byte is as it was.
    #[track_caller]
    pub(crate) fn must_be_untouched(&self, place: &Place) {
        let databases = place.databases().iter().map(|path| tables(path)).collect();
        let now = Self { databases, files: place.files(), sealed: HashMap::new(), new_key: String::new() };
        self.must_be_equal_but_for(&now, |_| false);
    }

    #[track_caller]
    fn must_be_equal_but_for(&self, now: &Self, looked_at: impl Fn(&Spot) -> bool) {
        for (was, is) in self.databases.iter().zip(&now.databases) {
            assert!(was.keys().eq(is.keys()), "there are other tables");
            for (table, before) in was.iter().filter(|(table, _)| *table != UPDATES) {
                let after = &is[table];
                assert_eq!(before.columns, after.columns);
                assert!(before.rows.keys().eq(after.rows.keys()), "{table} has other rows");
                for (row, cells) in &before.rows {
                    for ((column, old), new) in before.columns.iter().zip(cells).zip(&after.rows[row]) {
                        let spot = Spot { table: table.clone(), row: *row, column: column.clone() };
                        if !looked_at(&spot) {
                            assert_eq!(old, new, "{spot:?}: a value changed that holds no ciphertext");
                        }
                    }
                }
            }
        }
        assert!(self.files.keys().eq(now.files.keys()), "there are other files");
        for (file, bytes) in &self.files {
            let spot = Spot { table: file.clone(), row: 0, column: String::new() };
            assert!(looked_at(&spot) || *bytes == now.files[file], "{file} changed");
        }
    }

    /// Since [`Place::count_updates`], each row with a ciphertext was updated once, and no other.
    #[track_caller]
    pub(crate) fn must_be_updated_once(&self, place: &Place, except: &Except) {
        let sealed = self.sealed_rows();
        let counted = updates(place);
        for (table, Table { rows, .. }) in self.databases.iter().flatten() {
            for row in rows.keys() {
                let at = (table.clone(), *row);
                let expected = u64::from(sealed.contains(&at) && !except.0.contains(&at));
                let found = counted.get(&at).copied().unwrap_or_default();
                assert_eq!(found, expected, "updates of {table}, row {row}");
            }
        }
    }
}

/// How often each row was updated since [`Place::count_updates`].
pub(crate) fn updates(place: &Place) -> BTreeMap<(String, i64), u64> {
    let mut counted = BTreeMap::new();
    for database in place.databases() {
        let Table { rows, .. } = &tables(&database)[UPDATES];
        for cells in rows.values() {
            let table = cells[0].text().unwrap().to_owned();
            let row = String::from_utf8(cells[1].bytes.clone()).unwrap().parse().unwrap();
            *counted.entry((table, row)).or_default() += 1;
        }
    }
    counted
}
