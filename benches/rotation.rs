//! How fast a rotation is, beside the floor: one UPDATE that rewrites the same columns.
//!
//! ```sh
//! cargo bench --bench rotation                             # 100,000 tokens, three runs
//! cargo bench --bench rotation -- --rebuild-indexes never
//! cargo bench --bench rotation -- --tokens 1000000 --runs 1 --no-floor
//! ```
//!
//! Every run rotates a fresh copy with the program, the whole command from its start to its
//! end: checks, survey, rotation, sweep, journal. The floor is timed in the same go on another
//! copy, in one transaction, with the page cache that the program gives itself; it writes random
//! values of the same lengths. The cipher time opens and seals the same values on one core. Results go
//! to stdout as a table, and as JSON to `target/bench-rotation.json`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to its terminal")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use keyrotation::cipher::{KeyRing, SecretKey};
use keyrotation::demo::{Deployment, Spec, build};
use keyrotation_codec::Codec;
use keyrotation_codec::value::{Evidence, KeyIdPolicy, Policy, Recoder, Verdict};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};

mod measure;

use measure::{Fallible, Rotation, median};

#[derive(Debug, Parser)]
struct Args {
    /// Rows in IDN_OAUTH2_ACCESS_TOKEN.
    #[arg(long, default_value_t = 100_000)]
    tokens: u64,
    /// How often everything is measured; the medians are reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// What is done with indexes: auto, always or never.
    #[arg(long, default_value = "auto")]
    rebuild_indexes: String,
    /// Only rotate.
    #[arg(long)]
    no_floor: bool,
    /// Where to make the deployments; removed afterwards.
    #[arg(long, default_value = "target/bench-rotation")]
    folder: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let args = Args::parse();
    let _ = fs::remove_dir_all(&args.folder);
    let spec = Spec { tokens: args.tokens, rows_only_tokens: true, ..Spec::default() };
    let began = Instant::now();
    let deployment = build(&args.folder.join("deployment"), &spec).await?;
    eprintln!("made {} tokens in {:.1} s", args.tokens, began.elapsed().as_secs_f64());
    let (mut rotations, mut floors, mut ciphers) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=args.runs {
        let rotation = rotate(&deployment, &args.folder.join(format!("run-{run}")), &args.rebuild_indexes)?;
        eprintln!("run {run}: {rotation:?}");
        rotations.push(rotation);
        if !args.no_floor {
            floors.push(floor(&deployment.new_identity, &args.folder).await?);
            ciphers.push(cipher(&deployment, &spec).await?);
            eprintln!("run {run}: floor {:.2} s, cipher {:.2} s", floors[run - 1], ciphers[run - 1]);
        }
    }
    report(&args, &rotations, &floors, &ciphers)?;
    fs::remove_dir_all(&args.folder)?;
    Ok(())
}

fn report(args: &Args, rotations: &[Rotation], floors: &[f64], ciphers: &[f64]) -> Fallible<()> {
    let of = |pick: fn(&Rotation) -> f64| median(rotations.iter().map(pick).collect());
    let seconds = of(|rotation| rotation.seconds);
    #[allow(clippy::cast_precision_loss)] // a row count
    let rate = args.tokens as f64 / seconds;
    println!("SQLite, {} tokens, indexes {}, median of {}", args.tokens, args.rebuild_indexes, args.runs);
    println!("{:<44} {seconds:>12.2} s  ({rate:.0} rows/s)", "keyrotation run");
    println!("{:<44} {:>12.2} s", "  its processor time", of(|rotation| rotation.cpu_seconds));
    println!("{:<44} {:>12.1} MiB", "  its peak memory", of(|rotation| rotation.peak_mib));
    #[allow(clippy::cast_precision_loss)] // a size
    let journal = of(|rotation| rotation.journal_bytes as f64);
    #[allow(clippy::cast_precision_loss)] // a row count
    let per_row = journal / args.tokens as f64;
    println!("{:<44} {:>12.1} MiB  ({per_row:.0} bytes a row)", "  its journal", journal / 1_048_576.0);
    let mut document = serde_json::json!({
        "tokens": args.tokens, "rebuild_indexes": args.rebuild_indexes, "runs": args.runs, "seconds": seconds, "rows_per_second": rate,
        "cpu_seconds": of(|r| r.cpu_seconds), "peak_mib": of(|r| r.peak_mib), "journal_bytes": journal,
    });
    if !floors.is_empty() {
        let (floor, cipher) = (median(floors.to_vec()), median(ciphers.to_vec()));
        println!("{:<44} {floor:>12.2} s", "floor: one UPDATE, one transaction");
        println!("{:<44} {cipher:>12.2} s", "cipher: the same values, one core");
        println!("{:<44} {:>12.2}", "run / (floor + cipher)", seconds / (floor + cipher));
        println!("{:<44} {:>12.2}", "run / floor", seconds / floor);
        document["floor_seconds"] = floor.into();
        document["cipher_seconds"] = cipher.into();
    }
    fs::write("target/bench-rotation.json", serde_json::to_string_pretty(&document)?)?;
    Ok(())
}

