//! A whole table read by one statement: what happens when it breaks off.

use crate::kit::Kit;
use crate::support::{Engine, Except, Place};

crate::support::on_engines! {
    a_statement_that_breaks_off_costs_nothing: sqlite postgresql mysql, slow: mariadb;
    one_connection_that_writes_is_enough: postgresql mysql, slow: mariadb;
}

/// The survey, a dry run and the sweep begin again, and count nothing twice.
fn a_statement_that_breaks_off_costs_nothing(engine: Engine) {
    const BREAKS: &str = "stream-breaks=return";
    let kit = Kit::around(Place::on(engine, 60));
    kit.count_updates();
    let before = kit.snapshot();
    let dry = ["run", "--dry-run", "--json"];
    let whole = kit.run(&dry).exits(0).json();
    assert_eq!(kit.run_at(BREAKS, &dry).exits(0).json()["targets"], whole["targets"]);
    let ran = kit.run_at(BREAKS, &["run", "-vv"]).exits(0);
    assert!(ran.stderr.contains("the table is read once more, page by page"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    let status = kit.run(&["status", "--json"]).exits(0).json();
    let rows = |document: &serde_json::Value| {
        let targets = document["targets"].as_array().unwrap();
        targets.iter().map(|target| (target["id"].clone(), target["rows"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(rows(&status), rows(&whole));
    kit.run(&["verify"]).exits(0);
}

/// A statement that reads a whole table keeps its connection: what is asked meanwhile gets another one.
fn one_connection_that_writes_is_enough(engine: Engine) {
    let kit = Kit::around(Place::on(engine, 60));
    let before = kit.snapshot();
    let ran = kit.run(&["run", "-vv", "--connections", "1"]).exits(0);
    assert!(ran.stderr.contains("rows by one statement"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
}
