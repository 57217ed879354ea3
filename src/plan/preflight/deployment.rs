//! Checks of what the new server's deployment.toml says. A rotation does not change it: it must be
//! right before that server starts.

use std::path::Path;

use super::facts::Facts;
use super::{Check, Found, Needs};
use crate::config::{self, DEPLOYMENT, Database, Said};
use crate::{changes_totp_key, has_both_keys};

const CONFIGURE: &str = "put the new key and the new databases there before the new server starts";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "deployment-toml",
        title: "the server has a deployment.toml",
        needs: Needs::Files,
        warns: "it has none, or one that cannot be read",
        refuses: &[],
        fix: "copy it from the old server's repository/conf, and check that it is TOML",
        look: there,
    },
    Check {
        id: "deployment-key",
        title: "deployment.toml has one of the two keys",
        needs: Needs::Files,
        warns: "[encryption] key is not set, or it is neither the old key nor the new one: one of the three is wrong",
        refuses: &[],
        fix: "compare it with oldSecretKey and newSecretKey",
        look: key,
    },
    Check {
        id: "deployment-old-key",
        title: "every old_key of a deployment.toml is known",
        needs: Needs::Settings,
        warns: "[encryption] old_key or totpKey of a server is a key that properties.yaml does not name: values under it would be reported as failed",
        refuses: &[],
        fix: "add it to `oldSecretKeys` (docs/configuration.md#several-old-keys), also a totpKey; or write \
              `totpKey: {old: X, new: X}` if the totpKey stays",
        look: other_keys,
    },
    Check {
        id: "nodes-have-both-keys",
        title: "in place: every server has both keys, or all are stopped",
        needs: Needs::Settings,
        warns: "a server whose home is named could not read what a rotation writes: `run \
                --servers-have-both-keys` refuses this",
        refuses: &[],
        fix: "write key = the new key and old_key = the old key into [encryption] of every node and restart \
              it; leave a totpKey, or name it in `oldSecretKeys`; or stop all servers (docs/in-place.md)",
        look: nodes,
    },
    Check {
        id: "nodes-databases",
        title: "in place: every server uses the databases that are rotated",
        needs: Needs::Settings,
        warns: "the deployment.toml of a server whose home is named has another database: what it uses would stay under the old key",
        refuses: &[],
        fix: "check that isHome or homes, and idnDBUrl and regDBUrl, belong to one deployment",
        look: databases_of_nodes,
    },
    Check {
        id: "deployment-key-ids",
        title: "deployment.toml and enableKeyId agree",
        needs: Needs::Files,
        warns: "the server looks for key ids and new values get none, or it is not known whether it does",
        refuses: &[],
        fix: "set `enableKeyId: true` in properties.yaml for 7.1 and later (docs/configuration.md)",
        look: key_ids,
    },
    Check {
        id: "deployment-identity",
        title: "deployment.toml names the new identity database",
        needs: Needs::Files,
        warns: "it still names the old one, or another: a server that is started like this uses that database",
        refuses: &[],
        fix: CONFIGURE,
        look: |facts| database(facts, "identity_db"),
    },
    Check {
        id: "deployment-registry",
        title: "deployment.toml names the new registry database",
        needs: Needs::Files,
        warns: "it names another: a server that is started like this uses that database",
        refuses: &[],
        fix: CONFIGURE,
        look: |facts| database(facts, "shared_db"),
    },
];

fn there(facts: &Facts<'_>) -> Found {
    match &facts.toml {
        Ok(Some(_)) => Found::Ok("yes".to_owned()),
        Ok(None) => Found::Warning("there is none".to_owned()),
        Err(why) => Found::Warning(why.clone()),
    }
}

fn read<'a>(facts: &'a Facts<'_>) -> Result<&'a crate::config::Deployment, Found> {
    match &facts.toml {
        Ok(Some(toml)) => Ok(toml),
        _ => Err(Found::NotChecked("deployment.toml cannot be read".to_owned())),
    }
}

