//! The groups in which `--help` shows the commands.

use std::fmt::Write as _;

use crate::fit::{self, wrapped};

/// Every command stands in one of them; a test holds that.
pub const GROUPS: &[(&str, &[&str])] = &[
    (
        "Prepare",
        &[
            "runbook",
            "confirm",
            "init",
            "keygen",
            "fingerprint",
            "preflight",
            "plan",
            "triggers",
            "configure",
        ],
    ),
    ("Rotate", &["run", "resume", "sync", "indexes"]),
    ("Watch", &["status", "pause", "continue", "pace", "stop"]),
    ("Prove", &["verify", "keys", "report"]),
    ("Retire", &["safe-to-retire"]),
    ("Other", &["explain", "demo", "completions", "man", "help"]),
];

/// The commands with what they are for, by groups.
pub fn grouped(commands: &[(String, String)]) -> String {
    let width = commands.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut out = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(out, "{title}:");
        for (name, about) in names.iter().filter_map(|name| commands.iter().find(|(of, _)| of == name)) {
            let line = format!("  {name:<width$}  {about}");
            let _ = writeln!(out, "{}", wrapped(&line, fit::columns()));
        }
        out.push('\n');
    }
    out
}
