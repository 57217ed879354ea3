//! Which key is every value under, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::{aligned, short_place};
use super::{printable, thousands};
use keyrotation_inventory::{Inventory, KeyVerdict, Outside, Scanned, TargetInventory};

/// The inventory, its verdicts first.
pub fn inventory_text(inventory: &Inventory) -> String {
    let mut out = String::new();
    for key in inventory.keys.iter().filter(|key| key.may_go.is_some()) {
        let _ = writeln!(out, "{}", sentence(key));
    }
    out.push('\n');
    let titles = ["key", "is", "values", "without id", "may go"];
    let mut lines: Vec<Vec<String>> = vec![titles.map(str::to_owned).into()];
    for key in &inventory.keys {
        let may_go = match key.may_go {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        let counts = [thousands(key.values), thousands(key.without_id), may_go.to_owned()];
        lines.push([key.fingerprint.clone(), key.role.to_owned()].into_iter().chain(counts).collect());
    }
    out.push_str(&aligned(&lines, 2));
    under_old_keys(&mut out, inventory);
    let new = inventory.keys.iter().filter(|key| key.role == "new");
    let without_id: u64 = new.map(|key| key.without_id).sum();
    if without_id > 0 {
        let _ = writeln!(
            out,
            "{} values under the new key do not have its id: a server from 7.1 on that has old_key set \
             decrypts them with old_key, and fails (`keyrotation run` encrypts them again)",
            thousands(without_id)
        );
    }
    for (title, of) in DOUBTS {
        let _ = listed(&mut out, title, &inventory.targets, *of);
    }
    for (place, reason) in &inventory.absent {
        let _ = writeln!(out, "{}: not there, {}", printable(place), printable(reason));
    }
    for left in &inventory.not_looked_at {
        let _ = writeln!(out, "not looked at: {left}");
    }
    if let Some(why) = &inventory.explained {
        let _ = writeln!(out, "nothing is under an old key: {}", printable(why));
    }
    if inventory.outside.is_none() {
        for beside in inventory.targets.iter().flat_map(|target| target.beside.found()) {
            let _ = writeln!(out, "in places that are not rotated: {}", counted(beside));
        }
    }
    outside_text(&mut out, inventory.outside.as_ref());
    let (rows, targets) = (inventory.targets.iter().map(|target| target.rows).sum(), inventory.targets.len());
    let _ = writeln!(
        out,
        "looked at: {} rows and files of {targets} targets (`keyrotation keys --json` lists them){}",
        thousands(rows),
        match &inventory.outside {
            None => ". Other tables and files (`--scan`) and backups were not looked at.".to_owned(),
            Some(scanned) => format!(
                ", {} other columns, {} other files. Backups were not looked at.",
                thousands(scanned.columns),
                thousands(scanned.files)
            ),
        }
    );
    out
}

/// What was found outside the targets, its verdict first.
pub fn scan_text(under_old: u64, scanned: &Scanned) -> String {
    let mut out = format!(
        "outside the targets: {} values are under an old key, or may be; {} columns and {} files were scanned\n",
        thousands(under_old),
        thousands(scanned.columns),
        thousands(scanned.files)
    );
    outside_text(&mut out, Some(scanned));
    unseen_text(&mut out, scanned);
    out
}

/// What could not be looked at outside the targets.
pub(super) fn unseen_text(out: &mut String, scanned: &Scanned) {
    for left in &scanned.not_looked_at {
        let _ = writeln!(out, "not looked at: {}", printable(left));
    }
}

/// What was found outside the targets.
pub(super) fn outside_text(out: &mut String, scanned: Option<&Scanned>) {
    let Some(scanned) = scanned else { return };
    for outside in &scanned.found {
        let _ = writeln!(out, "outside the targets: {}", counted(outside));
    }
    for schema in &scanned.of_servers {
        let _ = writeln!(
            out,
            "{} has tables of an Identity Server: if they are the old server's own, name them in oldIdnDBUrl or oldRegDBUrl",
            printable(schema)
        );
    }
    if let Some(earlier) = &scanned.looked_earlier {
        let _ = writeln!(
            out,
            "{} tables were scanned before an interruption, from {} on: what was written to them since was \
             not looked at",
            thousands(earlier.tables),
            earlier.began_at
        );
    }
    for left in &scanned.left_out {
        let _ = writeln!(out, "left out: {}", printable(left));
    }
}

/// Where ciphertexts stand, and under which keys.
fn counted(outside: &Outside) -> String {
    let mut counts: Vec<String> =
        outside.keys.iter().map(|(key, count)| format!("{} under {key}", thousands(*count))).collect();
    if outside.one_of > 0 {
        counts.push(format!("{} that several keys decrypt", thousands(outside.one_of)));
    }
    if outside.unknown > 0 {
        counts.push(format!("{} under no key that properties.yaml names", thousands(outside.unknown)));
    }
    if outside.damaged > 0 {
        counts.push(format!("{} that are damaged, and may be under any key", thousands(outside.damaged)));
    }
    format!("{}: {}", printable(&outside.place), counts.join(", "))
}

/// Where values are under a key that is to go.
fn under_old_keys(out: &mut String, inventory: &Inventory) {
    let titles = ["under an old key", "key", "values", "without id"];
    let mut lines: Vec<Vec<String>> = vec![titles.map(str::to_owned).into()];
    for key in inventory.keys.iter().filter(|key| key.may_go.is_some()) {
        for target in &inventory.targets {
            let Some(count) = target.keys.get(&key.fingerprint) else { continue };
            let counts = [thousands(count.values), thousands(count.without_id)];
            let place = short_place(&target.place).to_owned();
            lines.push([place, key.fingerprint.clone()].into_iter().chain(counts).collect());
        }
    }
    if lines.len() > 1 {
        out.push('\n');
        out.push_str(&aligned(&lines, 2));
    }
    out.push('\n');
}

fn sentence(key: &KeyVerdict) -> String {
    let KeyVerdict { fingerprint, values, why, .. } = key;
    match key.may_go {
        Some(true) => format!("The key {fingerprint} may go: {why}."),
        _ if *values > 0 => {
            format!("The key {fingerprint} may not go: {} values are under it.", thousands(*values))
        }
        _ => format!("The key {fingerprint} may not go yet: {why}."),
    }
}

type Doubts = fn(&TargetInventory) -> &BTreeMap<String, u64>;

/// What is not under one known key, with what is said of it.
const DOUBTS: &[(&str, Doubts)] = &[
    ("in ECB or CBC, and several keys decrypt them", |target| &target.one_of),
    ("under no key that properties.yaml names", |target| &target.unknown),
    ("not decrypted by any such key", |target| &target.unreadable),
    ("not looked into", |target| &target.not_looked_into),
];

fn listed(out: &mut String, title: &str, targets: &[TargetInventory], of: Doubts) -> std::fmt::Result {
    for target in targets {
        for (what, count) in of(target) {
            let [values, are, they_name] =
                if *count == 1 { ["value", "is", "it names"] } else { ["values", "are", "they name"] };
            let detail = match (what.as_str(), title.starts_with("under no key")) {
                ("", _) => format!("{they_name} none"),
                (id, true) => format!("{they_name} the key with the id {}", printable(id)),
                (reason, false) => printable(reason),
            };
            let place = short_place(&target.place);
            writeln!(out, "{} {values} in {place} {are} {title}: {detail}", thousands(*count))?;
        }
    }
    Ok(())
}
