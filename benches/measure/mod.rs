//! What the benchmarks measure of a rotation: the program from its start to its end.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// One rotation.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
    pub(crate) journal_bytes: u64,
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rotates the deployment in a folder, with these options.
pub(crate) fn rotate(folder: &Path, options: &[String]) -> Fallible<Rotation> {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyrotation"))
        .args(["run", "--quiet", "--config"])
        .arg(folder.join("properties.yaml"))
        .args(options)
        .stdout(Stdio::null())
        .spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let stat_file = format!("/proc/{}/stat", child.id());
    let (mut peak, mut cpu) = (0.0_f64, 0.0_f64);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak =
            peak.max(fs::read_to_string(&status_file).ok().and_then(|text| peak_mib(&text)).unwrap_or(0.0));
        cpu = cpu.max(fs::read_to_string(&stat_file).ok().and_then(|text| cpu_seconds(&text)).unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(10));
    };
    let seconds = began.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("the rotation ended with {status}").into());
    }
    let journal_bytes = size(&folder.join("keyrotation-journal"))?;
    Ok(Rotation { seconds, cpu_seconds: cpu, peak_mib: peak, journal_bytes })
}

fn peak_mib(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn size(folder: &Path) -> Fallible<u64> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(folder) {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
