//! What a process answers that holds the journal only to read it, such as `verify`.

use serde::Serialize;

use super::controls::{UNTIL_NEWS, hand_over};
use super::{Answer, Answering, Ask, Board, Request};
use crate::engine::Ledger;

/// A journal that is only read, and how the rotation in it stands.
#[derive(Debug, Clone)]
pub struct Reading {
    ledger: Ledger,
    board: Board,
    command: &'static str,
}

impl Reading {
    /// For the process of this command.
    pub fn new(ledger: Ledger, status: &impl Serialize, command: &'static str) -> Self {
        let board = Board::default();
        board.show(status, true);
        Self { ledger, board, command }
    }
}

impl Answering for Reading {
    async fn answer(&self, request: &Request) -> Answer {
        match &request.ask {
            Ask::Status { after } => {
                let (number, status) = self.board.look(*after, UNTIL_NEWS).await;
                Answer { number: Some(number), status: Some(status), ..Answer::done(false, "") }
            }
            Ask::Journal { from } => hand_over(&self.ledger, from.clone()).await,
            Ask::Pause | Ask::Continue | Ask::Pace { .. } | Ask::Stop => {
                let (command, pid) = (self.command, std::process::id());
                let why = format!("process {pid} (`keyrotation {command}`) only reads the journal");
                let fix = "it ends by itself, or with SIGTERM, which loses nothing";
                Answer { fix: Some(fix.to_owned()), ..Answer::refused(why) }
            }
        }
    }
}