/// What an entry says, or why it says nothing that could be compared.
fn said<T>(said: Said<T>, entry: &str) -> Result<T, Found> {
    match said {
        Said::This(value) => Ok(value),
        Said::Nothing => Err(Found::Warning(format!("{entry} is not set"))),
        Said::Unusable(why) => Err(Found::Warning(format!("{entry} cannot be used: {why}"))),
        Said::Elsewhere => {
            Err(Found::NotChecked(format!("{entry} is kept in the server's secrets or environment")))
        }
    }
}

fn key(facts: &Facts<'_>) -> Found {
    let key = match read(facts).and_then(|toml| said(toml.key(), "[encryption] key")) {
        Ok(key) => key,
        Err(found) => return found,
    };
    if key == *facts.settings.keys.new_key() {
        Found::Ok("it has the new key".to_owned())
    } else if facts.settings.keys.old_keys().any(|old| *old == key) {
        Found::Ok(
            "it has the old key, until the new one is put there before the new server starts".to_owned(),
        )
    } else {
        Found::Warning(format!("it has a key with the fingerprint {}, which is neither", key.fingerprint()))
    }
}

/// The keys that a server opens values with besides `[encryption] key`.
fn other_keys(facts: &Facts<'_>) -> Found {
    let (nodes, mut unseen) = nodes_read(facts);
    let old = facts.old.toml.as_ref().and_then(|toml| toml.as_ref().ok()?.as_ref());
    let new = facts.toml.as_ref().ok().and_then(Option::as_ref).filter(|_| nodes.is_empty());
    let homes = [("oldISHome", old), ("newISHome", new)];
    let homes = homes.into_iter().filter_map(|(home, toml)| Some((home, toml?)));
    let files: Vec<_> = homes.chain(nodes.iter().map(|(home, toml)| (home.as_str(), toml))).collect();
    if files.is_empty() && unseen.is_empty() {
        return Found::NotChecked("no deployment.toml was read".to_owned());
    }
    let keys = &facts.settings.keys;
    let mut unknown = Vec::new();
    for (home, toml) in files {
        for (name, said) in [("old_key", toml.old_key()), ("totpKey", toml.totp_key())] {
            match said {
                Said::This(key) if keys.has(&key) => {}
                Said::This(key) => {
                    unknown.push(format!(
                        "{name} of {home} is a key with the fingerprint {}",
                        key.fingerprint()
                    ));
                }
                Said::Nothing => {}
                Said::Elsewhere => {
                    unseen.push(format!("{name} of {home} is kept in the server's secrets or environment"));
                }
                Said::Unusable(why) => unseen.push(format!("{name} of {home} cannot be used: {why}")),
            }
        }
    }
    if !unknown.is_empty() {
        return Found::Warning(format!("{}, which properties.yaml does not name", unknown.join("; ")));
    }
    if unseen.is_empty() { Found::Ok("yes".to_owned()) } else { Found::NotChecked(unseen.join("; ")) }
}

/// The `deployment.toml` of every server of a database that is rotated in place, by its home; and why others cannot be
/// read.
fn nodes_read(facts: &Facts<'_>) -> (Vec<(String, config::Deployment)>, Vec<String>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for node in &facts.settings.nodes {
        match config::Deployment::read(node) {
            Ok(Some(toml)) => read.push((node.display().to_string(), toml)),
            Ok(None) => unread.push(format!("{}: there is none", node.join(DEPLOYMENT).display())),
            Err(why) => unread.push(format!("{}: {why}", node.join(DEPLOYMENT).display())),
        }
    }
    (read, unread)
}

