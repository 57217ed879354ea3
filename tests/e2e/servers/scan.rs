//! `keys --scan` on servers: every type of column in which ciphertext may stand, in tables without a key, and what
//! this user may not read.

use base64::Engine as _;

use super::{admin, on};
use crate::kit::Kit;
use crate::support::{Admin, Engine, seal, seal_short};

crate::support::on_engines! {
    ciphertext_is_found_in_columns_of_every_type: postgresql mysql mariadb;
    a_schema_with_a_table_of_a_target_is_looked_through: postgresql mysql, slow: mariadb;
    what_the_filter_passes_on_is_all_that_is_found: postgresql mysql, slow: mariadb;
    columns_of_every_length_and_shape_are_looked_through_or_named: postgresql mysql mariadb;
}

fn ciphertext_is_found_in_columns_of_every_type(engine: Engine) {
    let kit = on(engine);
    kit.run(&["run"]).exits(0);
    let old = kit.deployment.spec.old_key.clone();
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let clean = scan(0);
    assert!(clean["outside"]["columns"].as_u64() > Some(20), "{}", clean["outside"]);
    let mut dba = admin(&kit);
    let (json, bytes) = match engine {
        Engine::Postgres => ("jsonb", "bytea"),
        _ => ("JSON", "LONGBLOB"),
    };
    dba.execute(&format!(
        "CREATE TABLE elsewhere (number INTEGER, words VARCHAR(4000), document {json}, content {bytes}, note TEXT)"
    ));
    let value = seal(&old, "a copy");
    let content = match engine {
        Engine::Postgres => format!("convert_to('\u{1}D{value}', 'UTF8')"),
        _ => format!("CONCAT(0x00FFAC, '{value}')"),
    };
    dba.execute(&format!(
        "INSERT INTO elsewhere VALUES (1, '{value}', '{{\"a\":[\"{value}\"]}}', {content}, '<x>{value}</x>')"
    ));
    dba.execute("INSERT INTO elsewhere VALUES (2, 'nothing', NULL, NULL, NULL)");
    // Not in base64, as the server prints it then: with white space.
    let plain = base64::engine::general_purpose::STANDARD.decode(&value).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    dba.execute(&format!("INSERT INTO elsewhere VALUES (3, NULL, '{{\"a\": {plain}}}', NULL, NULL)"));
    if engine == Engine::Postgres {
        dba.execute(&format!("GRANT SELECT ON elsewhere TO \"{}\"", kit.site().user()));
    }
    let found = scan(1);
    let keys = found["keys"].as_array().unwrap();
    let old = keys.iter().find(|key| key["role"] == "old").unwrap();
    assert_eq!((&old["outside"], &old["values"]), (&5.into(), &0.into()), "{}", found["outside"]);
    let places = found["outside"]["found"].as_array().unwrap();
    assert_eq!(places.len(), 4, "{places:?}");
    kit.run(&["keys"]).exits(0);
    if engine == Engine::Postgres {
        dba.execute(&format!("REVOKE SELECT ON elsewhere FROM \"{}\"", kit.site().user()));
        let found = scan(1);
        assert!(
            found["not_looked_at"].to_string().contains("elsewhere, which this user may not read"),
            "{found}"
        );
    }
    dba.execute("DROP TABLE elsewhere");
    scan(0);
    // Rows of a target's table that are none of the target.
    let site = kit.site();
    Admin::connect(site.engine, &site.database(1)).execute(&format!(
        "INSERT INTO REG_PROPERTY (REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID) VALUES (999999, 'another', '{value}', -1234)"
    ));
    let found = scan(1);
    assert_eq!(found["outside"]["found"].as_array().unwrap().len(), 1, "{}", found["outside"]);
}

