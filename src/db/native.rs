//! A database on a server that one of sqlx's drivers speaks to: all but what the driver itself does.

use std::sync::Arc;

use super::dialect::Dialect;
use super::driver::{Driver, DriverTransaction, Taker};
use super::error::{Class, DbError};
use super::own_sessions::OwnSessions;
use super::pool::{Native, Pool, PooledSession, Session};
use super::remote::{self, STATEMENT_BYTES};
use super::server::{Access, Server};
use super::table::Kind;
use super::value::{Record, Value, first_number};

/// A database on a server.
#[derive(Debug)]
pub(super) struct NativeDb<C> {
    server: Server,
    access: Access,
    pool: Arc<Pool<C>>,
    /// How many connections share the work.
    connections: u32,
    /// The most bytes of values that one statement may carry.
    statement_bytes: usize,
    own: OwnSessions,
}

impl<C: Native> NativeDb<C> {
    pub(super) async fn open(
        server: &Server,
        access: Access,
        connections: u32,
    ) -> Result<Arc<Self>, DbError> {
        let own = OwnSessions::default();
        let mut session = Box::pin(reach::<C>(server, access, &own, None)).await?;
        let statement_bytes = match C::DIALECT.max_packet {
            "" => STATEMENT_BYTES,
            packet => remote::statement_bytes(&session.fetch(packet, C::Values::default()).await?),
        };
        let mut answers = Vec::new();
        let room = &C::DIALECT.questions.room;
        for ask in room.asks {
            answers.push(session.fetch(ask, C::Values::default()).await?);
        }
        let connections = remote::within_room(connections, (room.left)(&answers));
        let session = session.limited(server.socket_timeout);
        let pool = Pool::new(session, connections, server.connect_timeout);
        let server = server.clone();
        Ok(Arc::new(Self { server, access, pool, connections, statement_bytes, own }))
    }

    /// A session of its own, outside the pool. Its answers may take as long as a connection may.
    pub(super) async fn connect(&self) -> Result<Session<C>, DbError> {
        Box::pin(reach(&self.server, self.access, &self.own, Some(self.pool.host()))).await
    }

    pub(super) async fn lend(&self) -> Result<PooledSession<C>, DbError> {
        let new = async { Ok(self.connect().await?.limited(self.server.socket_timeout)) };
        self.pool.lend(new).await
    }

    /// Runs statements one by one, in a session that is closed then.
    pub(super) async fn statements(&self, statements: &[String]) -> Result<(), DbError> {
        self.lend().await?.scripts(statements).await
    }
}

impl<C: Native> Driver for NativeDb<C> {
    type Transaction = NativeTransaction<C>;

    fn dialect(&self) -> &'static Dialect {
        C::DIALECT
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }

    fn connections(&self) -> u32 {
        self.connections
    }

    fn statement_bytes(&self) -> usize {
        self.statement_bytes
    }

    fn only_reads(&self) -> bool {
        self.access == Access::ReadOnly
    }

    fn own(&self) -> Option<&OwnSessions> {
        C::DIALECT.questions.by_number.then_some(&self.own)
    }

    async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        let values = C::bind(params)?;
        self.lend().await?.session()?.fetch(sql, values).await
    }

    async fn read_arrays(&self, sql: &str, arrays: &[(Kind, Vec<&Value>)]) -> Result<Vec<Record>, DbError> {
        let values = C::bind_arrays(arrays)?;
        self.lend().await?.session()?.fetch(sql, values).await
    }

    async fn each(&self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        self.lend().await?.session()?.each(sql, found).await
    }

    async fn script(&self, sql: &str) -> Result<(), DbError> {
        self.lend().await?.scripts(&[sql]).await
    }

    async fn begin(&self, beside: bool) -> Result<NativeTransaction<C>, DbError> {
        let mut lent = self.lend().await?;
        lent.session()?.begin(self.server.lock_wait.filter(|_| beside)).await?;
        Ok(NativeTransaction { lent })
    }

    async fn rest(&self) {
        self.pool.rest().await;
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// A writing transaction.
#[derive(Debug)]
pub(super) struct NativeTransaction<C: Native> {
    /// The session that it is in.
    pub(super) lent: PooledSession<C>,
}

impl<C: Native> DriverTransaction for NativeTransaction<C> {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.lent.session()?.fetch(sql, C::bind(params)?).await
    }

    async fn run_arrays(
        &mut self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        self.lent.session()?.fetch(sql, C::bind_arrays(arrays)?).await
    }

    async fn unprepared(&mut self, sql: &str) -> Result<(), DbError> {
        self.lent.session()?.script(sql).await
    }

    async fn change(&mut self, sql: &str, params: Vec<&Value>) -> Result<u64, DbError> {
        self.lent.session()?.change(sql, C::bind(params)?).await
    }

    async fn commit(self) -> Result<(), DbError> {
        self.lent.commit().await
    }

    async fn rollback(self) -> Result<(), DbError> {
        self.lent.rollback().await
    }
}

