//! A network between the program and the server that breaks, stalls and half closes connections.

use std::time::{Duration, Instant};

use keyrotation::db::{Access, Db};

use super::{on, outside};
use crate::kit::{Kit, Refused as _};
use crate::support::{
    Engine, Except, Place, Proxy, Random, Snapshot, Trouble, database_of_its_own, rounds, wait,
};

crate::support::on_engines! {
    connections_that_break_anywhere_cost_nothing: mysql, slow: postgresql mariadb;
    connections_that_are_never_answered_again_hold_up_nothing: postgresql mysql, slow: mariadb;
    a_session_that_is_slow_to_open_is_no_stranger: mysql, slow: postgresql mariadb;
    a_server_that_moves_to_another_address_is_followed: mysql, slow: postgresql mariadb;
    a_server_without_room_for_connections_is_named: postgresql mysql, slow: mariadb;
}

/// Lets the program reach its databases through this port only, unencrypted: the proxy must see commits.
fn through(kit: &Kit, hosts: &str, parameters: &str) {
    let plain = if kit.site().engine == Engine::Postgres { "?sslmode=disable" } else { "?useSsl=false" };
    for (at, key) in [(0, "newIdnDBUrl"), (1, "newRegDBUrl")] {
        kit.configure(key, Some(&kit.site().url(at, hosts, &format!("{plain}{parameters}"))));
    }
}

