//! A session with the H2 server of the tests, by its own few words.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// A session with `tests/support/java/H2Server.java`.
pub(crate) struct H2Session(TcpStream);

impl H2Session {
    pub(super) fn open(port: u16, database: &str) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut session = Self(socket);
        session.send(database);
        session
    }

    pub(super) fn send(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length, text.as_bytes()].concat()).unwrap();
    }

    /// Runs a script and gives back the rows of its last statement.
    pub(super) fn ask(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        self.send(sql);
        let Ok(rows) = usize::try_from(self.number()) else { return Err(self.text().unwrap()) };
        Ok((0..rows).map(|_| (0..self.number()).map(|_| self.text()).collect()).collect())
    }

    pub(super) fn number(&mut self) -> i32 {
        let mut bytes = [0; 4];
        self.0.read_exact(&mut bytes).unwrap();
        i32::from_be_bytes(bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let mut bytes = vec![0; usize::try_from(self.number()).ok()?];
        self.0.read_exact(&mut bytes).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }
}
