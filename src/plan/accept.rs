//! What the operator has checked and accepts: options without which a rotation does not begin.

/// The words that were given.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    /// So many values that open under both keys are left as they are.
    pub ambiguous: Option<u64>,
    /// So many values that open under neither key are left as they are, or fewer.
    pub unreadable: Option<u64>,
    /// Everything, or nearly everything, is under the new key already.
    pub all_already_new: bool,
    /// Why that is so, where something explains it.
    pub explained: Option<String>,
}
