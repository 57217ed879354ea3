//! The store on disk: sled, with what sled lacks around it.
//!
//! - A group is one batch, then sled's `flush`, then a real `fdatasync` on a handle of our own
//!   (sled's flush only starts write-back on Linux), then the head record (see `head`).
//! - A file that is shorter than the head says is refused before sled opens it, since sled
//!   rewrites while opening.
//! - sled's flush may wait for ever for a write that has failed; it is woken (see `flush`).
//! - Every call into sled is guarded against its panics. After one, nothing more is done with the
//!   database, not even dropping it.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::head::{HEAD, HeadFile, Mark, sync_folder};
use crate::lock::{LOCK, Lock, NO_LINK};
use crate::reserved::Reserved;
use crate::silence_panics::quietly;
use crate::status_file::{CONTROL, LIVE, LIVE_TEMPORARY, clear_live};
use crate::steps::STEPS;
use crate::store::{Store, Write};

/// sled's folder within the journal's.
const LOG: &str = "log";
/// sled's file within its folder.
const DB: &str = "db";
/// sled's folder for pages that are too long for its file.
const BLOBS: &str = "blobs";
/// How the names of snapshots end that sled has not finished.
const UNFINISHED: &str = "generating";
/// sled grows and shrinks its file by this much.
const SEGMENT_BYTES: u64 = 512 * 1024;
/// sled cuts this into 256 shards of at least one page each. The log is written once and read in order; the marks of rows,
/// which sync reads and writes in any order, are what is kept here.
const CACHE_BYTES: u64 = 8 << 20;
/// How often, every 20 ms, sled's file is tried that an earlier journal of this process still has.
const LETTING_GO: u32 = 100;
/// After how long a flush that has not come back is woken first.
const FIRST_WAKE: Duration = Duration::from_secs(1);

/// A journal's folder: lock, head and sled.
#[derive(Debug)]
pub(crate) struct SledStore {
    dir: PathBuf,
    /// Taken out, and forgotten, after a panic.
    db: Option<sled::Db>,
    panicked: AtomicBool,
    file: File,
    head: HeadFile,
    /// Last, so that it is let go last.
    _lock: Lock,
}

