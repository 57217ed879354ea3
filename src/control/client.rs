//! The client's side.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::socket::connect;
use super::{Answer, Ask, LONGEST_ANSWER, Request, VERSION};

/// The longest that an answer takes: a client that asks for news is told after ten seconds that there is
/// none, a pause is answered after five seconds at the latest, and the journal's disk may be slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to the process that works on a rotation.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    user: String,
    host: String,
}

impl Client {
    /// Connects to the process that holds the journal in `dir`, for this user on this host.
    pub async fn connect(dir: &Path, host: String, user: String) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(connect(dir).await?), user, host })
    }

    /// Asks, and returns the answer; none if the process has ended.
    pub async fn ask(&mut self, ask: Ask) -> io::Result<Option<Answer>> {
        let request = Request { version: VERSION, user: self.user.clone(), host: self.host.clone(), ask };
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        match timeout(PATIENCE, self.exchange(&line)).await? {
            Err(error) if is_over(&error) => Ok(None),
            answered => answered,
        }
    }

    async fn exchange(&mut self, line: &[u8]) -> io::Result<Option<Answer>> {
        self.stream.write_all(line).await?;
        let mut answer = Vec::new();
        (&mut self.stream).take(LONGEST_ANSWER).read_until(b'\n', &mut answer).await?;
        if answer.last() != Some(&b'\n') {
            return Ok(None); // it ended in between
        }
        let answer = serde_json::from_slice(&answer)?;
        Ok(Some(answer))
    }
}

fn is_over(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
