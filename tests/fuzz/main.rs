//! Fuzzing by command and in CI, on stable Rust: `cargo test --test fuzz -- [TARGET] [--seconds N] [--seed N]`.
//!
//! Each target is a parser that reads what others wrote, with properties that must hold for any bytes. The
//! runner (see [`runner`]) mutates real inputs and fails on a panic, a hang or memory beyond 64 MiB; the
//! input that did it is written to a file. Without `--seconds` each target runs for
//! `KEYROTATION_FUZZ_SECONDS`, by default 1.
//!
//! A new target is a line in [`TARGETS`], a function and a folder of seeds.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a test program reports and panics")]

mod config;
mod java;
mod mutate;
mod record;
mod runner;
mod splices;
mod value;
mod xml;

use std::process::ExitCode;
use std::time::Duration;

use runner::Target;

const TARGETS: &[Target] = &[
    Target {
        name: "java",
        run: java::run,
        dictionary: java::DICTIONARY,
        seeds: &["tests/fuzz/corpus/java", "tests/vectors/wf_request"],
    },
    Target {
        name: "value",
        run: value::run,
        dictionary: value::DICTIONARY,
        seeds: &["tests/fuzz/corpus/value"],
    },
    Target { name: "xml", run: xml::run, dictionary: xml::DICTIONARY, seeds: &["tests/fuzz/corpus/xml"] },
    Target {
        name: "properties",
        run: config::properties,
        dictionary: config::PROPERTIES,
        seeds: &["tests/fuzz/corpus/properties"],
    },
    Target { name: "url", run: config::url, dictionary: config::URLS, seeds: &["tests/fuzz/corpus/url"] },
    Target {
        name: "record",
        run: record::run,
        dictionary: record::DICTIONARY,
        seeds: &["tests/fuzz/corpus/record"],
    },
];

/// What the command line asks for; it has to get along with the options of libtest and nextest.
struct Options {
    list: bool,
    ignored: bool,
    filter: Option<String>,
    seconds: u64,
    seed: u64,
}

fn options() -> Options {
    let seconds = std::env::var("KEYROTATION_FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(1, |text| text.parse().expect("KEYROTATION_FUZZ_SECONDS is a number"));
    let mut options = Options { list: false, ignored: false, filter: None, seconds, seed: 1 };
    let mut arguments = std::env::args().skip(1);
    let number = |text: Option<String>, name: &str| {
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} takes a number"))
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => options.seconds = number(arguments.next(), "--seconds"),
            "--seed" => options.seed = number(arguments.next(), "--seed"),
            "--list" => options.list = true,
            "--ignored" => options.ignored = true,
            "--format" | "--color" | "--test-threads" | "--skip" => drop(arguments.next()),
            name if !name.starts_with('-') => options.filter = Some(argument),
            _ => {}
        }
    }
    options
}

fn main() -> ExitCode {
    let options = options();
    let wanted = TARGETS.iter().filter(|target| {
        !options.ignored && options.filter.as_deref().is_none_or(|name| name == target.name)
    });
    for target in wanted {
        if options.list {
            println!("{}: test", target.name);
        } else {
            match runner::fuzz(target, Duration::from_secs(options.seconds), options.seed) {
                Ok(report) => println!("fuzz {report}"),
                Err(finding) => {
                    println!("fuzz {}: {finding}", target.name);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}
