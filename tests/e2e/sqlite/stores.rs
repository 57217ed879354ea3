//! Tables in further databases, which `stores` names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kit::{Kit, Refused as _, plaintext, query, seal};
use crate::support::{Admin, Engine, PASSWORD, Place};

const TARGET: &str = "targets:\n  - {table: UM_USER_ATTRIBUTE, store: users, key: [UM_ID], values: [UM_ATTR_VALUE], \
                      where: {UM_ATTR_NAME: [totp]}}\n";
const TABLE: &str = "CREATE TABLE UM_USER_ATTRIBUTE (UM_ID INTEGER NOT NULL PRIMARY KEY, UM_ATTR_NAME VARCHAR(255), \
                     UM_ATTR_VALUE VARCHAR(1024))";

/// A deployment with a database beside it.
struct With {
    kit: Kit,
    engine: Engine,
}

impl With {
    fn new(engine: Engine) -> Self {
        let kit = if engine == Engine::Sqlite { Kit::new() } else { Kit::around(Place::on(engine, 60)) };
        let with = Self { kit, engine };
        with.make();
        let old = with.kit.deployment.spec.old_key.clone();
        for (id, name, value) in [
            (1, "totp", seal(&old, "a secret")),
            (2, "totp", seal(&old, "another")),
            (3, "mail", "a@b.c".into()),
        ] {
            with.sql(&format!("INSERT INTO UM_USER_ATTRIBUTE VALUES ({id}, '{name}', '{value}')"));
        }
        with
    }

    /// The database's name, or that of the schema.
    fn name(&self) -> String {
        format!("{}_users", self.kit.site().database(0))
    }

    /// Makes the database: a file, a schema of the identity database, a database on its server.
    fn make(&self) {
        match self.engine {
            Engine::Sqlite => drop(std::fs::File::create(self.kit.beside("users.db")).unwrap()),
            Engine::Postgres => {
                let mut admin = Admin::connect(self.engine, &self.kit.site().database(0));
                admin.execute(&format!(
                    "CREATE SCHEMA people; GRANT USAGE ON SCHEMA people TO \"{}\"",
                    self.kit.site().user()
                ));
            }
            _ => {
                let mut admin = Admin::connect(self.engine, "mysql");
                let name = self.name();
                admin.execute(&format!("DROP DATABASE IF EXISTS {name}"));
                admin.execute(&format!("CREATE DATABASE {name}"));
                admin.execute(&format!("GRANT ALL ON {name}.* TO '{}'@'%'", self.kit.site().user()));
            }
        }
        self.sql(TABLE);
        if self.engine == Engine::Postgres {
            let user = self.kit.site().user();
            self.sql(&format!("GRANT SELECT, UPDATE ON UM_USER_ATTRIBUTE TO \"{user}\""));
        }
    }

    fn sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let mut admin = match self.engine {
            Engine::Sqlite => return query(&self.kit.beside("users.db"), sql),
            Engine::Postgres => {
                let mut admin = Admin::connect(self.engine, &self.kit.site().database(0));
                admin.execute("SET search_path = people");
                admin
            }
            _ => Admin::connect(self.engine, &self.name()),
        };
        if sql.starts_with("SELECT") {
            return admin.rows(sql);
        }
        admin.execute(sql);
        Vec::new()
    }

    fn url(&self) -> String {
        if self.engine == Engine::Sqlite {
            return format!("jdbc:sqlite:{}", self.kit.beside("users.db").display());
        }
        let here = format!("127.0.0.1:{}", self.engine.port());
        if self.engine == Engine::Postgres {
            self.kit.site().url(0, &here, "?currentSchema=people")
        } else {
            let (of, to) = (format!("/{}", self.kit.site().database(0)), format!("/{}", self.name()));
            self.kit.site().url(0, &here, "").replace(&of, &to)
        }
    }

    /// Names the database, with more members.
    fn is_named(&self, more: &str) {
        let who = if self.engine == Engine::Sqlite {
            String::new()
        } else {
            let (user, password) = (self.kit.site().user(), STANDARD.encode(PASSWORD));
            format!("    username: '{user}'\n    password: {password}\n")
        };
        self.says(&format!("stores:\n  - name: users\n    url: {}\n{who}{more}{TARGET}", self.url()));
    }

    /// Ends properties.yaml with this.
    fn says(&self, what: &str) {
        let config = &self.kit.deployment.config;
        let text = std::fs::read_to_string(config).unwrap();
        let before = text.split_once("stores:").map_or(text.as_str(), |(before, _)| before);
        let before = before.split_once("targets:").map_or(before, |(before, _)| before);
        std::fs::write(config, format!("{before}{what}")).unwrap();
    }

    /// The plaintexts under a key.
    fn under(&self, key: &str) -> Vec<String> {
        let rows = self
            .sql("SELECT UM_ATTR_VALUE FROM UM_USER_ATTRIBUTE WHERE UM_ATTR_NAME = 'totp' ORDER BY UM_ID");
        rows.iter().filter_map(|row| plaintext(key, row[0].as_deref().unwrap())).collect()
    }
}

