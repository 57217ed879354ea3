//! What a session of MySQL or MariaDB is told at its beginning.

use crate::server::{Access, Server};

/// What makes a server tell the whole truth and take what it is given, whatever its defaults, the user's or
/// those of `init_connect` are: answers are not cut short and show the present, checks are made, a value that
/// does not fit is refused and not cut, and what another database holds (zero dates, a zero in a column that
/// counts by itself) is taken as it is. What is written without a transaction is committed at once, and a commit
/// ends neither the session nor begins the next transaction. `max_join_size` comes before `sql_big_selects`, since it
/// resets it.
pub(crate) const WHOLE_TRUTH: &[&str] = &[
    "SET SESSION autocommit = 1, SESSION completion_type = 0",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION sql_select_limit = 18446744073709551615, SESSION max_join_size = 18446744073709551615",
    "SET SESSION sql_big_selects = 1, SESSION sql_safe_updates = 0, SESSION sql_auto_is_null = 0",
    "SET SESSION foreign_key_checks = 1, SESSION unique_checks = 1 \
     /*M!100300 , SESSION check_constraint_checks = 1, SESSION system_versioning_asof = DEFAULT */",
];
pub(crate) const READ_COMMITTED: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// Sizes as they are, not as they were within the last day.
pub(crate) const FRESH_SIZES: &str = "SET SESSION information_schema_stats_expiry = 0";
pub(crate) const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
/// What our own driver sees to by itself.
const UTC: &str = "SET SESSION time_zone = '+00:00'";

/// The statements that prepare a session of another driver.
pub(super) fn setup(_: &Server, access: Access) -> Vec<String> {
    let read_only = (access == Access::ReadOnly).then_some(READ_ONLY);
    let all = [UTC, READ_COMMITTED].into_iter().chain(WHOLE_TRUTH.iter().copied()).chain(read_only);
    all.map(str::to_owned).collect()
}
