//! How fast a rotation is on PostgreSQL, MariaDB and MySQL, beside the floor: one UPDATE of the same
//! columns, committed once.
//!
//! ```sh
//! cargo bench --bench servers                              # 100,000 tokens, three runs
//! cargo bench --bench servers -- --tokens 100000,1000000   # and a million, in one go
//! cargo bench --bench servers -- --database mariadb --tokens 1000000 --runs 1 --connections 4
//! cargo bench --bench servers -- --jdbc                    # by way of the JDBC drivers
//! ```
//!
//! Starts servers of its own with their data on disk and as durable as in production. Every run
//! has databases of its own, with the indexes of IS 5.11. A rotation is the whole command: checks,
//! survey, rotation, sweep, journal; with indexes rebuilt and without. The floor writes values of the same lengths. Results go to stdout as a table, and as
//! JSON to `target/bench-servers.json`.

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
use std::time::Instant;

use clap::Parser;
use keyrotation::demo::{Deployment, Spec, build};
use serde_json::json;

use measure::{Fallible, Rotation, median};
use server::{Admin, Engine, OwnServers};
use site::Site;

#[derive(Debug, Parser)]
struct Args {
    /// Rows in IDN_OAUTH2_ACCESS_TOKEN, each of these.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000])]
    tokens: Vec<u64>,
    /// What is done with indexes, each of these.
    #[arg(long, value_delimiter = ',', default_values_t = ["auto".to_owned(), "never".to_owned()])]
    rebuild_indexes: Vec<String>,
    /// How often everything is measured; the medians are reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// postgresql, mariadb or mysql; all without it.
    #[arg(long)]
    database: Option<String>,
    /// How many chunks are written at once, each of these.
    #[arg(long, value_delimiter = ',', default_values_t = [2])]
    connections: Vec<u32>,
    /// Rows in a chunk; the program's own choice without it.
    #[arg(long)]
    chunk_size: Option<u32>,
    /// MySQL's redo log, such as 1G; without it the server's default of 100 MB, for which it waits under load.
    #[arg(long)]
    mysql_redo_log: Option<String>,
    /// How much PostgreSQL writes to its log between two checkpoints, such as 16GB; 2 GB without it. After each it logs
    /// every page whole once more.
    #[arg(long)]
    postgresql_max_wal_size: Option<String>,
    /// By way of the database's JDBC driver.
    #[arg(long)]
    jdbc: bool,
    /// Where to make the deployments; removed afterwards.
    #[arg(long, default_value = "target/bench-servers")]
    folder: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Fallible<()> {
    let args = Args::parse();
    let _ = fs::remove_dir_all(&args.folder);
    let redo_log = args.mysql_redo_log.as_ref().map(|size| format!("--innodb-redo-log-capacity={size}"));
    let max_wal = args.postgresql_max_wal_size.as_ref().map(|size| format!("-c max_wal_size={size}"));
    let servers = OwnServers::with(&[
        ("KEYROTATION_TEST_DISK", "1"),
        ("KEYROTATION_TEST_SERVERS", args.database.as_deref().unwrap_or("postgresql,mariadb,mysql")),
        ("KEYROTATION_MYSQL_OPTIONS", redo_log.as_deref().unwrap_or_default()),
        ("KEYROTATION_POSTGRESQL_OPTIONS", max_wal.as_deref().unwrap_or_default()),
    ]);
    let mut results = Vec::new();
    for tokens in &args.tokens {
        let spec = Spec { tokens: *tokens, rows_only_tokens: true, ..Spec::default() };
        let folder = args.folder.join("deployment");
        let deployment = wait(build(&folder, &spec))?;
        for (name, engine) in
            [("postgresql", Engine::Postgres), ("mariadb", Engine::MariaDb), ("mysql", Engine::MySql)]
        {
            if args.database.as_deref().is_none_or(|wanted| wanted == name) {
                results.push(engine_results(&args, &deployment, &servers, name, engine)?);
            }
        }
        fs::remove_dir_all(&folder)?;
    }
    fs::write("target/bench-servers.json", serde_json::to_string_pretty(&results)?)?;
    fs::remove_dir_all(&args.folder)?;
    Ok(())
}

/// What is measured of one server.
fn engine_results(
    args: &Args,
    deployment: &Deployment,
    servers: &OwnServers,
    name: &str,
    engine: Engine,
) -> Fallible<serde_json::Value> {
    let version = Admin::connect(engine, engine.home()).text("SELECT VERSION()");
    let way = if args.jdbc { " by JDBC" } else { "" };
    let tokens = deployment.spec.tokens;
    println!("{version}{way}, {tokens} tokens, medians of {}", args.runs);
    let mut floors = Vec::new();
    let modes: Vec<(u32, &String)> = args
        .connections
        .iter()
        .flat_map(|connections| args.rebuild_indexes.iter().map(move |rebuild| (*connections, rebuild)))
        .collect();
    let mut rotations: Vec<Vec<(Rotation, f64)>> = vec![Vec::new(); modes.len()];
    for run in 1..=args.runs {
        floors.push(floor(deployment, engine));
        eprintln!("{name} run {run}: floor {:.2} s", floors[run - 1]);
        for (at, (connections, rebuild)) in modes.iter().enumerate() {
            let folder = args.folder.join(format!("{name}-{run}-{connections}-{rebuild}"));
            let site = copy(deployment, &folder, engine, args.jdbc)?;
            let (was, before) = (disk(&site), cpu_seconds(servers, engine));
            let mut options = vec!["--connections".to_owned(), connections.to_string()];
            options.extend(["--rebuild-indexes".to_owned(), (*rebuild).clone()]);
            options.extend(
                args.chunk_size.iter().flat_map(|size| ["--chunk-size".to_owned(), size.to_string()]),
            );
            let rotation = measure::rotate(&folder, &options)?;
            let server = cpu_seconds(servers, engine) - before;
            let (grown, logged) = disk(&site);
            eprintln!(
                "{name} run {run}, {connections} writers, indexes {rebuild}: {rotation:?}, server {server:.1} s, \
                 files {:.0} -> {:.0} MB, log {:.0} MB",
                was.0,
                grown,
                logged - was.1
            );
            rotations[at].push((rotation, server));
            drop(site);
            fs::remove_dir_all(&folder)?;
        }
    }
    let floor = median(floors);
    println!("{:<26} {floor:>8.2} s", "floor: one UPDATE");
    let mut writers = Vec::new();
    for ((connections, rebuild), rotations) in modes.iter().zip(&rotations) {
        let of = |pick: fn(&(Rotation, f64)) -> f64| median(rotations.iter().map(pick).collect());
        let seconds = of(|(rotation, _)| rotation.seconds);
        let (cpu, server) = (of(|(rotation, _)| rotation.cpu_seconds), of(|(_, server)| *server));
        let peak = of(|(rotation, _)| rotation.peak_mib);
        #[allow(clippy::cast_precision_loss)] // sizes and counts
        let (journal, tokens) = (of(|(rotation, _)| rotation.journal_bytes as f64), tokens as f64);
        println!(
            "{:<26} {seconds:>8.2} s  {:.2} x floor, {:.0} rows/s, processor {cpu:.1} s (server {server:.1} s), \
             peak {peak:.0} MiB, journal {:.0} bytes a row",
            format!("{connections} writers, {rebuild}"),
            seconds / floor,
            tokens / seconds,
            journal / tokens
        );
        writers.push(json!({
            "connections": connections, "rebuild_indexes": rebuild, "seconds": seconds, "ratio": seconds / floor, "cpu_seconds": cpu,
            "server_cpu_seconds": server, "peak_mib": peak, "journal_bytes": journal,
        }));
    }
    Ok(
        json!({ "database": version, "jdbc": args.jdbc, "tokens": tokens, "runs": args.runs, "floor_seconds": floor, "writers": writers }),
    )
}

/// The deployment's databases on a server, and a folder from which they are rotated.
fn copy(deployment: &Deployment, folder: &Path, engine: Engine, jdbc: bool) -> Fallible<Site> {
    fs::create_dir_all(folder)?;
    let files = vec![deployment.new_identity.clone(), deployment.new_registry.clone()];
    let site = Site::new(engine, files.clone());
    for (at, file) in files.iter().enumerate() {
        wait(site.load(at, file));
    }
    site.grant_all();
    settle(&site);
    let properties = site.properties(&fs::read_to_string(&deployment.config)?);
    let mut properties = properties.replace("enableConfigMigrator: true", "enableConfigMigrator: false");
    if engine == Engine::Postgres {
        // Without TLS, as the floor; MariaDB's connector has none unless it is asked for.
        for at in 0..files.len() {
            let url = format!("/{}\n", site.database(at));
            properties = properties.replace(&url, &format!("{}?sslmode=disable\n", url.trim_end()));
        }
    }
    if let Some(driver) = engine.driver().filter(|_| jdbc) {
        properties.push_str("driver: jdbc\n");
        properties.push_str(&["jdbcDrivers: [", driver, "]\n"].concat());
    }
    fs::write(folder.join("properties.yaml"), properties)?;
    Ok(site)
}

/// Lets the server end what loading has left it to do.
fn settle(site: &Site) {
    let mut admin = Admin::connect(site.engine, &site.database(0));
    let statements: &[&str] = match site.engine {
        Engine::Postgres => &["VACUUM ANALYZE", "CHECKPOINT"],
        _ => &["ANALYZE TABLE IDN_OAUTH2_ACCESS_TOKEN"],
    };
    for statement in statements {
        admin.execute(statement);
    }
}

/// The processor time that one has taken so far, with all that it has started.
fn cpu_seconds(servers: &OwnServers, engine: Engine) -> f64 {
    let name = match engine {
        Engine::Postgres => "POSTGRESQL",
        Engine::MySql => "MYSQL",
        _ => "MARIADB",
    };
    let own = &servers.environment[&format!("KEYROTATION_TEST_{name}_PID")];
    let stats = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok());
    let ticks = stats.map(|stat| {
        let pid = stat.split(' ').next().unwrap_or_default();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let of = |at: usize| fields[at].parse::<f64>().unwrap();
        match pid == own {
            true => of(11) + of(12) + of(13) + of(14), // and of those that have ended
            false if fields[1] == own => of(11) + of(12),
            false => 0.0,
        }
    });
    ticks.sum::<f64>() / 100.0
}