#[track_caller]
fn must_be_done(kit: &Kit, before: &Snapshot) {
    before.must_be_rotated(kit, &Except::default());
    before.must_be_updated_once(kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

fn trouble(random: &mut Random) -> Trouble {
    // Logging in takes a few hundred bytes, the whole work of a connection some hundred thousand.
    let most = 1 << (6 + random.below(12));
    let bytes = random.below(most);
    match random.below(6) {
        0 => Trouble::CutAfter(bytes),
        1 => Trouble::CutBeforeCommit(random.below(6)),
        2 => Trouble::CutAfterCommit(random.below(6)),
        3 => Trouble::StallAfter(bytes, Duration::from_millis(500 + random.below(2500))),
        4 => Trouble::HalfCloseAfter(bytes),
        _ => Trouble::Delay(Duration::from_millis(1)),
    }
}

/// Each connection has its own trouble, until there were enough; then the network is sound.
fn connections_that_break_anywhere_cost_nothing(engine: Engine) {
    let template = Place::on(engine, 60);
    template.count_updates();
    let before = template.snapshot();
    let mut random = Random::seeded();
    let (mut troubles, mut deployments, mut ended) = (0, 0, 0);
    while troubles < rounds(12) {
        let kit = Kit::around(template.copy());
        deployments += 1;
        let mut chances = random.fork();
        let mut left = 25_u32;
        let proxy = Proxy::to(engine.port(), move || {
            left = left.checked_sub(1)?;
            (chances.below(3) > 0).then(|| trouble(&mut chances))
        });
        // In milliseconds; PostgreSQL's are seconds, so there it is none.
        through(&kit, &format!("127.0.0.1:{}", proxy.port), "&socketTimeout=2000");
        let mut command = "run";
        for attempt in 0.. {
            assert!(attempt < 60, "it never gets through");
            let ran = kit.run(&[command, "--chunk-size", "40", "--patience", "20"]);
            assert!(!ran.stderr.contains("panicked"), "{ran}");
            if ran.code() == Some(0) {
                break;
            }
            // Before the first write nothing is waited for.
            let ran = ran.exits(3);
            assert!(ran.error().contains("KR-DB-00") && ran.error().contains("fix:"), "{ran}");
            ended += 1;
            command = "resume";
        }
        troubles += proxy.troubles();
        drop(proxy);
        through(&kit, &format!("127.0.0.1:{}", engine.port()), "");
        let status = kit.status();
        assert_eq!(status["state"], "completed", "{status}");
        before.must_be_rotated(&kit, &Except::default());
        before.must_be_updated_once(&kit, &Except::default());
    }
    println!("{troubles} troubles on {deployments} deployments, {ended} of them ended a run");
}

/// As behind a firewall that has forgotten them.
fn connections_that_are_never_answered_again_hold_up_nothing(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let mut stalls = (0..12).map(|nth| 4_000 << (nth % 4));
    let proxy = Proxy::to(engine.port(), move || {
        stalls.next().map(|bytes| Trouble::StallAfter(bytes, Duration::from_hours(1)))
    });
    // In seconds for PostgreSQL's driver, in milliseconds for the others.
    let unit = if engine == Engine::Postgres { "" } else { "000" };
    let timeouts = format!("&socketTimeout=1{unit}&connectTimeout=2{unit}");
    through(&kit, &format!("127.0.0.1:{}", proxy.port), &timeouts);
    let begun = Instant::now();
    let ran = kit.run(&["run", "--chunk-size", "40", "--patience", "20"]);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}: {ran}", begun.elapsed());
    if ran.code() != Some(0) {
        ran.exits(3);
    }
    assert!(proxy.troubles() > 0, "{}", proxy.troubles());
    drop(proxy);
    through(&kit, &format!("127.0.0.1:{}", engine.port()), "");
    kit.run(&["resume"]).exits(0);
    must_be_done(&kit, &before);
}

/// The server knows it by a number, which we know only once it is open.
fn a_session_that_is_slow_to_open_is_no_stranger(engine: Engine) {
    let (mut server, admin) = database_of_its_own(engine);
    drop(admin);
    let mut delays = [None].into_iter();
    let slowly = || Some(Trouble::Delay(Duration::from_millis(300)));
    let proxy = Proxy::to(engine.port(), move || delays.next().unwrap_or_else(slowly));
    server.hosts[0].port = proxy.port;
    wait(async {
        let db = Db::open_server(&server, Access::ReadWrite, 1).await.unwrap();
        while !db.foreign_sessions().await.unwrap().is_empty() {} // until the administrator is gone
        let claim = tokio::spawn({
            let db = db.clone();
            async move { db.claim().await }
        });
        let mut looks = 0;
        while !claim.is_finished() {
            let foreign_sessions = db.foreign_sessions().await.unwrap();
            assert!(foreign_sessions.is_empty(), "{foreign_sessions:?}");
            looks += 1;
        }
        assert!(looks > 0 && claim.await.unwrap().unwrap(), "{looks}");
        db.close().await;
    });
}

/// The first address goes away in the middle; the second leads to the same server.
fn a_server_that_moves_to_another_address_is_followed(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let (first, second) = (Proxy::to(engine.port(), || None), Proxy::to(engine.port(), || None));
    through(&kit, &format!("127.0.0.1:{},127.0.0.1:{}", first.port, second.port), "");
    let mut running = kit.start(&["run", "--max-rows-per-second", "150"]);
    running.until_it_says("this will change");
    std::thread::sleep(Duration::from_millis(700));
    assert!(!running.ended());
    first.close();
    let ran = running.wait().exits(0);
    assert!(ran.stderr.contains("the rotation's lock was lost"), "{ran}");
    must_be_done(&kit, &before);
}

fn a_server_without_room_for_connections_is_named(engine: Engine) {
    let kit = on(engine);
    let before = kit.snapshot();
    let user = kit.site().user();
    let limit = |connections: i32| match engine {
        Engine::Postgres => format!("ALTER ROLE \"{user}\" CONNECTION LIMIT {connections}"),
        _ => format!("ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS {connections}"),
    };
    kit.run(&["plan"]).exits(0);
    outside(engine).execute(&limit(1));
    let ran = kit.run(&["run"]);
    assert!(matches!(ran.code(), Some(2 | 3)), "{ran}");
    assert!(ran.error().contains("KR-DB-00") && ran.error().contains("connections"), "{ran}");
    before.must_be_untouched(&kit);
    outside(engine).execute(&limit(if engine == Engine::Postgres { -1 } else { 0 }));
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}