impl SledStore {
    /// Opens the journal in `dir`; none if nothing was ever recorded there. Makes nothing.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>> {
        if !exists(&dir.join(LOCK))? && !exists(&dir.join(HEAD))? && !exists(&dir.join(LOG))? {
            return Ok(None);
        }
        must_be_own(dir)?;
        let lock = Lock::acquire(dir)?;
        clear_live(dir)?;
        let Some(head) = recorded(dir)? else { return Ok(None) };
        Self::start(dir, head, lock).map(Some)
    }

    /// Makes a journal without groups in the folder that was reserved for it.
    pub(crate) fn create(reserved: Reserved) -> Result<Self> {
        let (dir, lock) = reserved.begun();
        let dir = &*dir;
        restrict(dir, 0o700)?;
        let log = dir.join(LOG);
        match fs::remove_dir_all(&log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &log)(error));
            }
            _ => {}
        }
        let head = HeadFile::create(dir)?;
        fs::DirBuilder::new().mode(0o700).create(&log).map_err(Error::io("make", &log))?;
        let store = Self::start(dir, head, lock)?;
        for folder in [Some(log.as_path()), Some(dir), dir.parent()].into_iter().flatten() {
            sync_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
        }
        Ok(store)
    }

    fn start(dir: &Path, head: HeadFile, lock: Lock) -> Result<Self> {
        let log = dir.join(LOG);
        let path = log.join(DB);
        refuse_links(dir, &log)?;
        settle(&log)?;
        let config = sled::Config::default()
            .path(&log)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput);
        let mut attempts = 0;
        let db = loop {
            let opened = quietly(|| config.open())
                .map_err(|panic| Error::damaged(dir, format!("sled cannot read it ({panic})")))?;
            match opened {
                // No other process has our lock: it is this one, whose sled lets go of an earlier journal
                // in a thread of its own.
                Err(error) if is_locked(&error) && attempts < LETTING_GO => {
                    attempts += 1;
                    thread::sleep(Duration::from_millis(20));
                }
                opened => break opened.map_err(|error| explain(dir, error))?,
            }
        };
        let store = Self {
            file: open_own(&path)?,
            dir: dir.to_owned(),
            db: Some(db),
            panicked: AtomicBool::new(false),
            head,
            _lock: lock,
        };
        // What opening wrote must be as durable as what it replaced.
        for entry in fs::read_dir(&log).map_err(Error::io("list", &log))? {
            let path = entry.map_err(Error::io("list", &log))?.path();
            if path.is_file() {
                restrict(&path, 0o600)?;
                open_own(&path)?.sync_all().map_err(Error::io("sync", &path))?;
            }
        }
        sync_folder(&log)?;
        Ok(store)
    }

    fn length(&self) -> Result<u64> {
        let path = self.dir.join(LOG).join(DB);
        Ok(self.file.metadata().map_err(Error::io("look at", &path))?.len())
    }

    /// sled puts pages above 128 KiB into files of their own and never syncs those. Our values are cut
    /// so that there are none; should some be there, they are made as durable as the rest.
    fn sync_blobs(&self) -> Result<()> {
        let blobs = self.dir.join(LOG).join(BLOBS);
        let mut any = false;
        for entry in fs::read_dir(&blobs).map_err(Error::io("list", &blobs))? {
            let path = entry.map_err(Error::io("list", &blobs))?.path();
            open_own(&path)?.sync_data().map_err(Error::io("sync", &path))?;
            any = true;
        }
        if any { sync_folder(&blobs) } else { Ok(()) }
    }

    /// Runs `work` on the database, unless it panicked before.
    fn guarded<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T> {
        let db = match &self.db {
            Some(db) if !self.panicked.load(Ordering::Acquire) => db,
            _ => return Err(Error::Broken { dir: self.dir.clone() }),
        };
        match quietly(|| work(db)) {
            Ok(result) => result.map_err(|error| explain(&self.dir, error)),
            Err(panic) => {
                self.panicked.store(true, Ordering::Release);
                Err(Error::damaged(&self.dir, format!("sled cannot read it ({panic})")))
            }
        }
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.guarded(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn commit(&mut self, group: Vec<Write>, mark: Mark) -> Result<()> {
        let path = self.dir.join(LOG).join(DB);
        let mut batch = sled::Batch::default();
        for (key, value) in group {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        failpoint!("journal-before-batch", planned_failure(&path));
        self.guarded(|db| db.apply_batch(batch))?;
        failpoint!("journal-before-flush", planned_failure(&path));
        self.guarded(flush)?;
        failpoint!("journal-before-sync", planned_failure(&path));
        self.sync_blobs()?;
        // Before the sync: what sled adds meanwhile is not durable, and must not be missed after a loss of power.
        let length = self.length()?;
        self.file.sync_data().map_err(Error::io("sync", &path))?;
        failpoint!("journal-before-head", planned_failure(&path));
        self.head.write(mark, length)?;
        failpoint!("journal-after-head", planned_failure(&path));
        Ok(())
    }

    fn mark(&self) -> Mark {
        self.head.head().mark
    }

    fn place(&self) -> &Path {
        &self.dir
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if self.panicked.load(Ordering::Acquire) {
            // Dropping would write.
            std::mem::forget(db);
        } else if let Err(panic) = quietly(|| drop(db)) {
            tracing::warn!(journal = %self.dir.display(), "sled failed while closing: {panic}");
        }
    }
}

/// sled's flush, and whatever it takes that it comes back.
///
/// A write that fails in one of sled's threads is noted there, but who waits for it is not always woken
/// (sled 0.34: `Log::exit_reservation`). Another flush sees the note, and wakes all. On a disk that is
/// merely slow it waits with the first; so the next comes after twice as long.
fn flush(db: &sled::Db) -> sled::Result<()> {
    thread::scope(|scope| {
        let (flushing, done) = mpsc::channel::<Infallible>();
        scope.spawn(move || {
            let mut patience = FIRST_WAKE;
            while done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                scope.spawn(|| quietly(|| db.flush()));
                patience *= 2;
            }
        });
        let flushed = db.flush().map(drop);
        drop(flushing); // also where it panics
        flushed
    })
}

/// The head file in `dir`, if there ever was a journal.
pub(crate) fn head_of(dir: &Path) -> Result<Option<HeadFile>> {
    match HeadFile::open(dir)? {
        // The head is made first, so sled is never there without it.
        None if exists(&dir.join(LOG))? => Err(Error::damaged(dir, "its head record is missing")),
        head => Ok(head),
    }
}

/// Refuses a folder with a journal that got to its first group. What an earlier holder said goes.
pub(crate) fn refuse_taken(dir: &Path) -> Result<()> {
    clear_live(dir)?;
    match recorded(dir)? {
        Some(_) => Err(Error::Exists { dir: dir.to_owned() }),
        None => Ok(()),
    }
}

/// The head of the journal in `dir` if it ever got to its first group, checked against sled's file
/// without touching that.
fn recorded(dir: &Path) -> Result<Option<HeadFile>> {
    let log = dir.join(LOG);
    let path = log.join(DB);
    let Some(file) = head_of(dir)? else { return Ok(None) };
    let head = file.head();
    if head.mark.group == 0 {
        return Ok(None);
    }
    refuse_links(dir, &log)?;
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::damaged(dir, format!("{} is missing", path.display())));
        }
        Err(error) => return Err(Error::io("look at", &path)(error)),
    };
    // sled may give whole segments at the end back between a group and its head.
    if length < head.length && (length == 0 || !length.is_multiple_of(SEGMENT_BYTES)) {
        return Err(Error::damaged(
            dir,
            format!("{} has {length} bytes and must have {}", path.display(), head.length),
        ));
    }
    Ok(Some(file))
}

