//! What a rotation in place costs the servers beside it: the times of their statements, with it and without.
//!
//! ```sh
//! cargo bench --bench in_place                              # PostgreSQL, MySQL and MariaDB
//! cargo bench --bench in_place -- --database mysql --tokens 50000
//! ```
//!
//! Starts servers of its own with their data on disk and as durable as in production. Four sessions read and write tokens with
//! both keys as a server of 7.1 does, two reads to a write, with a pause of five milliseconds between two statements; each
//! writes rows of its own. The percentiles are of all statements of all sessions: for some seconds before a rotation,
//! and from its beginning to its end. Results go to stdout, and as JSON to `target/bench-in-place.json`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to its terminal")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the servers are driven by the tests' code")]
#![allow(dead_code, reason = "of which it needs a part")]

#[path = "../tests/support/columns.rs"]
mod columns;
#[path = "../tests/support/driver.rs"]
mod driver;
mod measure;
#[path = "../tests/support/rights.rs"]
mod rights;
#[path = "../tests/support/seal.rs"]
mod seal;
#[path = "../tests/support/server.rs"]
mod server;
#[path = "../tests/support/server_keys.rs"]
mod server_keys;
#[path = "../tests/support/site.rs"]
mod site;

/// What the tests' code asks for by this name.
mod place {
    pub(crate) const UPDATES: &str = "E2E_UPDATES";
}

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use keyrotation::demo::{Spec, build};
use serde_json::{Value, json};

use measure::{Fallible, median};
use server::{Admin, Engine, OwnServers};
use server_keys::ServerKeys;
use site::Site;

const SESSIONS: usize = 4;
/// Rows of each session.
const OWN: usize = 50;
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug, Parser)]
struct Args {
    /// Rows in IDN_OAUTH2_ACCESS_TOKEN.
    #[arg(long, default_value_t = 20_000)]
    tokens: u64,
    /// How long the sessions are measured without a rotation.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often; the medians are told.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// postgresql, mysql or mariadb; all without it.
    #[arg(long)]
    database: Option<String>,
    /// What is handed to `keyrotation run`, such as `--max-rows-per-second=2000`.
    #[arg(long)]
    with: Vec<String>,
    /// Where to make the deployments; removed afterwards.
    #[arg(long, default_value = "target/bench-in-place")]
    folder: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Fallible<()> {
    let args = Args::parse();
    let _servers = OwnServers::with(&[("KEYROTATION_TEST_DISK", "1")]);
    let mut results = Vec::new();
    let all = [("postgresql", Engine::Postgres), ("mysql", Engine::MySql), ("mariadb", Engine::MariaDb)];
    for (name, engine) in all {
        if args.database.as_deref().is_none_or(|wanted| wanted == name) {
            results.push(measure_one(&args, name, engine)?);
        }
    }
    fs::write("target/bench-in-place.json", serde_json::to_string_pretty(&results)?)?;
    Ok(())
}

/// Milliseconds of the statements of one stretch of time.
#[derive(Debug, Clone, Copy)]
struct Times {
    count: usize,
    half: f64,
    most: f64,
}

fn measure_one(args: &Args, name: &str, engine: Engine) -> Fallible<Value> {
    let folder = args.folder.join(name);
    let (mut alone, mut beside, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    let mut version = String::new();
    for _ in 0..args.runs {
        let _ = fs::remove_dir_all(&folder);
        let spec = Spec { tokens: args.tokens, rows_only_tokens: true, ..Spec::default() };
        let deployment = wait(build(&folder, &spec))?;
        let files = vec![deployment.new_identity.clone(), deployment.new_registry.clone()];
        let site = Site::new(engine, files.clone());
        for (at, file) in files.iter().enumerate() {
            wait(site.load(at, file));
        }
        site.grant_all();
        let properties = fs::read_to_string(&deployment.config)?;
        let kept = properties.lines().filter(|line| !line.starts_with("oldI") && !line.starts_with("oldReg"));
        let kept: Vec<&str> = kept.filter(|line| !line.starts_with("enableSync")).collect();
        let properties = kept.join("\n").replace("enableConfigMigrator: true", "enableConfigMigrator: false");
        let properties = site.all_properties(&format!("{properties}\nmode: in-place\n"));
        fs::write(&deployment.config, properties)?;
        let (old, new) = (&spec.old_key, &spec.new_key);
        fs::write(deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n")?;
        fs::write(
            deployment.home.join("repository/conf/deployment.toml"),
            format!("[encryption]\nkey = \"{new}\"\nold_key = \"{old}\"\n"),
        )?;
        let database = site.database(0);
        let mut admin = Admin::connect(engine, &database);
        if engine == Engine::Postgres {
            admin.execute("VACUUM ANALYZE");
        }
        version = admin.text("SELECT VERSION()");
        let tokens = admin.rows("SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID");
        let tokens: Vec<String> = tokens.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
        let work = Workload::start(engine, &database, &tokens, &ServerKeys::new(new, old));
        thread::sleep(Duration::from_secs(2)); // until caches are warm
        work.times(); // forgets them
        thread::sleep(Duration::from_secs(args.seconds));
        alone.push(work.times());
        let begun = Instant::now();
        rotate(&deployment.config, &args.with)?;
        seconds.push(begun.elapsed().as_secs_f64());
        beside.push(work.times());
        work.finish();
        drop(site);
        fs::remove_dir_all(&folder)?;
    }
    let of = |times: &[Times], what: fn(&Times) -> f64| median(times.iter().map(what).collect());
    let [half_alone, half_beside] = [&alone, &beside].map(|times| of(times, |times| times.half));
    let [alone_99, beside_99] = [&alone, &beside].map(|times| of(times, |times| times.most));
    let seconds = median(seconds);
    println!("{version}, {} tokens, {SESSIONS} sessions, medians of {}", args.tokens, args.runs);
    println!(
        "  alone p50 {half_alone:.2} ms, p99 {alone_99:.2} ms; beside a rotation of {seconds:.1} s p50 {half_beside:.2} ms, \
         p99 {beside_99:.2} ms: {:.2} times",
        beside_99 / alone_99
    );
    let counts = |times: &[Times]| times.iter().map(|times| times.count).collect::<Vec<_>>();
    Ok(json!({
        "database": version, "p50_alone_ms": half_alone, "p99_alone_ms": alone_99, "p50_beside_ms": half_beside,
        "p99_beside_ms": beside_99, "ratio": beside_99 / alone_99, "seconds": seconds,
        "statements_alone": counts(&alone), "statements_beside": counts(&beside),
    }))
}

fn rotate(config: &Path, with: &[String]) -> Fallible<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrotation"));
    command.args(["run", "--quiet", "--no-log-file", "--servers-have-both-keys"]).args(with);
    let status = command.arg("--config").arg(config).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("the rotation ended with {status}").into()) }
}

