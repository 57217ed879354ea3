//! The command line: one thin file a subcommand. Results go to stdout, talk to stderr.

pub mod args;
mod completions;
mod configure;
mod control;
#[cfg(feature = "demo")]
mod demo;
mod dry_run;
mod explain;
mod finished;
mod help;
mod indexes;
mod keys;
mod out;
mod plan;
mod preflight;
mod report;
mod retire;
mod runbook;
mod session;
mod setup;
mod status;
mod triggers;
mod verify;
mod watch;

use std::io::{IsTerminal as _, Write as _};

use clap::FromArgMatches as _;

use crate::config::{self, Overrides, Settings};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::fit::{self, wrapped};
use crate::hidden;
use crate::invocation::{self, spelled};
use crate::report::FrameStyle;
use crate::runner::{Place, Screen, notices};
use crate::telemetry::{self, LogFile, LogFormat};
use args::{Cli, Command, Global};
use indicatif::MultiProgress;
use out::{print, print_json, tell};

/// What a subcommand works with.
#[derive(Debug)]
struct Session {
    global: Global,
    log: LogFile,
    progress: MultiProgress,
}

impl Session {
    /// Where people see what is done.
    fn screen(&self) -> Screen<'_> {
        Screen { progress: self.global.progress(), bars: &self.progress, log: &self.log, watchers: None }
    }

    /// Where the rotation's files are.
    fn place(&self) -> Place {
        Place { config: self.global.config.clone(), journal: self.global.journal_dir() }
    }

    /// How what is drawn again and again looks on standard output.
    fn frame_style(&self) -> FrameStyle {
        let size = out::size().unwrap_or((80, 24));
        FrameStyle { size, verbose: self.global.verbose > 0, coloured: self.global.color.on_stderr() }
    }

    /// What the properties file says.
    fn settings(&self) -> Result<Settings> {
        let settings = config::load(&self.global.config, &Overrides::default())?;
        notices(&settings);
        Ok(settings)
    }
}

/// Runs the program on the process's arguments.
pub fn main() -> Exit {
    hidden::hide();
    fit::is(out::size().map(|(columns, _)| columns));
    let parsed = help::shown().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; the rest is a mistake in the command line.
            if error.use_stderr() {
                let _ = error.print();
                return Exit::Usage;
            }
            return match out::must_be_open().and_then(|()| error.print().or_else(out::trouble)) {
                Ok(()) => Exit::Done,
                Err(error) => fail(&error, LogFormat::Text),
            };
        }
    };
    let demo = cli.command.config_of_demo();
    let journal = cli.global.journal.as_deref().filter(|_| demo.is_none());
    invocation::is(demo.as_deref().or(cli.global.given_config()), journal);
    let (log, progress) = telemetry::start(cli.global.verbosity());
    let format = cli.global.log_format;
    let session = Session { global: cli.global, log, progress };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::new(Id::System, error.to_string()), format),
    };
    let exit = match runtime.block_on(dispatch(session, cli.command)) {
        Ok(exit) => exit,
        Err(error) => fail(&error, format),
    };
    // Work that was dropped on a second signal may still sit in a blocking call: do not wait.
    runtime.shutdown_background();
    exit
}

async fn dispatch(session: Session, command: Command) -> Result<Exit> {
    match command {
        Command::Run(args) if args.dry_run => Box::pin(dry_run::dry_run(&session, &args)).await,
        Command::Run(args) => Box::pin(session::run(&session, &args)).await,
        Command::Resume(args) => Box::pin(session::resume(&session, &args)).await,
        Command::Sync(args) => Box::pin(session::sync(&session, &args)).await,
        Command::Triggers(args) => triggers::triggers(&session, &args).await,
        Command::Indexes(args) => Box::pin(indexes::indexes(&session, &args)).await,
        Command::Runbook(args) => runbook::runbook(&session, &args),
        Command::Confirm(args) => runbook::confirm(&session, &args).await,
        Command::SafeToRetire(args) => Box::pin(retire::safe_to_retire(&session, &args)).await,
        Command::Configure(args) => configure::configure(&session, &args).await,
        Command::Plan(args) => Box::pin(plan::plan(&session, &args)).await,
        Command::Keys(args) => Box::pin(keys::keys(&session, &args)).await,
        Command::Preflight(args) => Box::pin(preflight::run(&session, &args)).await,
        Command::Status(args) => match args.wait {
            Some(until) => watch::wait(&session, &args, until).await,
            None if args.watch => watch::watch(&session, &args).await,
            None => status::status(&session, &args).await,
        },
        Command::Pause => control::pause(&session).await,
        Command::Continue => control::go_on(&session).await,
        Command::Pace(args) => control::pace(&session, args.pace).await,
        Command::Stop(args) => control::stop(&session, &args).await,
        Command::Verify(args) => Box::pin(verify::verify(&session, &args)).await,
        Command::Report(args) => Box::pin(report::report(&session, &args)).await,
        Command::Explain(args) => explain::explain(&args),
        Command::Init(args) => setup::init(&session, &args),
        Command::Keygen(args) => setup::keygen(&args),
        Command::Fingerprint(args) => setup::fingerprint(&session, &args),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => Box::pin(demo::demo(session, &args)).await,
    }
}

/// Says what went wrong, on the screen and in the log, in words or as JSON.
fn fail(error: &Error, format: LogFormat) -> Exit {
    tracing::error!(target: telemetry::LOG_ONLY, "[{}] {}; to do: {}", error.id(), error.what(), error.remedy());
    let mut stderr = std::io::stderr().lock();
    let _ = match format {
        LogFormat::Text => {
            let explain = || invocation::command(&format!("keyrotation explain {}", error.id()));
            let more = if stderr.is_terminal() { format!("\n  more: {}", explain()) } else { String::new() };
            let text = spelled(&format!("error: {error}{more}")).into_owned();
            writeln!(stderr, "{}", wrapped(&text, telemetry::columns_of_stderr()))
        }
        LogFormat::Json => {
            let document = serde_json::json!({
                "error": { "id": error.id().code(), "what": error.what(), "fix": error.remedy() },
                "exit_code": error.exit() as u8,
            });
            writeln!(stderr, "{document}")
        }
    };
    error.exit()
}
