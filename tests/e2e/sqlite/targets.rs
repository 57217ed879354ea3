//! Tables of people's own: the recipes of docs/targets.md, on every database, and what is refused.

use serde_json::Value;

use crate::kit::{Kit, Refused as _, open_values, plaintext, query, seal};
use crate::support::{Admin, Engine, Place};

const DOCS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/targets.md"));

/// The recipe below a heading of the documentation: its items.
fn recipe(heading: &str) -> String {
    let (_, below) = DOCS.split_once(&format!("### {heading}\n")).unwrap();
    let (_, below) = below.split_once("```yaml\ntargets:\n").unwrap();
    below.split_once("```").unwrap().0.to_owned()
}

/// Adds the items to properties.yaml.
pub(crate) fn target(kit: &Kit, items: &str) {
    let config = &kit.deployment.config;
    let text = std::fs::read_to_string(config).unwrap();
    let before = text.split_once("targets:").map_or(text.as_str(), |(before, _)| before);
    std::fs::write(config, format!("{before}targets:\n{items}")).unwrap();
}

/// A table of a recipe: its heading, its database (the registry's?), its columns, and what a row's value is made of.
struct Recipe {
    heading: &'static str,
    in_registry: bool,
    table: &'static str,
    columns: &'static str,
    value: &'static str,
    /// `#` stands for the envelope.
    around: &'static str,
    /// Another row of the table, that none of this concerns: its other columns and its value.
    beside: &'static str,
}

const RECIPES: [Recipe; 6] = [
    Recipe {
        heading: "TOTP secrets in the user store",
        in_registry: true,
        table: "UM_USER_ATTRIBUTE",
        columns: "UM_ID INTEGER NOT NULL, UM_ATTR_NAME VARCHAR(255) NOT NULL, UM_ATTR_VALUE VARCHAR(1024), UM_TENANT_ID \
                  INTEGER NOT NULL, PRIMARY KEY (UM_ID, UM_TENANT_ID)",
        value: "INSERT INTO UM_USER_ATTRIBUTE VALUES (1, 'totpSecretKey', ?, -1234)",
        around: "#",
        beside: "INSERT INTO UM_USER_ATTRIBUTE VALUES (2, 'mail', ?, -1234)",
    },
    Recipe {
        heading: "User stores in the database",
        in_registry: false,
        table: "IDN_ARTIFACT_STORE",
        columns: "ID VARCHAR(36) NOT NULL PRIMARY KEY, TENANT_ID INTEGER, ARTIFACT BYTES, IDENTIFIER VARCHAR(255), \
                  ARTIFACT_TYPE VARCHAR(255)",
        value: "INSERT INTO IDN_ARTIFACT_STORE VALUES ('a', 1, ?, 'SALES', 'USER_STORE')",
        around: "<UserStoreManager class=\"c\"><Property name=\"ConnectionName\">cn=admin</Property>\
                 <Property encrypted=\"true\" name=\"password\">#</Property></UserStoreManager>",
        beside: "INSERT INTO IDN_ARTIFACT_STORE VALUES ('b', 1, ?, 'x', 'ANOTHER')",
    },
    Recipe {
        heading: "Event publishers in the database",
        in_registry: false,
        table: "IDN_CONFIG_FILE",
        columns: "ID VARCHAR(255) NOT NULL PRIMARY KEY, VALUE BYTES, NAME VARCHAR(255)",
        value: "INSERT INTO IDN_CONFIG_FILE VALUES ('a', ?, 'EmailPublisher')",
        around: "<eventPublisher><to><property name=\"p\" encrypted=\"true\">#</property></to></eventPublisher>",
        beside: "",
    },
    Recipe {
        heading: "Datasources and other resources of the registry",
        in_registry: true,
        table: "REG_CONTENT",
        columns: "REG_CONTENT_ID INTEGER NOT NULL, REG_CONTENT_DATA BYTES, REG_TENANT_ID INTEGER NOT NULL, \
                  PRIMARY KEY (REG_CONTENT_ID, REG_TENANT_ID)",
        value: "INSERT INTO REG_CONTENT VALUES (1, ?, -1234)",
        around: "<datasource><definition><configuration><password encrypted=\"true\">#</password></configuration>\
                 </definition></datasource>",
        beside: "",
    },
    Recipe {
        heading: "Sessions of verifiable presentations",
        in_registry: false,
        table: "IDN_VP_SESSION_STORE",
        columns: "SESSION_ID VARCHAR(255) NOT NULL PRIMARY KEY, SESSION_DATA BYTES",
        value: "INSERT INTO IDN_VP_SESSION_STORE VALUES ('a', ?)",
        around: "#",
        beside: "",
    },
    Recipe {
        heading: "Values inside JSON",
        in_registry: false,
        table: "MY_CONNECTOR",
        columns: "ID INTEGER NOT NULL PRIMARY KEY, SETTINGS LONG_TEXT",
        value: "INSERT INTO MY_CONNECTOR VALUES (1, ?)",
        around: "{ \"client\" : {\"id\":\"x\", \"secret\":\"#\"},\n \"keys\":[{\"value\":null},{\"value\":\"plain\"}] }",
        beside: "",
    },
];

