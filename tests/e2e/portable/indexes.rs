//! Indexes that are dropped while a table is rewritten, and made again: exactly as they were, whatever happens in
//! between, and never without a word.

use crate::kit::{Refused as _, query};
use crate::support::{Admin, Engine, Except, Place, Ran, is_brief};

pub(crate) const TABLE: &str = "IDN_OAUTH2_ACCESS_TOKEN";
pub(crate) const ALWAYS: &[&str] = &["run", "--chunk-size", "40", "--rebuild-indexes", "always"];

/// A deployment with indexes of every kind, whose user may drop and make them.
fn place() -> Place {
    let place = Place::new(100);
    if let Some(site) = &place.site {
        site.grant_all();
    }
    for statement in odd_indexes() {
        execute(&place, statement);
    }
    place
}

/// Indexes that are dropped and made again, beside those of the schema.
fn odd_indexes() -> &'static [&'static str] {
    match Engine::asked() {
        Engine::Postgres => &[
            "CREATE INDEX \"Odd \"\"name\" ON idn_oauth2_access_token (refresh_token DESC NULLS LAST, \
             user_type COLLATE \"C\") INCLUDE (token_id) WITH (fillfactor = 70) WHERE token_state = 'ACTIVE'",
            "CREATE INDEX by_state ON idn_oauth2_access_token (lower(token_state))",
            "CREATE INDEX too_long ON idn_oauth2_access_token (lower(access_token))",
            "COMMENT ON INDEX \"Odd \"\"name\" IS 'it''s odd'",
            "CREATE INDEX by_hash ON idn_oauth2_access_token USING hash (access_token)",
        ],
        Engine::MySql => {
            &["CREATE INDEX `odd ``name` ON IDN_OAUTH2_ACCESS_TOKEN (REFRESH_TOKEN(20) DESC, TOKEN_STATE) \
             INVISIBLE COMMENT 'it''s, odd'"]
        }
        Engine::MariaDb => {
            &["CREATE INDEX `odd ``name` ON IDN_OAUTH2_ACCESS_TOKEN (REFRESH_TOKEN(20), TOKEN_STATE) \
             COMMENT 'it''s, odd'"]
        }
        Engine::Sqlite | Engine::H2 => &[
            "CREATE INDEX \"odd \"\"name\" ON IDN_OAUTH2_ACCESS_TOKEN (REFRESH_TOKEN COLLATE NOCASE DESC, TOKEN_STATE) \
             WHERE TOKEN_STATE = 'ACTIVE'",
            "CREATE INDEX BY_LENGTH ON IDN_OAUTH2_ACCESS_TOKEN (length(ACCESS_TOKEN))",
        ],
    }
}

fn execute(place: &Place, sql: &str) {
    match &place.site {
        Some(site) => Admin::connect(site.engine, &site.database(0)).execute(sql),
        None => drop(query(&place.deployment.new_identity, sql)),
    }
}

/// Every index of the identity database, in the catalogue's words.
pub(crate) fn catalogue(place: &Place) -> Vec<String> {
    let rows = match &place.site {
        None => query(&place.deployment.new_identity, "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY 1"),
        Some(site) if site.engine == Engine::Postgres => Admin::connect(site.engine, &site.database(0)).rows(
            "SELECT c.relname::text, pg_get_indexdef(c.oid), obj_description(c.oid, 'pg_class') FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'i' AND n.nspname = 'public' ORDER BY 1",
        ),
        Some(site) => {
            let mut admin = Admin::connect(site.engine, &site.database(0));
            let shown = admin.rows(&format!("SHOW CREATE TABLE {TABLE}")).swap_remove(0).swap_remove(1).unwrap();
            let mut keys: Vec<_> =
                shown.lines().filter(|line| line.contains("KEY ")).map(|line| vec![Some(line.trim_end_matches(',').to_owned())]).collect();
            keys.sort();
            keys
        }
    };
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" | ")).collect()
}

fn names(catalogue: &[String]) -> String {
    catalogue.join("\n").to_lowercase()
}

/// The program ends itself at a point, whose name and time are given.
fn killed_at(place: &Place, point: &str, args: &[&str]) -> Ran {
    let ran = place.run_at(&format!("{point}->1*return(kill)").replace("=->", "="), args);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    ran
}

/// The second commit to the table of the tokens, whose indexes are dropped then.
fn in_the_midst_of_the_tokens() -> String {
    let ran = place().run(&[ALWAYS, &["-vv"]].concat()).exits(0);
    let (before, _) = ran.stderr.rsplit_once("dropped until its rows are rotated").unwrap();
    format!("table-before-commit={}*off", before.matches("failpoint table-before-commit").count() + 1)
}

