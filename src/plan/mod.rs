//! What would be done, resolved against the live deployment, before anything is written.

mod absent;
mod accept;
mod checks;
mod columns;
mod fingerprint;
mod idle;
mod indexes;
mod job;
mod key_fingerprints;
mod nodes;
mod open;
pub mod preflight;
mod privileges;
mod protect;
mod registry;
mod shapes;
mod size;
mod survey;
mod sync;

pub use crate::config::Mode;
pub use crate::db::Access;
pub use absent::AT_YOUR_WORD;
pub use accept::Accepted;
pub use checks::{Deployment, Reach, connect, connect_both};
pub use fingerprint::{Fingerprint, Gist};
pub use indexes::{IndexPlan, TableIndexes};
pub use job::Job;
pub use key_fingerprints::KeyFingerprints;
pub use nodes::{ServerKeys, changes_totp_key, has_both_keys, has_keys, totp_keys_in_use};
pub use open::open_alone;
pub use registry::{built_in, described_otherwise, recorded, registry, whole_registry};
pub use size::{Disk, TOKENS, Tokens};
pub use survey::{JobSurvey, Survey, is_too_many, survey};
pub use sync::{ABSENT_IN_OLD, Cipher, NO_TRIGGERS, SyncJob, SyncPlan};