/// Megabytes of the identity database's files (with the server's undo), and of what the server has
/// written to its log so far.
fn disk(site: &Site) -> (f64, f64) {
    let name = site.database(0);
    let (files, log) = match site.engine {
        Engine::Postgres => (
            "SELECT pg_database_size(current_database())::text".to_owned(),
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text",
        ),
        Engine::MySql => (
            format!(
                "SELECT CAST(SUM(FILE_SIZE) AS CHAR) FROM information_schema.INNODB_TABLESPACES \
                 WHERE NAME LIKE '{name}/%' OR NAME LIKE 'innodb_%'"
            ),
            "SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'INNODB_OS_LOG_WRITTEN'",
        ),
        _ => (
            format!(
                "SELECT CAST(SUM(FILE_SIZE) AS CHAR) FROM information_schema.INNODB_SYS_TABLESPACES \
                 WHERE NAME LIKE '{name}/%' OR NAME = 'innodb_system'"
            ),
            "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_OS_LOG_WRITTEN'",
        ),
    };
    let mut admin = Admin::connect(site.engine, &name);
    let mut megabytes = |sql: &str| admin.text(sql).parse::<f64>().unwrap() / 1e6;
    (megabytes(&files), megabytes(log))
}

/// One UPDATE, committed once.
fn floor(deployment: &Deployment, engine: Engine) -> f64 {
    let site = Site::new(engine, vec![deployment.new_identity.clone()]);
    wait(site.load(0, &deployment.new_identity));
    settle(&site);
    // As long as what a rotation writes here: a 36-character token under a 16-byte IV.
    let random = if engine == Engine::Postgres {
        "encode(gen_random_bytes(156), 'hex')"
    } else {
        "HEX(RANDOM_BYTES(156))"
    };
    let value = |column: &str| {
        format!("CASE WHEN {column} IS NULL THEN NULL ELSE CONCAT('eyJjIjoiZXlKamFY', {random}) END")
    };
    let (access, refresh) = (value("ACCESS_TOKEN"), value("REFRESH_TOKEN"));
    let mut admin = Admin::connect(engine, &site.database(0));
    if engine == Engine::Postgres {
        admin.execute("CREATE EXTENSION pgcrypto");
    }
    let began = Instant::now();
    admin.execute(&format!(
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = {access}, REFRESH_TOKEN = {refresh}"
    ));
    began.elapsed().as_secs_f64()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Needed by the tests' code only where it counts updates.
fn execute(_database: &Path, _sql: &str) {}
