//! Reading the journal of the running process along with it: what is handed over, and the journal
//! that another process makes of it.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyrotation_journal::{Journal, Mark, SharedState, Stored};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{Answer, Ask, Client};
use crate::error::{Error, Id, Result};

/// How much of the log is handed over at once, in bytes: it is read within a few milliseconds, in
/// which nothing can be recorded.
const PORTION: usize = 256 << 10;

/// A part of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The group whose state this is; none for a part of the log.
    #[serde(default)]
    mark: Option<Mark>,
    /// Keys and values of the store, in base64.
    values: Vec<(String, String)>,
}

impl Handed {
    /// The state, or, with a key in base64, what the log has from there on.
    pub(super) fn of(journal: &Journal, from: Option<&str>) -> keyrotation_journal::Result<Self> {
        match from {
            None => journal.shared_state().map(|SharedState { mark, parts }| Self::new(Some(mark), &parts)),
            Some(key) => {
                let key = STANDARD.decode(key).unwrap_or_default(); // under no key is nothing
                journal.stored_from(&key, PORTION).map(|values| Self::new(None, &values))
            }
        }
    }

    fn new(mark: Option<Mark>, values: &[Stored]) -> Self {
        let values = values.iter().map(|(key, value)| (STANDARD.encode(key), STANDARD.encode(value)));
        Self { mark, values: values.collect() }
    }

    fn values(&self) -> io::Result<Vec<Stored>> {
        let decode = |text: &String| STANDARD.decode(text).map_err(io::Error::other);
        self.values.iter().map(|(key, value)| Ok((decode(key)?, decode(value)?))).collect()
    }
}

/// The journal in `dir` as it is now, by way of the process that holds it. It can be read for as long
/// as that process lives. Must be called, and the journal read, on a runtime with several threads.
pub async fn read_along(dir: &Path, mut client: Client) -> Result<Option<Journal>> {
    let unheard = |error: io::Error| Error::new(Id::NotListening, error.to_string());
    let state = handed(client.ask(Ask::Journal { from: None }).await).map_err(unheard)?;
    let parts = state.values().map_err(unheard)?;
    let Some(mark) = state.mark else { return Ok(None) };
    let runtime = Handle::current();
    let fetch = move |key: &[u8]| {
        let ask = Ask::Journal { from: Some(STANDARD.encode(key)) };
        block_in_place(|| handed(runtime.block_on(client.ask(ask))))?.values()
    };
    Ok(Journal::open_along(dir, SharedState { mark, parts }, fetch)?)
}

fn handed(answer: io::Result<Option<Answer>>) -> io::Result<Handed> {
    let Some(answer) = answer? else {
        return Err(io::Error::other("the process that holds the journal has ended meanwhile: ask again"));
    };
    match (answer.journal, answer.error) {
        (Some(handed), _) => Ok(handed),
        (None, error) => Err(io::Error::other(error.unwrap_or_else(|| "nothing was handed over".to_owned()))),
    }
}
