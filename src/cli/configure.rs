//! `configure`: the new server's `deployment.toml`, step 7 of the guide.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Session, print, print_json, session, steps};
use crate::config::{self, DEPLOYMENT, NewServer};
use crate::configure::{self, ByHand, Choices, Edited, parse_reference};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::runbook::{BY_HAND, CONFIGURED};
use crate::sink::files::{Outcome, replace, sweep};

/// No `deployment.toml` is larger.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Options of `configure`.
#[derive(Debug, Clone, Default, Args)]
#[allow(clippy::struct_excessive_bools)] // flags of the command line, each on its own
pub struct ConfigureArgs {
    /// Show the difference, its secrets masked, and write nothing.
    #[arg(long, conflicts_with = "print")]
    pub dry_run: bool,
    /// Print the whole new file, its secrets masked, and write nothing.
    #[arg(long)]
    pub print: bool,
    /// Print it with its secrets, as for a Kubernetes Secret.
    #[arg(long, requires = "print")]
    pub show_secrets: bool,
    /// What is to stand for the key, such as '$env{IS_KEY}' or '$secret{key}'.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub key_as: Option<String>,
    /// What is to stand for the identity database's password.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub identity_password_as: Option<String>,
    /// What is to stand for the shared database's password.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub shared_password_as: Option<String>,
    /// Leave users and passwords of the databases: the rotation has a user of its own.
    #[arg(long)]
    pub keep_credentials: bool,
    /// Remove `[encryption]` old_key: nothing is left under another key than the new one.
    #[arg(long)]
    pub remove_old_key: bool,
    /// The file, if it is not newISHome/repository/conf/deployment.toml.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// One JSON document on stdout.
    #[arg(long, conflicts_with = "print")]
    pub json: bool,
}

impl ConfigureArgs {
    fn choices(&self) -> Choices {
        Choices {
            key_as: self.key_as.clone(),
            identity_password_as: self.identity_password_as.clone(),
            shared_password_as: self.shared_password_as.clone(),
            keep_credentials: self.keep_credentials,
            remove_old_key: self.remove_old_key,
        }
    }
}

/// Edits the file, or shows what would be edited.
pub(super) fn configure(session: &Session, args: &ConfigureArgs) -> Result<Exit> {
    let (server, notices) = config::load_new_server(&session.global.config, args.file.is_some())?;
    session::say(&notices);
    let path = find(&server, args.file.as_deref())?;
    let old = read(&path)?;
    let edited = configure::edit(&old, &server, &args.choices()).map_err(|error| {
        Error::new(error.id(), format!("{}: {}", path.display(), error.what())).fix(error.remedy())
    })?;
    session::say(&edited.notices);
    if args.print {
        print_whole(&edited, args.show_secrets);
        return Ok(Exit::Done);
    }
    let write = !args.dry_run && !edited.changes.is_empty();
    let backup = if write { Some(write_file(&path, &old, &edited.text)?) } else { None };
    if !args.dry_run {
        steps::leave(session, CONFIGURED, &note(&path, backup.as_deref(), &edited))?;
    }
    if args.json {
        print_json(&serde_json::json!({
            "schema": 1,
            "file": path,
            "written": write,
            "backup": backup,
            "changes": edited.changes,
            "by_hand": edited.by_hand,
        }))?;
    } else {
        print(&text(&path, backup.as_deref(), &edited, args.dry_run));
    }
    Ok(Exit::Done)
}

