//! Where new values go.
pub mod files;
