//! Tables of people's own on servers.

use super::{admin, on};
use crate::kit::{Refused as _, seal};
use crate::support::Engine;

crate::support::on_engines! {
    the_recipes_rotate_what_they_name: postgresql mysql, slow: mariadb;
    a_table_of_a_further_database_is_rotated: postgresql mysql, slow: mariadb;
    a_column_whose_name_means_something_else_is_refused: postgresql mysql, slow: mariadb;
}

fn a_table_of_a_further_database_is_rotated(engine: Engine) {
    crate::sqlite::stores::a_table_of_a_further_database_is_rotated(engine);
}

fn the_recipes_rotate_what_they_name(engine: Engine) {
    crate::sqlite::targets::the_recipes_rotate_what_they_name(engine);
}

/// Without quotes such a word is a value of the server's: the condition would hold for no row, or for all.
fn a_column_whose_name_means_something_else_is_refused(engine: Engine) {
    let kit = on(engine);
    let (word, quoted) = match engine {
        Engine::Postgres => ("USER", "\"user\""),
        _ => ("CURRENT_USER", "`current_user`"),
    };
    let mut admin = admin(&kit);
    admin.execute(&format!(
        "CREATE TABLE mine (id INTEGER PRIMARY KEY, secret VARCHAR(2000), {quoted} VARCHAR(64))"
    ));
    if engine == Engine::Postgres {
        admin.execute("CREATE TABLE \"user\" (id INTEGER PRIMARY KEY, secret VARCHAR(2000))");
        let user = kit.site().user();
        admin.execute(&format!("GRANT SELECT, UPDATE, INSERT, DELETE ON mine, \"user\" TO \"{user}\""));
    }
    let value = seal(&kit.deployment.spec.old_key, "x");
    admin.execute(&format!("INSERT INTO mine VALUES (1, '{value}', 'u1')"));
    drop(admin);
    let table = if engine == Engine::Postgres { "MINE" } else { "mine" };
    let refused = |target: &str, what: &str| {
        kit.configure("targets", Some(&format!("[{{{target}}}]")));
        for command in ["plan", "keys"] {
            let refused = kit.run(&[command]).exits(3);
            let error = refused.error();
            assert!(error.contains("KR-DB-002") && error.contains(what), "{target}: {refused}");
        }
    };
    for target in [
        format!("key: [ID], values: [SECRET], where: {{{word}: [u1]}}"),
        format!("key: [ID], values: [{}]", word.to_lowercase()),
        format!("key: [{word}], values: [SECRET]"),
    ] {
        refused(&format!("table: {table}, {target}"), &format!("{table}: {word} means something else"));
    }
    if engine == Engine::Postgres {
        refused("table: USER, key: [ID], values: [SECRET]", "USER: USER means something else");
    }
}