/// The file, which is not to be one outside of the new server's folder: a link might lead into the old one's.
fn find(server: &NewServer, named: Option<&Path>) -> Result<PathBuf> {
    let path = match (named, &server.home) {
        (Some(file), _) => file.to_owned(),
        (None, Some(home)) => home.join(DEPLOYMENT),
        (None, None) => return Err(Error::new(Id::ConfigMissingKey, "newISHome is missing")),
    };
    let failed = |error: io::Error| Error::new(Id::DeploymentMissing, format!("{}: {error}", path.display()));
    let real = path.canonicalize().map_err(failed)?;
    match &server.home {
        Some(home) if named.is_none() && !real.starts_with(home) => {
            let (path, real) = (path.display(), real.display());
            Err(Error::new(Id::DeploymentShape, format!("{path} is a link out of newISHome, to {real}"))
                .fix("put a file of its own there; if that one is the new server's all the same, name it with --file"))
        }
        _ => Ok(real),
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |what: &dyn std::fmt::Display| {
        Error::new(Id::DeploymentMissing, format!("{}: {what}", path.display()))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    if !path.is_file() {
        return Err(failed(&"not a regular file"));
    }
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(&"larger than 4 MiB, and no deployment.toml"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(failed(&"not UTF-8 text")),
    }
}

/// Replaces the file, after a copy of it was made; names the copy.
fn write_file(path: &Path, old: &str, new: &str) -> Result<PathBuf> {
    let again = "put right what the message names, then `keyrotation configure` again";
    let at = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let backup = configure::backup_name(path, &at);
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", backup.display())).fix(again);
    if let Some(folder) = path.parent() {
        sweep(folder)?;
    }
    keep(&backup, old).map_err(failed)?;
    let outcome = replace(path, old.as_bytes(), new.as_bytes());
    if !matches!(outcome, Ok(Outcome::Replaced))
        && !matches!(&outcome, Err(error) if error.id() == Id::FileNotFlushed)
    {
        // Nothing was replaced: the copy would only be one more place with the old key in it.
        let _ = fs::remove_file(&backup);
    }
    match outcome {
        Ok(Outcome::Replaced) => Ok(backup),
        Ok(Outcome::Changed | Outcome::Gone) => {
            let what = format!("{}: was changed by somebody else meanwhile", path.display());
            Err(Error::new(Id::FileNotReplaced, what).fix("look at it, then `keyrotation configure` again"))
        }
        Err(error) if error.id() == Id::FileNotFlushed => {
            let what = format!("{}; the old file is {}", error.what(), backup.display());
            Err(Error::new(error.id(), what).fix("check the disk, then `keyrotation configure --dry-run`"))
        }
        Err(error) => Err(Error::new(error.id(), error.what()).fix(again)),
    }
}

/// Writes the copy, for its owner only, and to the disk before anything is replaced.
fn keep(backup: &Path, old: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(backup)?;
    file.write_all(old.as_bytes())?;
    file.sync_all()
}

fn print_whole(edited: &Edited, show_secrets: bool) {
    if show_secrets {
        print(&edited.text);
    } else {
        print(&edited.masked);
        if edited.secrets > 0 {
            tracing::warn!(
                "{} values are masked, so no server can use this as it is: let --key-as and the like refer to them, or \
                 print them with --show-secrets",
                edited.secrets
            );
        }
    }
    for item in &edited.by_hand {
        tracing::warn!("by hand, since {}: {}", item.what, item.steps.join("; then "));
    }
}

/// What the journal is to remember of it.
fn note(path: &Path, backup: Option<&Path>, edited: &Edited) -> String {
    let changed: Vec<_> = edited.changes.iter().map(|change| change.entry.as_str()).collect();
    let mut note = match backup {
        Some(backup) => format!("{}: {}; backup {}", path.display(), changed.join(", "), backup.display()),
        None => format!("{}: nothing was to be changed", path.display()),
    };
    if !edited.by_hand.is_empty() {
        let left: Vec<_> = edited.by_hand.iter().map(|item| item.what.as_str()).collect();
        let _ = write!(note, "{BY_HAND}{}", left.join(", "));
    }
    note
}

fn text(path: &Path, backup: Option<&Path>, edited: &Edited, dry_run: bool) -> String {
    let path = path.display();
    let mut out = String::new();
    if edited.changes.is_empty() {
        let _ = if edited.by_hand.is_empty() {
            writeln!(out, "nothing is to be done: {path} has the new key and names the copies")
        } else {
            writeln!(out, "nothing is to be changed in {path}")
        };
    } else if dry_run {
        let _ = write!(out, "`keyrotation configure` would change {path}:\n{}", edited.diff);
    } else {
        let _ = writeln!(out, "changed {path}:");
        for change in &edited.changes {
            let _ = writeln!(out, "  {}: {}", change.entry, change.to);
        }
    }
    if let Some(backup) = backup {
        let _ = writeln!(
            out,
            "the old file is {}: it holds the old key; destroy it when you retire that key",
            backup.display()
        );
    }
    for ByHand { what, steps } in &edited.by_hand {
        let _ = writeln!(out, "by hand, since {what}:");
        for (number, step) in (1..).zip(steps) {
            let _ = writeln!(out, "  {number}. {step}");
        }
    }
    if !edited.by_hand.is_empty() && !dry_run {
        out.push_str("when that is done, on every node: `keyrotation confirm deployment`\n");
    } else if backup.is_some() {
        out.push_str(
            "next: start the new server (step 8), once `keyrotation status` says that all is re-encrypted; other nodes \
             have files of their own (--file)\n",
        );
    }
    out
}
