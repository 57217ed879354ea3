//! What the long help of every subcommand shows: how it is called, and when.

use clap::Command;

/// Two lines an example: what to type, and, indented, what that does. A test of the documentation parses them all.
const EXAMPLES: &str = include_str!("examples.txt");

/// The examples of all subcommands, in the order of their file: what to type, and what that does.
pub fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut lines = EXAMPLES.lines();
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?.trim_start())))
}

/// The same commands with their examples.
pub(super) fn added(command: Command) -> Command {
    command.mut_subcommands(|subcommand| {
        let is_its = |typed: &str| typed.split(' ').nth(1) == Some(subcommand.get_name());
        let its = examples().filter(|(typed, _)| is_its(typed));
        let lines: Vec<String> = its.map(|(typed, does)| format!("  {typed}\n      {does}")).collect();
        if lines.is_empty() {
            return subcommand;
        }
        subcommand.after_long_help(format!("Examples:\n{}", lines.join("\n")))
    })
}
