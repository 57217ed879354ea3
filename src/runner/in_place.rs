//! A rotation in place: whether the servers may work with the database meanwhile.
//!
//! Invariant: they may only if the operator has confirmed that each was restarted with both keys, and no
//! `deployment.toml` that can be read says otherwise.

use keyrotation_journal::{Event, Step};

use super::{Options, taken};
use crate::config::{DatabaseJob, Settings};
use crate::error::{Error, Id, Result};
use crate::plan::{changes_totp_key, has_both_keys};

/// What comes after a rotation in place: whether a key may go is said by who looks at everything.
pub const OLD_KEY_MAY_GO: &str = "no rotated value is under an old key any more. `keyrotation keys` says \
                                  whether the old key may go. If so, take [encryption] old_key out of the \
                                  deployment.toml of every node (set `key` to the new key, if it is not), \
                                  restart one node after the other, and run `keyrotation verify` and \
                                  `keyrotation keys` once more";

/// The step by which that word is recorded.
const SERVERS_HAVE_BOTH_KEYS: &str = "servers-have-both-keys";

/// Whether servers may be connected while the database is rotated: the word is given now, or was when the rotation
/// began. An error if it cannot be true.
pub(super) fn servers_may_run(settings: &Settings, options: &Options, steps: &[Step]) -> Result<bool> {
    let (word, others_connected) = (options.servers_have_both_keys, options.others_connected);
    let given = word || steps.iter().any(|step| step.name == SERVERS_HAVE_BOTH_KEYS);
    if !settings.mode.is_in_place() {
        return if word { Err(no_servers()) } else { Ok(false) };
    }
    if !given {
        return if others_connected { Err(others_are_not_enough()) } else { Ok(false) };
    }
    let by_jdbc = settings.databases.iter().flat_map(DatabaseJob::new_ones);
    let by_jdbc =
        by_jdbc.filter_map(|database| database.server.as_ref()).any(|server| server.route.is_some());
    if by_jdbc {
        return Err(Error::new(
            Id::ServersLackKeys,
            "--servers-have-both-keys: a database that a running server uses cannot be rotated by its JDBC driver",
        )
        .fix("stop the servers, and repeat the command without that option; or use the native driver"));
    }
    if let Some(why) = changes_totp_key(settings) {
        return Err(Error::new(Id::ServersLackKeys, format!("--servers-have-both-keys: {why}")).fix(
            "name the totpKey of the servers in `oldSecretKeys` instead: its values are then moved to \
             newSecretKey, which a server tries next; or keep it, with `totpKey: {old: X, new: X}`; or stop \
             the servers (docs/in-place.md)",
        ));
    }
    match settings.nodes.iter().find_map(|node| has_both_keys(node, settings).err()) {
        Some(why) => Err(Error::new(Id::ServersLackKeys, format!("--servers-have-both-keys: {why}"))),
        None => Ok(true),
    }
}

/// A connected session may be a server.
fn others_are_not_enough() -> Error {
    let what =
        "--others-connected: with `mode: in-place` any session may be a server, and a server needs both keys";
    Error::new(Id::CommandLineValue, what).fix(
        "end all other sessions, or add --servers-have-both-keys once all servers have both keys \
              (docs/in-place.md)",
    )
}

fn no_servers() -> Error {
    let what = "--servers-have-both-keys is for `mode: in-place`; a copy is not used by any server yet";
    Error::new(Id::CommandLineValue, what).fix("leave it out, or write `mode: in-place` into properties.yaml")
}

/// The word, to be recorded once.
pub(super) fn word(word: bool, settings: &Settings, steps: &[Step]) -> Option<Event> {
    let is_new = word && steps.iter().all(|step| step.name != SERVERS_HAVE_BOTH_KEYS);
    let nodes = settings.nodes.iter().map(|node| match has_both_keys(node, settings) {
        Ok(unseen) if !unseen.is_empty() => format!("{} (not seen: {})", node.display(), unseen.join(", ")),
        _ => node.display().to_string(),
    });
    is_new.then(|| {
        let nodes: Vec<_> = nodes.collect();
        let looked_at =
            if nodes.is_empty() { "no deployment.toml was checked".to_owned() } else { nodes.join(", ") };
        taken(SERVERS_HAVE_BOTH_KEYS, &looked_at)
    })
}

/// The same refusal, with what may be done about it in place.
pub(super) fn explained(error: Error, settings: &Settings) -> Error {
    if !settings.mode.is_in_place() || error.id() != Id::OthersConnected {
        return error;
    }
    error.fix(
        "stop every server on this database; or, from 7.1 on, give each both keys ([encryption] key = the new one, \
         old_key = the old one), restart it, and repeat the command with --servers-have-both-keys (docs/in-place.md)",
    )
}
