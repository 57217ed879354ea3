//! A proxy that breaks connections: between the program and a database server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What befalls a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is cut after so many bytes, in both directions together.
    CutAfter(u64),
    /// The `n`th commit does not reach the server, and the connection is cut.
    CutBeforeCommit(u64),
    /// The `n`th commit reaches the server, its answer does not come back, and the connection is cut.
    CutAfterCommit(u64),
    /// After so many bytes nothing moves for so long, then all goes on.
    StallAfter(u64, Duration),
    /// Each packet takes so long.
    Delay(Duration),
    /// After so many bytes one direction ends, and the other stays open.
    HalfCloseAfter(u64),
}

/// Chooses what befalls the next connection; none for nothing.
type Choose = dyn FnMut() -> Option<Trouble> + Send;

/// The proxy, which ends with its owner. Connections that are open then are cut.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: AtomicU64,
    choose: Mutex<Box<Choose>>,
    /// How often trouble came: connections that ended before it did not see it.
    troubles: AtomicU64,
    closed: AtomicBool,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and passes on to another.
    pub(crate) fn to(server: u16, choose: impl FnMut() -> Option<Trouble> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: AtomicU64::new(server.into()),
            choose: Mutex::new(Box::new(choose)),
            troubles: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if of_thread.closed.load(Ordering::Relaxed) {
                    break; // and the port is free
                }
                of_thread.serve(client);
            }
        });
        Self { port, shared }
    }

    /// How often trouble came so far.
    pub(crate) fn troubles(&self) -> u64 {
        self.shared.troubles.load(Ordering::Relaxed)
    }

    /// Nobody gets through any more, and nobody is answered.
    pub(crate) fn close(&self) {
        if !self.shared.closed.swap(true, Ordering::Relaxed) {
            let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes the thread
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: TcpStream) {
        let trouble = (self.choose.lock().unwrap())();
        let port = u16::try_from(self.server.load(Ordering::Relaxed)).unwrap();
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
        for socket in [&client, &server] {
            socket.set_nodelay(true).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        }
        let connection = Arc::new(Connection {
            client,
            server,
            trouble,
            bytes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            silent: AtomicBool::new(false),
        });
        for to_server in [true, false] {
            let (shared, connection) = (Arc::clone(self), Arc::clone(&connection));
            thread::spawn(move || connection.pump(to_server, &shared));
        }
    }
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    trouble: Option<Trouble>,
    bytes: AtomicU64,
    commits: AtomicU64,
    /// The server's answers are withheld.
    silent: AtomicBool,
}

impl Connection {
    fn pump(&self, to_server: bool, shared: &Shared) {
        let (mut from, mut to) =
            if to_server { (&self.client, &self.server) } else { (&self.server, &self.client) };
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if shared.closed.load(Ordering::Relaxed) {
                        break;
                    }
                    continue;
                }
                Err(_) => break,
            };
            let part = &buffer[..count];
            let before = self.bytes.fetch_add(count as u64, Ordering::Relaxed);
            let reached = |limit: u64| (before..before + count as u64).contains(&limit);
            let trouble = || _ = shared.troubles.fetch_add(1, Ordering::Relaxed);
            match self.trouble {
                Some(Trouble::CutAfter(limit)) if reached(limit) => {
                    trouble();
                    let _ = to.write_all(&part[..usize::try_from(limit - before).unwrap()]);
                    break;
                }
                Some(Trouble::CutBeforeCommit(nth)) if to_server && self.is_commit(part, nth) => {
                    trouble();
                    break;
                }
                Some(Trouble::CutAfterCommit(nth)) if to_server && self.is_commit(part, nth) => {
                    trouble();
                    self.silent.store(true, Ordering::Relaxed);
                    let _ = to.write_all(part);
                    thread::sleep(Duration::from_millis(300)); // it commits
                    break;
                }
                Some(Trouble::StallAfter(limit, time)) if reached(limit) => {
                    trouble();
                    let begun = Instant::now();
                    while begun.elapsed() < time && !shared.closed.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(50));
                    }
                }
                Some(Trouble::HalfCloseAfter(limit)) if reached(limit) => {
                    trouble();
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Some(Trouble::Delay(time)) => thread::sleep(time),
                _ => {}
            }
            if !to_server && self.silent.load(Ordering::Relaxed) {
                continue;
            }
            if to.write_all(part).is_err() {
                break;
            }
        }
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Whether this is the `n`th commit: both protocols say so in plain text.
    fn is_commit(&self, part: &[u8], nth: u64) -> bool {
        let commits = part.windows(6).filter(|window| *window == b"COMMIT").count() as u64;
        let before = self.commits.fetch_add(commits, Ordering::Relaxed);
        (before..before + commits).contains(&nth)
    }
}
