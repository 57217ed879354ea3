//! What the drivers of database servers have in common.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::sockopt;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use sqlx::{Arguments as _, Database, Encode, Type};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::server::Host;
use super::{Class, DbError, Record, Value};

/// The most bytes of values in one statement, where the server sets no lower limit.
pub(super) const STATEMENT_BYTES: usize = 8 << 20;

/// What the names of all keyrotation processes begin with.
pub(super) const APPLICATION: &str = "keyrotation ";

/// The name under which a server lists the sessions of this process: no other process has it.
pub(super) fn application() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let mut random = [0; 4];
        let _ = getrandom::fill(&mut random); // without it the process's number must do
        format!("{APPLICATION}{}-{:08x}", std::process::id(), u32::from_be_bytes(random))
    })
}

/// Prepared statements that a connection keeps: enough for all tables. One that is dropped costs an
/// idle wait: its closing is not answered, and the network holds the next packet back for 40 ms.
pub(super) const STATEMENTS: usize = 500;

/// How long the last words of a session may take: its rollback, its farewell, its sign of life.
pub(super) const LAST_ANSWER: Duration = Duration::from_secs(5);

/// How long a server may be out of reach without a word before its connections count as lost.
pub(super) const SILENCE: Duration = Duration::from_secs(90);

/// Sets up the sockets of all connections of this process: what is written goes out at once, and a
/// server that vanishes without a word (its machine, the network, a firewall that forgets) is noticed
/// after [`SILENCE`] however long a statement may take.
///
/// Without the first, what is written in parts, as TLS does, waits 40 ms for the other side's
/// acknowledgement of the first part; without the second, it waits for hours or for ever. sqlx has no
/// options for them and does not give its sockets away, so they are found among the open files. Where
/// that is not allowed they stay as they are.
pub(super) fn set_up_sockets() {
    set_up_sockets_of(std::process::id());
}

/// Likewise those of a process that this one has started.
pub(super) fn set_up_sockets_of(process: u32) {
    let Ok(open) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return };
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let Some(Ok(process)) = process.map(|process| pidfd_open(process, PidfdFlags::empty())) else { return };
    for entry in open.flatten() {
        let is_socket = std::fs::read_link(entry.path())
            .is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|_| is_socket) else { continue };
        if let Ok(socket) = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            let _ = set_up(&socket); // it may be no TCP socket
        }
    }
}

fn set_up(socket: &OwnedFd) -> rustix::io::Result<()> {
    const PROBES: u32 = 6;
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, SILENCE / 3)?;
    sockopt::set_tcp_keepintvl(socket, SILENCE * 2 / 3 / PROBES)?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    sockopt::set_tcp_user_timeout(socket, u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX))
}

/// Waits for a connection and sets its socket up as soon as it is there.
pub(super) async fn connected<T>(mut connecting: impl Future<Output = T> + Unpin) -> T {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(done) = tokio::time::timeout(pause, &mut connecting).await {
            return done;
        }
        set_up_sockets();
        pause *= 2;
    }
}

/// Why none of the hosts will do.
#[derive(Debug, Default)]
pub(super) struct Problems {
    text: String,
    class: Option<Class>,
    remedy: Option<&'static str>,
}

impl Problems {
    pub(super) fn add(&mut self, host: &Host, error: &DbError) {
        let separator = if self.text.is_empty() { "" } else { "; " };
        let _ = write!(self.text, "{separator}{host}: {error}");
        self.remedy = self.remedy.or(error.remedy());
        // One host that may come back is worth waiting for.
        if self.class != Some(Class::Lost) {
            self.class = Some(error.class);
        }
    }

    pub(super) fn into_error(self) -> DbError {
        DbError::new(self.class.unwrap_or(Class::Environment), self.text).with_remedy(self.remedy)
    }
}

/// How many connections share the work: no more than half of what the server has room for, since
/// there may be two databases on it, each with a connection more that holds its lock; one at least.
pub(super) fn within_room(wanted: u32, room: Option<i64>) -> u32 {
    let left = room.map_or(wanted, |room| u32::try_from(room / 2 - 1).unwrap_or(0));
    wanted.min(left).max(1)
}

