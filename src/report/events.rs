//! What is told of a rotation while it is worked on, and who listens: the screen, the log, the status file, the
//! control socket, and those who watch from outside.

use std::path::{Path, PathBuf};

use keyrotation_journal::TargetKind;

use super::show::Display;
use super::{ActivityView, StatusView, TargetView, Watchers, guide_lines};
use crate::control::StatusFeed;
use crate::error::Result;

/// Something that is told of the work.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReporterEvent<'a> {
    /// How the rotation stands.
    Status {
        /// The whole of it.
        view: &'a StatusView,
        /// Whether more than the time has changed.
        is_news: bool,
    },
    /// A target is done, or is not there.
    TargetFinished {
        /// The target.
        target: &'a TargetView,
        /// Its kind.
        kind: TargetKind,
    },
    /// More was carried over.
    SyncAdvanced {
        /// The guide's lines whose counts have changed.
        lines: &'a [String],
    },
    /// What the program is at.
    Progress {
        /// The task, and what it waits for.
        activity: &'a ActivityView,
        /// Nothing more comes.
        is_last: bool,
    },
    /// The work is over.
    Ended,
}

/// Who is told. It returns soon: the next one is told after it.
pub(super) trait Listener: Send {
    /// Hears an event; most are of no interest.
    fn hear(&mut self, event: &ReporterEvent<'_>);
}

/// All who are told, in this order.
pub(super) struct Listeners(pub(super) Vec<Box<dyn Listener>>);

impl Listeners {
    /// Those who watch from outside are told, too.
    pub(super) fn add(&mut self, watchers: Option<&Watchers>) {
        self.0.extend(watchers.cloned().map(|watchers| Box::new(watchers) as Box<dyn Listener>));
    }

    /// Tells them.
    pub(super) fn tell(&mut self, event: &ReporterEvent<'_>) {
        self.0.iter_mut().for_each(|listener| listener.hear(event));
    }
}

/// The guide's lines, in the log and on the screen.
pub(super) struct Log;

impl Listener for Log {
    fn hear(&mut self, event: &ReporterEvent<'_>) {
        match event {
            ReporterEvent::TargetFinished { target, kind } => {
                if let Some(reason) = &target.skipped {
                    tracing::info!("{}: skipped, {reason}", target.place);
                }
                // Of what is not there, too: with 0.
                for line in guide_lines(target, *kind) {
                    tracing::info!("{line}");
                }
            }
            ReporterEvent::SyncAdvanced { lines } => lines.iter().for_each(|line| tracing::info!("{line}")),
            ReporterEvent::Status { .. } | ReporterEvent::Progress { .. } | ReporterEvent::Ended => {}
        }
    }
}

/// The status file in a journal's folder.
pub(super) struct StatusFile(pub(super) PathBuf);

impl Listener for StatusFile {
    fn hear(&mut self, event: &ReporterEvent<'_>) {
        if let ReporterEvent::Status { view, .. } = event {
            publish(&self.0, view);
        }
    }
}

/// The control socket.
impl Listener for StatusFeed {
    fn hear(&mut self, event: &ReporterEvent<'_>) {
        if let ReporterEvent::Status { view, is_news } = event {
            self.show(view, *is_news);
        }
    }
}

/// The bar, the lines or the JSON of `--progress`.
impl Listener for Display {
    fn hear(&mut self, event: &ReporterEvent<'_>) {
        match event {
            ReporterEvent::Progress { activity, is_last } => self.show(activity, *is_last),
            ReporterEvent::Ended => self.clear(),
            ReporterEvent::Status { .. }
            | ReporterEvent::TargetFinished { .. }
            | ReporterEvent::SyncAdvanced { .. } => {}
        }
    }
}

/// What the last process that worked on the rotation in `dir`, or verified it, left as its status; the
/// journal stays closed.
pub fn published(dir: &Path) -> Result<Option<StatusView>> {
    let Some(bytes) = keyrotation_journal::read_live(dir)? else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Lets others see this status while the process holds the journal in `dir`.
pub fn publish(dir: &Path, view: &StatusView) {
    let written = serde_json::to_vec(view)
        .map_err(|error| error.to_string())
        .and_then(|bytes| keyrotation_journal::write_live(dir, &bytes).map_err(|error| error.to_string()));
    if let Err(error) = written {
        tracing::debug!("the status file was not written: {error}");
    }
}
