//! `configure`: the new server's `deployment.toml`, step 7 of the guide.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::{Session, out, print, print_json, tell};
use crate::configure::{ByHand, Choices, Edited, Keys, parse_reference};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::runbook::CONFIGURED;
use crate::runner::configured::{self, Named, Work};
use crate::runner::leave;

/// Options of `configure`.
#[derive(Debug, Clone, Default, Args)]
#[allow(clippy::struct_excessive_bools)] // flags of the command line, each on its own
pub struct ConfigureArgs {
    /// Show the differences with masked secrets, and write nothing.
    #[arg(long, conflicts_with = "print")]
    pub dry_run: bool,
    /// Print the whole new file with masked secrets, and write nothing.
    #[arg(long)]
    pub print: bool,
    /// Print it with its secrets, as for a Kubernetes Secret.
    #[arg(long, requires = "print")]
    pub show_secrets: bool,
    /// The text to write for the key, such as '$env{IS_KEY}' or '$secret{key}'.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub key_as: Option<String>,
    /// In place: the text to write for the old key, such as '$env{IS_OLD_KEY}' or '$secret{old_key}'.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub old_key_as: Option<String>,
    /// The text to write for the identity database's password.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub identity_password_as: Option<String>,
    /// The text to write for the shared database's password.
    #[arg(long, value_name = "REFERENCE", value_parser = parse_reference)]
    pub shared_password_as: Option<String>,
    /// Keep users and passwords of the databases, because the rotation has its own database user.
    #[arg(long)]
    pub keep_credentials: bool,
    /// Remove `[encryption]` old_key, because all values are under the new key. In place it is refused before
    /// everything is rotated and verified.
    #[arg(long)]
    pub remove_old_key: bool,
    /// In place, for the first of two rolling restarts: `key` stays the old key and `old_key` is the new
    /// one. Only if every value names its key.
    #[arg(long, conflicts_with = "remove_old_key")]
    pub rolling: bool,
    /// A file to use instead of newISHome/repository/conf/deployment.toml; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// A node's home to use instead of newISHome; may be repeated.
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
            old_key_as: self.old_key_as.clone(),
            identity_password_as: self.identity_password_as.clone(),
            shared_password_as: self.shared_password_as.clone(),
            keep_credentials: self.keep_credentials,
            remove_old_key: self.remove_old_key,
            rolling: self.rolling,
            in_place: None,
        }
    }
}

/// Edits the files, or shows what would be edited. Nothing is written unless all of them can be edited.
pub(super) async fn configure(session: &Session, args: &ConfigureArgs) -> Result<Exit> {
    let place = session.place();
    let named = Named { files: args.file.clone(), homes: args.home.clone() };
    let (mut works, keys) = configured::works(&place, &named, args.choices())?;
    if args.print {
        let [work] = works.as_slice() else {
            let what = format!("--print prints one file, and {} are named", works.len());
            return Err(Error::new(Id::CommandLineValue, what).fix("print them one by one"));
        };
        print_whole(&work.edited, args.show_secrets)?;
        return Ok(Exit::Done);
    }
    let written = if args.dry_run { Ok(()) } else { configured::write_all(&mut works) };
    if !args.dry_run && !args.rolling && works.iter().any(|work| work.done) {
        leave(&place, CONFIGURED, &configured::note(&works)).await?;
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
        let say = if args.dry_run { print } else { tell };
        for work in &shown {
            say(&text(work, keys, args.dry_run))?;
        }
        if written.is_ok() {
            say(next(&works, keys, args.dry_run))?;
        }
    }
    written.map(|()| Exit::Done)
}

fn print_whole(edited: &Edited, show_secrets: bool) -> Result<()> {
    if show_secrets {
        out::print_secret(&edited.text)?;
    } else {
        out::print_raw(&edited.masked)?;
        if edited.secrets > 0 {
            tracing::warn!(
                "{} values are masked, so no server can use this as it is: refer to them with --key-as and \
                 the like, or print them with --show-secrets",
                edited.secrets
            );
        }
    }
    for item in &edited.by_hand {
        tracing::warn!("by hand, since {}: {}", item.what, item.steps.join("; then "));
    }
    Ok(())
}

fn text(Work { path, edited, backup, .. }: &Work, keys: Option<Keys>, dry_run: bool) -> String {
    let path = path.display();
    let mut out = String::new();
    if edited.changes.is_empty() {
        let _ = if edited.by_hand.is_empty() {
            let has = match keys {
                None => "the new key and names the copies",
                Some(Keys::Both | Keys::OldFirst) => "both keys",
                Some(Keys::New | Keys::NewAlone) => "the new key",
            };
            writeln!(out, "nothing has to be done: {path} has {has}")
        } else {
            writeln!(out, "nothing has to be changed in {path}")
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
fn next(works: &[Work], keys: Option<Keys>, dry_run: bool) -> &'static str {
    let by_hand = works.iter().any(|work| !work.edited.by_hand.is_empty());
    let is_written = works.iter().any(|work| work.backup.is_some());
    match keys {
        _ if dry_run || !(by_hand || is_written) => "",
        None if by_hand => "when that is done, on every node: `keyrotation confirm deployment`\n",
        None => {
            "next: start the new server (step 8), once `keyrotation status` says that all is re-encrypted; other nodes \
             have files of their own (--home, --file)\n"
        }
        Some(Keys::OldFirst) => {
            "next: check that `keyrotation keys` counts no value without a key id, and restart one node \
             after the other; once all nodes have it, run `keyrotation configure` and restart them again\n"
        }
        Some(Keys::Both) => {
            "next: stop all nodes, then start them, since a node that has only the old key cannot read what \
             the others write; then `keyrotation confirm both-keys` (--rolling avoids the stop)\n"
        }
        Some(Keys::New | Keys::NewAlone) => {
            "next: restart one node after the other, log in, then `keyrotation confirm one-key`\n"
        }
    }
}
