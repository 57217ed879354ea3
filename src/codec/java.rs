//! to come
use super::{Reason, Slot};
/// x
pub fn slots(_stored: &[u8]) -> Result<Vec<Slot>, Reason> {
    Err(Reason::Java("to come"))
}
/// x
pub fn splice(_stored: &[u8], _replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
    Err(Reason::Java("to come"))
}
