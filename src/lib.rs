//! keyrotation: rotates the data encryption key of a WSO2 Identity Server deployment.

pub mod cipher;
pub mod codec;
pub mod config;
pub mod demo;
pub mod error;
pub mod exit;
pub mod sink;
pub mod source;
pub mod db;
pub mod target;
