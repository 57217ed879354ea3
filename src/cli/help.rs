//! What `--help`, the manual pages and completions show: the command line, with examples, in groups.

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory as _};

use super::args::Cli;
use crate::manual::{examples, grouped, names};
use crate::runbook::{confirmable, step_names};

/// What stands under the help of a subcommand in place of the options that every one takes.
const GLOBAL: &str = "Global options, such as --config and --journal: `keyrotation --help`";

/// The command line, with examples in the help of every subcommand.
pub(super) fn command() -> Command {
    Cli::command().mut_subcommands(|subcommand| match examples(subcommand.get_name()) {
        Some(text) => subcommand.after_long_help(text),
        None => subcommand,
    })
}

/// The command line as its own help shows it: commands in groups, and options that all take once.
pub(super) fn shown() -> Command {
    let mut all = command();
    all.build(); // from here on every subcommand has the global options, and they can be left out of its help
    let about = |command: &Command| {
        (command.get_name().to_owned(), command.get_about().map_or_else(String::new, ToString::to_string))
    };
    let commands: Vec<_> = all.get_subcommands().map(about).collect();
    all.mut_subcommands(|subcommand| {
        let long = subcommand.get_after_long_help().map(ToString::to_string);
        let long = long.map_or_else(|| GLOBAL.to_owned(), |examples| format!("{examples}\n\n{GLOBAL}"));
        without_global(subcommand.after_help(GLOBAL).after_long_help(long))
    })
    .help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options, before or after the \
         command:\n{{options}}{{after-help}}",
        grouped(&commands)
    ))
}

/// A subcommand and those below it, without the global options in their help.
fn without_global(command: Command) -> Command {
    command
        .mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
        .mut_subcommands(without_global)
}

/// The command line as shells complete it: names that the program knows are among what may follow.
pub(super) fn complete() -> Command {
    let with = |command: Command, subcommand: &str, arg: &'static str, names: Vec<&'static str>| {
        let parser = PossibleValuesParser::new(names);
        command.mut_subcommand(subcommand, |one| one.mut_arg(arg, |arg| arg.value_parser(parser)))
    };
    let command = with(command(), "confirm", "step", confirmable());
    let command = with(command, "runbook", "step", step_names());
    with(command, "explain", "id", names().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual::GROUPS;

    #[test]
    fn every_command_stands_in_one_group() {
        let mut all = shown();
        all.build();
        let mut names: Vec<_> = all.get_subcommands().map(Command::get_name).collect();
        let mut listed: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        names.sort_unstable();
        listed.sort_unstable();
        listed.retain(|name| *name != "demo" || cfg!(feature = "demo"));
        assert_eq!(names, listed);
        all.debug_assert();
        complete().debug_assert();
    }
}