/// Runs SQL in a database of the deployment.
fn sql(kit: &Kit, engine: Engine, in_registry: bool, sql: &str) -> Vec<Vec<Option<String>>> {
    if engine == Engine::Sqlite {
        let d = &kit.deployment;
        return query(if in_registry { &d.new_registry } else { &d.new_identity }, sql);
    }
    let site = kit.site();
    let mut admin = Admin::connect(engine, &site.database(usize::from(in_registry)));
    if sql.starts_with("SELECT") {
        admin.rows(sql)
    } else {
        admin.execute(sql);
        Vec::new()
    }
}

fn prepared(engine: Engine) -> Kit {
    let kit = if engine == Engine::Sqlite { Kit::new() } else { Kit::around(Place::on(engine, 60)) };
    let old = &kit.deployment.spec.old_key.clone();
    for recipe in &RECIPES {
        let (bytes, text) = match engine {
            Engine::Postgres => ("bytea", "text"),
            Engine::Sqlite => ("BLOB", "TEXT"),
            _ => ("LONGBLOB", "LONGTEXT"),
        };
        let is_bytes = recipe.columns.contains("BYTES");
        let columns = recipe.columns.replace("BYTES", bytes).replace("LONG_TEXT", text);
        let run = |text: &str| drop(sql(&kit, engine, recipe.in_registry, text));
        run(&format!("CREATE TABLE {} ({columns})", recipe.table));
        if engine == Engine::Postgres {
            run(&format!(
                "GRANT SELECT, UPDATE, INSERT, DELETE ON {} TO \"{}\"",
                recipe.table,
                kit.site().user()
            ));
        }
        let stored = |value: &str| match engine {
            Engine::Postgres if is_bytes => format!("convert_to('{value}', 'UTF8')"),
            Engine::Sqlite if is_bytes => format!("CAST('{value}' AS BLOB)"),
            Engine::MySql | Engine::MariaDb => format!("'{}'", value.replace('\\', "\\\\")),
            _ => format!("'{value}'"),
        };
        let envelope = seal(old, recipe.heading);
        run(&recipe.value.replace('?', &stored(&recipe.around.replace('#', &envelope))));
        if !recipe.beside.is_empty() {
            run(&recipe.beside.replace('?', &stored("nothing of it")));
        }
    }
    kit
}

/// What stands in the value of the recipe's row.
fn value_of(kit: &Kit, engine: Engine, recipe: &Recipe) -> String {
    let columns: Vec<&str> =
        recipe.columns.split(", ").map(|column| column.split(' ').next().unwrap()).collect();
    let at = recipe
        .value
        .split_once("VALUES (")
        .unwrap()
        .1
        .split(", ")
        .position(|part| part.starts_with('?'))
        .unwrap();
    let column = columns[at];
    let text = match engine {
        Engine::Postgres if recipe.columns.contains("BYTES") => format!("convert_from({column}, 'UTF8')"),
        Engine::Sqlite => format!("CAST({column} AS TEXT)"),
        Engine::MySql | Engine::MariaDb => format!("CONVERT({column} USING utf8mb4)"),
        _ => column.to_owned(),
    };
    let rows =
        sql(kit, engine, recipe.in_registry, &format!("SELECT {text} FROM {} ORDER BY 1", recipe.table));
    let found = rows.into_iter().filter_map(|mut row| row[0].take()).find(|text| text.contains("eyJ"));
    found.unwrap_or_else(|| panic!("{}: no value", recipe.table))
}

