//! What to do in the steps of a rotation in place.

use super::To;
use crate::config::DraftConfig;

/// Whether the servers of a deployment that is rotated in place can only be stopped meanwhile.
fn reads_one_key(deployment: &DraftConfig) -> bool {
    deployment.version.is_some_and(|version| version < (7, 1, 0))
}

pub(super) fn both_keys(to: &mut To, deployment: &DraftConfig) {
    if reads_one_key(deployment) {
        to.say("This server is older than 7.1 and reads one key: stop every node, rotate, and start them with the new key.");
        return;
    }
    to.say("A server from 7.1 on may have two keys. In [encryption] of every node's deployment.toml:");
    to.say("  key = the new key, old_key = the old key; enable_key_id is not false");
    to.say("This writes it for every home that properties.yaml names, and nothing else:");
    to.run("keyrotation configure --dry-run");
    to.run("keyrotation configure");
    to.say(
        "Servers decrypt values without a key id with old_key. This says how many there are, and under which key:",
    );
    to.run("keyrotation keys");
    to.say(
        "Stop all nodes, then start them: a node that has only the old key cannot read values under the \
            new one. If every value has a key id, you can avoid the stop. First run it with --rolling: key \
            stays the old key, and old_key is the new one. Restart one node after the other. When all nodes \
            have that, run it without --rolling, and restart one node after the other again.",
    );
    to.say("Or stop all servers until the rotation is over. Then they need only the new key.");
}

pub(super) fn rotate(to: &mut To, deployment: &DraftConfig) {
    const STOPS: &str = "Ctrl-C stops it at a safe point, and a crash or a reboot does no harm: `keyrotation resume` continues.";
    if reads_one_key(deployment) {
        to.say("See what would change, then rotate. Every node is stopped until that is over.");
        to.run("keyrotation plan");
        to.run("keyrotation run");
        to.say(STOPS);
        to.run("keyrotation verify");
        return;
    }
    to.say(
        "See what would change, then rotate while the servers run. With the option you confirm that all \
            of them were restarted with both keys. The program also checks the deployment.toml of each node \
            that `homes` names.",
    );
    to.run("keyrotation plan");
    to.run("keyrotation run --servers-have-both-keys");
    to.say("If the servers are stopped, leave the option out.");
    to.say(format!(
        "{STOPS} `keyrotation pace 200` slows it down. Rows that a server is working with come last."
    ));
    to.run("keyrotation verify");
}

pub(super) fn one_key(to: &mut To, deployment: &DraftConfig) {
    to.say("First check every value. Continue only if this says that the old key may go:");
    to.run("keyrotation keys");
    if reads_one_key(deployment) {
        to.say("Put the new key in place of the old one into every node's deployment.toml, and start the nodes. Watch their logs for decryption errors.");
        to.run("keyrotation configure");
        to.run("keyrotation confirm one-key");
        return;
    }
    to.say("Take old_key out of every node's deployment.toml (`key` is the new key), and restart one node after the other. Watch their logs for decryption errors.");
    to.run("keyrotation configure --remove-old-key");
    to.run("keyrotation confirm one-key");
}

pub(super) fn retire(to: &mut To) {
    to.say("Check once more that nothing is under the old key. Then retire the key, and everything that it decrypts.");
    to.run("keyrotation verify");
    to.run("keyrotation keys");
    to.say("Confirm each item when it is done, such as:");
    to.run("keyrotation confirm retire/old-key");
}
