//! What a walk reads, as the servers count it.

use keyrotation::demo::Spec;

use crate::kit::{Kit, seal};
use crate::sqlite::walks::must_be_linear;
use crate::support::{Admin, Engine, Place};

/// What a server has read of the deployment's tables, in rows and entries of indexes: also what the program does
/// not ask for, but costs the server all the same.
fn read_by(kit: &Kit) -> u64 {
    let site = kit.site();
    let databases = [0, 1].map(|at| site.database(at));
    let of = |admin: &mut Admin, sql: &str| admin.text(sql).parse::<u64>().unwrap();
    if site.engine == Engine::Postgres {
        let sql = "SELECT (SELECT COALESCE(SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)), 0) FROM pg_stat_user_tables) \
                   ::bigint::text";
        let one = |database: &String| of(&mut Admin::connect(site.engine, database), sql);
        return databases.iter().map(one).sum();
    }
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(COUNT_FETCH), 0) AS CHAR) FROM performance_schema.table_io_waits_summary_by_table \
         WHERE OBJECT_SCHEMA IN ('{}', '{}')",
        databases[0], databases[1]
    );
    of(&mut Admin::connect(site.engine, "mysql"), &sql)
}

/// As the servers themselves count it: an index that is not used, or a plan that reads the table for each page,
/// shows nowhere else.
fn twice_the_rows_are_twice_the_reads(engine: Engine) {
    const ROWS: u64 = 600;
    let commands = [("run --dry-run", 0), ("run", 0), ("verify", 0)];
    let [once, twice] = [ROWS, 2 * ROWS].map(|count| {
        let kit = Kit::around(Place::in_files(&Spec { tokens: 60, ..Spec::default() }));
        kit.add_tokens(count, &seal(&kit.deployment.spec.old_key, "a token"));
        let kit = Kit::around(kit.copied_to(engine));
        let analyze =
            if engine == Engine::Postgres { "ANALYZE" } else { "ANALYZE TABLE IDN_OAUTH2_ACCESS_TOKEN" };
        Admin::connect(engine, &kit.site().database(0)).execute(analyze);
        let mut before = read_by(&kit);
        commands.map(|(command, code)| {
            kit.run_small(&command.split(' ').collect::<Vec<_>>()).exits(code);
            std::thread::sleep(std::time::Duration::from_millis(300)); // until the sessions have told what they read
            let now = read_by(&kit);
            now - std::mem::replace(&mut before, now)
        })
    });
    for (at, (command, _)) in commands.iter().enumerate() {
        must_be_linear(&format!("{engine:?}: {command}"), [once[at], twice[at]]);
    }
}

crate::support::on_engines! {
    twice_the_rows_are_twice_the_reads: postgresql, slow: mysql;
}