/// A schema of PostgreSQL, or a database of the same MySQL server, in which the user may read everything.
fn schema_beside(kit: &Kit, engine: Engine, name: &str) -> String {
    let user = kit.site().user();
    let name = if engine == Engine::Postgres {
        name.to_owned()
    } else {
        format!("{}_{name}", kit.site().database(0))
    };
    let right = match engine {
        Engine::Postgres => format!(
            "GRANT USAGE ON SCHEMA {name} TO \"{user}\"; \
             ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT ON TABLES TO \"{user}\""
        ),
        _ => format!("GRANT SELECT ON {name}.* TO '{user}'@'%'"),
    };
    let kind = if engine == Engine::Postgres { "SCHEMA" } else { "DATABASE" };
    let mut dba = admin(kit);
    dba.execute(&format!("CREATE {kind} {name}"));
    dba.execute(&right);
    name
}

/// A copy of ours, another server's under keys of its own, the old server's.
fn a_schema_with_a_table_of_a_target_is_looked_through(engine: Engine) {
    let kit = on(engine);
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    let (old, table) = (kit.deployment.spec.old_key.clone(), "IDN_IDENTITY_USER_DATA");
    let copy = schema_beside(&kit, engine, "backup");
    let mut dba = admin(&kit);
    dba.execute(&format!("CREATE TABLE {copy}.{table} AS SELECT * FROM {table}"));
    dba.execute(&format!("CREATE TABLE {copy}.notes AS SELECT DATA_VALUE FROM {table}"));
    kit.run_unlooked(&["run", "--others-connected"]).exits(0);
    let scan = |code: i32| {
        let ran = kit.run_unlooked(&["keys", "--scan", "--json"]).exits(code);
        ran.json()["inventory"].clone()
    };
    let places = |found: &serde_json::Value| -> Vec<String> {
        let found = found["outside"]["found"].as_array().unwrap();
        found.iter().map(|one| one["place"].as_str().unwrap().to_owned()).collect()
    };
    kit.run_unlooked(&["keys"]).exits(0);
    let found = scan(1);
    let of_copy = places(&found);
    assert_eq!(of_copy.len(), 2, "{found}");
    assert!(of_copy.iter().all(|place| place.contains(&copy)), "{of_copy:?}");
    assert!(found["keys"][0]["may_go"] == false && found["keys"][0]["outside"].as_u64() > Some(1), "{found}");
    let text = kit.run_unlooked(&["verify", "--scan"]).exits(1).stdout;
    assert!(text.contains("name them in oldIdnDBUrl or oldRegDBUrl"), "{text}");
    // If it is the old server's, its own affair: by where its URL leads, and said by name.
    let config = std::fs::read_to_string(&kit.deployment.config).unwrap();
    let server = format!("127.0.0.1:{}", engine.port());
    let url = match engine {
        Engine::Postgres => kit.site().url(0, &server, &format!("?currentSchema={copy}")),
        _ => kit.site().url(0, &server, "").replace(&kit.site().database(0), &copy),
    };
    kit.configure("oldIdnDBUrl", Some(&url));
    for key in ["Username", "Password"] {
        let line = format!("newIdn{key}: ");
        let value = config.lines().find_map(|one| one.strip_prefix(&line)).unwrap();
        kit.configure(&format!("oldIdn{key}"), Some(value));
    }
    let found = scan(0);
    let left = found["outside"]["left_out"].to_string();
    assert!(left.contains(&copy) && left.contains("which oldIdnDBUrl names"), "{found}");
    kit.run_unlooked(&["verify", "--scan"]).exits(0);
    std::fs::write(&kit.deployment.config, config).unwrap();
    scan(1);
    // Another server's values are under its own keys: none of them is unknown here.
    dba.execute(&format!("DROP TABLE {copy}.notes"));
    let theirs = seal("f7b2b39207523b43a56540d30656b19b", "of somebody else");
    dba.execute(&format!("UPDATE {copy}.{table} SET DATA_VALUE = '{theirs}'"));
    let found = scan(0);
    assert_eq!(places(&found), [""; 0], "{found}");
    // One of ours among them.
    let value = seal(&old, "a copy");
    dba.execute(&format!("CREATE TABLE {copy}.kept AS SELECT '{value}' AS one"));
    dba.execute(&match engine {
        Engine::Postgres => format!("ALTER TABLE {copy}.kept ALTER one TYPE TEXT"),
        _ => format!("ALTER TABLE {copy}.kept MODIFY one TEXT"),
    });
    let found = scan(1);
    assert!(places(&found).len() == 1 && places(&found)[0].contains("kept"), "{found}");
    if engine == Engine::Postgres {
        dba.execute(&format!("REVOKE USAGE ON SCHEMA {copy} FROM \"{}\"", kit.site().user()));
        let found = scan(1);
        assert!(found["not_looked_at"].to_string().contains(&format!("schema {copy}")), "{found}");
    }
    let kind = if engine == Engine::Postgres { "SCHEMA" } else { "DATABASE" };
    dba.execute(&format!("DROP {kind} {copy}{}", if engine == Engine::Postgres { " CASCADE" } else { "" }));
    scan(0);
}

