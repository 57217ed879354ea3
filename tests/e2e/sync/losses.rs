//! What the new deployment has lost, and what was never carried over, before the old one is retired.

use super::pair::{Pair, Side};
use super::retire::{DRAIN, judged, judged_with, ready};
use crate::kit::Refused as _;
use crate::support::Engine;

/// A table that `syncTables` leaves out is compared by its keys alone.
#[test]
fn a_table_that_is_left_out_of_sync_is_a_reason() {
    let pair = Pair::new(Engine::Sqlite, 60);
    let config = &pair.place.deployment.config;
    let left_out = ["IDN_IDENTITY_USER_DATA", "IDN_OAUTH2_TOKEN_BINDING"];
    let text = std::fs::read_to_string(config).unwrap();
    std::fs::write(config, format!("{text}syncTables: [-{}, -{}]\n", left_out[0], left_out[1])).unwrap();
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(DRAIN).exits(0);
    pair.execute(
        Side::Old,
        "UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = 'true' WHERE DATA_VALUE = 'false'",
    );
    let (verdict, ran) = judged(&pair, 1);
    let reasons = verdict["reasons"].to_string();
    for table in left_out {
        assert!(reasons.contains(&format!("{table}: `syncTables` leaves it out")), "{ran}");
    }
    assert!(reasons.contains("IDN_IDENTITY_USER_DATA_TEMP: ") && reasons.contains("entries wait"), "{ran}");
    pair.execute(Side::Old, "DELETE FROM IDN_IDENTITY_USER_DATA_TEMP");
    let words: Vec<&str> = left_out.iter().flat_map(|table| ["--accept-drift", table]).collect();
    assert_eq!(judged_with(&pair, &words, 0)["safe"], true);
}

/// A new deployment that was emptied, or overwritten, is none that took the old one's place.
#[test]
fn a_new_deployment_that_has_lost_much_is_not_safe() {
    let pair = ready(Engine::Sqlite);
    // A few are what a server does.
    let few = |table: &str, key: &str| {
        format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} ORDER BY {key} LIMIT 3)")
    };
    pair.execute(Side::New, &few("IDN_OAUTH2_AUTHORIZATION_CODE", "CODE_ID"));
    judged(&pair, 0);
    pair.execute(Side::New, "DELETE FROM IDN_IDENTITY_USER_DATA");
    only_because_of_a_loss(
        &pair,
        "IDN_IDENTITY_USER_DATA: 292 of the old database's 292 rows in use are not in the new one",
    );
    pair.execute(Side::New, "UPDATE IDN_OAUTH_CONSUMER_APPS SET CONSUMER_SECRET = NULL");
    pair.registry("DELETE FROM REG_RESOURCE_PROPERTY");
    pair.registry("DELETE FROM REG_PROPERTY");
    let (verdict, ran) = judged(&pair, 1);
    let reasons = verdict["reasons"].to_string();
    for why in ["IDN_OAUTH_CONSUMER_APPS: ", "were changed since", "REG_PROPERTY: ", "are not there any more"]
    {
        assert!(reasons.contains(why), "{why}: {ran}");
    }
    let places = ["IDN_IDENTITY_USER_DATA", "IDN_OAUTH_CONSUMER_APPS", "REG_PROPERTY"];
    let words: Vec<&str> = places.iter().flat_map(|table| ["--accept-drift", table]).collect();
    assert_eq!(judged_with(&pair, &words, 0)["safe"], true);
}

/// Rows that nobody uses any more hide no loss of those that are in use.
#[test]
fn tokens_in_use_that_are_gone_are_not_hidden_by_revoked_ones() {
    let pair = Pair::without_triggers(Engine::Sqlite, 60);
    let tokens = "IDN_OAUTH2_ACCESS_TOKEN";
    for side in [Side::Old, Side::New] {
        let few =
            format!("SELECT TOKEN_ID FROM {tokens} WHERE TOKEN_STATE = 'ACTIVE' ORDER BY TOKEN_ID LIMIT 5");
        pair.execute(side, &format!("UPDATE {tokens} SET TOKEN_STATE = 'REVOKED', TOKEN_STATE_ID = TOKEN_ID WHERE TOKEN_ID NOT IN ({few})"));
    }
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(DRAIN).exits(0);
    judged(&pair, 0);
    pair.execute(Side::New, &format!("DELETE FROM {tokens}_SCOPE"));
    pair.execute(Side::New, &format!("DELETE FROM {tokens}"));
    let (verdict, ran) = judged(&pair, 1);
    let why = format!("{tokens}: 5 of the old database's 5 rows in use are not in the new one any more");
    assert!(verdict["reasons"].to_string().contains(&why), "{ran}");
}

#[track_caller]
fn only_because_of_a_loss(pair: &Pair, why: &str) {
    let (verdict, ran) = judged(pair, 1);
    let reasons = verdict["reasons"].as_array().unwrap();
    assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().contains(why), "{ran}");
}

/// A database that is called otherwise may be the journal's own: no verdict tells of it.
#[test]
fn triggers_stay_in_a_database_that_the_journal_calls_otherwise() {
    let pair = ready(Engine::Sqlite);
    judged(&pair, 0);
    let (old, config) = (&pair.place.deployment.old_identity, &pair.place.deployment.config);
    let link = old.with_file_name("by-another-name.db");
    std::fs::hard_link(old, &link).unwrap();
    let text = std::fs::read_to_string(config).unwrap();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    std::fs::write(config, text.replace(&name(old), &name(&link))).unwrap();
    let ran = pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058");
    assert!(ran.error().contains("nothing tells whether it is safe to retire"), "{ran}");
    std::fs::write(config, text).unwrap();
    pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
}
