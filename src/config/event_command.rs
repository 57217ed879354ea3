//! The command that is told of what happens to a rotation (`onEvent`).
//!
//! It runs as the commands of `cmd:` do: no shell, the folder of `properties.yaml`, an environment without secrets, and
//! only while no other user may write to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::interactive::{found, someone_elses};
use super::keys::Key;
use super::resolve::{Resolver, wrong};
use super::taken;
use crate::error::{Id, Result};

/// The command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCommand {
    program: String,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl EventCommand {
    /// The command of a text; none if the text is empty. The folder is that of `properties.yaml`.
    pub fn new(text: &str, folder: &Path) -> Option<Self> {
        let text = text.strip_prefix("cmd:").unwrap_or(text);
        let mut words = text.split_whitespace().map(str::to_owned);
        let program = words.next()?;
        Some(Self { program, arguments: words.collect(), folder: folder.to_owned() })
    }

    /// The program, as it is written.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// What starts it; or who else may write to it, for then it does not run.
    pub fn to_start(&self) -> std::result::Result<Command, String> {
        let path = found(&self.program, &self.folder);
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        if let Some(who) = someone_elses(&path, &arguments, &self.folder) {
            return Err(who);
        }
        let mut command = Command::new(path);
        taken::without_secrets(&mut command).args(arguments).current_dir(&self.folder);
        Ok(command)
    }
}

impl Resolver<'_> {
    /// What `onEvent` names. What others may write to is refused before anything is begun.
    pub(super) fn on_event(&self) -> Result<Option<EventCommand>> {
        let Some(entry) = self.given(Key::OnEvent) else { return Ok(None) };
        let Some(command) = EventCommand::new(entry.value.expose(), self.lookup.folder) else {
            return Err(
                wrong(Id::ConfigValue, entry, "names no command").fix("write `onEvent: program argument…`")
            );
        };
        if let Err(who) = command.to_start() {
            let what = format!(
                "names the command {}, and {who}: a command that runs here and its folders must belong to \
                 this user or root, and be closed to others",
                command.program
            );
            return Err(
                wrong(Id::ConfigValue, entry, what).fix("`chown` and `chmod go-w` it and its folders")
            );
        }
        Ok(Some(command))
    }
}
