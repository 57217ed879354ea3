//! Where values come from.
pub mod files;
