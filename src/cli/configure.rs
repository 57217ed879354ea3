//! `configure`: the new server's `deployment.toml`, step 7 of the guide.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Session, out, print, print_json, session, steps};
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
    /// A file in place of newISHome/repository/conf/deployment.toml; repeat it for more.
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// A node's home in place of newISHome; repeat it for more.
    #[arg(long, value_name = "DIR")]
    pub home: Vec<PathBuf>,
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

/// A file, with what it has to become.
struct Work {
    path: PathBuf,
    old: Zeroizing<String>,
    edited: Edited,
    backup: Option<PathBuf>,
    /// Whether it is dealt with.
    done: bool,
}

/// Edits the files, or shows what would be edited. Nothing is written unless all of them can be edited.
pub(super) async fn configure(session: &Session, args: &ConfigureArgs) -> Result<Exit> {
    let is_named = !args.file.is_empty() || !args.home.is_empty();
    let (server, notices) = config::load_new_server(&session.global.config, is_named)?;
    session::say(&notices);
    let mut works = Vec::new();
    for path in find(&server, args)? {
        let work = look(path, &server, args)?;
        if works.iter().all(|known: &Work| known.path != work.path) {
            works.push(work);
        }
    }
    if args.print {
        let [work] = works.as_slice() else {
            let what = format!("--print prints one file, and {} are named", works.len());
            return Err(Error::new(Id::CommandLineValue, what).fix("print them one by one"));
        };
        print_whole(&work.edited, args.show_secrets)?;
        return Ok(Exit::Done);
    }
    let written = if args.dry_run { Ok(()) } else { write_all(&mut works) };
    if !args.dry_run && works.iter().any(|work| work.done) {
        steps::leave(session, CONFIGURED, &note(&works)).await?;
    }
    let shown: Vec<&Work> = works.iter().filter(|work| work.done || args.dry_run).collect();
    if args.json && written.is_ok() {
        let files = shown.iter().map(|work| {
            serde_json::json!({
                "file": work.path,
                "written": work.backup.is_some(),
                "backup": work.backup,
                "changes": work.edited.changes,
                "by_hand": work.edited.by_hand,
            })
        });
        print_json(&serde_json::json!({ "schema": 1, "files": files.collect::<Vec<_>>() }))?;
    } else if !args.json {
        for work in &shown {
            print(&text(work, args.dry_run))?;
        }
        if written.is_ok() {
            print(next(&works, args.dry_run))?;
        }
    }
    written.map(|()| Exit::Done)
}

/// What one file has to become.
fn look(path: PathBuf, server: &NewServer, args: &ConfigureArgs) -> Result<Work> {
    let old = read(&path)?;
    let edited = configure::edit(&old, server, &args.choices()).map_err(|error| {
        Error::new(error.id(), format!("{}: {}", path.display(), error.what())).fix(error.remedy())
    })?;
    session::say(&edited.notices);
    Ok(Work { path, old, edited, backup: None, done: false })
}

/// Each file is replaced at once or not at all; the first that cannot be ends it.
fn write_all(works: &mut [Work]) -> Result<()> {
    for work in works {
        if work.edited.changes.is_empty() {
            close(&work.path)?; // it has the new key already
        } else {
            work.backup = Some(write_file(&work.path, &work.old, &work.edited.text)?);
        }
        work.done = true;
    }
    Ok(())
}

/// The files. One of a home is not to be outside of it: a link might lead into the old server's.
fn find(server: &NewServer, args: &ConfigureArgs) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path, error: io::Error| {
        Error::new(Id::DeploymentMissing, format!("{}: {error}", path.display()))
    };
    let mut found = Vec::new();
    for file in &args.file {
        found.push(file.canonicalize().map_err(|error| failed(file, error))?);
    }
    let mut homes = args.home.clone();
    if found.is_empty() && homes.is_empty() {
        let home = server.home.clone();
        homes.push(home.ok_or_else(|| Error::new(Id::ConfigMissingKey, "newISHome is missing"))?);
    }
    for home in homes {
        let path = home.join(DEPLOYMENT);
        let inside = home.canonicalize().map_err(|error| failed(&home, error))?;
        let real = path.canonicalize().map_err(|error| failed(&path, error))?;
        if !real.starts_with(&inside) {
            let (path, real, home) = (path.display(), real.display(), home.display());
            return Err(Error::new(Id::DeploymentShape, format!("{path} is a link out of {home}, to {real}"))
                .fix("put a file of its own there; if that one is the new server's all the same, name it with --file"));
        }
        found.push(real);
    }
    Ok(found)
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
    close(path)?;
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

/// Takes the file from everyone who is neither its owner nor of its group: it is to have the new key.
fn close(path: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", path.display()));
    let mode = path.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o007 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o770)).map_err(failed)?;
        tracing::warn!(
            "{}: everyone could read it, and the new key's place is there: it is closed to others now (mode {:o}); the \
             server's user must own it or be of its group",
            path.display(),
            mode & 0o770
        );
    }
    Ok(())
}

/// Writes the copy, for its owner only, and to the disk before anything is replaced.
fn keep(backup: &Path, old: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(backup)?;
    file.write_all(old.as_bytes())?;
    file.sync_all()
}

fn print_whole(edited: &Edited, show_secrets: bool) -> Result<()> {
    if show_secrets {
        out::warn_if_others_may_read();
        print(&edited.text)?;
    } else {
        print(&edited.masked)?;
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
    Ok(())
}

/// What the journal is to remember of it.
fn note(works: &[Work]) -> String {
    let mut said = Vec::new();
    let mut left: Vec<&str> = Vec::new();
    for Work { path, edited, backup, .. } in works.iter().filter(|work| work.done) {
        let changed: Vec<_> = edited.changes.iter().map(|change| change.entry.as_str()).collect();
        said.push(match backup {
            Some(backup) => {
                format!("{}: {}; backup {}", path.display(), changed.join(", "), backup.display())
            }
            None => format!("{}: nothing was to be changed", path.display()),
        });
        left.extend(edited.by_hand.iter().map(|item| item.what.as_str()));
    }
    // What was not reached is left, too.
    let missed = works.iter().filter(|work| !work.done).map(|work| work.path.to_string_lossy());
    let missed: Vec<_> = missed.collect();
    left.extend(missed.iter().map(|path| &**path));
    left.dedup();
    let mut note = said.join("; ");
    if !left.is_empty() {
        let _ = write!(note, "{BY_HAND}{}", left.join(", "));
    }
    note
}

fn text(Work { path, edited, backup, .. }: &Work, dry_run: bool) -> String {
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
    out
}

/// What to do when it is done.
fn next(works: &[Work], dry_run: bool) -> &'static str {
    if dry_run {
        ""
    } else if works.iter().any(|work| !work.edited.by_hand.is_empty()) {
        "when that is done, on every node: `keyrotation confirm deployment`\n"
    } else if works.iter().any(|work| work.backup.is_some()) {
        "next: start the new server (step 8), once `keyrotation status` says that all is re-encrypted; other nodes \
         have files of their own (--home, --file)\n"
    } else {
        ""
    }
}