/// White space of any kind in a text, short columns, and collations that compare no bytes.
fn what_the_filter_passes_on_is_all_that_is_found(engine: Engine) {
    let kit = on(engine);
    kit.run(&["run"]).exits(0);
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let plain = base64::engine::general_purpose::STANDARD.decode(&value).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    let mut dba = admin(&kit);
    let types = match engine {
        Engine::Postgres => {
            dba.execute(
                "CREATE COLLATION IF NOT EXISTS any_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false)",
            );
            "note TEXT, loose TEXT COLLATE any_case"
        }
        _ => "note TEXT, loose TINYTEXT, bytes TINYBLOB",
    };
    dba.execute(&format!("CREATE TABLE elsewhere ({types})"));
    if engine == Engine::Postgres {
        dba.execute(&format!("GRANT SELECT ON elsewhere TO \"{}\"", kit.site().user()));
    }
    scan(0);
    let spaced = plain.replace("{\"c\":", "{\t\"c\"  :  ").replace(",\"t\":", " ,\n \"t\" : ");
    dba.execute(&format!("INSERT INTO elsewhere (note) VALUES ('x {spaced}')"));
    let count = |found: &serde_json::Value| found["outside"]["found"].as_array().unwrap().len();
    assert_eq!(count(&scan(1)), 1);
    dba.execute("DELETE FROM elsewhere");
    let short = seal_short(&kit.deployment.spec.old_key, "a copy");
    assert!(short.len() < 200, "{}", short.len());
    dba.execute(&format!("INSERT INTO elsewhere (loose) VALUES ('{short}')"));
    if engine != Engine::Postgres {
        dba.execute(&format!("INSERT INTO elsewhere (bytes) VALUES ('{short}')"));
    }
    assert_eq!(count(&scan(1)), if engine == Engine::Postgres { 1 } else { 2 });
    dba.execute("DROP TABLE elsewhere");
}

/// The shortest value of all, and whatever may hold one: what cannot be looked into is named.
fn columns_of_every_length_and_shape_are_looked_through_or_named(engine: Engine) {
    let kit = on(engine);
    kit.run(&["run"]).exits(0);
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let short = seal_short(&kit.deployment.spec.old_key, "a copy");
    let plain = base64::engine::general_purpose::STANDARD.decode(&short).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    assert_eq!((short.len(), plain.len()), (56, 42));
    let mut dba = admin(&kit);
    dba.execute("CREATE TABLE elsewhere (short VARCHAR(56), plain VARCHAR(42), code VARCHAR(20))");
    dba.execute(&format!("INSERT INTO elsewhere VALUES ('{short}', '{plain}', 'nothing')"));
    let places = |found: &serde_json::Value| -> Vec<String> {
        let found = found["outside"]["found"].as_array().unwrap();
        found.iter().map(|one| one["place"].as_str().unwrap().to_owned()).collect()
    };
    if engine == Engine::Postgres {
        dba.execute(&format!("GRANT SELECT ON elsewhere TO \"{}\"", kit.site().user()));
    }
    let found = scan(1);
    assert_eq!(places(&found).len(), 2, "{found}");
    dba.execute("DROP TABLE elsewhere");
    if engine == Engine::Postgres {
        shapes_of_postgresql(&kit, &mut dba, &short, &plain, &places);
    } else {
        dba.execute(
            "CREATE TABLE elsewhere (rest VARCHAR(60), bytes VARBINARY(56), \
             whole VARCHAR(70) AS (CONCAT('eyJjIjoi', rest)) VIRTUAL)",
        );
        let rest = short.strip_prefix("eyJjIjoi").unwrap();
        dba.execute(&format!("INSERT INTO elsewhere (rest, bytes) VALUES ('{rest}', '{short}')"));
        let found = scan(1);
        assert_eq!(places(&found).len(), 2, "{found}");
        dba.execute("DROP TABLE elsewhere");
    }
    if engine == Engine::MariaDb {
        earlier_rows_are_looked_through(&mut dba, &short, &scan);
        a_value_longer_than_a_packet_is_looked_through(&kit, &short, &scan);
    }
    scan(0);
}

