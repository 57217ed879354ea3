//! Whether a rotation is over and its old deployment gone, and whether that is a good end.

use super::doubts::{Doubt, against_carrying_over, doubts};
use super::progress::proved;
use super::steps::{OLD_KEY_DESTROYED, TRIGGERS_REMOVED};
use super::{Facts, Finding};
use crate::report::{StatusView, thousands};

const OLD_IDENTITY_DESTROYED: &str = "retire/old-identity";

/// Whether a rotation's old database is retired, or on its way: it was said to be safe, nothing was carried over since,
/// and its change log is gone. After a maintenance window, in which nothing was carried over, it is once what opened the
/// old values is gone: the old key, or the database with them. What waits beside the log anybody may have written: it
/// does not count.
pub fn is_retired(status: &StatusView) -> bool {
    retirement(status).is_some()
}

/// That rows or files could not be moved, in words; none if all were.
pub(super) fn failures(status: &StatusView) -> Option<String> {
    let failed = status.failed();
    (failed > 0).then(|| format!("{} rows or files could not be moved to the new key", thousands(failed)))
}

/// What stands against that a rotation that is finished and not retired is a good end: what could not be moved, and what
/// was found since. That nobody has looked yet does not.
pub fn against_end(status: &StatusView) -> Vec<String> {
    let facts = Facts::new(Some(status.clone().by_the_log()), &[]);
    let found = doubts(&facts).into_iter();
    let found = found.filter(|doubt| !matches!(doubt, Doubt::Unseen(_)) && !doubt.is_of_failed_rows());
    failures(status).into_iter().chain(found.map(|doubt| doubt.words())).collect()
}

/// Whether it is retired, and what speaks against this as a good end, such as later findings.
pub fn retirement(status: &StatusView) -> Option<Vec<String>> {
    let facts = Facts::new(Some(status.clone().by_the_log()), &[]);
    let stands = |name: &str| facts.stands_since_the_beginning(name);
    let mut against: Vec<String> = Vec::new();
    if status.sync.is_some() {
        let is_gone = stands(TRIGGERS_REMOVED) || stands(OLD_IDENTITY_DESTROYED);
        if !is_gone || !against_carrying_over(&facts).is_empty() {
            return None;
        }
    } else if status.re_encrypted_at.is_none()
        || !(stands(OLD_KEY_DESTROYED) || stands(OLD_IDENTITY_DESTROYED))
    {
        return None;
    }
    against.extend(failures(status));
    if stands(OLD_KEY_DESTROYED) {
        against.extend(status.left_out_words());
    }
    let doubts: Vec<String> = doubts(&facts).iter().map(Doubt::words).collect();
    if status.mode.is_in_place()
        && let Finding::Not(why) = proved(&facts)
        && !doubts.contains(&why)
    {
        against.push(why);
    }
    against.extend(doubts);
    Some(against)
}
