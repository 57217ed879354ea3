//! The journal of a key rotation.