fn nodes(facts: &Facts<'_>) -> Found {
    let settings = facts.settings;
    if settings.nodes.is_empty() {
        return Found::NotChecked("neither isHome nor homes names a server's folder".to_owned());
    }
    let mut lacking: Vec<_> = changes_totp_key(settings).map(str::to_owned).into_iter().collect();
    let mut unseen = Vec::new();
    for node in &settings.nodes {
        match has_both_keys(node, settings) {
            Ok(none) if none.is_empty() => {}
            Ok(some) => unseen.push(format!("{}: {}", node.join(DEPLOYMENT).display(), some.join(", "))),
            Err(why) => lacking.push(why),
        }
    }
    match (lacking.is_empty(), unseen.is_empty()) {
        (false, _) => Found::Warning(lacking.join("; ")),
        (true, false) => Found::NotChecked(unseen.join("; ")),
        (true, true) => Found::Ok(format!(
            "{} by their deployment.toml; that does not show whether they were restarted",
            settings.nodes.len()
        )),
    }
}

/// Whether the servers of a database that is rotated in place use it.
fn databases_of_nodes(facts: &Facts<'_>) -> Found {
    let Some(databases) = &facts.settings.databases else {
        return Found::NotChecked("no database is rotated".to_owned());
    };
    let (nodes, mut unseen) = nodes_read(facts);
    if nodes.is_empty() && unseen.is_empty() {
        return Found::NotChecked("no deployment.toml was read".to_owned());
    }
    let mut others = Vec::new();
    for (home, toml) in &nodes {
        for (section, ours) in [("identity_db", &databases.identity), ("shared_db", &databases.registry)] {
            let entry = format!("[database.{section}] of {home}");
            match toml.database(section, Path::new(home)) {
                Said::This(url) if url.same_database(&ours.url) => {}
                Said::This(url) => others.push(format!("{entry} is {url}, and {} is {}", ours.key, ours.url)),
                Said::Nothing => unseen.push(format!("{entry} is not set")),
                Said::Elsewhere => {
                    unseen.push(format!("{entry} is kept in the server's secrets or environment"));
                }
                Said::Unusable(why) => unseen.push(format!("{entry} cannot be used: {why}")),
            }
        }
    }
    match (others.is_empty(), unseen.is_empty()) {
        (false, _) => Found::Warning([others, unseen].concat().join("; ")),
        (true, false) => Found::NotChecked(unseen.join("; ")),
        (true, true) => Found::Ok(format!("{} by their deployment.toml", nodes.len())),
    }
}

fn key_ids(facts: &Facts<'_>) -> Found {
    let Some(home) = &facts.home else { return Found::NotChecked("it was not looked at".to_owned()) };
    match (home.key_ids(), facts.settings.key_id) {
        (None, _) => Found::Warning("it is not known whether the server looks for key ids".to_owned()),
        (Some(true), false) => {
            Found::Warning("the server looks for key ids, and new values get none".to_owned())
        }
        (Some(true), true) => Found::Ok("the server looks for key ids, and new values get one".to_owned()),
        (Some(false), _) => Found::Ok("the server looks for no key ids".to_owned()),
    }
}

fn database(facts: &Facts<'_>, section: &str) -> Found {
    let Some(databases) = &facts.settings.databases else {
        return Found::NotChecked("no database is rotated".to_owned());
    };
    let entry = format!("[database.{section}]");
    // The server runs in its home.
    let folder = facts.settings.files.as_ref().map_or(&facts.settings.folder, |job| &job.home);
    let url = match read(facts).and_then(|toml| said(toml.database(section, folder), &entry)) {
        Ok(url) => url,
        Err(found) => return found,
    };
    let is = |database: &Database| url.same_database(&database.url);
    let (wanted, old) = match section {
        "identity_db" => (&databases.identity, databases.old_identity.as_ref()),
        _ => (&databases.registry, databases.old_registry.as_ref()),
    };
    if is(wanted) {
        Found::Ok(format!("{entry} is {url}"))
    } else if old.is_some_and(is) {
        Found::Warning(format!("{entry} is still the old one, {url}"))
    } else {
        Found::Warning(format!("{entry} is {url}, and {} is {}", wanted.key, wanted.url))
    }
}
