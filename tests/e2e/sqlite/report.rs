//! `report`: its numbers against `status`, the databases and an independent reader; what it refuses;
//! and whether a report that was changed is noticed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::kit::{Kit, Refused as _, query};

/// What an independent reader makes of a report: see `tests/support/read_report.py`.
#[track_caller]
fn read(kind: &str, path: &Path) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/read_report.py");
    let output = Command::new("python3").arg(script).arg(kind).arg(path).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "python3 with the package `html5lib` is needed, and says: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a report beside the deployment and returns where.
fn report(kit: &Kit, name: &str, more: &[&str]) -> std::path::PathBuf {
    let path = kit.beside(name);
    kit.run(&[&["report", "--force", "--output", path.to_str().unwrap()], more].concat()).exits(0);
    path
}

fn check(kit: &Kit, path: &Path, more: &[&str]) -> crate::support::Ran {
    kit.run(&[&["report", "--check", path.to_str().unwrap()], more].concat())
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// A rotation with failures that was stopped by an error, killed, resumed and verified.
fn eventful() -> Kit {
    let kit = Kit::new();
    kit.damage();
    kit.sql("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001"); // it would stop the run
    kit.run_at(
        "table-before-commit=2*off->return",
        &["run", "--chunk-size", "50", "--reason", "breach", "--note", "ticket =1+1 <b>"],
    )
    .exits(3);
    let ran = kit.run_at("table-before-commit=1*off->1*return(kill)", &["resume", "--chunk-size", "40"]);
    assert_eq!(ran.signal(), Some(Signal::KILL.as_raw()), "{ran}");
    kit.run(&["resume"]).exits(1);
    kit.run(&["verify"]).exits(1);
    kit
}

#[test]
fn the_sums_are_those_of_the_journal_of_status_and_of_the_databases() {
    let kit = eventful();
    let status = kit.run(&["status", "--json"]).exits(0).json();
    let json = read("json", &report(&kit, "report.json", &["--rows"]));
    assert_eq!((&json["schema"], json["rotations"].as_array().unwrap().len()), (&1.into(), 1));
    let rotation = &json["rotations"][0];
    for member in ["rotation_id", "state", "started_at", "finished_at"] {
        assert_eq!(rotation[member], status[member], "{member}");
    }
    for kind in ["targets", "files"] {
        let (told, expected) = (rotation[kind].as_array().unwrap(), status[kind].as_array().unwrap());
        assert_eq!(told.len(), expected.len());
        for (told, expected) in told.iter().zip(expected) {
            for (member, value) in expected.as_object().unwrap() {
                assert_eq!(&told[member], value, "{member} of {}", expected["id"]);
            }
        }
    }
    // The rows one by one add up to the counts.
    let mut outcomes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in json["rows"].as_array().unwrap() {
        *outcomes.entry((row["target"].as_str().unwrap(), row["outcome"].as_str().unwrap())).or_default() +=
            1;
    }
    let all = || rotation["targets"].as_array().unwrap().iter().chain(rotation["files"].as_array().unwrap());
    for target in all() {
        let id = target["id"].as_str().unwrap();
        for (word, member) in
            [("rotated", "rotated"), ("already new", "already_new"), ("failed", "failed"), ("gone", "gone")]
        {
            let listed = outcomes.get(&(id, word)).copied().unwrap_or_default();
            assert_eq!(listed, count(&target[member]), "{word} rows of {id}");
        }
        let sweeps = target["sweeps"].as_array().unwrap();
        assert!(
            target["state"] == "skipped" || sweeps.last().is_some_and(|sweep| sweep["strays"] == 0),
            "{target}"
        );
    }
    assert!(outcomes.keys().all(|(_, word)| *word != "unknown"), "{outcomes:?}");
    let sum = |kind: &str, member: &str| {
        rotation[kind].as_array().unwrap().iter().map(|t| count(&t[member])).sum::<u64>()
    };
    let totals = &json["totals"];
    assert_eq!(count(&totals["rotated_rows"]), sum("targets", "rotated"));
    assert_eq!(count(&totals["rotated_files"]), sum("files", "rotated"));
    assert_eq!(count(&totals["failed"]), sum("targets", "failed") + sum("files", "failed"));
    assert!(count(&totals["failed"]) >= 8);
    // What the deployment was made with, and what stands in its databases.
    let target = |id: &str| all().find(|target| target["id"] == id).unwrap();
    for (table, id) in [("IDN_OAUTH2_ACCESS_TOKEN", "oauth2-access-token"), ("IDN_SECRET", "idn-secret")] {
        let Some(target) = all().find(|target| target["place"] == table) else { panic!("{id} {table}") };
        let rows = kit.sql(&format!("SELECT COUNT(*) FROM {table}"));
        assert_eq!(rows[0][0].as_deref(), Some(target["rows"].to_string().as_str()), "{table}");
    }
    let changed = changed_tokens(&kit);
    assert_eq!(
        changed,
        count(&target("oauth2-access-token")["rotated"]),
        "rows whose values are not what they were"
    );

    // The same in CSV, and on the page.
    let csv = read("csv", &report(&kit, "report.csv", &[]));
    let csv = csv.as_array().unwrap();
    assert_eq!(csv.len(), all().count());
    let page = read("html", &report(&kit, "report.html", &[]));
    let table = &page["tables"]["Outcomes by table and file group"][0];
    for ((line, row), target) in csv.iter().zip(table["rows"].as_array().unwrap()).zip(all()) {
        for member in ["rows", "rotated", "already_new", "plain", "null", "failed", "gone"] {
            assert_eq!(
                line[member].as_str().unwrap(),
                target[member].to_string(),
                "{member} of {}",
                target["id"]
            );
        }
        let cells: Vec<u64> =
            (2..8).map(|at| row[at].as_str().unwrap().replace(',', "").parse().unwrap()).collect();
        let members =
            ["failed", "rotated", "already_new", "plain", "null", "gone"].map(|m| count(&target[m]));
        assert_eq!(cells, members, "{row}");
    }
    let lines = read("csv", &report(&kit, "rows.csv", &["--rows"]));
    assert_eq!(lines.as_array().unwrap().len(), json["rows"].as_array().unwrap().len());
}

/// Tokens of which a value is another one than in the old database.
fn changed_tokens(kit: &Kit) -> u64 {
    let sql = "SELECT TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID";
    let old: BTreeMap<_, _> =
        query(&kit.deployment.old_identity, sql).into_iter().map(|row| (row[0].clone(), row)).collect();
    kit.sql(sql).iter().filter(|row| old.get(&row[0]).is_some_and(|old| old != *row)).count() as u64
}

#[test]
fn the_page_tells_who_did_what_when_and_why() {
    let kit = eventful();
    kit.run(&["confirm", "old-server-stopped", "--note", "<i>node 1</i> and \u{202e}2"]).exits(0);
    let more = ["--key-in-use-since", "2024-03-01", "--title", "Customer <login>, production"];
    let path = report(&kit, "report.html", &more);
    check(&kit, &path, &[]).exits(0);
    let page = read("html", &path);
    assert!(page["headline"].as_str().unwrap().contains("Finished, with failures"), "{}", page["headline"]);
    let text = page["text"].as_str().unwrap();
    for what in [
        "breach: ticket =1+1 <b>",
        "Key rotation report: Customer <login>, production",
        "identity database jdbc:sqlite:",
        "2024-03-01",
        "<i>node 1</i> and \\u{202e}2",
        "was killed, or its machine went down",
        "advice: NIST SP 800-57",
        "old-server-stopped",
    ] {
        assert!(text.contains(what), "no {what} in {text}");
    }
    // What somebody has to see to comes first; what has a section of its own is not told as a step, too.
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what} in {text}"));
    assert!(at("These values were left as they were") < at("Last value moved off it"), "{text}");
    let steps = &page["tables"]["Steps that people took, or the program outside of a session"][0]["rows"];
    let steps: Vec<&str> = steps.as_array().unwrap().iter().map(|row| row[1].as_str().unwrap()).collect();
    assert!(!steps.iter().any(|name| name.starts_with("verif") || *name == "places"), "{steps:?}");
    let ends = |page: &Value| -> Vec<String> {
        let rows = page["tables"]["Sessions"].as_array();
        let rows =
            rows.or_else(|| page["tables"]["Processes that worked on the rotation"].as_array()).unwrap();
        rows[0]["rows"].as_array().unwrap().iter().map(|row| row[2].as_str().unwrap().to_owned()).collect()
    };
    let ends = ends(&page);
    assert!(
        ends[0].starts_with("stopped by an error[KR-DB-001]")
            || ends[0].starts_with("stopped by an error [KR-DB-001]"),
        "{ends:?}"
    );
    assert_eq!((ends[1].as_str(), ends[2].as_str()), ("killed", "completed"), "{ends:?}");
    assert_eq!(page["charts"], serde_json::json!(["Throughput over working time"]));
    assert!(page["tables"].as_object().unwrap().contains_key("What keyrotation verify found"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn verify_leaves_what_it_found_and_status_shows_the_last_one() {
    let kit = Kit::rotated();
    let verified = || kit.run(&["status", "--json"]).exits(0).json()["verified"].clone();
    assert_eq!(verified(), Value::Null);
    kit.run(&["verify"]).exits(0);
    let found = verified();
    assert_eq!(
        (&found["differences"], &found["bad"], &found["sample"]),
        (&0.into(), &0.into(), &"all".into())
    );
    assert_eq!(found["rows"], found["same"]);
    let events =
        kit.run(&["verify", "--json", "--sample", "50%"]).exits(0).json()["journal"]["events"].clone();
    let sampled = kit.status()["sampled"].clone();
    assert_eq!((&sampled["sample"], &sampled["events"]), (&"50%".into(), &events));
    assert_eq!(verified()["sample"], "all", "a sample takes the place of nothing");
    let text = kit.run(&["status"]).exits(0).stdout;
    assert!(text.contains("(a sample of 50%), 0 differ"), "{text}");

    kit.sql("UPDATE IDN_SECRET SET SECRET_VALUE = 'x' WHERE ID = (SELECT MIN(ID) FROM IDN_SECRET)");
    let last = kit.run(&["verify", "--json"]).exits(1).json()["journal"]["events"].clone();
    assert_eq!(verified()["differences"], 1);
    let json = read("json", &report(&kit, "report.json", &[]));
    assert_eq!(
        (&json["verdict"]["level"], json["rotations"][0]["verifications"].as_array().unwrap().len()),
        (&"bad".into(), 3)
    );
    let names: Vec<&str> = json["rotations"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["verified", "verified", "verify-differences"]);
    assert_eq!(json["rotations"][0]["log"]["chain_checked"][0], last);
}

#[test]
fn a_report_is_bound_to_its_journal() {
    let kit = Kit::new();
    kit.damage();
    kit.sql("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001");
    kit.run(&["run", "--reason", "policy"]).exits(1);
    let made: Vec<(_, &[&str])> = vec![
        (report(&kit, "a.html", &["--redact"]), &[]),
        (report(&kit, "a.json", &[]), &[]),
        (report(&kit, "rows.json", &["--rows", "--redact", "--next-rotation-due", "2030-01-31"]), &[]),
        (report(&kit, "a.csv", &[]), &[]),
        (report(&kit, "rows.csv", &["--rows"]), &["--rows"]),
    ];
    for (path, more) in &made {
        let done = check(&kit, path, more).exits(0);
        assert!(done.stdout.contains("byte for byte what the journal gives"), "{}", done.stdout);
        // A digit is changed somewhere, a line taken away, one added.
        let text = fs::read_to_string(path).unwrap();
        let at = text.rfind("rotated").unwrap();
        let changed = [
            format!("{}r0tated{}", &text[..at], &text[at + 7..]),
            text.lines().take(text.lines().count() - 1).map(|line| format!("{line}\n")).collect(),
            format!("{text}\n"),
        ];
        for other in changed {
            fs::write(path, other).unwrap();
            let done = check(&kit, path, more).exits(1);
            assert!(done.stdout.contains("is not what the journal gives"), "{}", done.stdout);
        }
        fs::write(path, text).unwrap();
        check(&kit, path, more).exits(0);
    }
    // Another journal, and something that is no report.
    let other = Kit::rotated();
    check(&other, &made[0].0, &[]).refused(4, "KR-JRN-005");
    check(&kit, &kit.deployment.config, &[]).refused(2, "KR-CFG-020");
    // The journal goes on.
    kit.run(&["resume", "--retry-failed"]).exits(1);
    let done = check(&kit, &made[1].0, &[]).exits(1);
    assert!(done.stdout.contains("which are unchanged"), "{}", done.stdout);
    // Its digest is that of the log as it was.
    let text = fs::read_to_string(&made[1].0).unwrap();
    let digest = read("json", &made[1].0)["made"]["of"][0]["log_sha256"].as_str().unwrap().to_owned();
    fs::write(&made[1].0, text.replace(&digest, &"0".repeat(64))).unwrap();
    let done = check(&kit, &made[1].0, &[]).exits(1);
    assert!(done.stdout.contains("SHA-256 is another one"), "{}", done.stdout);
}

#[test]
fn a_report_is_written_whole_or_not_at_all_and_over_nothing() {
    let kit = Kit::rotated();
    let path = kit.beside("report.html");
    let output = path.to_str().unwrap();
    kit.run(&["report", "--output", output]).exits(0);
    let first = fs::read(&path).unwrap();
    kit.run(&["report", "--output", output]).refused(2, "KR-CFG-020");
    assert_eq!(fs::read(&path).unwrap(), first);
    kit.run(&["report", "--output", output, "--format", "json", "--force"]).exits(0);
    assert_eq!(read("json", &path)["schema"], 1);
    // A link is not followed.
    let link = kit.beside("link.json");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    kit.run(&["report", "--output", link.to_str().unwrap()]).refused(2, "KR-CFG-020");
    kit.run(&["report", "--output", kit.beside("no/such/report.html").to_str().unwrap()])
        .refused(3, "KR-ENV-001");
    kit.run(&["report", "--rows"]).refused(2, "KR-CFG-020");
    kit.run(&["report", "--output", output, "--force", "--also", kit.journal().to_str().unwrap()])
        .refused(2, "KR-CFG-020");
    let folder = path.parent().unwrap();
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    // Standard output, with and without a name.
    for args in [&["report", "--format", "csv"][..], &["report", "--format", "csv", "--output", "-"]] {
        assert!(kit.run(args).exits(0).stdout.starts_with("rotation_id,kind,id,"));
    }
    assert!(kit.run(&["report"]).exits(0).stdout.starts_with("<!DOCTYPE html>"));
}

#[test]
fn what_only_the_maker_of_a_report_says_is_named_as_unchecked() {
    let kit = Kit::rotated();
    let since = &["--key-in-use-since", "2024-03-01"][..];
    for (name, more) in [("said.json", since), ("said.html", since), ("silent.json", &[])] {
        let path = report(&kit, name, more);
        let ran = check(&kit, &path, &[]).exits(0);
        for member in ["when the report was made", "user", "host", "key-in-use-since", "next-rotation-due"] {
            assert!(ran.stdout.contains(member), "{member}: {ran}");
        }
        assert!(ran.stdout.contains("not checked, since no journal has it"), "{ran}");
    }
    // Whoever changes them is told no less.
    let path = report(&kit, "said.json", since);
    let text = fs::read_to_string(&path).unwrap();
    let (made, rest) = text.split_once("\"host\":").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    fs::write(&path, format!("{made}\"host\": \"elsewhere\",\n{rest}")).unwrap();
    let ran = check(&kit, &path, &[]).exits(0);
    assert!(ran.stdout.contains("not checked"), "{ran}");
    // A list has none of them.
    let ran = check(&kit, &report(&kit, "list.csv", &[]), &[]).exits(0);
    assert!(ran.stdout.ends_with("byte for byte what the journal gives\n"), "{ran}");
}

#[test]
fn while_a_rotation_runs_the_report_is_on_what_is_done_so_far() {
    let kit = Kit::new();
    kit.damage();
    kit.sql("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001"); // it would stop the run
    kit.run(&["report"]).refused(4, "KR-JRN-007");
    let gate = kit.path("gate");
    let mut running = kit.start_at(&format!("table-before-commit=1*return({})", gate.display()), &["run"]);
    running.until_it_waits(&gate);
    let path = report(&kit, "early.json", &["--rows"]);
    let early = read("json", &path);
    assert_eq!(early["verdict"]["headline"], "Not finished yet");
    let rotation = &early["rotations"][0];
    assert_eq!((&rotation["state"], &rotation["sessions"][0]["end"]), (&"running".into(), &"running".into()));
    assert_eq!(rotation["sessions"][0]["pid"], running.pid());
    assert!(kit.run(&["report", "--format", "html"]).exits(0).stdout.contains("Not finished yet"));
    check(&kit, &path, &[]).exits(0);
    let all = kit.run(&["status", "--json", "--failures"]).exits(0);
    assert_eq!((all.json()["state"].as_str(), &*all.stderr), (Some("running"), ""));
    fs::remove_file(&gate).unwrap();
    running.wait().exits(1);
    let checked = check(&kit, &path, &[]).exits(1);
    assert!(checked.stdout.contains("which are unchanged"), "{checked}");
}

/// Needs Chromium, which is large: `docs/testing.md` tells how to run it.
#[test]
#[ignore = "needs Chromium"]
fn a_browser_shows_the_page_and_loads_nothing() {
    let kit = eventful();
    let path = report(&kit, "report.html", &[]);
    let out = std::env::var_os("KEYROTATION_SCREENSHOTS").map_or_else(|| kit.beside(""), Into::into);
    let chromium = |more: &[&str]| {
        let mut command = Command::new("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
        command.arg(format!("--user-data-dir={}", kit.beside("profile").display()));
        let output = command.args(more).arg(format!("file://{}", path.display())).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        // What the page's policy refuses, or the page itself gets wrong, is told on the console.
        let console: Vec<&str> = stderr.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{console:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let dom = chromium(&["--dump-dom"]);
    assert!(dom.contains("Finished, with failures") && dom.contains("</footer>"), "{dom}");
    let png = |name: &str, more: &[&str]| {
        let file = out.join(name);
        let screenshot = format!("--screenshot={}", file.display());
        chromium(&[&[screenshot.as_str(), "--hide-scrollbars"], more].concat());
        fs::read(file).unwrap()
    };
    let light = png("light.png", &["--window-size=1280,4200"]);
    let dark = png("dark.png", &["--window-size=1280,4200", "--blink-settings=preferredColorScheme=0"]);
    let narrow = png("narrow.png", &["--window-size=500,5600"]);
    assert!(light.len() > 50_000 && narrow.len() > 50_000 && light != dark);
    let pdf = out.join("report.pdf");
    chromium(&[&format!("--print-to-pdf={}", pdf.display()), "--no-pdf-header-footer"]);
    assert!(fs::read(pdf).unwrap().starts_with(b"%PDF"));
}
