//! The old identity database beside the copy's on a server, and who may do what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::server::{Admin, Engine};
use super::site::{PASSWORD, Site};

impl Site {
    /// A properties.yaml that names three databases: the new identity database, the new registry, and the
    /// old identity database.
    pub(crate) fn all_properties(&self, properties: &str) -> String {
        let server = format!("127.0.0.1:{}", self.engine.port());
        let (user, password) = (self.user(), STANDARD.encode(PASSWORD));
        let line = |line: &str| {
            let key = line.split(':').next().unwrap_or_default();
            match key {
                "newIdnDBUrl" => format!("{key}: {}", self.url(0, &server, "")),
                "newRegDBUrl" => format!("{key}: {}", self.url(1, &server, "")),
                "oldIdnDBUrl" => format!("{key}: {}", self.url(2, &server, "")),
                key if key.ends_with("Username") => format!("{key}: '{user}'"),
                key if key.ends_with("Password") => format!("{key}: {password}"),
                _ => line.to_owned(),
            }
        };
        self.engine.by_driver(properties.lines().map(line))
    }

    /// Takes everything in one database from the user who rotates, and grants what these statements say,
    /// as a DBA does; they name the user `keyrotation`.
    pub(crate) fn grant_only(&self, at: usize, grants: &[String]) {
        let (name, user) = (self.database(at), self.user());
        let mut admin = Admin::connect(self.engine, &name);
        let (revoke, whom) = if self.engine == Engine::Postgres {
            ("REVOKE ALL ON ALL TABLES IN SCHEMA public".to_owned(), format!("\"{user}\""))
        } else {
            (format!("REVOKE ALL ON {name}.*"), format!("'{user}'@'%'"))
        };
        admin.execute(&format!("{revoke} FROM {whom}"));
        for grant in grants {
            let (what, _) = grant.rsplit_once(" TO ").unwrap();
            admin.execute(&format!("{what} TO {whom}"));
        }
    }

    /// Lets the user who rotates do anything: also what a DBA does with triggers.
    pub(crate) fn grant_all(&self) {
        for at in 0..self.files.len() {
            let (name, user) = (self.database(at), self.user());
            let mut admin = Admin::connect(self.engine, &name);
            match self.engine {
                Engine::Postgres => {
                    admin.execute(&format!("GRANT CREATE, USAGE ON SCHEMA public TO \"{user}\""));
                    let tables =
                        admin.rows("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'");
                    for table in tables {
                        let table = table[0].as_deref().unwrap();
                        admin.execute(&format!("ALTER TABLE {table} OWNER TO \"{user}\""));
                    }
                }
                Engine::H2 => {} // an administrator already
                Engine::MySql => {
                    // With its binary log on, as by default, triggers take this.
                    admin.execute(&format!(
                        "GRANT ALL ON {name}.* TO '{user}'@'%'; GRANT SUPER ON *.* TO '{user}'@'%'"
                    ));
                }
                _ => admin.execute(&format!("GRANT ALL ON {name}.* TO '{user}'@'%'")),
            }
        }
    }
}
