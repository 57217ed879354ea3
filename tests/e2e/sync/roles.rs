//! Another role of PostgreSQL that may create objects in the schema: nothing of its making is called.

use std::thread;
use std::time::Duration;

use super::pair::{Pair, Side};
use crate::kit::Refused as _;
use crate::support::Engine;

const ROLE: &str = "somebody_else";

/// Makes the role, which may create in the schema, and lets it run these statements.
fn as_another(pair: &Pair, side: Side, sql: &str) {
    pair.execute(
        side,
        &format!(
            "DO $$ BEGIN CREATE ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
             GRANT USAGE, CREATE ON SCHEMA public TO {ROLE}; SET ROLE {ROLE}; {sql}"
        ),
    );
}

#[test]
fn nothing_that_another_role_has_made_is_called() {
    let pair = Pair::without_triggers(Engine::Postgres, 20);
    as_another(
        &pair,
        Side::New,
        "CREATE FUNCTION public.upper(name) RETURNS text LANGUAGE sql AS $$ SELECT 'shadow'::text $$",
    );
    let ran = pair.run(&["run", "--dry-run"]).refused(3, "KR-DB-001");
    assert!(ran.stderr.contains("public.upper is of the role somebody_else"), "{ran}");
    pair.execute(Side::New, &format!("DROP OWNED BY {ROLE}"));
    as_another(
        &pair,
        Side::New,
        "CREATE FUNCTION public.same(varchar, varchar) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$; \
         CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.same)",
    );
    let ran = pair.run(&["run", "--dry-run"]).refused(3, "KR-DB-001");
    assert!(ran.stderr.contains("= is of the role"), "{ran}");
    pair.execute(Side::New, &format!("DROP OWNED BY {ROLE}"));

    // What was prepared under the change log's name would be written to by its functions.
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    as_another(
        &pair,
        Side::Old,
        "CREATE TABLE public.IDN_OAUTH2_ACCESS_TOKEN_TEMP (SYNC_ID bigint, TOKEN_ID text, AVAILABILITY integer, \
         SYNCED integer, CHANGED_AT timestamptz)",
    );
    let refused = pair.session(Side::Old).try_run(&script).unwrap_err().to_string();
    assert!(refused.contains("does not own"), "{refused}");
    pair.execute(Side::Old, &format!("ROLLBACK; DROP OWNED BY {ROLE}"));
    pair.execute(Side::Old, &script);
    let owners = "SELECT DISTINCT pg_get_userbyid(c.relowner)::text FROM pg_class c WHERE c.relname IN \
                  ('idn_oauth2_access_token', 'idn_oauth2_access_token_temp')";
    assert_eq!(pair.rows(Side::Old, owners).len(), 1, "the log is the table owner's");
    let definers = "SELECT p.proname::text FROM pg_proc p, pg_class c WHERE p.proname = 'token_sync_log' AND \
                    c.relname = 'idn_oauth2_access_token' AND p.proowner = c.relowner";
    assert_eq!(pair.rows(Side::Old, definers).len(), 1, "and so are the rights of its functions");
    as_another(&pair, Side::New, "SELECT 1");
    let found = pair.run(&["preflight", "--json"]).exits(0).json();
    assert!(
        found.to_string().contains(&format!("CREATE on the schema public is given to {ROLE}")),
        "{found}"
    );
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.execute(Side::New, &format!("DROP OWNED BY {ROLE}"));
    pair.execute(Side::Old, &format!("DROP ROLE IF EXISTS {ROLE}"));
}

/// Tables that look like a change log, and would let their maker act with the rights of who writes to them.
const PREPARED: &str = "CREATE TABLE public.IDN_OAUTH2_ACCESS_TOKEN_TEMP (SYNC_ID bigint GENERATED ALWAYS AS IDENTITY, \
     TOKEN_ID text, AVAILABILITY integer, SYNCED integer DEFAULT 0, CHANGED_AT timestamptz DEFAULT clock_timestamp()); \
     CREATE FUNCTION public.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     ALTER ROLE somebody_else_in_a_hurry SUPERUSER; RETURN NEW; END $$; \
     CREATE TRIGGER rise BEFORE INSERT ON public.IDN_OAUTH2_ACCESS_TOKEN_TEMP FOR EACH ROW EXECUTE FUNCTION public.rise()";

#[test]
fn a_change_log_that_is_prepared_while_the_script_waits_is_refused() {
    let pair = Pair::without_triggers(Engine::Postgres, 20);
    let role = "somebody_else_in_a_hurry";
    let make = format!("CREATE ROLE {role}; GRANT USAGE, CREATE ON SCHEMA public TO {role}");
    pair.execute(Side::Old, &make);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    let mut reader = pair.session(Side::Old);
    reader.try_run("BEGIN; LOCK TABLE idn_oauth2_access_token IN ACCESS SHARE MODE").unwrap();
    let refused = thread::scope(|scope| {
        let ran = scope.spawn(|| pair.session(Side::Old).try_run(&script));
        let waiting = "pg_locks WHERE NOT granted AND relation = 'idn_oauth2_access_token'::regclass";
        while pair.count(Side::Old, waiting) == 0 {
            assert!(!ran.is_finished(), "it did not wait");
            thread::sleep(Duration::from_millis(20));
        }
        pair.execute(Side::Old, &format!("SET ROLE {role}; {PREPARED}"));
        reader.try_run("COMMIT").unwrap();
        ran.join().unwrap()
    });
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("does not own"), "{refused}");
    let installed = "pg_trigger WHERE tgrelid = 'idn_oauth2_access_token'::regclass AND NOT tgisinternal";
    assert_eq!(pair.count(Side::Old, installed), 0);
    pair.execute(Side::Old, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    pair.execute(Side::Old, &script);
}

