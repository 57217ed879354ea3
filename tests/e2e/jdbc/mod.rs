//! What is special about the way by a JDBC driver: Java, and H2's files. They run with the profile
//! `jdbc-ci`, where `KEYROTATION_E2E` chooses such a way.

mod h2;
mod stand_in;
mod sync;

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Engine, Except, Place, Running};

/// Without a driver there is no bridge to be tested.
fn by_a_driver() {
    assert!(Engine::asked().jdbc_drivers().is_some(), "KEYROTATION_E2E names no way by a JDBC driver");
}

/// The Java that a running program has started.
fn bridge_of(running: &Running) -> Pid {
    let parent = running.pid().to_string();
    let numbers = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    let number = numbers.filter_map(|name| name.to_str()?.parse::<i32>().ok()).find(|number| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let behind_name = stat.rsplit(") ").next().unwrap_or_default();
        behind_name.split(' ').nth(1) == Some(parent.as_str())
    });
    Pid::from_raw(number.expect("a bridge")).unwrap()
}

#[test]
fn a_bridge_that_dies_is_started_again_and_no_row_is_written_twice() {
    by_a_driver();
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    let mut running = place.start(&["run", "--max-rows-per-second", "60"]);
    running.until_it_says("this will change");
    kill_process(bridge_of(&running), Signal::KILL).unwrap();
    let ran = running.wait().exits(0);
    // Whoever asks first notices: the work, which tries again, or the guard, which takes the lock again.
    let work_noticed =
        ran.stderr.contains("the JDBC bridge has ended") && ran.stderr.contains("trying again");
    let guard_noticed =
        ran.stderr.contains("the rotation's lock was lost with its connection, and taken again");
    assert!(work_noticed || guard_noticed, "{ran}");
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
}

/// The numbers of the sockets on which a process waits for connections.
fn listening(process: Pid) -> Vec<String> {
    let folder = PathBuf::from(format!("/proc/{}", process.as_raw_nonzero()));
    let tables =
        ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(folder.join(table)).unwrap_or_default());
    let sockets = tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields[3] == "0A").then(|| format!("socket:[{}]", fields[9])) // LISTEN
    });
    let open =
        fs::read_dir(folder.join("fd")).unwrap().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    let open: Vec<String> = open.map(|target| target.to_string_lossy().into_owned()).collect();
    sockets.filter(|socket| open.contains(socket)).collect()
}

#[test]
fn the_bridge_ends_with_the_program_and_its_arguments_hold_no_secret() {
    by_a_driver();
    let place = Place::new(60);
    let mut running = place.start(&["run", "--max-rows-per-second", "30"]);
    running.until_it_says("this will change");
    let bridge = bridge_of(&running);
    let folder = PathBuf::from(format!("/proc/{}", bridge.as_raw_nonzero()));
    let told = ["cmdline", "environ"].map(|file| fs::read(folder.join(file)).unwrap()).concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains("Bridge.java"), "{told}");
    let properties = fs::read_to_string(&place.deployment.config).unwrap();
    for line in properties.lines().filter(|line| line.contains("Password") || line.contains("SecretKey")) {
        let secret = line.split_once(':').unwrap().1.trim();
        assert!(secret.is_empty() || !told.contains(secret), "{line}");
    }
    assert!(!told.contains("jdbc:") && !told.contains("ro%20t"), "{told}");
    assert!(told.contains("-Xmx"), "its memory has a limit: {told}");
    assert_eq!(listening(bridge), [""; 0], "nobody else can talk to it");
    let _port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = Pid::from_raw(std::process::id().try_into().unwrap()).unwrap();
    assert_eq!(listening(ours).len(), 1, "a port that is open would be seen");
    running.kill();
    let begun = std::time::Instant::now();
    while folder.join("exe").read_link().is_ok() {
        assert!(begun.elapsed().as_secs() < 60, "the bridge outlives the program");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
