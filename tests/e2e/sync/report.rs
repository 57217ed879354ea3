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
