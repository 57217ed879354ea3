//! What this process's own sessions wait for in a server: an acknowledgement that does not come, a row that
//! somebody else has. SQL as data; of a dialect that has none of it only the driver is asked, which knows what
//! takes long.

use super::claim::DedicatedSession;
use super::server::Kind;
use super::{Db, DbError, Record, Value};

/// How a dialect answers: the session's number, what it waits for, and who is in its way.
struct Asks {
    kind: Kind,
    waits: &'static [&'static str],
    /// Asked where none of these tells anything: who waits at least.
    at_least: Option<&'static str>,
    /// Sessions of others are among the answers: ours go by number.
    by_number: bool,
    /// Ends what a session is at, by its number.
    cancel: fn(i64) -> String,
}

const ASKS: &[Asks] = &[
    Asks {
        kind: Kind::Postgres,
        // A row that is waited for is waited for as its owner's transaction; one that is prepared has no session.
        waits: &["SELECT a.pid::bigint, pg_catalog.concat(a.wait_event_type, ' ', a.wait_event, \
             CASE WHEN a.wait_event OPERATOR(pg_catalog.=) 'SyncRep'::text \
             THEN pg_catalog.format(', an acknowledgement by synchronous_standby_names = ''%s''', \
             pg_catalog.current_setting('synchronous_standby_names')) END), \
             coalesce((SELECT pg_catalog.string_agg(CASE WHEN o.pid OPERATOR(pg_catalog.=) 0 THEN coalesce((SELECT \
             pg_catalog.string_agg(pg_catalog.format('the prepared transaction ''%s'' of %s since %s', p.gid, p.owner, \
             p.prepared), ', '::text) FROM pg_catalog.pg_prepared_xacts p \
             WHERE p.database OPERATOR(pg_catalog.=) pg_catalog.current_database() \
             AND (EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) a.pid AND NOT l.granted \
             AND l.transactionid OPERATOR(pg_catalog.=) p.transaction) OR NOT EXISTS \
             (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) a.pid AND NOT l.granted \
             AND l.transactionid IS NOT NULL))), 'a prepared transaction') \
             ELSE pg_catalog.concat('session ', o.pid, (SELECT pg_catalog.format(' of %s, %s, %s', s.usename, \
             CASE WHEN s.application_name OPERATOR(pg_catalog.<>) ''::text THEN s.application_name \
             ELSE 'a program without a name' END, coalesce(s.state, '?')) \
             FROM pg_catalog.pg_stat_activity s WHERE s.pid OPERATOR(pg_catalog.=) o.pid)) END, ', '::text) \
             FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) AS o(pid)), '') \
             FROM pg_catalog.pg_stat_activity a \
             WHERE a.application_name OPERATOR(pg_catalog.=) pg_catalog.current_setting('application_name') \
             AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND a.state OPERATOR(pg_catalog.=) 'active'::text \
             AND (a.wait_event_type OPERATOR(pg_catalog.=) 'Lock'::text OR a.wait_event OPERATOR(pg_catalog.=) 'SyncRep'::text) \
             AND (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.state_change) \
             OPERATOR(pg_catalog.>) interval '1 second' ORDER BY 1"],
        at_least: None,
        by_number: false,
        cancel: |session| format!("SELECT pg_catalog.pg_cancel_backend({session})"),
    },
    Asks {
        kind: Kind::MySql,
        // The second is MySQL 8's, and the last, since its other list fails while anybody sends bytes. A transaction
        // that is prepared has no session.
        waits: &[
            "SELECT r.trx_mysql_thread_id, 'a row lock', \
             CASE WHEN b.trx_mysql_thread_id = 0 THEN 'a prepared transaction (XA RECOVER names it)' \
             ELSE CONCAT('session ', b.trx_mysql_thread_id, COALESCE(CONCAT(' of ', p.USER, ', ', p.COMMAND), '')) END \
             FROM information_schema.INNODB_LOCK_WAITS w \
             JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id \
             JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id \
             LEFT JOIN information_schema.PROCESSLIST p ON p.ID = b.trx_mysql_thread_id",
            "SELECT r.PROCESSLIST_ID, 'a row lock', CASE WHEN b.THREAD_ID IS NULL \
             THEN 'a prepared transaction (XA RECOVER names it)' \
             ELSE CONCAT('session ', b.PROCESSLIST_ID, ' of ', b.PROCESSLIST_USER, ', ', b.PROCESSLIST_COMMAND) END \
             FROM performance_schema.data_lock_waits w \
             JOIN performance_schema.threads r ON r.THREAD_ID = w.REQUESTING_THREAD_ID \
             LEFT JOIN performance_schema.threads b ON b.THREAD_ID = w.BLOCKING_THREAD_ID",
            "SELECT ID, STATE, '' FROM information_schema.PROCESSLIST \
             WHERE TIME >= 2 AND (STATE LIKE 'Waiting for semi-sync%' OR STATE LIKE 'Waiting for table%' \
             OR STATE LIKE 'Waiting for global%' OR STATE LIKE '%backup lock%')",
            "SELECT ID, STATE, '' FROM performance_schema.processlist \
             WHERE TIME >= 2 AND (STATE LIKE 'Waiting for semi-sync%' OR STATE LIKE 'Waiting for table%' \
             OR STATE LIKE 'Waiting for global%' OR STATE LIKE '%backup lock%')",
        ],
        at_least: Some(
            "SELECT trx_mysql_thread_id, 'a row lock', \
             'a session that this user may not see (SELECT on performance_schema names it)' \
             FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
        ),
        by_number: true,
        cancel: |session| format!("KILL QUERY {session}"),
    },
];

