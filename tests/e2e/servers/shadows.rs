//! PostgreSQL calls what fits the types of a call best, wherever it stands in the session's path: whatever other roles
//! have made there, nothing of it is called.

use super::{Kit, admin, on};
use crate::kit::Refused as _;
use crate::support::Engine;

const ROLE: &str = "somebody_low";

/// Lets a role that may create in the schema, and nothing else, run this in the identity database.
fn as_another(kit: &Kit, sql: &str) {
    admin(kit).execute(&format!(
        "DO $$ BEGIN CREATE ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         GRANT USAGE, CREATE ON SCHEMA public TO {ROLE}; SET ROLE {ROLE}; {sql}; RESET ROLE"
    ));
}

/// A table by which a role took itself for an owner of tables of ours; what it makes then, and how that is found.
const MADE: [[&str; 2]; 3] = [
    [
        "CREATE FUNCTION public.convert_to(text, text) RETURNS bytea LANGUAGE plpgsql AS $$ \
         BEGIN INSERT INTO public.called VALUES (current_user); RETURN ''; END $$",
        "public.convert_to",
    ],
    [
        "CREATE FUNCTION public.unlike(name, name) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$; \
         CREATE OPERATOR public.!~~ (LEFTARG = name, RIGHTARG = name, FUNCTION = public.unlike)",
        "public.!~~",
    ],
    [
        "CREATE FUNCTION public.upper(varchar) RETURNS text LANGUAGE sql AS $$ SELECT ''::text $$",
        "public.upper",
    ],
];

#[test]
fn a_table_that_was_not_there_gives_no_role_the_right_to_shadow() {
    let kit = on(Engine::Postgres);
    kit.run(&["plan"]).exits(0);
    for table in ["reg_property (x int)", "idn_secret_of_mine (x int)", "key_store (x int)"] {
        let name = table.split_once(' ').unwrap().0;
        for [make, found] in MADE {
            as_another(
                &kit,
                &format!(
                    "CREATE TABLE public.{table}; CREATE TABLE public.called (who text); \
                     GRANT INSERT ON public.called TO PUBLIC; {make}"
                ),
            );
            for command in [&["plan"][..], &["keys", "--scan"], &["run"]] {
                let ran = kit.run_unlooked(command).refused(3, "KR-DB-001");
                assert!(ran.stderr.contains(&format!("{found} is of the role {ROLE}")), "{name}: {ran}");
            }
            let called = admin(&kit).text("SELECT count(*)::text FROM public.called");
            assert_eq!(called, "0", "{name}: {found}");
            admin(&kit).execute(&format!("DROP OWNED BY {ROLE}"));
        }
        // Who may make such things is said before they are there, whatever tables that role has made.
        as_another(&kit, &format!("CREATE TABLE public.{table}"));
        let ran = kit.run(&["preflight", "--json"]).exits(0).json().to_string();
        assert!(ran.contains(&format!("CREATE on the schema public is given to {ROLE}")), "{ran}");
        admin(&kit).execute(&format!("DROP OWNED BY {ROLE}"));
    }
    // Who may make schemas can make one of this user's name, which comes first in the path.
    let (user, database) = (kit.site().user(), kit.site().database(0));
    admin(&kit).execute(&format!("GRANT CREATE ON DATABASE \"{database}\" TO {ROLE}"));
    as_another(&kit, &format!("CREATE SCHEMA \"{user}\"; GRANT USAGE ON SCHEMA \"{user}\" TO PUBLIC"));
    let ran = kit.run(&["preflight", "--json"]).exits(0).json().to_string();
    assert!(ran.contains(&format!("CREATE on the schema {user} is given to {ROLE}")), "{ran}");
    let upper = "(varchar) RETURNS text LANGUAGE sql AS $$ SELECT ''::text $$";
    as_another(&kit, &format!("CREATE FUNCTION \"{user}\".upper{upper}"));
    let ran = kit.run_unlooked(&["plan"]).refused(3, "KR-DB-001");
    assert!(ran.stderr.contains(&format!("upper is of the role {ROLE}")), "{ran}");
    admin(&kit).execute(&format!("DROP OWNED BY {ROLE}"));
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
}

/// What writes to a table runs what stands on it: a table that only some versions have may be anybody's.
#[test]
fn a_table_that_another_role_has_planted_is_not_written_to() {
    let kit = on(Engine::Postgres);
    let columns =
        "id varchar(36) primary key, tenant_id int, secret_name varchar(255), secret_value varchar(8000)";
    admin(&kit).execute("DROP TABLE idn_secret CASCADE");
    as_another(
        &kit,
        &format!(
            "CREATE TABLE public.called (who text); GRANT INSERT ON public.called TO PUBLIC; \
             CREATE TABLE public.idn_secret ({columns}); GRANT ALL ON public.idn_secret TO PUBLIC; \
             CREATE FUNCTION public.planted() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN INSERT INTO public.called VALUES (current_user); RETURN NULL; END $$; \
             CREATE TRIGGER planted AFTER UPDATE ON public.idn_secret EXECUTE FUNCTION public.planted()"
        ),
    );
    for command in ["plan", "run"] {
        let ran = kit.run_unlooked(&[command]).refused(3, "KR-DB-002");
        assert!(ran.error().contains(&format!("IDN_SECRET belongs to the role {ROLE}")), "{ran}");
    }
    assert_eq!(admin(&kit).text("SELECT count(*)::text FROM public.called"), "0");
    // Where it owns the others, too, it is the server's.
    let tables = "SELECT format('ALTER TABLE %I OWNER TO somebody_low', relname) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let statements: Vec<String> =
        admin(&kit).rows(tables).into_iter().filter_map(|mut row| row[0].take()).collect();
    admin(&kit).execute(&format!("DROP TRIGGER planted ON idn_secret; {}", statements.join("; ")));
    kit.run_unlooked(&["plan"]).exits(0);
    admin(&kit).execute(&format!("REASSIGN OWNED BY {ROLE} TO postgres; DROP OWNED BY {ROLE}"));
}