/// The most bytes of values that one statement may carry, from the most that a packet may have: the rest is
/// for its text. What is larger is refused, or ends the connection.
pub(super) fn statement_bytes(packet: &[Record]) -> usize {
    let most = packet.first().and_then(|record| record.first()?.as_length()).unwrap_or(1 << 20);
    STATEMENT_BYTES.min(most / 4 * 3)
}

/// A place among so many connections, for which nobody waits longer than this.
pub(super) async fn place(
    places: &Arc<Semaphore>,
    size: u32,
    patience: Duration,
) -> Result<OwnedSemaphorePermit, DbError> {
    match tokio::time::timeout(patience, Arc::clone(places).acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) => Err(DbError::new(Class::Environment, "the database is closed")),
        Err(_) => {
            let text = format!("all {size} connections were in use for {} s", patience.as_secs());
            Err(DbError::new(Class::Lost, text))
        }
    }
}

/// Waits for an answer no longer than this.
pub(super) async fn within<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    let Some(timeout) = timeout else { return work.await };
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done,
        Err(_) => Err(DbError::new(Class::Lost, format!("no answer within {} s", timeout.as_secs_f64()))),
    }
}

/// A text as the server sends it.
pub(super) fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::NotText(bytes.to_vec()),
    }
}

/// An error that no server sent.
pub(super) fn explain(error: &sqlx::Error) -> DbError {
    let of_certificate = of_certificate(&error.to_string());
    let class = match error {
        _ if of_certificate.is_some() => Class::Environment,
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => Class::Lost,
        _ => Class::Environment,
    };
    let (text, remedy) = match error {
        sqlx::Error::Tls(cause) => (format!("TLS: {cause}"), of_certificate.or(Some(CERTIFICATE))),
        other => (redact(&other.to_string()), of_certificate),
    };
    DbError::new(class, without_links(&text)).with_remedy(remedy)
}

/// The remedy for a certificate that is not trusted.
const CERTIFICATE: &str =
    "name a PEM file with the authority that signed the server's certificate: tlsCaFile in properties.yaml";

/// The remedy for a certificate of another host.
const CERTIFICATE_NAME: &str = "give the host by the name that its certificate has, or let a DBA make one for this \
     name; sslMode=VERIFY_CA compares no names (PostgreSQL: sslmode=verify-ca)";

/// What to do about a certificate that is not accepted, if it is one: MySQL's driver has that as an error of the network.
fn of_certificate(text: &str) -> Option<&'static str> {
    let is_one = text.contains("invalid peer certificate");
    let is_name = text.contains("not valid for") || text.contains("NotValidForName");
    is_one.then_some(if is_name { CERTIFICATE_NAME } else { CERTIFICATE })
}

/// A library's message in one line, without links to its documentation.
fn without_links(text: &str) -> String {
    let words =
        text.split_whitespace().filter(|word| !word.contains("https://") && !word.contains("http://"));
    let text = words.collect::<Vec<_>>().join(" ");
    text.trim_end_matches([':', ',', ';']).to_owned()
}

