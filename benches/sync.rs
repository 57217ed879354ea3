//! How fast changes are carried over while the old server is in use, and what its triggers cost it.
//!
//! ```sh
//! cargo bench --bench sync                                  # both servers
//! cargo bench --bench sync -- --database mariadb --seconds 30
//! ```
//!
//! Starts servers of its own with their data on disk and as durable as in production. A session of the
//! workload does nothing but issue tokens: each is one row and two scopes in one transaction. Rates
//! are rows committed in a second. Results go to stdout, and as JSON to `target/bench-sync.json`.

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
#[path = "../tests/support/site.rs"]
mod site;

/// What the tests' code asks for by this name.
mod place {
    pub(crate) const UPDATES: &str = "E2E_UPDATES";
}

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use keyrotation::demo::{Spec, build};
use serde_json::{Value, json};

use measure::{Fallible, median};
use seal::seal;
use server::{Admin, Engine, OwnServers};
use site::Site;

/// Rows that one transaction of the workload inserts.
const ROWS: u64 = 3;
const SESSIONS: u64 = 2;
const OLD: usize = 2;

/// How often what is left of a backlog is counted: counting takes the server's time, too.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Before lags count.
const WARM: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
struct Args {
    /// Rows in IDN_OAUTH2_ACCESS_TOKEN before the rotation.
    #[arg(long, default_value_t = 20_000)]
    tokens: u64,
    /// Entries of the backlog.
    #[arg(long, default_value_t = 50_000)]
    backlog: u64,
    /// How long each rate is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often the rates with and without triggers are measured, by turns.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// postgresql or mariadb; both without it.
    #[arg(long)]
    database: Option<String>,
    /// Where to make the deployments; removed afterwards.
    #[arg(long, default_value = "target/bench-sync")]
    folder: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Fallible<()> {
    let args = Args::parse();
    let _servers = OwnServers::with(&[("KEYROTATION_TEST_DISK", "1")]);
    let mut results = Vec::new();
    for (name, engine) in [("postgresql", Engine::Postgres), ("mariadb", Engine::MariaDb)] {
        if args.database.as_deref().is_none_or(|wanted| wanted == name) {
            results.push(measure_one(&args, name, engine)?);
        }
    }
    fs::write("target/bench-sync.json", serde_json::to_string_pretty(&results)?)?;
    Ok(())
}

fn measure_one(args: &Args, name: &str, engine: Engine) -> Fallible<Value> {
    let folder = args.folder.join(name);
    let _ = fs::remove_dir_all(&folder);
    let spec = Spec { tokens: args.tokens, rows_only_tokens: true, ..Spec::default() };
    let deployment = wait(build(&folder, &spec))?;
    let files = vec![
        deployment.new_identity.clone(),
        deployment.new_registry.clone(),
        deployment.old_identity.clone(),
    ];
    let site = Site::new(engine, files.clone());
    for (at, file) in files.iter().enumerate() {
        wait(site.load(at, file));
    }
    site.grant_all();
    let properties = fs::read_to_string(&deployment.config)?;
    let properties = properties
        .replace("enableSyncMigrator: false", "enableSyncMigrator: true")
        .replace("enableConfigMigrator: true", "enableConfigMigrator: false");
    let mut properties = site.all_properties(&properties);
    if engine == Engine::Postgres {
        // Without TLS, as the workload; MariaDB's connector has none unless it is asked for.
        for at in 0..files.len() {
            let url = format!("/{}\n", site.database(at));
            properties = properties.replace(&url, &format!("{}?sslmode=disable\n", url.trim_end()));
        }
    }
    fs::write(&deployment.config, properties)?;
    let old = site.database(OLD);
    let mut admin = Admin::connect(engine, &old);
    if engine == Engine::Postgres {
        admin.execute("VACUUM ANALYZE");
    }
    let version = admin.text("SELECT VERSION()");
    println!("{version}, {} tokens before, {SESSIONS} sessions", args.tokens);

    let (mut without, mut with) = (Vec::new(), Vec::new());
    let time = Duration::from_secs(args.seconds);
    for _ in 0..args.runs {
        without.push(Workload::start(engine, &old, &spec.old_key).rate(time));
        run(&deployment.config, &["triggers", "install"])?;
        with.push(Workload::start(engine, &old, &spec.old_key).rate(time));
        run(&deployment.config, &["triggers", "remove", "--on", "old", "--force"])?;
    }
    let (without, with) = (median(without), median(with));
    let cost = 100.0 * (1.0 - with / without);
    println!("  insert rate {without:.0} rows/s, with triggers {with:.0} rows/s: they cost {cost:.1} %");

    // What came before is no change: the copy is made anew.
    for (at, file) in files.iter().enumerate() {
        wait(site.load(at, file));
    }
    site.grant_all();
    run(&deployment.config, &["triggers", "install"])?;
    run(&deployment.config, &["run", "--quiet", "--until-drained", "--quiet-for", "0s"])?;
    let (backlog, drained, mut syncing) = drain(args, engine, &old, &spec.old_key, &deployment.config)?;
    println!(
        "  a backlog of {backlog} entries is drained at {drained:.0} rows/s: {:.1} x the workload's rate",
        drained / with
    );
    let (beside, lags) = beside(engine, &old, &spec.old_key, &deployment.config, time * 2)?;
    if lags.is_empty() {
        return Err("no change was on its way whenever the lag was asked for: give it more --seconds".into());
    }
    let worst = lags.iter().copied().fold(0.0, f64::max);
    let lag = median(lags);
    println!(
        "  beside a workload of {beside:.0} rows/s the lag is {lag:.0} ms (median of the oldest of each second), {worst:.0} ms at most"
    );
    syncing.kill()?;
    syncing.wait()?;
    drop(site);
    fs::remove_dir_all(&folder)?;
    Ok(json!({
        "database": version, "rows_per_second": without, "with_triggers": with, "cost_percent": cost,
        "drained_per_second": drained, "ratio": drained / with, "lag_ms": lag, "lag_ms_max": worst,
        "beside_rows_per_second": beside,
    }))
}

/// Lets changes wait while nobody carries them over, then carries them over: how many, how many a
/// second, and the process, which goes on.
fn drain(args: &Args, engine: Engine, old: &str, key: &str, config: &Path) -> Fallible<(u64, f64, Child)> {
    let work = Workload::start(engine, old, key);
    while work.rows() < args.backlog {
        thread::sleep(Duration::from_millis(5));
    }
    let backlog = work.finish();
    let syncing = start(config)?;
    let mut admin = Admin::connect(engine, old);
    let mut begun = None;
    loop {
        let left = pending(&mut admin, engine);
        if left < backlog && begun.is_none() {
            begun = Some((Instant::now(), left));
        }
        if left == 0 {
            break;
        }
        thread::sleep(LOOK_EVERY);
    }
    let (begun, left) = begun.unwrap();
    #[allow(clippy::cast_precision_loss)] // a count of rows
    let drained = left as f64 / begun.elapsed().as_secs_f64();
    Ok((backlog, drained, syncing))
}

/// Carries changes over while they come: how many came in a second, and the lags that were seen.
fn beside(engine: Engine, old: &str, key: &str, config: &Path, time: Duration) -> Fallible<(f64, Vec<f64>)> {
    let work = Workload::start(engine, old, key);
    let mut lags = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < time {
        thread::sleep(Duration::from_secs(1));
        if begun.elapsed() < WARM {
            continue; // what was shown last is of the backlog
        }
        let status: Value = serde_json::from_slice(&output(config, &["status", "--json"])?)?;
        #[allow(clippy::cast_precision_loss)] // milliseconds
        lags.extend(status["sync"]["lag_milliseconds"].as_u64().map(|lag| lag as f64));
    }
    #[allow(clippy::cast_precision_loss)] // a count of rows
    let rate = work.finish() as f64 / begun.elapsed().as_secs_f64();
    Ok((rate, lags))
}

fn pending(admin: &mut Admin, engine: Engine) -> u64 {
    let text = if engine == Engine::Postgres { "COUNT(*)::text" } else { "CAST(COUNT(*) AS CHAR)" };
    let of = |table: &str| format!("SELECT {text} FROM {table}_TEMP WHERE SYNCED = 0");
    ["IDN_OAUTH2_ACCESS_TOKEN", "IDN_OAUTH2_ACCESS_TOKEN_SCOPE"]
        .map(|table| admin.text(&of(table)).parse::<u64>().unwrap())
        .iter()
        .sum()
}

/// Sessions that issue tokens.
struct Workload {
    stop: Arc<AtomicBool>,
    rows: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Workload {
    fn start(engine: Engine, database: &str, key: &str) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let (stop, rows) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..SESSIONS).map(|_| {
            let (stop, rows) = (Arc::clone(&stop), Arc::clone(&rows));
            let (database, key) = (database.to_owned(), key.to_owned());
            thread::spawn(move || {
                let mut session = Admin::connect(engine, &database);
                while !stop.load(Ordering::Relaxed) {
                    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
                    session.execute(&issue(&key, serial));
                    rows.fetch_add(ROWS, Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Self { stop, rows, threads }
    }

    fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Stops it, and tells how many rows it has inserted.
    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.rows.load(Ordering::Relaxed)
    }

    /// Rows a second over some time.
    fn rate(self, time: Duration) -> f64 {
        let begun = Instant::now();
        thread::sleep(time);
        #[allow(clippy::cast_precision_loss)] // a count of rows
        let rows = self.finish() as f64;
        rows / begun.elapsed().as_secs_f64()
    }
}

/// A token with two scopes, as one transaction.
fn issue(key: &str, serial: u64) -> String {
    // As random as the server's ids.
    let mixed = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = format!("{:08x}-0000-4000-8000-{serial:012x}", mixed >> 32);
    let (access, refresh) = (seal(key, &format!("access {serial}")), seal(key, &format!("refresh {serial}")));
    format!(
        "BEGIN; INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, CONSUMER_KEY_ID, AUTHZ_USER, \
         TENANT_ID, USER_DOMAIN, USER_TYPE, GRANT_TYPE, TIME_CREATED, REFRESH_TOKEN_TIME_CREATED, VALIDITY_PERIOD, \
         REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_SCOPE_HASH, TOKEN_STATE, TOKEN_STATE_ID, SUBJECT_IDENTIFIER) VALUES ('{id}', \
         '{access}', '{refresh}', {}, 'user-{serial}', -1234, 'PRIMARY', 'APPLICATION_USER', 'authorization_code', \
         '2026-03-29 02:30:00', '2026-03-29 02:30:00', 3600000, 86400000, 'scopes', 'ACTIVE', 'NONE', 'user-{serial}'); \
         INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE VALUES ('{id}', 'openid', -1234); \
         INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE VALUES ('{id}', 'profile', -1234); COMMIT",
        1 + serial % 20
    )
}

fn command(config: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrotation"));
    command.arg("--config").arg(config).args(args).stderr(Stdio::inherit());
    command
}

fn output(config: &Path, args: &[&str]) -> Fallible<Vec<u8>> {
    let output = command(config, args).stdout(Stdio::piped()).output()?;
    if !output.status.success() {
        return Err(format!("{args:?} ended with {}", output.status).into());
    }
    Ok(output.stdout)
}

fn run(config: &Path, args: &[&str]) -> Fallible<()> {
    output(config, args).map(drop)
}

fn start(config: &Path) -> Fallible<Child> {
    Ok(command(config, &["sync", "--quiet", "--no-log-file"]).stdout(Stdio::null()).spawn()?)
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Needed by the tests' code only where it counts updates.
fn execute(_database: &Path, _sql: &str) {}