/// Makes sled's folder one that sled can open after whatever ended the last process.
///
/// - sled takes a snapshot that it had only begun to write for its newest one, and then for damage.
///   It is written while opening, from the log alone, so without it nothing is missing.
/// - What is not durable yet becomes so: sled writes durable snapshots of what it reads in its log.
fn settle(log: &Path) -> Result<()> {
    for entry in fs::read_dir(log).map_err(Error::io("list", log))? {
        let path = entry.map_err(Error::io("list", log))?.path();
        if path.extension().is_some_and(|extension| extension == UNFINISHED) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        } else if path.file_name().is_some_and(|name| name == DB) {
            open_own(&path)?.sync_data().map_err(Error::io("sync", &path))?;
        }
    }
    Ok(())
}

/// A file of sled's, which is none that a link leads to.
fn open_own(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(NO_LINK).open(path).map_err(Error::io("open", path))
}

/// sled itself would follow them, and write to what they lead to.
fn refuse_links(dir: &Path, log: &Path) -> Result<()> {
    let refuse = |path: &Path| {
        let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        let why = || format!("has {}, which is a link", path.strip_prefix(dir).unwrap_or(path).display());
        if is_link { Err(Error::Exposed { dir: dir.to_owned(), why: why() }) } else { Ok(()) }
    };
    refuse(log)?;
    for folder in [log.to_owned(), log.join(BLOBS)] {
        refuse(&folder)?;
        let Ok(entries) = fs::read_dir(&folder) else { continue }; // not made yet
        for entry in entries {
            refuse(&entry.map_err(Error::io("list", &folder))?.path())?;
        }
    }
    Ok(())
}

/// Makes a folder for its owner only, if it is not there.
pub(crate) fn make_folder(dir: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("make", dir))
}

/// Refuses a folder that is another user's, or into which others may put something: a link, say, under the
/// name of a file that is written here.
pub(crate) fn must_be_own(dir: &Path) -> Result<()> {
    let folder = fs::symlink_metadata(dir).map_err(Error::io("look at", dir))?;
    let own = rustix::process::geteuid().as_raw();
    let why = if folder.is_symlink() {
        "is a link".to_owned()
    } else if folder.uid() != own {
        format!("belongs to user {}, and this is user {own}", folder.uid())
    } else if folder.mode() & 0o022 != 0 {
        format!("can be written by others (mode {:o})", folder.mode() & 0o777)
    } else {
        return Ok(());
    };
    Err(Error::Exposed { dir: dir.to_owned(), why })
}

/// Refuses a folder with files that no journal has: it would be archived and deleted with ours.
pub(crate) fn refuse_foreign(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let name = entry.map_err(Error::io("list", dir))?.file_name();
        let ours = [LOCK, HEAD, "head.tmp", LOG, LIVE, LIVE_TEMPORARY, CONTROL, STEPS];
        if !ours.iter().any(|known| name == *known) {
            return Err(Error::Foreign { dir: dir.to_owned(), name: name.to_string_lossy().into_owned() });
        }
    }
    Ok(())
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(Error::io("look at", path))
}

fn restrict(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::io("restrict", path))
}

/// Whether sled's file is open elsewhere. sled has no error kind for it, so the text decides.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn explain(dir: &Path, error: sled::Error) -> Error {
    match error {
        error if is_locked(&error) => Error::Locked { dir: dir.to_owned(), holder: None },
        sled::Error::Io(error) => Error::io("use", &dir.join(LOG))(error),
        other => Error::damaged(dir, format!("sled says: {other}")),
    }
}

#[cfg(feature = "failpoints")]
pub(crate) fn planned_failure(path: &Path) -> Error {
    Error::io("write", path)(io::Error::other("failure planned by a test"))
}
