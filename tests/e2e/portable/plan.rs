//! How much there is to rotate: disk, tokens that serve nobody, and time.

use serde_json::Value;

use crate::support::{Engine, Place, execute, stand_in};

fn plan(place: &Place, args: &[&str]) -> Value {
    place.run(&[&["plan", "--json"], args].concat()).exits(0).json()
}

fn of<'a>(plan: &'a Value, list: &str, id: &str) -> &'a Value {
    plan[list].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()
}

pub(crate) fn a_rehearsal_tells_how_long_and_changes_nothing() {
    let place = Place::new(400);
    place.count_updates();
    let before = place.snapshot();
    let measured = plan(&place, &["--rehearse"]);
    let tokens = of(&measured, "rehearsals", "oauth2-access-token");
    // Eight chunks; with pages of three rows each has three.
    let rows = std::env::var("KEYROTATION_SIZES").map_or(400, |size| 8 * size.parse::<u64>().unwrap());
    assert_eq!(tokens["rows"], rows);
    let number = |name: &str| tokens[name].as_f64().unwrap();
    assert!(number("quickest") > 0.0 && number("quickest") <= number("median"), "{tokens}");
    assert!(number("median") <= number("slowest"), "{tokens}");
    let text = place.run(&["plan", "--rehearse"]).exits(0).stdout;
    assert!(text.contains("time: about ") && text.contains("rolled back"), "{text}");
    let text = place.run(&["plan"]).exits(0).stdout;
    assert!(text.contains("time: not measured"), "{text}");
    before.must_be_untouched(&place);
    assert!(crate::support::updates(&place).is_empty());
    assert!(!place.journal().exists());
}

pub(crate) fn the_disk_that_it_takes_grows_with_the_table() {
    let bytes = |tokens: u64| {
        let plan = plan(&Place::new(tokens), &[]);
        let disk = of(&plan, "disk", "oauth2-access-token");
        // H2 has no log beside its file.
        let is_h2 = Engine::asked() == Engine::H2 && stand_in().is_none();
        assert!(disk[if is_h2 { "growth" } else { "log" }].as_u64().unwrap() > 0, "{disk}");
        disk["bytes"].as_u64().unwrap()
    };
    let (small, large) = (bytes(20), bytes(3000));
    assert!(small > 0 && large > 1_000_000 && large > 3 * small, "{small} and {large}");
}

#[test]
fn tokens_that_serve_nobody_are_counted() {
    let place = Place::new(60);
    let counts =
        |plan: &Value| ["rows", "inactive", "expired"].map(|name| plan["tokens"][name].as_i64().unwrap());
    let table = "IDN_OAUTH2_ACCESS_TOKEN";
    let some = |at: u32, count: u32| {
        format!("TOKEN_ID IN (SELECT TOKEN_ID FROM {table} ORDER BY TOKEN_ID LIMIT {count} OFFSET {at})")
    };
    // All of them live for ever.
    let database = &place.deployment.new_identity;
    execute(
        database,
        &format!(
            "UPDATE {table} SET TOKEN_STATE = 'ACTIVE', VALIDITY_PERIOD = -1, REFRESH_TOKEN_VALIDITY_PERIOD = -1"
        ),
    );
    assert_eq!(counts(&plan(&place, &[])), [60, 0, 0]);
    let past = "'2020-01-01 00:00:00'";
    for (at, count, set) in [
        (0, 5, "TOKEN_STATE = 'REVOKED'".to_owned()),
        // Both have ended, or the only one has.
        (
            5,
            7,
            format!(
                "TIME_CREATED = {past}, VALIDITY_PERIOD = 1000, REFRESH_TOKEN_TIME_CREATED = {past}, \
                 REFRESH_TOKEN_VALIDITY_PERIOD = 9007199254740993"
            ),
        ),
        (5, 4, "REFRESH_TOKEN_VALIDITY_PERIOD = 86400000".to_owned()),
        (9, 1, "REFRESH_TOKEN = NULL".to_owned()),
    ] {
        execute(database, &format!("UPDATE {table} SET {set} WHERE {}", some(at, count)));
    }
    let refresh = format!("SELECT COUNT(*) FROM {table} WHERE REFRESH_TOKEN IS NULL AND {}", some(10, 2));
    let without = crate::support::number(database, &refresh);
    assert_eq!(counts(&plan(&place, &[])), [60, 5, 5 + without]);
    let text = place.run(&["plan"]).exits(0).stdout;
    assert!(text.contains("are of no use") && text.contains("keyrotation deletes nothing"), "{text}");
}
