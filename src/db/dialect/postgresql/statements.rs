//! What else is asked of PostgreSQL: which server it is, what feeds it, what it may be shown, its indexes.

use super::session::{ANY_TEXT, IS_READ_ONLY, IS_STANDBY, OWN_SCHEMA_FIRST, REFUSE_SHADOWS};

/// Who may make objects where a session of PostgreSQL resolves names, besides this user, superusers, and who owns the
/// schema or the database. Whoever owns tables there is no exception: anybody who may make one does.
pub(crate) const CREATORS: &str = "SELECT n.nspname::text, CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0::oid \
     THEN 'every role (PUBLIC)' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END FROM pg_catalog.pg_namespace n \
     CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n'::\"char\", n.nspowner))) a \
     WHERE n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) \
     AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'::text \
     AND (a.grantee OPERATOR(pg_catalog.<>) n.nspowner OR n.nspname OPERATOR(pg_catalog.=) current_user) \
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) a.grantee AND (r.rolsuper \
     OR r.rolname OPERATOR(pg_catalog.=) current_user OR EXISTS (SELECT 1 FROM pg_catalog.pg_database d \
     WHERE d.datdba OPERATOR(pg_catalog.=) r.oid AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))) \
     ORDER BY 1, 2";
/// The tables and views that a session finds by name, and that are of neither this user, a superuser, nor who owns the
/// schema or the database; each with its role.
pub(crate) const FOREIGN_OWNERS: &str = "SELECT c.relname::text, r.rolname::text FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) c.relowner \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
     WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
     AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) AND NOT r.rolsuper \
     AND r.rolname OPERATOR(pg_catalog.<>) current_user AND c.relowner OPERATOR(pg_catalog.<>) n.nspowner \
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_database d WHERE d.datdba OPERATOR(pg_catalog.=) r.oid \
     AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) ORDER BY 1, 2";
/// Which PostgreSQL this is: only one process began then and has that port.
pub(crate) const SERVER: &str = "SELECT pg_catalog.current_database()::text, \
     pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time()::text, pg_catalog.current_setting('port'))";
/// What all servers that began as one have.
pub(crate) const CLUSTER: &str = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
/// Where it is in its log: a standby, in what it has replayed. And how many follow it.
pub(crate) const LOG: &str = "SELECT pg_catalog.pg_is_in_recovery(), (CASE WHEN pg_catalog.pg_is_in_recovery() \
     THEN coalesce(pg_catalog.pg_last_wal_replay_lsn(), '0/0') ELSE pg_catalog.pg_current_wal_insert_lsn() END \
     OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint, (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication)";
/// Whether it is a standby, and by how many milliseconds it is behind what it has received.
pub(crate) const STANDBY: &str = "SELECT pg_catalog.pg_is_in_recovery(), CASE WHEN pg_catalog.pg_last_wal_receive_lsn()::pg_lsn \
     IS NOT DISTINCT FROM pg_catalog.pg_last_wal_replay_lsn() THEN 0 \
     ELSE (EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) \
     pg_catalog.pg_last_xact_replay_timestamp())::numeric OPERATOR(pg_catalog.*) 1000::numeric)::bigint END";
/// The subscriptions of this database.
pub(crate) const SUBSCRIPTIONS: &str = "SELECT s.subname::text, s.subenabled, coalesce(s.subslotname::text, '') \
     FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.subdbid \
     WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() ORDER BY 1";
/// Whether this database has a slot of that name for subscriptions, and whether one reads it now.
pub(crate) const SLOT: &str = "SELECT active FROM pg_catalog.pg_replication_slots \
     WHERE slot_type OPERATOR(pg_catalog.=) 'logical'::text AND database OPERATOR(pg_catalog.=) pg_catalog.current_database() \
     AND slot_name::text OPERATOR(pg_catalog.=) $1::text";
/// Triggers that do not always fire: by name, with `O` where they fire for sessions of users and not for what
/// a subscription applies, `R` the other way round, `D` where they are disabled.
pub(crate) const TRIGGER_STATES: &str = "SELECT pg_catalog.upper(t.tgname::text), t.tgenabled::text FROM pg_catalog.pg_trigger t \
     JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid WHERE NOT t.tgisinternal \
     AND pg_catalog.pg_table_is_visible(c.oid) AND t.tgenabled OPERATOR(pg_catalog.<>) 'A'::\"char\" ORDER BY 1";