/// What a change log could do besides taking entries, whoever owns it; and how that is undone.
const CHANGED: [[&str; 2]; 11] = [
    [
        "CREATE FUNCTION public.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; \
         CREATE TRIGGER rise BEFORE INSERT ON {log} FOR EACH ROW EXECUTE FUNCTION public.rise()",
        "DROP FUNCTION public.rise() CASCADE",
    ],
    ["CREATE RULE rise AS ON INSERT TO {log} DO INSTEAD NOTHING", "DROP RULE rise ON {log}"],
    ["ALTER TABLE {log} ENABLE ROW LEVEL SECURITY", "ALTER TABLE {log} DISABLE ROW LEVEL SECURITY"],
    [
        "ALTER TABLE {log} ADD CONSTRAINT rise CHECK (AVAILABILITY >= 0)",
        "ALTER TABLE {log} DROP CONSTRAINT rise",
    ],
    ["ALTER TABLE {log} ALTER SYNCED SET DEFAULT 1", "ALTER TABLE {log} ALTER SYNCED SET DEFAULT 0"],
    ["ALTER TABLE {log} ALTER SYNCED DROP DEFAULT", "ALTER TABLE {log} ALTER SYNCED SET DEFAULT 0"],
    ["ALTER TABLE {log} SET UNLOGGED", "ALTER TABLE {log} SET LOGGED"],
    ["CREATE UNIQUE INDEX rise ON {log} (TOKEN_ID)", "DROP INDEX rise"],
    ["CREATE INDEX rise ON {log} (TOKEN_ID) WHERE length(TOKEN_ID) > 0", "DROP INDEX rise"],
    ["CREATE TABLE public.rise () INHERITS ({log})", "DROP TABLE public.rise"],
    [
        "CREATE DOMAIN public.rise AS text CHECK (VALUE <> ''); ALTER TABLE {log} ALTER TOKEN_ID TYPE public.rise",
        "ALTER TABLE {log} ALTER TOKEN_ID TYPE text COLLATE \"C\"; DROP DOMAIN public.rise",
    ],
];

#[test]
fn a_change_log_that_does_more_than_take_entries_is_refused() {
    let pair = Pair::without_triggers(Engine::Postgres, 20);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    pair.execute(Side::Old, &script);
    for [change, undo] in
        CHANGED.map(|both| both.map(|sql| sql.replace("{log}", "IDN_OAUTH2_ACCESS_TOKEN_TEMP")))
    {
        pair.execute(Side::Old, &change);
        let refused = pair.session(Side::Old).try_run(&script);
        let refused = refused.expect_err(&change).to_string();
        assert!(refused.contains("do more than take entries"), "{change}: {refused}");
        pair.execute(Side::Old, &undo);
        pair.execute(Side::Old, &script);
    }
    pair.execute(Side::Old, "ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN_TEMP ALTER SYNC_ID DROP IDENTITY");
    let ran = pair.run(&["triggers", "install"]).refused(3, "KR-DB-001");
    assert!(ran.stderr.contains("do more than take entries"), "{ran}");
}

/// One that is made once sessions are open is found before anything of it is called.
#[test]
fn what_another_role_makes_in_mid_session_is_not_called_either() {
    let kit = crate::kit::Kit::around(crate::support::Place::on(Engine::Postgres, 60));
    let gate = kit.path("gate");
    let mut running = kit.start_at(&format!("table-before-write=1*return({})", gate.display()), &["run"]);
    running.until_it_waits(&gate);
    let site = kit.site();
    let mut admin = crate::support::Admin::connect(Engine::Postgres, &site.database(0));
    admin.execute(
        "DO $$ BEGIN CREATE ROLE somebody_later; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         GRANT USAGE, CREATE ON SCHEMA public TO somebody_later; SET ROLE somebody_later; \
         CREATE TABLE public.called (who text); GRANT INSERT ON public.called TO PUBLIC; \
         CREATE FUNCTION public.same(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$ \
         BEGIN INSERT INTO public.called VALUES (current_user); RETURN $1::text OPERATOR(pg_catalog.=) $2; END $$; \
         CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.same); RESET ROLE",
    );
    drop(admin);
    std::fs::remove_file(&gate).unwrap();
    let ran = running.wait_unlooked();
    let mut admin = crate::support::Admin::connect(Engine::Postgres, &site.database(0));
    assert_eq!(admin.text("SELECT count(*)::text FROM public.called"), "0", "{ran}");
    // A session that is opened afterwards is refused.
    let refused = kit.run_unlooked(&["plan"]).refused(3, "KR-DB-001");
    assert!(refused.stderr.contains("is of the role somebody_later"), "{refused}");
    admin.execute("DROP OWNED BY somebody_later");
    drop(admin);
    kit.run_unlooked(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
}
