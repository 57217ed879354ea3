//! What only a database server has: other sessions, locks, privileges, TLS, and an end of its own.
//! These tests run on both servers whatever `KEYROTATION_E2E` says.

mod dumps;
mod in_place;
mod indexes;
mod keys;
mod mysql;
mod network;
mod pages;
mod preflight;
mod protection;
mod refusals;
mod scan;
mod schemas;
mod sessions;
mod shadows;
mod streams;
mod targets;
mod trouble;
mod waits;
mod walks;

use crate::kit::Kit;
use crate::support::{Admin, Engine, Place};

/// A small deployment on a server.
fn on(engine: Engine) -> Kit {
    Kit::around(Place::on(engine, 60))
}

/// An administrator in the identity database.
fn admin(kit: &Kit) -> Admin {
    let site = kit.site();
    Admin::connect(site.engine, &site.database(0))
}

/// An administrator who is in none of the deployment's databases.
fn outside(engine: Engine) -> Admin {
    Admin::connect(engine, engine.home())
}

/// Lets a trigger on access tokens do something before an update of any (`when` is true) or of some.
fn before_update(kit: &Kit, when: &str, action: &str) {
    let table = "IDN_OAUTH2_ACCESS_TOKEN";
    admin(kit).execute(&match kit.site().engine {
        Engine::Postgres => format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ \
             BEGIN IF {when} THEN {action}; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER meddle BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()"
        ),
        _ => format!(
            "CREATE DEFINER = '{}'@'%' TRIGGER meddle BEFORE UPDATE ON {table} FOR EACH ROW \
             BEGIN IF {when} THEN {action}; END IF; END",
            kit.site().user()
        ),
    });
}