/// Binds values to a statement.
pub(super) fn bind<'a, D: Database>(
    params: impl IntoIterator<Item = &'a Value>,
) -> Result<D::Arguments, DbError>
where
    Option<&'a str>: Encode<'a, D> + Type<D>,
    i64: Encode<'a, D> + Type<D>,
    f64: Encode<'a, D> + Type<D>,
    &'a str: Encode<'a, D> + Type<D>,
    &'a [u8]: Encode<'a, D> + Type<D>,
{
    let mut arguments = D::Arguments::default();
    for param in params {
        match param {
            Value::Null => arguments.add(None::<&str>),
            Value::Int(number) => arguments.add(*number),
            Value::Real(number) => arguments.add(*number),
            Value::Text(text) => arguments.add(text.as_str()),
            Value::Bytes(bytes) | Value::NotText(bytes) => arguments.add(bytes.as_slice()),
        }
        .map_err(not_encoded)?;
    }
    Ok(arguments)
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
pub(super) fn not_encoded(error: sqlx::error::BoxDynError) -> DbError {
    DbError::new(Class::Environment, error.to_string())
}

/// A server's message without the values that some of them quote: names are shorter.
pub(super) fn redact(message: &str) -> String {
    const LONGEST_NAME: usize = 64;
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(['\'', '"']) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        let quote = &quoted[..1];
        let inside = &quoted[1..];
        // `'` may end what `'` began; a text without an end is all value.
        let end = inside.find(quote).unwrap_or(inside.len());
        let (value, after) = inside.split_at(end);
        let shown = if value.len() > LONGEST_NAME { "…" } else { value };
        out.push_str(quote);
        out.push_str(shown);
        rest = match after.strip_prefix(quote) {
            Some(after) => {
                out.push_str(quote);
                after
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_leaves_room_in_a_packet() {
        let told = |bytes| statement_bytes(&[vec![Value::Int(bytes)]]);
        assert_eq!(told(1 << 20), 768 << 10);
        assert_eq!(told(1 << 30), STATEMENT_BYTES);
        assert_eq!(statement_bytes(&[]), 768 << 10, "where it is not told");
    }

    #[test]
    fn a_certificate_that_is_not_accepted_is_no_lost_connection() {
        let explained = |text: &str| {
            let error = explain(&sqlx::Error::Io(std::io::Error::other(text.to_owned())));
            (error.class, error.remedy())
        };
        let unknown = explained("invalid peer certificate: UnknownIssuer");
        assert_eq!(unknown, (Class::Environment, Some(CERTIFICATE)));
        let named = "invalid peer certificate: certificate not valid for name \"db\"; certificate is only valid for ...";
        assert_eq!(explained(named), (Class::Environment, Some(CERTIFICATE_NAME)));
        assert_eq!(explained("connection reset by peer"), (Class::Lost, None));
    }

    #[test]
    fn links_of_a_library_are_not_shown() {
        let text = "peer closed connection without sending TLS close_notify: \nhttps://docs.rs/rustls/latest/#unexpected-eof";
        assert_eq!(without_links(text), "peer closed connection without sending TLS close_notify");
    }

    #[test]
    fn a_long_quoted_value_is_not_shown() {
        let secret = "eyJjIjoi".repeat(20);
        let message = format!("Duplicate entry '{secret}-7' for key 'IDX_AT_AT'");
        assert_eq!(redact(&message), "Duplicate entry '…' for key 'IDX_AT_AT'");
        assert_eq!(redact(&format!("broken '{secret}")), "broken '…");
        assert_eq!(redact("don't"), "don't");
        assert_eq!(redact("no quotes"), "no quotes");
    }

    #[tokio::test]
    async fn sockets_are_set_up_while_a_connection_is_made() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = async {
            let socket = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            while !socket.nodelay().unwrap() {
                tokio::time::sleep(Duration::from_millis(1)).await; // as a handshake that goes on
            }
            socket
        };
        let socket =
            within(Some(Duration::from_secs(10)), async { Ok(connected(Box::pin(connecting)).await) });
        let socket = socket.await.unwrap();
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        let idle = sockopt::tcp_keepidle(&socket).unwrap();
        let probes = sockopt::tcp_keepintvl(&socket).unwrap() * sockopt::tcp_keepcnt(&socket).unwrap();
        assert_eq!(idle + probes, SILENCE);
        let unacknowledged = sockopt::tcp_user_timeout(&socket).unwrap();
        assert_eq!(u128::from(unacknowledged), SILENCE.as_millis());
    }

    #[test]
    fn connections_keep_within_the_room_there_is() {
        assert_eq!([90, 9, 5, 1, 0, -3].map(|left| within_room(5, Some(left))), [5, 3, 1, 1, 1, 1]);
        assert_eq!(within_room(5, None), 5);
    }
}
