//! The journal of an interrupted rotation, damaged: the rotation goes on correctly, or one line says
//! what is wrong and what to do, and doing it ends well.
//!
//! Every case is cut, zeroed or flipped out of the same journal; by default a sample of them is tried.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Except, Place, Ran, Random, rounds};

const BLOCK: usize = 4096;
const FLIPS: usize = 1000;

#[derive(Debug, Clone)]
enum Damage {
    CutTo(PathBuf, usize),
    ZeroedAt(PathBuf, usize),
    Flipped(PathBuf, usize),
    Removed(PathBuf),
}

impl Damage {
    fn inflict(&self, journal: &Path) {
        let (Self::CutTo(file, _) | Self::ZeroedAt(file, _) | Self::Flipped(file, _) | Self::Removed(file)) =
            self;
        let path = journal.join(file);
        let mut bytes = fs::read(&path).unwrap();
        match *self {
            Self::CutTo(_, length) => bytes.truncate(length),
            Self::ZeroedAt(_, at) => {
                let end = bytes.len().min(at + BLOCK);
                bytes[at..end].fill(0);
            }
            Self::Flipped(_, bit) => bytes[bit / 8] ^= 1 << (bit % 8),
            Self::Removed(_) => return fs::remove_file(&path).unwrap(),
        }
        fs::write(&path, bytes).unwrap();
    }
}

/// Every block of every file cut off and zeroed, every file removed, and bits anywhere.
fn all_damages(journal: &Path, random: &mut Random) -> Vec<Damage> {
    let mut all = Vec::new();
    let mut lengths = Vec::new();
    for file in ["head", "log/conf", "log/db"].map(PathBuf::from) {
        let length = fs::read(journal.join(&file)).unwrap().len();
        for at in (0..length).step_by(BLOCK) {
            all.push(Damage::CutTo(file.clone(), at));
            all.push(Damage::ZeroedAt(file.clone(), at));
        }
        all.push(Damage::CutTo(file.clone(), length - 1));
        all.push(Damage::Removed(file.clone()));
        lengths.push((file, length));
    }
    // Half of the bits in the small files, which hold what all depends on.
    for n in 0..FLIPS {
        let (file, length) = &lengths[if n % 2 == 0 { 2 } else { n / 2 % 2 }];
        all.push(Damage::Flipped(file.clone(), random.index(*length * 8)));
    }
    all
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.index(at + 1));
    }
}

/// One line on the screen says what is wrong and what to do.
#[track_caller]
fn must_be_refused(ran: &Ran, damage: &Damage) {
    assert_eq!(ran.code(), Some(4), "{damage:?}: {ran}");
    assert!(!ran.stderr.contains("panicked"), "{damage:?}: {ran}");
    let error = ran.stderr.split("error: ").nth(1).unwrap_or_else(|| panic!("{damage:?}: {ran}"));
    assert!(error.starts_with("[KR-JRN-002]") && error.contains("move the folder away"), "{damage:?}: {ran}");
}

/// What the line says is to be done.
fn begin_anew(place: &Place) {
    fs::rename(place.journal(), place.path("away")).unwrap();
    place.run(&["run"]).exits(0);
    place.run(&["verify"]).exits(0);
}

#[test]
fn a_damaged_journal_is_refused_or_goes_on_correctly() {
    let mut random = Random::seeded();
    let rounds = rounds(20);
    // The longer run's journal has over 1 MB, of a rotation that was interrupted shortly before its end.
    let (tokens, rows, commits) = if rounds > 100 { (300, "1", 300) } else { (300, "40", 9) };
    let place = Place::new(tokens);
    place.count_updates();
    let before = place.snapshot();
    let plan = format!("table-before-commit={commits}*off->1*return(kill)");
    let ran = place.run_at(&plan, &["run", "--chunk-size", rows]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    let journal = place.journal();
    let mut damages = all_damages(&journal, &mut random);
    println!("{} cases in {} bytes", damages.len(), fs::metadata(journal.join("log/db")).unwrap().len());
    shuffle(&mut damages, &mut random);
    damages.sort_by_key(|damage| !matches!(damage, Damage::Removed(_))); // these in any case
    damages.truncate(usize::try_from(rounds).unwrap());
    let interrupted = place.save();
    let (mut refused, mut went_on, mut found_later) = (0, 0, 0);
    for (at, damage) in damages.iter().enumerate() {
        if at % 100 == 0 {
            println!(
                "{at} cases: {refused} refused, {went_on} went on, of which verify refused {found_later}"
            );
        }
        place.restore(&interrupted);
        damage.inflict(&journal);
        let status = place.run(&["status"]);
        let ran = place.run(&["resume"]);
        if ran.code() == Some(0) {
            assert_eq!(status.code(), Some(0), "{damage:?}: {status}");
            went_on += 1;
            // What is needed to go on is there, but not all that is needed to prove what was done.
            let verified = place.run(&["verify"]);
            if verified.code() != Some(0) {
                must_be_refused(&verified, damage);
                found_later += 1;
                begin_anew(&place);
            }
        } else {
            must_be_refused(&ran, damage);
            must_be_refused(&status, damage);
            refused += 1;
            begin_anew(&place);
        }
        before.must_be_rotated(&place, &Except::default());
        before.must_be_updated_once(&place, &Except::default());
    }
    println!("{refused} refused, {went_on} went on, of which verify refused {found_later}");
    assert!(refused > 0, "nothing was found out");
}