/// Domains, arrays, types of one's own, a table that stands elsewhere, large objects.
fn shapes_of_postgresql(
    kit: &Kit,
    dba: &mut Admin,
    short: &str,
    plain: &str,
    places: &dyn Fn(&serde_json::Value) -> Vec<String>,
) {
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let user = kit.site().user();
    for sql in [
        "CREATE DOMAIN word AS VARCHAR(300)",
        "CREATE DOMAIN words AS word CHECK (VALUE <> '')",
        "CREATE DOMAIN raw AS bytea",
        "CREATE TYPE pair AS (number INTEGER, word TEXT)",
        "CREATE TYPE packed AS (content bytea)",
        "CREATE TABLE elsewhere (a words, b raw, c text[], d jsonb[], e pair, numbers INTEGER[], nested pair[], \
         packed packed)",
        &format!("GRANT SELECT ON elsewhere TO \"{user}\""),
        &format!(
            "INSERT INTO elsewhere VALUES ('{short}', '{short}', ARRAY['x', '{plain}'], ARRAY['{plain}'::jsonb], \
             ROW(1, '{plain}'), '{{1,2}}', NULL, NULL)"
        ),
        "CREATE MATERIALIZED VIEW kept AS SELECT c FROM elsewhere",
        &format!("GRANT SELECT ON kept TO \"{user}\""),
    ] {
        dba.execute(sql);
    }
    let found = scan(1);
    let mut seen = places(&found);
    seen.sort();
    let names: Vec<&str> = seen.iter().map(|place| place.rsplit(' ').next().unwrap()).collect();
    let all = ["elsewhere.a", "elsewhere.b", "elsewhere.c", "elsewhere.d", "elsewhere.e", "kept.c"];
    assert_eq!(names, all, "{found}");
    let unseen = found["outside"]["not_looked_at"].to_string();
    assert!(unseen.contains("elsewhere.nested, an array of bytes or of rows"), "{unseen}");
    assert!(unseen.contains("elsewhere.packed, a row that holds bytes"), "{unseen}");
    assert!(!unseen.contains("numbers"), "{unseen}");
    dba.execute("DROP TABLE elsewhere CASCADE");
    // On another server, as far as this one knows.
    let file = format!("{}/notes.txt", dba.text("SELECT current_setting('data_directory')"));
    for sql in [
        &format!("COPY (SELECT '{short}') TO '{file}'"),
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        &format!("CREATE FOREIGN TABLE notes (line TEXT) SERVER files OPTIONS (filename '{file}')"),
        &format!("GRANT SELECT ON notes TO \"{user}\""),
    ] {
        dba.execute(sql);
    }
    let found = scan(1);
    assert_eq!(places(&found).len(), 1, "{found}");
    let seen = kit.run(&["preflight"]).stdout;
    assert!(seen.contains("not looked at: notes.*, which stands on another server"), "{seen}");
    dba.execute("DROP EXTENSION file_fdw CASCADE");
    // The other server is gone: its tables are named, and everything else is looked at.
    for sql in [
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER gone FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')",
        &format!("CREATE USER MAPPING FOR \"{user}\" SERVER gone OPTIONS (user 'nobody', password 'x')"),
        "CREATE FOREIGN TABLE absent (line TEXT) SERVER gone",
        "CREATE TABLE present (note TEXT)",
        &format!("INSERT INTO present VALUES ('{short}')"),
        &format!("GRANT SELECT ON absent, present TO \"{user}\""),
    ] {
        dba.execute(sql);
    }
    let found = scan(1);
    assert_eq!(places(&found).len(), 1, "{found}");
    assert!(found["outside"]["not_looked_at"].to_string().contains("absent: could not connect"), "{found}");
    dba.execute("DROP EXTENSION postgres_fdw CASCADE");
    dba.execute("DROP TABLE present");
    let object = dba.text(&format!("SELECT lo_from_bytea(0, convert_to('{short}', 'UTF8'))::text"));
    let found = scan(1);
    assert!(found["outside"]["not_looked_at"].to_string().contains("large object"), "{found}");
    dba.execute(&format!("GRANT SELECT ON LARGE OBJECT {object} TO \"{user}\""));
    let found = scan(1);
    assert_eq!(places(&found).len(), 1, "{found}");
    dba.execute(&format!("SELECT lo_unlink({object})"));
    for kind in ["DOMAIN words", "DOMAIN word", "DOMAIN raw", "TYPE pair", "TYPE packed"] {
        dba.execute(&format!("DROP {kind}"));
    }
}

