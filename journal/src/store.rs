//! What the journal asks of its storage: little enough that two very different stores can be held
//! to it by the same tests.

use std::path::Path;

use crate::error::Result;
pub use crate::head::Mark;

/// A key with its new value.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// Durable key-value storage with atomic groups, and a mark of its own beside them.
///
/// The contract: after `commit` returned `Ok`, the group and its mark survive the loss of the
/// process and of power. After it returned `Err` or never returned, the store, opened again,
/// holds either all of the group or none, and its mark is that of this group or of the one
/// before; the data are never behind the mark.
pub trait Store: Send {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Applies `group` (a value of none removes its key) and then sets the mark.
    fn commit(&mut self, group: Vec<Write>, mark: Mark) -> Result<()>;

    /// The mark that was last set; zero for a new store.
    fn mark(&self) -> Mark;

    /// Where the store is, for messages.
    fn place(&self) -> &Path;
}