/// Rotates a copy of the deployment.
fn rotate(deployment: &Deployment, folder: &Path, rebuild: &str) -> Fallible<Rotation> {
    copy(&deployment.folder, folder)?;
    let rotation = measure::rotate(folder, &["--rebuild-indexes".to_owned(), rebuild.to_owned()])?;
    fs::remove_dir_all(folder)?;
    Ok(rotation)
}

/// One UPDATE in one transaction, on a fresh copy.
async fn floor(database: &Path, folder: &Path) -> Fallible<f64> {
    let copy = folder.join("floor.db");
    copy_file(database, &copy)?;
    let mut connection = connect(&copy).await?;
    let began = Instant::now();
    // The lengths that a rotation writes here: a 36-character token under a 16-byte IV.
    sqlx::query(
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET \
         ACCESS_TOKEN = CASE WHEN ACCESS_TOKEN IS NULL THEN NULL ELSE 'eyJjIjoiZXlKamFY' || hex(randomblob(156)) END, \
         REFRESH_TOKEN = CASE WHEN REFRESH_TOKEN IS NULL THEN NULL ELSE 'eyJjIjoiZXlKamFY' || hex(randomblob(156)) END",
    )
    .execute(&mut connection)
    .await?;
    let seconds = began.elapsed().as_secs_f64();
    drop(connection);
    fs::remove_file(&copy)?;
    Ok(seconds)
}

async fn connect(database: &Path) -> Fallible<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(database).pragma("cache_size", "-65536");
    Ok(options.disable_statement_logging().connect().await?)
}

/// Opens and seals the same values, on one core, with nothing else.
async fn cipher(deployment: &Deployment, spec: &Spec) -> Fallible<f64> {
    let mut connection = connect(&deployment.new_identity).await?;
    let rows = sqlx::query("SELECT ACCESS_TOKEN, REFRESH_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN")
        .fetch_all(&mut connection)
        .await?;
    let values: Vec<String> =
        rows.iter().flat_map(|row| [row.get::<Option<String>, _>(0), row.get(1)]).flatten().collect();
    let (old, new) = (SecretKey::parse(&spec.old_key)?, SecretKey::parse(&spec.new_key)?);
    let recoder =
        Recoder::new(KeyRing::new(old, new), Policy { upgrade: false, key_id: KeyIdPolicy::AsRead });
    let began = Instant::now();
    for value in &values {
        let verdict = recoder.classify(&Codec::Envelope, value.as_bytes(), Evidence::default());
        if let Verdict::UnderOld(opened) = verdict {
            std::hint::black_box(recoder.reseal(value.as_bytes(), &opened)?);
        }
    }
    Ok(began.elapsed().as_secs_f64())
}

fn copy(from: &Path, to: &Path) -> Fallible<()> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(target)?;
        } else if !entry.file_name().to_string_lossy().starts_with("old-") {
            copy_file(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copies a file, to the disk: else the first commit of what is measured would write the whole copy there.
fn copy_file(from: &Path, to: &Path) -> Fallible<()> {
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()?;
    Ok(())
}