pub(crate) fn they_are_made_again_exactly_as_they_were_wherever_it_ended() {
    let template = place();
    template.count_updates();
    // The first table with indexes that are dropped is that of the codes, the second that of the tokens.
    let midst = in_the_midst_of_the_tokens();
    let mut windows = vec![
        "indexes-recorded=1*off",
        "indexes-dropped=1*off",
        &midst,
        "indexes-not-made=1*off",
        "indexes-made=1*off",
    ];
    if template.site.is_none() || !is_brief() {
        windows.extend(["indexes-recorded=", "indexes-not-made="]);
    }
    for window in windows {
        // A copy of a deployment on a server has no more than the schema's indexes.
        let place = if template.site.is_some() { place() } else { template.copy() };
        if place.site.is_some() {
            place.count_updates();
        }
        let (rows, indexes) = (place.snapshot(), catalogue(&place));
        killed_at(&place, window, ALWAYS);
        let dropped = catalogue(&place);
        let status = place.run(&["status"]).exits(0).stdout;
        assert!(status.contains("indexes dropped until IDN_OAUTH2_A"), "{window}: {status}");
        assert!(status.contains("`keyrotation indexes restore`"), "{status}");
        if window.starts_with("table") {
            assert!(dropped.len() < indexes.len(), "nothing was dropped: {dropped:?}");
            assert!(names(&dropped).contains("con_app_key"), "a unique one was dropped");
            let printed = place.run(&["indexes", "print"]).exits(0).stdout.to_lowercase();
            assert!(printed.contains("idx_at_at") && printed.contains("odd "), "{printed}");
            assert!(!printed.contains("con_app_key") && !printed.contains("by_length"), "{printed}");
        }
        place.run(&["resume", "--chunk-size", "40"]).exits(0);
        assert_eq!(catalogue(&place), indexes, "{window}");
        rows.must_be_rotated(&place, &Except::default());
        rows.must_be_updated_once(&place, &Except::default());
        let verified = place.run(&["verify"]).exits(0).stdout;
        assert!(verified.contains(" 0 differ."), "{verified}");
        let printed = place.run(&["indexes", "print"]).exits(0).stdout;
        assert!(printed.starts_with("-- no index is missing"), "{printed}");
    }
}

pub(crate) fn an_abandoned_rotation_gives_them_back() {
    let place = place();
    let indexes = catalogue(&place);
    killed_at(&place, &in_the_midst_of_the_tokens(), ALWAYS);
    assert_ne!(catalogue(&place), indexes);
    let said = place.run(&["indexes", "restore"]).exits(0).stdout.to_uppercase();
    assert!(said.contains("THE INDEX IDX_AT_AT IS THERE AGAIN"), "{said}");
    assert_eq!(catalogue(&place), indexes);
    let status = place.run(&["status"]).exits(0).stdout;
    assert!(!status.contains("indexes dropped") && status.contains(" is interrupted"), "{status}");
    let said = place.run(&["indexes", "restore"]).exits(0).stdout;
    assert!(said.starts_with("no index is missing"), "{said}");
    place.run(&["resume"]).exits(0);
    assert_eq!(catalogue(&place), indexes);
    place.run(&["verify"]).exits(0);
}

pub(crate) fn what_stands_in_the_way_of_one_is_named_and_the_rest_is_safe() {
    let place = place();
    let indexes = catalogue(&place);
    killed_at(&place, "indexes-not-made=1*off", ALWAYS);
    // Somebody has made another one with that name meanwhile.
    execute(&place, &format!("CREATE INDEX IDX_AT_AT ON {TABLE} (TOKEN_STATE)"));
    let ran = place.run(&["resume"]).refused(3, "KR-DB-021");
    assert!(ran.error().to_uppercase().contains("IDX_AT_AT"), "{ran}");
    assert!(ran.error().contains("`keyrotation indexes print`"), "{ran}");
    let drop = if Engine::asked() == Engine::MySql || Engine::asked() == Engine::MariaDb {
        format!("DROP INDEX IDX_AT_AT ON {TABLE}")
    } else {
        "DROP INDEX IDX_AT_AT".to_owned()
    };
    execute(&place, &drop);
    place.run(&["resume"]).exits(0);
    assert_eq!(catalogue(&place), indexes);
}

pub(crate) fn verify_names_one_that_is_gone_since() {
    let place = place();
    place.run(ALWAYS).exits(0);
    place.run(&["verify"]).exits(0);
    let drop = if Engine::asked() == Engine::MySql || Engine::asked() == Engine::MariaDb {
        format!("DROP INDEX IDX_AT_RT ON {TABLE}")
    } else {
        "DROP INDEX IDX_AT_RT".to_owned()
    };
    execute(&place, &drop);
    let verified = place.run(&["verify"]).exits(1).stdout.to_uppercase();
    assert!(verified.contains("MISSING: IDN_OAUTH2_ACCESS_TOKEN THE INDEX IDX_AT_RT"), "{verified}");
    assert!(verified.contains(" 1 DIFFER."), "{verified}");
}

pub(crate) fn small_tables_keep_them_and_so_does_whoever_wants_it() {
    let place = place();
    let indexes = catalogue(&place);
    let plan = place.run(&["plan", "--json"]).exits(0).json();
    let plans: Vec<_> =
        plan["indexes"].as_array().unwrap().iter().map(|one| one["plan"]["keep"].as_str()).collect();
    assert!(plans.contains(&Some("the table is small")), "{plan}");
    let point = in_the_midst_of_the_tokens();
    let args: &[&str] = &["run", "--chunk-size", "40"];
    for (args, stay) in [(args, true), (ALWAYS, false)] {
        let place = if place.site.is_some() { self::place() } else { place.copy() };
        let ran = place.run_at(&format!("{point}->1*return"), args).exits(3);
        assert_eq!(catalogue(&place) == indexes, stay, "{ran}");
        place.run(&["resume"]).exits(0);
        assert_eq!(catalogue(&place), indexes);
    }
}

pub(crate) fn those_that_were_made_by_hand_stay_for_whoever_asks_for_that() {
    let place = place();
    let indexes = catalogue(&place);
    killed_at(&place, &in_the_midst_of_the_tokens(), ALWAYS);
    let printed = place.run(&["indexes", "print"]).exits(0).stdout;
    for statement in printed.lines().filter(|line| !line.starts_with("--")) {
        execute(&place, statement);
    }
    assert_eq!(catalogue(&place), indexes);
    let resume = ["resume", "--chunk-size", "20", "--rebuild-indexes", "never"];
    place.run_at("table-before-commit=1*return", &resume).exits(3);
    assert_eq!(catalogue(&place), indexes);
    place.run(&resume).exits(0);
    assert_eq!(catalogue(&place), indexes);
}