/// Sessions of servers with both keys.
struct Workload {
    stop: Arc<AtomicBool>,
    times: Arc<Mutex<Vec<f64>>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Workload {
    fn start(engine: Engine, database: &str, tokens: &[String], keys: &ServerKeys) -> Self {
        let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let threads = (0..SESSIONS).map(|number| {
            let own: Vec<String> = tokens.iter().skip(number).step_by(tokens.len() / OWN).cloned().collect();
            let (stop, times) = (Arc::clone(&stop), Arc::clone(&times));
            let (database, keys) = (database.to_owned(), keys.clone());
            thread::spawn(move || session(&mut Admin::connect(engine, &database), &own, &keys, &stop, &times))
        });
        let threads = threads.collect();
        Self { stop, times, threads }
    }

    /// The times since the last call.
    fn times(&self) -> Times {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap());
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
        Times {
            count: times.len(),
            half: at(50).copied().unwrap_or_default(),
            most: at(99).copied().unwrap_or_default(),
        }
    }

    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn session(
    database: &mut Admin,
    own: &[String],
    keys: &ServerKeys,
    stop: &AtomicBool,
    times: &Mutex<Vec<f64>>,
) {
    let measured = |work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        times.lock().unwrap().push(begun.elapsed().as_secs_f64() * 1000.0);
        thread::sleep(PAUSE);
    };
    for round in 0u64.. {
        for token in own {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let mut stored = None;
            for _ in 0..2 {
                let sql =
                    format!("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{token}'");
                measured(&mut || stored.clone_from(&database.rows(&sql)[0][0]));
            }
            let stored = stored.unwrap();
            assert!(
                !stored.starts_with("eyJ") || keys.open(&stored).is_some(),
                "{token} cannot be read: {stored}"
            );
            let sql = format!(
                "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = '{}' WHERE TOKEN_ID = '{token}'",
                keys.seal(&format!("{token} {round}"))
            );
            measured(&mut || database.execute(&sql));
        }
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Needed by the tests' code only where it counts updates.
fn execute(_database: &Path, _sql: &str) {}
