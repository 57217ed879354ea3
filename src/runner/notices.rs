//! What the operator should know of the configuration.

use crate::config::{Level, Notice, Settings};

/// Says what the operator should know of the configuration.
pub fn notices(settings: &Settings) {
    say(&settings.notices);
}

/// Says them.
pub fn say(notices: &[Notice]) {
    for notice in notices {
        match notice.level {
            Level::Info => tracing::info!("{}", notice.text),
            Level::Warning => tracing::warn!("{}", notice.text),
        }
    }
}
