//! `keys --scan` on servers: every type of column in which ciphertext may stand, in tables without a key, and what
//! this user may not read.

use base64::Engine as _;

use super::{admin, on, on_each_server};
use crate::support::{Admin, Engine, seal};

on_each_server!(ciphertext_is_found_in_columns_of_every_type);

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
