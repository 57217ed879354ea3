//! How each dialect asks what only the server can answer, as data: who is connected, who has the lock, which
//! database this is.

use crate::value::Record;

/// How a server's dialect asks.
#[derive(Debug)]
pub struct Questions {
    /// Takes the database's advisory lock for the session and says whether it got it.
    pub claim: &'static str,
    /// Releases it.
    pub release: &'static str,
    /// Whether this session has it.
    pub is_ours: &'static str,
    /// The row that stands for the lock, where the database has no advisory locks.
    pub lock_row: Option<&'static LockRow>,
    /// The sessions of other programs in this database: id, user, program, address, whether it is
    /// at work, and, where ids come again, since when it is there. Those of this process may be among them.
    pub sessions: &'static str,
    /// Such a session, from a row of the answer and the database's name; none if it is in another database.
    pub session_of: fn(&Record, &str) -> Option<Record>,
    /// The id of this session and, where ids come again, since when it is there.
    pub session: &'static str,
    /// Likewise, and takes a mark: a lock of this name, which ends with the session.
    pub marked_session: Option<&'static str>,
    /// Which session has a mark.
    pub marked_by: &'static str,
    /// What the mark by which other processes of ours know such a session begins with; its number follows.
    pub kin_mark: &'static str,
    /// Sessions of this process are known by their numbers, not by a name.
    pub(crate) by_number: bool,
    /// What tells this server from all others, and the database's name. Empty where nothing does.
    pub identity: &'static str,
    /// Settings with which the server may lose what it has acknowledged: one text each. Not asked where
    /// it is empty.
    pub lossy: &'static str,
    /// Whether sessions of other users are hidden from this one; so is an error for want of a privilege.
    pub is_blind: &'static str,
    /// How many more sessions the server takes.
    pub room: Room,
    /// Settings that end a statement after some time: name and value. Not asked where it is empty.
    pub limits: &'static str,
}

impl Questions {
    /// What most have.
    pub(super) const PLAIN: Self = Self {
        claim: "",
        release: "", // with its session
        is_ours: "",
        lock_row: None,
        sessions: "",
        session_of: |row, _| Some(row.clone()),
        session: "",
        marked_session: None,
        marked_by: "",
        kin_mark: "",
        by_number: true,
        identity: "",
        lossy: "",
        is_blind: "",
        room: Room::UNKNOWN,
        limits: "",
    };
}

/// How many more sessions a server takes, in all and of this user: the least of what is left.
#[derive(Debug)]
pub struct Room {
    /// The question; nothing where there is no answer.
    pub asks: &'static [&'static str],
    /// What the answers come to.
    pub left: fn(&[Vec<Record>]) -> Option<i64>,
}

impl Room {
    /// Of a server that does not tell.
    pub const UNKNOWN: Self = Self { asks: &[], left: |_| None };
}

/// A row of a table of ours that a session keeps locked in a transaction without an end: the lock
/// goes with the session, so none is ever left behind and no clock is needed.
#[derive(Debug)]
pub struct LockRow {
    /// The table.
    pub table: &'static str,
    /// Makes it, with its row.
    pub make: &'static [&'static str],
    /// Lets a session wait only a moment for the row; empty where the claim itself does.
    pub patience: &'static str,
    /// Takes the table away.
    pub remove: &'static str,
}