/// Every question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let dialect = |kind: Kind| if kind == Kind::Postgres { "PostgreSQL" } else { "MySQL and MariaDB" };
    let each = move |asks: &'static Asks| {
        asks.waits
            .iter()
            .chain(&asks.at_least)
            .map(move |sql| (dialect(asks.kind), "what sessions wait for", *sql))
    };
    ASKS.iter().flat_map(each)
}

/// What a server waits for that is not asked.
const UNNAMED: &str = "something that it does not name: a lock, its disk, or much work";

/// A session of ours that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdup {
    /// The server's number for the session.
    session: i64,
    /// What it waits for, and who is in its way.
    pub what: String,
}

impl Db {
    fn asks(&self) -> Option<&'static Asks> {
        let kind = self.server_kind()?;
        ASKS.iter().find(|asks| asks.kind == kind)
    }

    /// What this process's sessions wait for, asked outside of the pool.
    pub async fn holdups(&self) -> Result<Vec<Holdup>, DbError> {
        let Some(asks) = self.asks() else { return Ok(self.unnamed()) };
        let mut dedicated = self.dedicated().await?;
        let mut found = Vec::new();
        for sql in asks.waits {
            found.extend(self.held_up(&mut dedicated, asks, sql).await);
        }
        if let Some(sql) = asks.at_least.filter(|_| found.is_empty()) {
            found = self.held_up(&mut dedicated, asks, sql).await;
        }
        found.sort_unstable_by(|one, other| (one.session, &one.what).cmp(&(other.session, &other.what)));
        found.dedup(); // two lists may have the same
        dedicated.close().await;
        Ok(found)
    }

    /// Our sessions that wait, by one of the statements. Not every server has each of the tables, and not every user
    /// may look.
    async fn held_up(&self, dedicated: &mut DedicatedSession, asks: &Asks, sql: &str) -> Vec<Holdup> {
        let records = dedicated.ask(sql).await.unwrap_or_default();
        let mut found = Vec::new();
        for holdup in records.iter().filter_map(holdup) {
            if !asks.by_number || self.is_ours(dedicated, holdup.session).await {
                found.push(holdup);
            }
        }
        found
    }

    /// Whether a session is this process's: a number alone comes again after a restart.
    async fn is_ours(&self, dedicated: &mut DedicatedSession, number: i64) -> bool {
        let (Some(own), Some((_, questions))) = (self.own(), self.claimed()) else { return false };
        for known in own.candidates(number, None) {
            let Some(mark) = known.mark else { return true };
            let holder = questions.marked_by.replace('?', &format!("'{mark}'"));
            if dedicated.number(&holder).await.is_ok_and(|holder| holder == number) {
                return true;
            }
        }
        false
    }

    /// Sessions whose statement takes long, where nothing else is known.
    fn unnamed(&self) -> Vec<Holdup> {
        let Self::Jdbc(db) = self else { return Vec::new() };
        let holdup = |session: u32| Holdup { session: session.into(), what: UNNAMED.to_owned() };
        db.stalled().into_iter().map(holdup).collect()
    }

    /// Ends what these sessions are at.
    pub async fn cancel(&self, holdups: &[Holdup]) -> Result<(), DbError> {
        let Some(asks) = self.asks() else {
            if let Self::Jdbc(db) = self {
                holdups
                    .iter()
                    .filter_map(|holdup| holdup.session.try_into().ok())
                    .for_each(|it| db.cancel(it));
            }
            return Ok(());
        };
        let mut dedicated = self.dedicated().await?;
        for holdup in holdups {
            let _ = dedicated.ask(&(asks.cancel)(holdup.session)).await; // it may have ended meanwhile
        }
        dedicated.close().await;
        Ok(())
    }
}

fn holdup(record: &Record) -> Option<Holdup> {
    let session = record.first()?.as_int()?;
    let text = |at: usize| record.get(at).and_then(Value::as_text).unwrap_or_default().trim();
    let (event, owner) = (text(1), text(2));
    let what = if owner.is_empty() { event.to_owned() } else { format!("{event}, held by {owner}") };
    Some(Holdup { session, what })
}
