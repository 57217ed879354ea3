//! The sync phase in the report.

use super::pair::{Pair, Side};
use crate::support::Engine;

#[test]
fn the_report_has_what_was_carried_over_and_the_lag() {
    let pair = Pair::new(Engine::Sqlite, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let sql =
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET SUBJECT_IDENTIFIER = 'another' WHERE TOKEN_STATE = 'ACTIVE'";
    pair.execute(Side::Old, sql);
    pair.run(&["sync", "--until-drained", "--quiet-for", "1s"]).exits(0);

    let report = pair.run(&["report", "--format", "json"]).exits(0).json();
    let (told, status) = (&report["rotations"][0]["sync"], pair.sync_status());
    assert!(status["applied"].as_u64().is_some_and(|applied| applied > 0), "{status}");
    for (member, value) in status.as_object().unwrap() {
        assert_eq!(&told[member], value, "{member}");
    }
    assert_eq!(report["totals"]["carried_over"], status["applied"]);
    let lags = told["lag"]["values"].as_array().unwrap();
    assert!(lags.iter().any(serde_json::Value::is_number), "{told}");
    let steps = report["rotations"][0]["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["name"], &steps[0]["in_log"]), (&"triggers-installed".into(), &true.into()));
    let page = pair.run(&["report"]).exits(0).stdout;
    assert!(page.contains("Lag of the sync phase") && page.contains("drained."), "{page}");
}

/// The order of recording tells whether something was written after it was verified, never a clock.
#[test]
fn what_was_verified_with_a_clock_that_is_ahead_is_no_less_stale() {
    let pair = Pair::new(Engine::Sqlite, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.run(&["confirm", "route-traffic"]).exits(0);
    for start in [2, 6] {
        pair.place.run_in_odd_times(start, "", &["verify", "--live"]).exits(0);
        let report = pair.run(&["report", "--format", "json"]).exits(0).json();
        assert_eq!(
            report["rotations"][0]["verifications"].as_array().unwrap().last().unwrap()["is_stale"],
            false
        );
        let sql = format!("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET SUBJECT_IDENTIFIER = 'of {start}'");
        pair.execute(Side::Old, &sql);
        pair.run(&["sync", "--until-drained", "--quiet-for", "0s"]).exits(0);
        let report = pair.run(&["report", "--format", "json"]).exits(0).json();
        assert_eq!(report["verdict"]["headline"], "Finished, not verified since", "{}", report["verdict"]);
        let steps = pair.run(&["status", "--json"]).exits(0).json()["steps"].clone();
        let verified = steps.as_array().unwrap().iter().rfind(|step| step["name"] == "verified").unwrap();
        assert_eq!(verified["written_since"], true, "{verified}");
    }
}
