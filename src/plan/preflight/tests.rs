//! The registry as data.

use std::collections::BTreeSet;

use super::*;

#[test]
fn ids_are_unique_and_lower_case_and_each_error_belongs_to_one_check() {
    let ids: BTreeSet<_> = checks().map(|check| check.id).collect();
    assert_eq!(ids.len(), checks().count());
    assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    let mut owned = Vec::new();
    for check in checks() {
        assert!(!check.title.is_empty(), "{}", check.id);
        assert_eq!(check.warns.is_empty(), check.fix.is_empty(), "{}: a warning says what to do", check.id);
        for id in check.refuses {
            assert!(!owned.contains(id), "{id} belongs to two checks");
            owned.push(*id);
        }
    }
}

#[test]
fn checks_of_one_kind_of_rotation_alone_are_among_all() {
    let ids: BTreeSet<_> = checks().map(|check| check.id).collect();
    for (mode, others) in [(Mode::InPlace, OF_A_COPY), (Mode::BlueGreen, IN_PLACE)] {
        assert!(others.iter().all(|id| ids.contains(id)), "{others:?}");
        assert_eq!(checks().filter(|check| !check.is_about(mode)).count(), others.len());
    }
}

#[test]
fn a_list_names_five_and_counts_the_rest() {
    let found: Vec<String> = (1..=7).map(|number| number.to_string()).collect();
    assert_eq!(listed(&found[..5]), "1; 2; 3; 4; 5");
    assert_eq!(listed(&found), "1; 2; 3; 4; 5; and 2 more");
}

fn server(change: impl FnOnce(&mut facts::Server)) -> facts::Server {
    let mut server = facts::Server {
        place: "db".to_owned(),
        remote: true,
        connections: 9,
        claimed: Ok(false),
        foreign_sessions: Ok(Vec::new()),
        blind: Ok(false),
        feeds: Ok(crate::db::feeds::Feeds::default()),
        nodes: Ok(Vec::new()),
        lossy: Ok(Vec::new()),
        creators: Ok(Vec::new()),
        policies: Ok(crate::db::policies::Policies::default()),
        limit: Ok(None),
        logs: Ok(Some(Vec::new())),
        clock: Ok(Some((0.0, 0.0))),
        triggers: Ok(Some(Vec::new())),
        backups: Ok(Vec::new()),
        kept: Ok(Some(Vec::new())),
        statement_logs: Ok(Some(Vec::new())),
        elsewhere: Ok(Some(Vec::new())),
    };
    change(&mut server);
    server
}

#[test]
fn clocks_may_differ_by_five_seconds_and_what_the_way_takes() {
    let warns = |ahead: f64, doubt: f64| {
        let server = server(|server| server.clock = Ok(Some((ahead, doubt))));
        server::clock(&server).unwrap()
    };
    for (ahead, doubt) in [(4.9, 0.0), (-4.9, 0.0), (5.5, 2.0)] {
        assert_eq!(warns(ahead, doubt), None);
    }
    assert!(warns(7.0, 2.0).unwrap().contains("7 s ahead of"));
    assert!(warns(-3600.0, 0.1).unwrap().contains("3600 s behind"));
    assert!(server::clock(&server(|server| server.clock = Ok(None))).is_err());
}

#[test]
fn logs_that_nobody_ends_are_told() {
    let warns = |settings: &[(&str, &str)]| {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        server::logs(&server(|server| server.logs = Ok(Some(settings)))).unwrap()
    };
    assert_eq!(warns(&[]), None);
    assert_eq!(warns(&[("archive_mode", "on")]), None);
    assert!(warns(&[("replication slot standby", "nobody reads from it")]).unwrap().contains("standby"));
    assert!(warns(&[("log_bin", "ON"), ("expire_logs_days", "0.000000")]).is_some());
    assert_eq!(warns(&[("log_bin", "ON"), ("binlog_expire_logs_seconds", "2592000")]), None);
    assert_eq!(warns(&[("log_bin", "OFF"), ("expire_logs_days", "0")]), None);
}

#[test]
fn a_log_that_is_smaller_than_what_is_written_is_told() {
    let warns = |settings: &[(&str, &str)]| {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        server::small_log(&server(|server| server.logs = Ok(Some(settings))), 500_000_000)
    };
    assert_eq!(warns(&[("max_wal_size", "1073741824")]), Ok(None));
    assert_eq!(
        warns(&[("max_wal_size", "100000000")]).unwrap().unwrap(),
        "max_wal_size is 100 MB, and the rotation writes about 500 MB"
    );
    let capacity = ("innodb_redo_log_capacity", "600000000");
    assert_eq!(warns(&[("innodb_log_file_size", "1"), capacity]), Ok(None));
    let two = [("innodb_log_file_size", "300000000"), ("innodb_log_files_in_group", "2")];
    assert_eq!(warns(&two), Ok(None));
    assert!(warns(&two[..1]).unwrap().unwrap().starts_with("the redo log is 300 MB"));
    assert!(warns(&[]).is_err());
}
