//! Values of every kind through the whole program: what they become, and who may decide.

use serde_json::Value;

use crate::kit::{Kit, query};
use crate::support::Except;

#[test]
fn each_value_that_cannot_be_rotated_fails_alone_and_says_why() {
    let kit = Kit::new();
    let clean = kit.snapshot();
    let spoiled = kit.damage();
    let planted = tables_and_keys(&kit);
    kit.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    assert_eq!(tables_and_keys(&kit), planted, "what failed is untouched");

    let status = kit.status();
    let failures: Vec<(String, String, String, String)> = status["targets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|target| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            target["failures"].as_array().unwrap().iter().map(move |failure| {
                (
                    text(&target["place"]),
                    text(&failure["key"]),
                    text(&failure["column"]),
                    text(&failure["reason"]),
                )
            })
        })
        .collect();
    assert_eq!(failures.len(), spoiled.len());
    for bad in &spoiled {
        let found = failures.iter().find(|(table, key, ..)| table == bad.table && *key == bad.key.join("/"));
        let (.., column, reason) = found.unwrap_or_else(|| panic!("{bad:?} is not listed: {failures:#?}"));
        assert_eq!(column, bad.column);
        assert!(reason.len() > 15, "{reason}");
    }
    // The length that the value would have, and the one that the column has.
    let (.., reason) = failures.iter().find(|(table, ..)| table == "WF_BPS_PROFILE").unwrap();
    assert!(reason.contains("characters") && reason.contains("PASSWORD holds 1023"), "{reason}");

    // All else is rotated: without the planted rows it is the clean deployment, rotated.
    for bad in &spoiled {
        let database = if bad.table.starts_with("REG_") {
            &kit.deployment.new_registry
        } else {
            &kit.deployment.new_identity
        };
        query(database, &format!("DELETE FROM {} WHERE {}", bad.table, selects(bad)));
    }
    clean.must_be_rotated(&kit, &Except::default());
}

fn selects(bad: &keyrotation::demo::Damaged) -> String {
    let columns: &[&str] = match bad.table {
        "IDN_OAUTH2_ACCESS_TOKEN" => &["TOKEN_ID"],
        "WF_BPS_PROFILE" => &["PROFILE_NAME", "TENANT_ID"],
        "WF_REQUEST" => &["UUID"],
        "IDN_IDENTITY_USER_DATA" => &["TENANT_ID", "USER_NAME", "DATA_KEY"],
        "IDN_OAUTH_CONSUMER_APPS" => &["ID"],
        "REG_PROPERTY" => &["REG_ID", "REG_TENANT_ID"],
        other => panic!("{other}"),
    };
    let equal: Vec<_> =
        columns.iter().zip(&bad.key).map(|(column, part)| format!("{column} = '{part}'")).collect();
    equal.join(" AND ")
}

/// The planted rows' values, as they stand.
fn tables_and_keys(kit: &Kit) -> Vec<Vec<Option<String>>> {
    let mut rows = kit.sql("SELECT TOKEN_ID, hex(ACCESS_TOKEN), hex(REFRESH_TOKEN) FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID LIKE 'spoiled%'");
    rows.extend(kit.sql("SELECT hex(PASSWORD) FROM WF_BPS_PROFILE WHERE PROFILE_NAME = 'spoiled'"));
    rows.extend(kit.sql("SELECT UUID, hex(REQUEST) FROM WF_REQUEST WHERE UUID LIKE 'spoiled%'"));
    rows.extend(kit.sql("SELECT hex(DATA_VALUE) FROM IDN_IDENTITY_USER_DATA WHERE USER_NAME = 'trent'"));
    rows.extend(kit.registry("SELECT hex(REG_VALUE) FROM REG_PROPERTY WHERE REG_ID = 9001"));
    assert_eq!(rows.len(), 9);
    rows
}