/// Sessions that run a statement, this process's among them.
pub(crate) const RUNNING: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
     WHERE state OPERATOR(pg_catalog.=) 'active'::text AND backend_type OPERATOR(pg_catalog.=) 'client backend'::text";
/// How far the log is written, and how far each server has replayed it that follows this one. Both are 0 where this
/// is a standby itself. Backups and archives of the log (`pg_basebackup`, `pg_receivewal`) replay nothing and are left
/// out; where the state is hidden, so is whether it is one.
pub(crate) const FOLLOWERS: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 \
     ELSE (pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint END, \
     pg_catalog.concat_ws(' at ', CASE WHEN application_name::text OPERATOR(pg_catalog.<>) ''::text \
     THEN application_name::text ELSE 'unnamed' END, pg_catalog.host(client_addr)), \
     (replay_lsn OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint FROM pg_catalog.pg_stat_replication \
     WHERE (state OPERATOR(pg_catalog.=) 'backup'::text OR (state OPERATOR(pg_catalog.=) 'streaming'::text \
     AND replay_lsn IS NULL)) IS NOT TRUE ORDER BY 2";
/// An object holds what it is: one that a crash has left behind is found by that.
pub(crate) const PUT_OBJECT: &str = "SELECT pg_catalog.lo_from_bytea($1::bigint::oid, \
     pg_catalog.convert_to('keyrotation token'::text, 'UTF8'::name))::bigint";
pub(crate) const HAS_OBJECT: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata \
     WHERE oid OPERATOR(pg_catalog.=) $1::bigint::oid";
pub(crate) const TAKE_OBJECT: &str = "SELECT pg_catalog.lo_unlink($1::bigint::oid)";
/// Those of this user that were left behind.
pub(crate) const LEFT_OBJECTS: &str = "SELECT oid::bigint FROM pg_catalog.pg_largeobject_metadata WHERE CASE \
     WHEN lomowner OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_roles \
     WHERE rolname OPERATOR(pg_catalog.=) current_user) \
     THEN pg_catalog.lo_get(oid, 0::bigint, 18) OPERATOR(pg_catalog.=) \
     pg_catalog.convert_to('keyrotation token'::text, 'UTF8'::name) ELSE false END ORDER BY 1 LIMIT 100";
/// Where a primary is in its log, and where a standby is in replaying it.
pub(crate) const LOG_WRITTEN: &str =
    "SELECT (pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint";
pub(crate) const LOG_REPLAYED: &str =
    "SELECT (pg_catalog.pg_last_wal_replay_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint";
/// All of a table on PostgreSQL, since no update of an indexed column leaves the others untouched: name, schema and
/// name as an identifier, text, tablespace and comment, both quoted. Not one that a new value may be too long for:
/// with the index in its place that value's row alone is refused.
pub(crate) const INDEXES: &str = "SELECT i.relname::text, pg_catalog.format('%I.%I', n.nspname, i.relname), \
     pg_catalog.pg_get_indexdef(i.oid), (SELECT pg_catalog.quote_ident(s.spcname::text) \
     FROM pg_catalog.pg_tablespace s WHERE s.oid OPERATOR(pg_catalog.=) i.reltablespace), \
     pg_catalog.quote_literal(pg_catalog.obj_description(i.oid, 'pg_class')) \
     FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid \
     JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid \
     JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) i.relam \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) i.relnamespace \
     WHERE x.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
     AND t.relkind OPERATOR(pg_catalog.=) 'r'::\"char\" AND NOT t.relispartition \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h \
     WHERE h.inhparent OPERATOR(pg_catalog.=) t.oid OR h.inhrelid OPERATOR(pg_catalog.=) t.oid) \
     AND i.relkind OPERATOR(pg_catalog.=) 'i'::\"char\" AND m.amname OPERATOR(pg_catalog.=) ANY ('{btree,hash}'::name[]) \
     AND x.indisvalid AND x.indisready AND x.indislive \
     AND NOT (x.indisunique OR x.indisprimary OR x.indisexclusion OR x.indisclustered OR x.indisreplident) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid OPERATOR(pg_catalog.=) i.oid) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
     WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid AND d.refobjid OPERATOR(pg_catalog.=) i.oid) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
     WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid AND d.objid OPERATOR(pg_catalog.=) i.oid \
     AND d.deptype OPERATOR(pg_catalog.<>) ALL ('{a,n}'::\"char\"[])) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) i.oid \
     AND coalesce(a.attstattarget, -1) OPERATOR(pg_catalog.>=) 0) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_seclabel l \
     WHERE l.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid AND l.objoid OPERATOR(pg_catalog.=) i.oid) \
     AND (i.reltablespace OPERATOR(pg_catalog.=) 0::oid OR pg_catalog.has_tablespace_privilege(i.reltablespace, 'CREATE')) \
     AND (m.amname OPERATOR(pg_catalog.=) 'hash'::name OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a \
     WHERE a.attrelid OPERATOR(pg_catalog.=) i.oid AND pg_catalog.strpos($2::text, \
     pg_catalog.concat(',', pg_catalog.upper(a.attname::text), ',')) OPERATOR(pg_catalog.>) 0) \
     OR 2600::bigint OPERATOR(pg_catalog.>=) (SELECT pg_catalog.sum(CASE WHEN a.atttypmod OPERATOR(pg_catalog.>) 4 \
     THEN a.atttypmod OPERATOR(pg_catalog.-) 4 WHEN a.attlen OPERATOR(pg_catalog.>) 0 THEN a.attlen ELSE 9999 END) \
     FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) i.oid \
     AND a.attnum OPERATOR(pg_catalog.>) 0)) ORDER BY 1";
/// What this user lacks to drop and make them on PostgreSQL, in words; no row, if nothing.
pub(crate) const LACKS_FOR_INDEXES: &str = "SELECT CASE WHEN NOT pg_catalog.pg_has_role(t.relowner, 'USAGE') \
     THEN pg_catalog.format('membership in the role %I, which owns the table', r.rolname) \
     ELSE pg_catalog.format('GRANT CREATE ON SCHEMA %I', n.nspname) END \
     FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace \
     JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) t.relowner \
     WHERE t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
     AND NOT (pg_catalog.pg_has_role(t.relowner, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'))";
/// How a session makes indexes on PostgreSQL: for as long as it takes, where they belong, with room to sort.
pub(crate) const SESSION_FOR_INDEXES: [&str; 4] = [
    "SET statement_timeout = 0",
    "SET default_tablespace = ''",
    "SELECT pg_catalog.set_config('maintenance_work_mem', '256MB', false) WHERE pg_catalog.pg_size_bytes(\
     pg_catalog.current_setting('maintenance_work_mem')) OPERATOR(pg_catalog.<) 268435456::bigint",
    "SET client_min_messages = warning",
];

/// All of them: what each is for, and its text.
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("who may make objects", CREATORS),
    ("tables of other roles", FOREIGN_OWNERS),
    ("which server and database", SERVER),
    ("which cluster", CLUSTER),
    ("where in its log", LOG),
    ("is it a standby", STANDBY),
    ("subscriptions", SUBSCRIPTIONS),
    ("the slot of a subscription", SLOT),
    ("triggers that do not always fire", TRIGGER_STATES),
    ("how many statements run", RUNNING),
    ("how far those are that follow it", FOLLOWERS),
    ("put a token down", PUT_OBJECT),
    ("does it show", HAS_OBJECT),
    ("take it away", TAKE_OBJECT),
    ("tokens that were left", LEFT_OBJECTS),
    ("how far a primary has written", LOG_WRITTEN),
    ("how far a standby has replayed", LOG_REPLAYED),
    ("indexes", INDEXES),
    ("indexes: what this user lacks", LACKS_FOR_INDEXES),
    ("its own schema first", OWN_SCHEMA_FIRST),
    ("nobody shadows it", REFUSE_SHADOWS),
    ("texts of any encoding", ANY_TEXT),
    ("does it take writes", IS_READ_ONLY),
    ("does it replay", IS_STANDBY),
];
