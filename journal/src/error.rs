//! What can go wrong with a journal: each error says in one line what happened, where, and what
//! to do next.

use std::io;
use std::path::{Path, PathBuf};

use crate::ids::{Ordinal, TargetId};
use crate::lock::Holder;
use crate::state::IllegalEvent;

/// A result with the journal's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process works with the journal.
    #[error("the journal {} is in use{}; wait for it to end, or stop it", .dir.display(), by(.holder.as_ref()))]
    Locked {
        /// The journal's folder.
        dir: PathBuf,
        /// Who holds it, if it said so.
        holder: Option<Holder>,
    },
    /// The folder holds a rotation already.
    #[error("the journal {} holds a rotation already; continue it, or archive it", .dir.display())]
    Exists {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// The folder holds something else.
    #[error("{} is not a journal: it holds `{name}`; name an empty or a new folder", .dir.display())]
    Foreign {
        /// The folder.
        dir: PathBuf,
        /// A file that no journal has.
        name: String,
    },
    /// The folder is not this user's alone.
    #[error("{} {why}, so others may have changed what is in it; name a folder of your own with --journal, \
             closed to others (mode 0700)", .dir.display())]
    Exposed {
        /// The folder.
        dir: PathBuf,
        /// What speaks against it.
        why: String,
    },
    /// The file of steps beside the log was changed.
    #[error("{}: a step that waits there was changed after it was left: {why}; move this file away, and confirm again what `keyrotation confirm --list` lacks then", .path.display())]
    Steps {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: &'static str,
    },
    /// The journal is not what was last written.
    #[error("the journal {} is damaged: {what}; {DAMAGED}", .dir.display())]
    Damaged {
        /// The journal's folder.
        dir: PathBuf,
        /// What was found.
        what: String,
    },
    /// The journal was written by a newer program.
    #[error("the journal {} is of format {format}, this program reads formats up to {}; use the version that wrote it", .dir.display(), crate::record::FORMAT)]
    Incompatible {
        /// The journal's folder.
        dir: PathBuf,
        /// The format found.
        format: u8,
    },
    /// The key does not fit the journal.
    #[error("the journal {} was begun with another key; configure the new key that the rotation was begun with", .dir.display())]
    WrongKey {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// The journal must be unlocked with its key first.
    #[error("the journal {} was opened without its key; unlock it first", .dir.display())]
    Sealed {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// An earlier append failed; what reached the disk is known only after opening anew.
    #[error("an earlier write to the journal {} failed; end the program and resume", .dir.display())]
    Broken {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// An event that the state does not admit. Nothing was written.
    #[error("the journal {} refused an event: {event}; this is a defect of the program, please report it", .dir.display())]
    Illegal {
        /// The journal's folder.
        dir: PathBuf,
        /// Which, and why.
        event: IllegalEvent,
    },
    /// A record is too large to be kept. Nothing was written.
    #[error("the journal {} cannot keep {what}; exclude it, or make the chunks smaller", .dir.display())]
    TooLarge {
        /// The journal's folder.
        dir: PathBuf,
        /// What is too large.
        what: String,
    },
    /// There is no such chunk.
    #[error("the journal {} has no chunk {ordinal} of target {target}; this is a defect of the program, please report it", .dir.display())]
    NoSuchChunk {
        /// The journal's folder.
        dir: PathBuf,
        /// The target's position.
        target: TargetId,
        /// The chunk's number.
        ordinal: Ordinal,
    },
    /// No room on the disk.
    #[error("no room is left for the journal: {}; free some space and resume", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}; check the folder's permissions and the disk, then try again", .path.display())]
    Io {
        /// What was attempted, as a verb.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

const DAMAGED: &str = "move the folder away and start a new rotation over the same data: \
                       values already rotated are recognised";

impl Error {
    pub(crate) fn damaged(dir: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { dir: dir.to_owned(), what: what.into() }
    }

    /// Turns an error of the operating system into ours; made for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { doing, path, source },
        }
    }
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" by {holder}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        // It refuses every write for want of room.
        let full = Path::new("/dev/full");
        let error = OpenOptions::new().write(true).open(full).unwrap().write_all(b"{}").unwrap_err();
        let error = Error::io("write", full)(error);
        assert!(matches!(error, Error::Full { .. }), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
        let other = Error::io("open", full)(std::fs::read("/dev/full/none").unwrap_err());
        assert!(matches!(other, Error::Io { .. }), "{other}");
    }
}
