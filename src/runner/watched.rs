//! Who watches a rotation from outside of the terminal, from before the first look at the databases until its end.

use super::hook::Hook;
use super::{End, Options, Outcome};
use crate::config::Settings;
use crate::error::Result;
use crate::report::{Announcements, Ending, Watchers};

/// They, and what tells the command of `onEvent`.
pub(super) struct Watched {
    watchers: Watchers,
    hook: Option<Hook>,
}

impl Watched {
    /// Those that settings and options name, for this command of the program.
    pub(super) fn begin(settings: &Settings, options: &Options, command: &'static str) -> Self {
        let announcements = Announcements::default();
        let hook = settings.on_event.clone().and_then(|told| Hook::start(told, announcements.clone()));
        let announcements = hook.is_some().then_some(announcements);
        Self { watchers: Watchers::new(command, options.metrics_file.clone(), announcements), hook }
    }

    pub(super) const fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// Tells them the outcome, and waits for the command of `onEvent`, though not for long.
    pub(super) async fn end(self, outcome: &Result<Outcome>) {
        let (ending, view) = match outcome {
            Ok(Outcome::NotBegun) => (Ending::Stopped, None),
            Ok(Outcome::Worked { end, status }) => {
                let ending = match end {
                    End::Interrupted => Ending::Stopped,
                    End::Drained if status.failed() == 0 => Ending::Completed,
                    End::Drained | End::Stuck => Ending::Failures,
                };
                (ending, Some(&**status))
            }
            Err(error) => (Ending::Error { id: error.id().code(), what: error.what().to_owned() }, None),
        };
        self.watchers.end(&ending, view);
        if let Some(hook) = self.hook {
            hook.close().await;
        }
    }
}
