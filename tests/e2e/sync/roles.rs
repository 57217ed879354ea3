//! Another role of PostgreSQL that may create objects in the schema: nothing of its making is called.

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
    assert!(found.to_string().contains(&format!("CREATE on the schema is given to {ROLE}")), "{found}");
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.execute(Side::New, &format!("DROP OWNED BY {ROLE}"));
    pair.execute(Side::Old, &format!("DROP ROLE IF EXISTS {ROLE}"));
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
