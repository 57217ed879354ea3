//! to come
use super::{Reason, Slot};
/// x
pub fn slots(_stored: &[u8]) -> Result<Vec<Slot>, Reason> {
    Err(Reason::Xml("to come".into()))
}
