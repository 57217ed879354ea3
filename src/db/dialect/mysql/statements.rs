//! What else is asked of MySQL and MariaDB: which server it is, what feeds it, the table of ours in a cluster, its indexes.

use super::super::parts::LOCK_ROWS;

/// Which MySQL or MariaDB this is. By name, since each version has some of them.
pub(crate) const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'server_id', \
     'server_uuid', 'server_uid', 'datadir', 'wsrep_on', 'wsrep_cluster_name', 'wsrep_node_name', \
     'group_replication_group_name', 'wsrep_max_ws_rows', 'wsrep_max_ws_size', \
     'group_replication_transaction_size_limit', 'pxc_strict_mode', 'innodb_read_only', 'read_only', \
     'slave_run_triggers_for_rbr', 'version', 'version_comment', 'log_bin', 'gtid_mode', \
     'group_replication_view_change_uuid')";
/// How it stands in its cluster.
pub(crate) const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime', 'wsrep_cluster_state_uuid', \
     'wsrep_cluster_conf_id', 'wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_incoming_addresses', \
     'wsrep_local_index', 'Slaves_running')";
/// The database, and the server's time.
pub(crate) const DATABASE: &str = "SELECT DATABASE(), UNIX_TIMESTAMP()";
/// All that a replica is fed by: MariaDB's several sources, and what MySQL calls it since 8.0.22 and before.
pub(crate) const SOURCES: [&str; 3] = ["SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"];
/// The threads of a replica, as PROCESS lets one see them. A cluster's own appliers sleep, or wait for its
/// provider.
pub(crate) const THREADS: &str = "SHOW PROCESSLIST";
/// All that MySQL has.
pub(crate) const EXECUTED: &str = "SELECT @@GLOBAL.gtid_executed";
/// The last of each server that MariaDB has had, where it has a binary log; the last of each domain without one.
pub(crate) const MARIADB_EXECUTED: &str =
    "SELECT CONCAT_WS(',', @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_binlog_state)";
/// Statements that run, this process's among them; and for how long, in nanoseconds, a cluster has held its nodes up so
/// that the slowest can follow.
pub(crate) const RUNNING: &str =
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running', 'wsrep_flow_control_paused_ns')";
/// The other members of a replication group.
pub(crate) const MEMBERS: &str = "SELECT MEMBER_HOST, MEMBER_PORT FROM performance_schema.replication_group_members \
     WHERE MEMBER_ID <> @@GLOBAL.server_uuid AND MEMBER_HOST <> ''";
/// The table of ours on MySQL and MariaDB.
pub(crate) const MAKE_TABLE: &str = "CREATE TABLE IF NOT EXISTS KEYROTATION_LOCK (ID BIGINT NOT NULL PRIMARY KEY, \
     TOKEN VARCHAR(64) NOT NULL, NODE VARCHAR(255) NOT NULL, BEAT BIGINT NOT NULL) ENGINE = InnoDB";
pub(crate) const DROP_TABLE: &str = "DROP TABLE IF EXISTS KEYROTATION_LOCK";
/// How long that waits for somebody else's lock, and as long as is usual again.
pub(crate) const IMPATIENT: &str = "SET SESSION lock_wait_timeout = 20";
pub(crate) const PATIENT: &str = "SET SESSION lock_wait_timeout = DEFAULT";
pub(crate) const PUT_ROW: &str = "INSERT INTO KEYROTATION_LOCK (ID, TOKEN, NODE, BEAT) VALUES (?, '', '', 0)";
/// From now on a session of a Galera node sees all that its cluster had committed. Without the first it would not
/// wait where somebody has allowed stale reads.
pub(crate) const CATCH_UP_GALERA: &str = "SET SESSION wsrep_dirty_reads = 0, SESSION wsrep_sync_wait = 1";
/// Likewise one of a member of a replication group, if the member is in its group; it waits no longer than that.
pub(crate) const CATCH_UP_GROUP: &str =
    "SET SESSION group_replication_consistency = 'BEFORE', SESSION wait_timeout = 20";