pub(crate) fn the_recipes_rotate_what_they_name(engine: Engine) {
    let kit = prepared(engine);
    let new = kit.deployment.spec.new_key.clone();
    // Without them they are found by a scan alone.
    let found = kit.run(&["keys", "--scan", "--json"]).exits(1).json();
    let outside = found["inventory"]["outside"]["found"].as_array().unwrap().len();
    assert_eq!(outside, RECIPES.len(), "{}", found["inventory"]["outside"]);
    target(&kit, &RECIPES.map(|recipe| recipe_of(&recipe)).concat());
    let plan = kit.run(&["plan", "--json"]).exits(0).json();
    for recipe in &RECIPES {
        let job = plan["targets"].as_array().unwrap().iter().find(|job| job["place"] == recipe.table);
        assert_eq!(job.unwrap()["gcm"], 1, "{}: {plan}", recipe.table);
    }
    kit.run(&["run", "--dry-run"]).exits(0);
    let before: Vec<String> = RECIPES.iter().map(|recipe| value_of(&kit, engine, recipe)).collect();
    kit.run(&["run"]).exits(0);
    for (recipe, before) in RECIPES.iter().zip(before) {
        let now = value_of(&kit, engine, recipe);
        let (start, end) = recipe.around.split_once('#').unwrap();
        let envelope = now.strip_prefix(start).unwrap().strip_suffix(end).unwrap();
        assert_ne!(now, before);
        assert_eq!(plaintext(&new, envelope).as_deref(), Some(recipe.heading), "{}", recipe.table);
    }
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys", "--scan"]).exits(0);
    let status = kit.run(&["status"]).exits(0).stdout;
    assert!(status.contains("MY_CONNECTOR"), "{status}");
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert_eq!(report["verdict"]["headline"], "Finished and verified", "{}", report["verdict"]);
}

fn recipe_of(of: &Recipe) -> String {
    recipe(of.heading)
}

#[test]
fn the_recipes_rotate_what_they_name_on_sqlite() {
    the_recipes_rotate_what_they_name(Engine::Sqlite);
}

