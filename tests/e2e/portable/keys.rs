//! `keys`: every value is opened and counted under its key, and an old key may go only if nothing may be under it.

use std::time::Instant;

use serde_json::Value;

use crate::kit::{Kit, same_tree, tree};

pub(crate) fn keys(kit: &Kit, code: i32) -> Value {
    kit.run(&["keys", "--json"]).exits(code).json()["inventory"].clone()
}

pub(crate) fn of<'a>(inventory: &'a Value, role: &str) -> &'a Value {
    inventory["keys"].as_array().unwrap().iter().find(|key| key["role"] == role).unwrap()
}

pub(crate) fn target<'a>(inventory: &'a Value, id: &str) -> &'a Value {
    inventory["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).unwrap()
}

/// The count is another reader's, too, whatever the size of a page.
#[test]
fn every_value_is_counted_under_its_key_before_and_after() {
    let kit = Kit::new();
    let snapshot = kit.snapshot();
    let all = snapshot.sealed_spots().len() as u64;
    let before = tree(kit.folder());
    let inventory = keys(&kit, 1);
    assert_eq!(
        (&of(&inventory, "old")["values"], &of(&inventory, "new")["values"]),
        (&all.into(), &0.into())
    );
    assert_eq!(of(&inventory, "old")["may_go"], false);
    assert_eq!(of(&inventory, "new")["may_go"], Value::Null);
    let text = kit.run(&["keys"]).exits(1).stdout;
    assert!(
        text.lines().next().unwrap().contains(&format!("may not go: {all} values are under it")),
        "{text}"
    );
    same_tree(&before, &tree(kit.folder()));

    let small = kit.start_with_pages_of(3, &["keys", "--json"]).wait();
    let mut small = small.exits(1).json()["inventory"].clone();
    assert_eq!(small["targets"].as_array_mut().unwrap(), inventory["targets"].as_array().unwrap());

    kit.run(&["run"]).exits(0);
    let inventory = keys(&kit, 0);
    assert_eq!(
        (&of(&inventory, "old")["values"], &of(&inventory, "new")["values"]),
        (&0.into(), &all.into())
    );
    assert_eq!(of(&inventory, "old")["may_go"], true);
    let text = kit.run(&["keys"]).exits(0).stdout;
    assert!(text.lines().next().unwrap().contains("may go: no value in the targets is under it"), "{text}");
}

#[test]
fn what_does_not_open_is_counted_by_its_kind() {
    let kit = Kit::new();
    kit.damage();
    let plan = kit.run(&["plan", "--json", "--accept-ambiguous", "1"]).exits(0).json();
    let inventory = keys(&kit, 1);
    let sum = |kind: &str| -> u64 {
        let targets = inventory["targets"].as_array().unwrap().iter();
        targets.flat_map(|target| target[kind].as_object().unwrap().values()).filter_map(Value::as_u64).sum()
    };
    // ECB says nothing of its key: this one opens under both.
    assert!(sum("one_of") == 1 && plan["ambiguous"] == 1, "{inventory}");
    assert!(sum("unknown") >= 1 && sum("unreadable") >= 2 && sum("not_looked_into") >= 1, "{inventory}");
    let text = kit.run(&["keys"]).exits(1).stdout;
    for what in [
        "several keys decrypt them",
        "that properties.yaml names",
        "not decrypted by any such key",
        "not looked into",
    ] {
        assert!(text.contains(what), "no {what} in {text}");
    }
}

#[test]
fn a_server_in_use_is_read_no_faster_than_asked() {
    let kit = Kit::new();
    let quick = Instant::now();
    let inventory = keys(&kit, 1);
    let quick = quick.elapsed();
    let rows: u64 = inventory["targets"].as_array().unwrap().iter().filter_map(|t| t["rows"].as_u64()).sum();
    let slow = Instant::now();
    kit.run(&["keys", "--max-rows-per-second", &(rows / 4).to_string()]).exits(1);
    assert!(slow.elapsed() > quick && slow.elapsed().as_secs() >= 3, "{quick:?}, {:?}", slow.elapsed());
    kit.run(&["keys", "--max-rows-per-second", "0"]).exits(2);
}
