//! Live control: how other processes on this machine ask the one that works on a rotation to pause,
//! to go on, to change its pace or to stop, what it is doing, and what its journal says.
//!
//! The process that holds the journal listens on a socket in the journal's folder. Each line from a
//! client is a [`Request`] as JSON, and each gets an [`Answer`] as one line of JSON. Only this
//! process's user and root are heard, whatever the folder's rights are. Nothing that a client sends,
//! or does not send, holds up the rotation.

use keyrotation_common::{error, signals};
use keyrotation_engine as engine;

mod client;
mod controls;
mod request_handler;
mod server;
mod shared_reading;
mod socket;
mod status_feed;

use serde::{Deserialize, Serialize};

pub use client::Client;
pub use controls::Controls;
pub use request_handler::RequestHandler;
pub use server::Server;
pub use shared_reading::{Handed, read_along};
pub use status_feed::StatusFeed;

/// The protocol's version, in every request and answer.
pub const VERSION: u32 = 1;

/// The longest line of a client, in bytes.
const LONGEST_REQUEST: u64 = 4096;

/// The longest line of the program, in bytes: a status with all its failures stays well below.
const LONGEST_ANSWER: u64 = 16 << 20;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The protocol's version.
    pub version: u32,
    /// The operating system's user who asks, by name.
    #[serde(default)]
    pub user: String,
    /// The host on which they ask.
    #[serde(default)]
    pub host: String,
    /// What for.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The status, as soon as it is another one than `after`, or after some seconds.
    Status {
        /// The number of the status that the client has.
        after: Option<u64>,
    },
    /// To stand still at the next safe point.
    Pause,
    /// To go on.
    Continue,
    /// To write no more rows in a second.
    Pace {
        /// How many; none lifts the limit.
        rows_per_second: Option<u32>,
    },
    /// To end at the next safe point.
    Stop,
    /// A part of the journal, for a process that reads along.
    Journal {
        /// From which key of the log on, in base64; none for the state.
        from: Option<String>,
    },
}

/// What answers clients.
pub trait Answering: Clone + Send + Sync + 'static {
    /// The answer, once there is one.
    fn answer(&self, request: &Request) -> impl Future<Output = Answer> + Send;
}

/// What the program answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The protocol's version.
    pub version: u32,
    /// Whether anything is otherwise than before.
    #[serde(default)]
    pub changed: bool,
    /// What was done, for people.
    #[serde(default)]
    pub text: String,
    /// Why nothing was done.
    #[serde(default)]
    pub error: Option<String>,
    /// What to do about that, if it is not what mostly helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The status's number.
    #[serde(default)]
    pub number: Option<u64>,
    /// The status, as `status --json` has it.
    #[serde(default)]
    pub status: Option<serde_json::Value>,
    /// The part of the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Handed>,
}

impl Answer {
    fn done(changed: bool, text: impl Into<String>) -> Self {
        Self { version: VERSION, changed, text: text.into(), ..Self::default() }
    }

    fn refused(why: impl Into<String>) -> Self {
        Self { version: VERSION, error: Some(why.into()), ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