pub(crate) fn a_table_of_a_further_database_is_rotated(engine: Engine) {
    let with = With::new(engine);
    let (kit, spec) = (&with.kit, with.kit.deployment.spec.clone());
    with.is_named("");
    let ran = kit.run(&["plan"]).exits(0);
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("users has no oldUrl"), "{ran}");
    let plan = kit.run(&["plan", "--json"]).exits(0).json();
    let job =
        plan["targets"].as_array().unwrap().iter().find(|job| job["id"] == "own-users-um-user-attribute");
    assert_eq!(job.unwrap()["gcm"], 2, "{plan}");
    kit.run(&["preflight"]).exits(0);
    let found = kit.run(&["keys", "--scan", "--json"]).exits(1).json();
    assert!(found["inventory"]["targets"].to_string().contains("own-users-um-user-attribute"), "{found}");
    kit.run(&["run"]).exits(0);
    assert_eq!(with.under(&spec.new_key), ["a secret", "another"]);
    assert_eq!(
        with.sql("SELECT UM_ATTR_VALUE FROM UM_USER_ATTRIBUTE WHERE UM_ID = 3")[0][0].as_deref(),
        Some("a@b.c")
    );
    kit.run(&["verify", "--scan"]).exits(0);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(
        report["rotations"][0]["plan"]["stores"]["users"].is_string(),
        "{}",
        report["rotations"][0]["plan"]
    );
    // What is put back there is seen.
    with.sql(&format!(
        "UPDATE UM_USER_ATTRIBUTE SET UM_ATTR_VALUE = '{}' WHERE UM_ID = 2",
        seal(&spec.old_key, "x")
    ));
    let ran = kit.run(&["verify"]).exits(1);
    assert!(ran.stdout.contains("UM_USER_ATTRIBUTE"), "{ran}");
}

#[test]
fn a_table_of_a_further_database_is_rotated_on_sqlite() {
    a_table_of_a_further_database_is_rotated(Engine::Sqlite);
}

#[test]
fn a_store_is_never_the_old_servers_and_none_that_is_known() {
    let with = With::new(Engine::Sqlite);
    let kit = &with.kit;
    let before = kit.snapshot();
    let database = |path: &std::path::Path| format!("jdbc:sqlite:{}", path.display());
    let d = &kit.deployment;
    let store = |name: &str, url: &str, more: &str| {
        format!("stores:\n  - {{name: {name}, url: '{url}'{more}}}\n{TARGET}")
    };
    let own = with.url();
    let old = database(&d.old_identity);
    for (text, id, says) in [
        (store("users", &database(&d.new_identity), ""), "KR-CFG-064", "the same database as newIdnDBUrl"),
        (store("users", &database(&d.new_registry), ""), "KR-CFG-064", "the same database as newRegDBUrl"),
        (store("users", &old, ""), "KR-CFG-016", "one of the old server's"),
        (store("users", &own, &format!(", oldUrl: '{own}'")), "KR-CFG-016", "one of the old server's"),
        (
            store("users", &own, &format!(", oldUrl: '{}'", database(&d.new_registry))),
            "KR-CFG-016",
            "one of the old server's",
        ),
        (store("people", &own, ""), "KR-CFG-064", "no table of `targets` has `store: people`"),
        (store("identity", &own, ""), "KR-CFG-064", "small letters"),
        (store("Users", &own, ""), "KR-CFG-064", "small letters"),
        (store("users", &own, ", key: x"), "KR-CFG-064", "items have name, url"),
        (store("users", "jdbc:none:x", ""), "KR-CFG-013", "stores: url"),
        (
            format!(
                "stores:\n  - {{name: users, url: '{own}'}}\n  - {{name: users, url: '{own}'}}\n{TARGET}"
            ),
            "KR-CFG-064",
            "twice",
        ),
        (TARGET.to_owned(), "KR-CFG-063", "nor does `stores` have it"),
    ] {
        with.says(&text);
        for command in ["plan", "run"] {
            let ran = kit.run(&[command]).refused(2, id);
            assert!(ran.error().contains(says), "{text}: {ran}");
        }
    }
    before.must_be_untouched(kit);
    // A rotation keeps to the databases that it was begun with.
    with.is_named("");
    let ran = kit.run_at("table-before-commit=1*off->return(kill)", &["run"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    std::fs::copy(kit.beside("users.db"), kit.beside("others.db")).unwrap();
    with.says(&store("users", &database(&kit.beside("others.db")), ""));
    let ran = kit.run(&["resume"]).refused(4, "KR-JRN-005");
    assert!(ran.stderr.contains("stores is users"), "{ran}");
    with.is_named("");
    kit.run(&["resume"]).exits(0);
}