/// Killed within its own table, and gone on with; what cannot be read fails by name.
#[test]
fn a_table_of_ones_own_is_like_any_other() {
    let kit = Kit::new();
    kit.sql("CREATE TABLE my_table (NAME VARCHAR(40) PRIMARY KEY, A TEXT, B BLOB)");
    let old = kit.deployment.spec.old_key.clone();
    for number in 0..300 {
        let [a, b] = ["a", "b"].map(|what| seal(&old, &format!("{what} {number}")));
        kit.sql(&format!("INSERT INTO my_table VALUES ('n{number}', 'x={a};', CAST('y={b}' AS BLOB))"));
    }
    kit.sql(&format!("INSERT INTO my_table VALUES ('cut', '{}', NULL)", &seal(&old, "cut")[..41]));
    target(&kit, "  - {table: my_table, key: NAME, values: [A, B], codec: text}\n");
    let ran = kit.run_at("table-before-commit=18*off->1*return(kill)", &["run", "--chunk-size", "40"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    let ran = kit.run(&["resume"]).exits(1);
    assert!(ran.stdout.contains("1 failed"), "{ran}");
    let failures = kit.run(&["status", "--failures"]).exits(0).stdout;
    assert!(failures.contains("cut off, or written with escapes"), "{failures}");
    let new = &kit.deployment.spec.new_key;
    let rows = kit.sql("SELECT A, CAST(B AS TEXT) FROM my_table WHERE NAME LIKE 'n%'");
    let envelopes: Vec<String> = rows
        .iter()
        .flat_map(|row| [&row[0], &row[1]])
        .map(|text| text.as_deref().unwrap()[2..].trim_end_matches(';').to_owned())
        .collect();
    let opened: Vec<Value> = open_values(new, &envelopes.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(opened.iter().filter(|value| value["plaintext"].is_string()).count(), 600);
    // What it was begun with is what it goes on with.
    target(&kit, "  - {table: my_table, key: NAME, values: [A], codec: text}\n");
    for command in ["run", "resume"] {
        kit.run(&[command]).refused(4, "KR-JRN-005");
    }
    let ran = kit.run(&["resume", "--retry-failed"]).refused(4, "KR-JRN-005");
    assert!(ran.stderr.contains("targets is my_table (identity; NAME; A; text)"), "{ran}");
}

#[test]
fn what_is_left_out_is_told_everywhere_and_counted_all_the_same() {
    let kit = Kit::new();
    target(&kit, "  - leaveOut: idn_oauth2_access_token_audit\n  - leaveOut: event-receivers\n");
    let plan = kit.run(&["plan"]).exits(0);
    for place in ["IDN_OAUTH2_ACCESS_TOKEN_AUDIT", "event receiver"] {
        assert!(plan.stdout.contains(place) && plan.stdout.contains("left out by `targets`"), "{plan}");
    }
    let before = kit.sql("SELECT * FROM IDN_OAUTH2_ACCESS_TOKEN_AUDIT ORDER BY 1");
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stderr.contains("left out by `targets`"), "{ran}");
    assert_eq!(kit.sql("SELECT * FROM IDN_OAUTH2_ACCESS_TOKEN_AUDIT ORDER BY 1"), before);
    let ran = kit.run(&["verify"]).exits(0);
    assert!(ran.stderr.contains("IDN_OAUTH2_ACCESS_TOKEN_AUDIT"), "{ran}");
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert_eq!(report["verdict"]["headline"], "Finished, without some tables", "{}", report["verdict"]);
    assert!(report["rotations"][0]["left_out"].to_string().contains("AUDIT"), "{}", report["rotations"][0]);
    let keys = kit.run(&["keys", "--json"]).exits(1).json()["inventory"].clone();
    assert_eq!(keys["keys"][0]["may_go"], false, "{keys}");
    assert!(keys["keys"][0]["why"].to_string().contains("IDN_OAUTH2_ACCESS_TOKEN_AUDIT"), "{keys}");
}

#[test]
fn targets_that_are_not_understood_or_not_there_are_refused() {
    let kit = Kit::new();
    for (items, says) in [
        ("  - {}\n", "neither a `table`"),
        ("  - leaveOut: IDN_SECRET\n    table: X\n", "neither a `table`"),
        ("  - leaveOut: IDN_SECRETS\n", "IDN_SECRETS is not a table or group of files"),
        ("  - {table: A, keys: [B], values: [C]}\n", "unknown field"),
        ("  - {table: A, key: B}\n", "has no `values`"),
        ("  - {table: A, key: [B, b], values: [C]}\n", "has B twice"),
        ("  - {table: A, key: [B], values: [B]}\n", "cannot be part of the key and hold a value"),
        ("  - {table: 'A; DROP TABLE IDN_SECRET', key: [B], values: [C]}\n", "cannot stand in a statement"),
        ("  - {table: A, key: [B], values: [C], where: {D: [\"'\"]}}\n", "cannot stand in a statement"),
        ("  - {table: A, key: [B], values: [C], where: {D: [a], E: [b]}}\n", "has one column"),
        ("  - {table: A, key: [B], values: [C], codec: base64}\n", "is not a codec"),
        ("  - {table: A, key: [B], values: [C], codec: json}\n", "needs `paths`"),
        ("  - {table: A, key: [B], values: [C], codec: json, paths: [name]}\n", "is no path"),
        ("  - {table: A, key: [B], values: [C], store: users}\n", "neither `identity` nor `registry`"),
        ("  - {table: idn_secret, key: [ID], values: [SECRET_VALUE]}\n", "is rotated already"),
        (
            "  - {table: A, key: [B], values: [C]}\n  - {table: a, key: [B], values: [D], codec: xml}\n",
            "has two items",
        ),
        ("  - [a\n", "line"),
        ("  text\n", "line"),
    ] {
        target(&kit, items);
        let ran = kit.run(&["plan"]).refused(2, "KR-CFG-063");
        assert!(ran.stderr.contains(says), "{items}: {ran}");
    }
    target(&kit, "  - {table: NO_SUCH, key: [B], values: [C]}\n");
    let ran = kit.run(&["plan"]).refused(3, "KR-DB-020");
    assert!(ran.stderr.contains("NO_SUCH, which `targets` names"), "{ran}");
    kit.sql(
        "CREATE TABLE MINE (A VARCHAR(40), B VARCHAR(400), N INTEGER PRIMARY KEY, \"CURRENT_DATE\" TEXT)",
    );
    for (items, says) in [
        ("  - {table: MINE, key: [A], values: [B]}\n", "nothing makes (A) unique"),
        ("  - {table: MINE, key: [N], values: [X]}\n", "there is no column X"),
        ("  - {table: MINE, key: [N], values: [B], where: {Y: [1]}}\n", "there is no column Y"),
        (
            "  - {table: MINE, key: [N], values: [B], where: {current_date: [u1]}}\n",
            "MINE: CURRENT_DATE means something else",
        ),
    ] {
        target(&kit, items);
        let ran = kit.run(&["plan"]).refused(3, "KR-DB-002");
        assert!(ran.stderr.contains(says), "{items}: {ran}");
    }
    // What is kept in step is sealed with the new key: it cannot be left out.
    target(&kit, "  - leaveOut: IDN_OAUTH2_ACCESS_TOKEN\n");
    kit.configure("enableSyncMigrator", Some("true"));
    let text = std::fs::read_to_string(&kit.deployment.config).unwrap();
    let ran = kit.run(&["plan"]).exits(2);
    assert!(ran.stderr.contains("IDN_OAUTH2_ACCESS_TOKEN is kept in step"), "{ran}\n{text}");
}

/// A built-in table that is described otherwise: other names of properties.
#[test]
fn a_built_in_table_can_be_described_otherwise() {
    let kit = Kit::new();
    let value = seal(&kit.deployment.spec.old_key, "of a connector");
    kit.registry(&format!(
        "INSERT INTO REG_PROPERTY (REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID) VALUES (424242, 'mySecret', '{value}', -1234)"
    ));
    target(
        &kit,
        "  - leaveOut: REG_PROPERTY\n  - {table: REG_PROPERTY, store: registry, key: [REG_ID, REG_TENANT_ID], \
         values: [REG_VALUE], where: {REG_NAME: [password, privatekeyPass, subscriberPassword, mySecret]}}\n",
    );
    kit.run(&["run"]).exits(0);
    let now = kit.registry("SELECT REG_VALUE FROM REG_PROPERTY WHERE REG_ID = 424242");
    let now = now[0][0].as_deref().unwrap();
    assert_eq!(plaintext(&kit.deployment.spec.new_key, now).as_deref(), Some("of a connector"));
    kit.run(&["keys", "--scan"]).exits(0);
}

/// What its own description passes over of a table that was left out is counted all the same, each value once.
#[test]
fn a_built_in_table_that_is_described_more_narrowly_keeps_the_old_key() {
    let key = "key: [TENANT_ID, USER_NAME, DATA_KEY], values: [DATA_VALUE]";
    for narrow in ["where: {DATA_KEY: ['no/such/claim']}", "where: {TENANT_ID: [1]}"] {
        let kit = Kit::new();
        let whole = kit.run(&["keys", "--json"]).exits(1).json()["inventory"]["keys"][0]["values"].clone();
        target(
            &kit,
            &format!(
                "  - leaveOut: IDN_IDENTITY_USER_DATA\n  - {{table: IDN_IDENTITY_USER_DATA, {key}, {narrow}}}\n"
            ),
        );
        let counted = kit.run(&["keys", "--json"]).exits(1).json()["inventory"]["keys"][0]["values"].clone();
        assert_eq!(counted, whole);
        let ran = kit.run(&["run"]).exits(0);
        let none = "no row matches `where`";
        assert_eq!(ran.stderr.contains(none), narrow.contains("no/such"), "{ran}");
        let found = kit.run(&["keys", "--json"]).exits(1).json()["inventory"].clone();
        assert_eq!(found["keys"][0]["may_go"], false, "{found}");
        if narrow.contains("no/such") {
            assert!(ran.stderr.contains("match hold ciphertext"), "{ran}");
            let plan = kit.run(&["plan"]).exits(0).stdout;
            assert!(plan.contains(none), "{plan}");
            let verified = kit.run(&["verify"]).exits(0);
            assert!(verified.stderr.contains(none), "{verified}");
        }
    }
    // A column that it passes over.
    let kit = Kit::new();
    target(
        &kit,
        "  - leaveOut: IDN_OAUTH2_ACCESS_TOKEN\n  - {table: IDN_OAUTH2_ACCESS_TOKEN, key: [TOKEN_ID], values: [ACCESS_TOKEN]}\n",
    );
    kit.run(&["run"]).exits(0);
    let found = kit.run(&["keys", "--json"]).exits(1).json()["inventory"].clone();
    assert!(found["keys"][0]["why"].as_str().unwrap().contains("IDN_OAUTH2_ACCESS_TOKEN"), "{found}");
}

/// In a column without a type a number is one.
#[test]
fn a_number_matches_where_the_column_has_no_type() {
    let kit = Kit::new();
    kit.sql("CREATE TABLE MINE (ID INTEGER PRIMARY KEY, KIND, V TEXT)");
    let value = seal(&kit.deployment.spec.old_key, "a secret");
    kit.sql(&format!("INSERT INTO MINE VALUES (1, 1, '{value}'), (2, '1', '{value}'), (3, 2, 'plain')"));
    target(&kit, "  - {table: MINE, key: [ID], values: [V], where: {KIND: [1]}}\n");
    kit.run(&["run"]).exits(0);
    for row in kit.sql("SELECT V FROM MINE WHERE ID < 3") {
        assert!(plaintext(&kit.deployment.spec.new_key, row[0].as_deref().unwrap()).is_some());
    }
}