/// Every function and operator of PostgreSQL's own once more, for types that none of them takes exactly. Each of them
/// ends the statement that calls it. They are the superuser's, so no session is refused for them.
const SHADOWS: &str = r#"
CREATE SCHEMA shadows; GRANT USAGE ON SCHEMA shadows TO PUBLIC;
DO $make$
DECLARE
    kinds text[] := '{text,varchar,name,bpchar,"\"char\"",int2,int4,int8,oid,bool,timestamptz,numeric,bytea,regclass,pg_lsn,inet,xid}';
    body text := '$$ BEGIN RAISE EXCEPTION ''a shadow was called''; END $$';
    one record; l text; r text; gives text; taken text; words text; number text; place int := 0;
BEGIN
    FOREACH l IN ARRAY kinds LOOP FOREACH r IN ARRAY kinds LOOP
        FOREACH gives IN ARRAY '{bool,text,int8}'::text[] LOOP
            EXECUTE format('CREATE FUNCTION shadows.op_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %s', gives, l, r, gives, body);
        END LOOP;
        FOR one IN SELECT oprname AS name, CASE WHEN bool_or(oprresult = 'bool'::regtype) THEN 'bool'
                WHEN oprname = '||' THEN 'text' ELSE 'int8' END AS gives
            FROM pg_operator o WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b'
            AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '~~', '!~~', '~', '!~', '||', '+', '-', '*', '/', '&', '|', '%')
            GROUP BY 1 HAVING NOT bool_or(oprleft = l::regtype AND oprright = r::regtype)
        LOOP
            EXECUTE format('CREATE OPERATOR shadows.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = shadows.op_%s)',
                one.name, l, r, one.gives);
        END LOOP;
    END LOOP; END LOOP;
    FOR one IN SELECT DISTINCT p.proname, p.proargtypes::oid[] AS args FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a') AND p.pronargs BETWEEN 1 AND 3
        AND p.provariadic = 0 AND (SELECT bool_and(t.typtype = 'b' AND t.typcategory IN ('S', 'N', 'B', 'U', 'Z', 'D'))
            FROM unnest(p.proargtypes::oid[]) AS a JOIN pg_type t ON t.oid = a)
        AND p.proname !~ '(in|out|recv|send|_ops|cmp|sel|eq|ne|lt|le|gt|ge|larger|smaller)$'
    LOOP
        FOREACH words IN ARRAY '{text,varchar,name}'::text[] LOOP FOREACH number IN ARRAY '{int4,int8}'::text[] LOOP
            taken := (SELECT string_agg(CASE WHEN t.typcategory = 'S' THEN words WHEN t.typname IN ('int2', 'int4', 'int8', 'oid')
                THEN number ELSE format_type(t.oid, NULL) END, ', ' ORDER BY k.at)
                FROM unnest(one.args) WITH ORDINALITY AS k (a, at) JOIN pg_type t ON t.oid = k.a);
            CONTINUE WHEN to_regprocedure(format('pg_catalog.%I(%s)', one.proname, taken)) IS NOT NULL
                OR to_regprocedure(format('shadows.%I(%s)', one.proname, taken)) IS NOT NULL;
            EXECUTE format('CREATE FUNCTION shadows.%I(%s) RETURNS text LANGUAGE plpgsql AS %s', one.proname, taken, body);
        END LOOP; END LOOP;
    END LOOP;
END $make$
"#;

#[test]
fn of_all_that_stands_in_another_schema_nothing_is_called() {
    let kit = on(Engine::Postgres);
    let user = kit.site().user();
    let mut dba = admin(&kit);
    dba.execute(SHADOWS);
    let made =
        dba.text("SELECT count(*)::text FROM pg_operator WHERE oprnamespace = 'shadows'::regnamespace");
    assert!(made.parse::<u32>().unwrap() > 1000, "{made}");
    dba.execute(&format!("ALTER ROLE \"{user}\" SET search_path = public, shadows"));
    let calls = "SELECT 1 FROM idn_secret WHERE pg_catalog.int4(1) = 1::oid";
    dba.execute("SET search_path = public, shadows");
    let called = dba.attempt(calls).unwrap_err().to_string();
    assert!(called.contains("a shadow was called"), "they are not found: {called}");
    drop(dba);
    kit.run_unlooked(&["plan", "--scan"]).exits(0);
    kit.run_unlooked(&["preflight"]).exits(0);
    kit.run_unlooked(&["run", "--dry-run"]).exits(0);
    kit.run_unlooked(&["run"]).exits(0);
    kit.run_unlooked(&["verify", "--scan"]).exits(0);
    let scan = kit.run_unlooked(&["keys", "--scan", "--json"]).exits(0).json();
    let columns = &scan["inventory"]["outside"]["columns"];
    assert!(columns.as_u64() > Some(20), "{columns}");
}
