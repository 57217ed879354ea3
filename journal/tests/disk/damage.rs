//! Damaged files: cut, flipped, zeroed. Never a panic on the screen, never a silent wrong answer.
//!
//! sled panics in many of these cases, so everything runs in a child whose error output must hold
//! nothing but the one panic of our own at the end, which shows that others are still shown.

use std::fs;
use std::path::Path;

use keyrotation_journal::Error;
use tempfile::TempDir;

use super::{child, child_argument, copy_folder, make, verify};

/// How the cases of a kind ended.
#[derive(Debug, Default)]
struct Outcomes {
    damaged: usize,
    whole: usize,
}

impl Outcomes {
    /// Opens and reads all of the journal in `dir`; what is not exact must be refused.
    fn judge(&mut self, dir: &Path, entries: u64, what: &str) {
        match verify(dir) {
            Ok(journal) => {
                assert_eq!(journal.state().entries, entries, "{what}: a silent wrong answer");
                self.whole += 1;
            }
            Err(error) => {
                assert!(matches!(error, Error::Damaged { .. } | Error::WrongKey { .. }), "{what}: {error}");
                assert_eq!(error.to_string().lines().count(), 1, "{what}: {error}");
                self.damaged += 1;
            }
        }
    }
}

fn cases(template: &Path) -> [(&'static str, Outcomes); 3] {
    let work = TempDir::new().unwrap();
    let db = fs::read(template.join("log/db")).unwrap();
    let entries = verify(template).unwrap().state().entries;
    let with = |bytes: &[u8]| {
        let dir = work.path().join("case");
        let _ = fs::remove_dir_all(&dir);
        copy_folder(template, &dir);
        fs::write(dir.join("log/db"), bytes).unwrap();
        dir
    };
    let mut cut = Outcomes::default();
    for length in (0..db.len()).step_by(4096).chain([db.len() - 1, db.len() - 100]) {
        let dir = with(&db[..length]);
        cut.judge(&dir, entries, &format!("cut to {length}"));
        if length % (512 * 1024) != 0 {
            let after = fs::metadata(dir.join("log/db")).unwrap().len();
            assert_eq!(after, length as u64, "a cut file was touched");
        }
    }
    let mut flipped = Outcomes::default();
    let mut random = 5_u64;
    for _ in 0..200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = usize::try_from((random >> 16) % (db.len() as u64 * 8)).unwrap();
        let mut bytes = db.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        flipped.judge(&with(&bytes), entries, &format!("bit {bit} flipped"));
    }
    let mut zeroed = Outcomes::default();
    for start in (0..db.len()).step_by(4096) {
        let mut bytes = db.clone();
        let end = bytes.len().min(start + 4096);
        bytes[start..end].fill(0);
        zeroed.judge(&with(&bytes), entries, &format!("zeroed at {start}"));
    }
    [("cut", cut), ("flipped", flipped), ("zeroed", zeroed)]
}

#[test]
fn damaged_files_are_refused_quietly() {
    if let Some(template) = child_argument() {
        for (name, outcomes) in cases(&template) {
            println!("{name}: {outcomes:?}");
            assert!(outcomes.damaged > 20, "{name}: hardly anything was damaged: {outcomes:?}");
        }
        let ours = std::panic::catch_unwind(|| panic!("shown on purpose"));
        assert!(ours.is_err());
        return;
    }
    let template = TempDir::new().unwrap();
    drop(make(template.path(), 12, 200));
    let output = child("damage::damaged_files_are_refused_quietly", template.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stderr.matches("panicked at").count(), 1, "{stdout}\n{stderr}");
    assert!(stderr.contains("shown on purpose"), "{stderr}");
    println!("{stdout}");
}