/// It was written while the server took longer packets.
fn a_value_longer_than_a_packet_is_looked_through(
    kit: &Kit,
    short: &str,
    scan: &dyn Fn(i32) -> serde_json::Value,
) {
    let mut root = Admin::connect(Engine::MariaDb, "mysql");
    let usual = root.text("SELECT CAST(@@global.max_allowed_packet AS CHAR)");
    root.execute("SET GLOBAL max_allowed_packet = 67108864");
    let mut dba = admin(kit);
    root.execute(&format!("SET GLOBAL max_allowed_packet = {usual}"));
    dba.execute("CREATE TABLE elsewhere (note LONGTEXT)");
    dba.execute(&format!("INSERT INTO elsewhere VALUES (CONCAT(REPEAT(' ', {usual}), '{short}'))"));
    let found = scan(1);
    assert!(found["outside"]["found"].to_string().contains("elsewhere.note"), "{found}");
    dba.execute("DROP TABLE elsewhere");
}

/// What a table was, where MariaDB keeps it: of a table that nobody rotates, and of a target's.
fn earlier_rows_are_looked_through(dba: &mut Admin, short: &str, scan: &dyn Fn(i32) -> serde_json::Value) {
    dba.execute("CREATE TABLE elsewhere (note TEXT) WITH SYSTEM VERSIONING");
    dba.execute(&format!("INSERT INTO elsewhere VALUES ('{short}')"));
    dba.execute("UPDATE elsewhere SET note = 'nothing'");
    let found = scan(1);
    assert_eq!(found["outside"]["found"].as_array().unwrap().len(), 1, "{found}");
    dba.execute("DROP TABLE elsewhere");
    let table = "IDN_IDENTITY_USER_DATA";
    dba.execute(&format!("ALTER TABLE {table} ADD SYSTEM VERSIONING"));
    scan(0);
    dba.execute(&format!(
        "INSERT INTO {table} (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'was', 'here', '{short}')"
    ));
    dba.execute(&format!("DELETE FROM {table} WHERE USER_NAME = 'was'"));
    let found = scan(1);
    assert!(found["outside"]["found"].to_string().contains("IDN_IDENTITY_USER_DATA.DATA_VALUE"), "{found}");
    dba.execute(&format!("ALTER TABLE {table} DROP SYSTEM VERSIONING"));
}
