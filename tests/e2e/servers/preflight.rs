//! Preflight against a server: what only it can tell.

use super::{admin, before_update, on, outside};
use crate::kit::Kit;
use crate::support::{Engine, OwnServers};

crate::support::on_engines! {
    a_sound_server_passes_and_what_others_do_there_is_found: postgresql mysql mariadb;
    a_rotation_that_works_on_the_copy_is_found: postgresql mysql mariadb;
    privileges_and_limits_of_the_user_are_found: postgresql mysql mariadb;
}

/// How a check came out, and what it found.
fn of(kit: &Kit, code: i32, id: &str) -> (String, String) {
    let document = kit.run_unlooked(&["preflight", "--json"]).exits(code).json();
    let findings = document["checks"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["id"] == id).unwrap();
    let text = |name: &str| finding[name].as_str().unwrap().to_owned();
    (text("outcome"), text("found"))
}

fn a_sound_server_passes_and_what_others_do_there_is_found(engine: Engine) {
    let kit = on(engine);
    let document = kit.run(&["preflight", "--json"]).exits(0).json();
    for id in [
        "databases-reachable",
        "sync-leftovers",
        "privileges",
        "other-rotation",
        "others-connected",
        "foreign-triggers",
        "pooler",
        "connections",
        "statement-limit",
        "log-retention",
        "log-size",
        "clock-skew",
    ] {
        let finding = document["checks"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
        assert_eq!(finding.unwrap()["outcome"], "ok", "{finding:?}");
    }
    before_update(&kit, "FALSE", if engine == Engine::Postgres { "PERFORM 1" } else { "DO 1" });
    let (outcome, found) = of(&kit, 0, "foreign-triggers");
    assert!(
        outcome == "warning" && found.contains("MEDDLE on IDN_OAUTH2_ACCESS_TOKEN"),
        "{outcome}: {found}"
    );
    let session = admin(&kit);
    let (outcome, found) = of(&kit, 2, "others-connected");
    assert!(outcome == "refuse" && found.contains("127.0.0.1"), "{outcome}: {found}");
    drop(session);
}

fn a_rotation_that_works_on_the_copy_is_found(engine: Engine) {
    let kit = on(engine);
    let gate = kit.path("gate");
    let mut running = kit.start_at(&format!("table-before-write=1*return({})", gate.display()), &["run"]);
    running.until_it_waits(&gate);
    let document = kit.run_unlooked(&["preflight", "--json"]).exits(3).json();
    let of = |id: &str| {
        document["checks"].as_array().unwrap().iter().find(|finding| finding["id"] == id).unwrap().clone()
    };
    assert_eq!(of("other-rotation")["error"], "KR-DB-003");
    assert_eq!(of("journal")["outcome"], "warning");
    std::fs::remove_file(&gate).unwrap();
    running.wait_unlooked().exits(0);
}

fn privileges_and_limits_of_the_user_are_found(engine: Engine) {
    let _servers = (engine == Engine::MySql).then(|| OwnServers::start(engine)); // its limit is for the whole server
    let kit = on(engine);
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    let (user, database) = (kit.site().user(), kit.site().database(0));
    outside(engine).execute(&match engine {
        Engine::Postgres => format!("ALTER ROLE \"{user}\" SET statement_timeout = '50s'"),
        Engine::MySql => "SET GLOBAL max_execution_time = 50000".to_owned(),
        _ => format!("ALTER USER '{user}'@'%' WITH MAX_STATEMENT_TIME 50"),
    });
    let (outcome, found) = of(&kit, 0, "statement-limit");
    assert!(outcome == "warning" && found.contains("after 50 s"), "{outcome}: {found}");
    admin(&kit).execute(&match engine {
        Engine::Postgres => format!("REVOKE UPDATE ON IDN_SECRET FROM \"{user}\""),
        _ => format!("REVOKE UPDATE ON {database}.* FROM '{user}'@'%'"),
    });
    let (outcome, found) = of(&kit, 3, "privileges");
    assert!(outcome == "refuse" && found.contains("denied"), "{outcome}: {found}");
}