/// The session waits here, whether or not the table of the next statement is there.
pub(crate) const WAIT_UNTIL_THEN: &str = "START TRANSACTION READ ONLY";
/// A member that has left its group waits for nobody.
pub(crate) const MEMBER_STATE: &str = "SELECT MEMBER_STATE FROM performance_schema.replication_group_members \
     WHERE MEMBER_ID = @@GLOBAL.server_uuid";
/// The row of a cluster that is its lock.
pub(crate) const LOCK: &str = "SELECT TOKEN, NODE, BEAT FROM KEYROTATION_LOCK WHERE ID = 1";
pub(crate) const MAKE_LOCK: &str = "INSERT INTO KEYROTATION_LOCK (ID, TOKEN, NODE, BEAT) VALUES (1, ?, ?, 0)";
pub(crate) const TAKE_OVER_LOCK: &str = "UPDATE KEYROTATION_LOCK SET TOKEN = ?, NODE = ?, BEAT = BEAT + 1 WHERE ID = 1 AND TOKEN = ? AND BEAT = ?";
pub(crate) const BEAT_LOCK: &str = "UPDATE KEYROTATION_LOCK SET BEAT = BEAT + 1 WHERE ID = 1 AND TOKEN = ?";
pub(crate) const GIVE_UP_LOCK: &str = "DELETE FROM KEYROTATION_LOCK WHERE ID = 1 AND TOKEN = ?";
/// The B-trees of a table on MySQL and MariaDB that are not unique: name, its columns in their order.
pub(crate) const INDEXES: &str = "SELECT INDEX_NAME, UPPER(COLUMN_NAME), INDEX_TYPE, NON_UNIQUE FROM information_schema.STATISTICS \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX";
/// The columns of its foreign keys, and those that others refer to.
pub(crate) const FOREIGN_KEYS: &str = "SELECT UPPER(COLUMN_NAME) FROM information_schema.KEY_COLUMN_USAGE \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL \
     UNION SELECT UPPER(REFERENCED_COLUMN_NAME) FROM information_schema.KEY_COLUMN_USAGE \
     WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?";
/// How a session drops and makes them: it waits for nobody for long, may take its time, and has room to sort.
pub(crate) const SESSION_FOR_INDEXES: &str = "SET SESSION lock_wait_timeout = 20 /*M!100300 , SESSION max_statement_time = 0 */ \
     /*!80027 , SESSION innodb_ddl_buffer_size = 134217728, SESSION innodb_ddl_threads = 4 */";

/// All of them: what each is for, and its text.
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("which server", VARIABLES),
    ("how it stands in its cluster", STATUS),
    ("which database", DATABASE),
    ("MariaDB's sources", SOURCES[0]),
    ("MySQL's sources", SOURCES[1]),
    ("an older MySQL's sources", SOURCES[2]),
    ("threads of a replica", THREADS),
    ("which transactions MySQL has", EXECUTED),
    ("which transactions MariaDB has", MARIADB_EXECUTED),
    ("how many statements run, and whether a cluster waits for a node", RUNNING),
    ("the other members of a replication group", MEMBERS),
    ("make the table of tokens", MAKE_TABLE),
    ("wait for no backup", IMPATIENT),
    ("wait again", PATIENT),
    ("put a token down", PUT_ROW),
    ("does it show", LOCK_ROWS.has),
    ("take it away", LOCK_ROWS.take),
    ("catch up with a Galera cluster", CATCH_UP_GALERA),
    ("catch up with a replication group", CATCH_UP_GROUP),
    ("wait until it has", WAIT_UNTIL_THEN),
    ("is this member in its group", MEMBER_STATE),
    ("remove the table of tokens", DROP_TABLE),
    ("who has a cluster's lock", LOCK),
    ("take it", MAKE_LOCK),
    ("take it over", TAKE_OVER_LOCK),
    ("count up in it", BEAT_LOCK),
    ("give it up", GIVE_UP_LOCK),
    ("indexes", INDEXES),
    ("indexes: foreign keys", FOREIGN_KEYS),
];