/// Connects to the first host that answers and takes writes; to read, to another one that answers if none does. Again, to
/// that with which the others are, if it does. Answers may take as long as a connection may.
async fn reach<C: Native>(
    server: &Server,
    access: Access,
    own: &OwnSessions,
    again: Option<usize>,
) -> Result<Session<C>, DbError> {
    let limit = Some(server.connect_timeout);
    let _opening = own.opening();
    let mut problems = remote::Problems::default();
    let several = server.hosts.len() > 1;
    // All of a process's reads are of one host, whatever the others are by now.
    let any_will_do = access == Access::ReadOnly && (again.is_some() || !several);
    let mut standby: Option<Session<C>> = None;
    for (at, host) in server.hosts_from(again.unwrap_or(0)) {
        let connecting = remote::connected(Box::pin(C::reach(server, host)));
        match remote::within(limit, connecting).await {
            // This user was let in before. MariaDB refuses one in the same words while it wants TLS of everybody.
            Err(error) if again.is_some() && C::is_login_refused(&error) => {
                let error = DbError::new(Class::Lost, error.to_string()).with_remedy(error.remedy());
                problems.add(host, &error);
            }
            Err(error) => problems.add(host, &error),
            Ok(connection) => {
                remote::set_up_sockets();
                let mut session = Session::new(connection, at, limit);
                match look::<C>(&mut session, server, access, own).await {
                    Ok(State::Primary) => {
                        if let Some(standby) = standby {
                            standby.close().await;
                        }
                        return Ok(session);
                    }
                    Ok(State::Standby) if any_will_do => return Ok(session),
                    Ok(State::Standby) if access == Access::ReadOnly => {
                        standby.get_or_insert(session);
                    }
                    Ok(State::Standby) => {
                        // One that took writes before is about to do so again, or another one is.
                        let class = if again.is_some() { Class::Lost } else { Class::Environment };
                        problems.add(host, &DbError::new(class, C::READ_ONLY));
                    }
                    Err(error) if several => problems.add(host, &error),
                    Err(error) => return Err(error),
                }
            }
        }
    }
    standby.ok_or_else(|| problems.into_error())
}

/// Whether a session's answer has this word in it.
async fn says<C: Native>(session: &mut Session<C>, ask: &str, word: &str) -> Result<bool, DbError> {
    let told = session.fetch(ask, C::Values::default()).await?;
    Ok(told.iter().flatten().any(|value| value.as_text() == Some(word)))
}

/// What a host is for a caller that has several of them.
enum State {
    /// It takes writes.
    Primary,
    /// It takes none.
    Standby,
}

/// Makes a new session one of ours, and looks what its host is. One that is not ready, as a node of a cluster without a
/// quorum, is an error where there are others.
async fn look<C: Native>(
    session: &mut Session<C>,
    server: &Server,
    access: Access,
    own: &OwnSessions,
) -> Result<State, DbError> {
    C::prepare(session, server, access, own).await?;
    if let Some([is_node, is_ready]) = C::DIALECT.readiness.filter(|_| server.hosts.len() > 1)
        && says(session, is_node, "ON").await?
        && says(session, is_ready, "OFF").await?
    {
        let text = "is not ready: its cluster has no quorum, or it is not in it";
        return Err(DbError::new(Class::Lost, text));
    }
    let dialect = C::DIALECT;
    let ask = if access == Access::ReadOnly { dialect.is_standby } else { dialect.is_read_only };
    let records = session.fetch(ask, C::Values::default()).await?;
    let is_standby = first_number(&records).is_some_and(|flag| flag != 0);
    Ok(if is_standby { State::Standby } else { State::Primary })
}
