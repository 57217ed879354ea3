//! Checks of the servers: what they may lose, end, keep or have no room for.

use super::facts::{Asked, Server};
use super::rows::megabytes;
use super::{Check, Facts, Found, Needs, unless_any};
use crate::error::Id;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "pooler",
        title: "each connection has a session of its own",
        needs: Needs::Databases,
        warns: "",
        refuses: &[Id::Pooler],
        fix: "",
        look: |facts| of_each(facts, |_| Ok(None), "yes"),
    },
    Check {
        id: "connections",
        title: "the server has room for the connections",
        needs: Needs::Databases,
        warns: "it has room for fewer than are configured to write at once",
        refuses: &[],
        fix: "fewer write, and it takes longer; raise the limit, or stop other programs that are connected",
        look: connections,
    },
    Check {
        id: "statement-limit",
        title: "the server has no time limit for statements",
        needs: Needs::Databases,
        warns: "it cancels statements after some time",
        refuses: &[],
        fix: "nothing; without this limit for the user the rotation is faster",
        look: |facts| of_each(facts, statement_limit, "without a limit"),
    },
    Check {
        id: "lossy-settings",
        title: "the server writes a commit to its disk before it acknowledges it",
        needs: Needs::Databases,
        warns: "with its settings a crash of the server may lose rotated rows",
        refuses: &[],
        fix: "set it back for the rotation, or run `keyrotation verify` after any crash of the server: it finds them",
        look: |facts| of_each(facts, lossy, "yes"),
    },
    Check {
        id: "creators",
        title: "no other role may create objects in the schemas where names are looked for",
        needs: Needs::Databases,
        warns: "PostgreSQL calls the function or operator that fits best, whoever made it: a role with CREATE on the schema could have its own called as this user",
        refuses: &[],
        fix: "REVOKE CREATE ON SCHEMA … FROM that role (before PostgreSQL 15 everybody has it on public); what such a role has made already is refused",
        look: |facts| of_each(facts, creators, "none"),
    },
    Check {
        id: "log-retention",
        title: "the server's logs do not grow for ever",
        needs: Needs::Databases,
        warns: "a replication slot that nobody reads from, or a binary log that is never purged, keeps all that the rotation writes",
        refuses: &[],
        fix: "drop the slot, or set an expiry; the logs also hold old ciphertexts: purge them when the old key is retired",
        look: |facts| of_each(facts, logs, "nothing keeps them for ever"),
    },
    Check {
        id: "log-size",
        title: "the server's log is large enough for what the rotation writes",
        needs: Needs::Rows,
        warns: "PostgreSQL's max_wal_size, or the redo log of MySQL or MariaDB, is smaller than what the rotation writes to it (an estimate): the rotation takes longer",
        refuses: &[],
        fix: "make it larger for the rotation (docs/databases.md, Log size), or go on: it only takes longer",
        look: log_size,
    },
    Check {
        id: "clock-skew",
        title: "this machine and the servers agree on the time",
        needs: Needs::Databases,
        warns: "they differ by more than 5 s: the times in journal and reports are this machine's, ages and lags the server's",
        refuses: &[],
        fix: "set the clocks by NTP",
        look: |facts| of_each(facts, clock, "within 5 s"),
    },
];

/// A question that every server answers: a warning from any, or that all is well.
fn of_each(facts: &Facts<'_>, ask: impl Fn(&Server) -> Asked<Option<String>>, well: &str) -> Found {
    let servers: Vec<&Server> = facts.servers.iter().filter(|server| server.remote).collect();
    if servers.is_empty() {
        return Found::NotChecked("SQLite has no server".to_owned());
    }
    let mut found = Vec::new();
    for server in servers {
        match ask(server) {
            Ok(answer) => found.extend(answer.map(|text| format!("{}: {text}", server.place))),
            Err(why) => return Found::NotChecked(format!("{}: {why}", server.place)),
        }
    }
    unless_any(&found, well)
}

fn connections(facts: &Facts<'_>) -> Found {
    let writers = facts.settings.writers();
    let short = facts.servers.iter().filter(|server| server.remote && server.connections <= writers);
    let text = |server: &Server| {
        let room = server.connections;
        format!(
            "{}: the server has room for {room} connections that share the work, fewer than the {writers} \
             that should write",
            server.place
        )
    };
    let short: Vec<String> = short.map(text).collect();
    if short.is_empty() { of_each(facts, |_| Ok(None), "yes") } else { unless_any(&short, "") }
}

fn statement_limit(server: &Server) -> Asked<Option<String>> {
    let text = |seconds: f64| {
        format!("the server cancels statements after {seconds} s: chunks start small and stay below that")
    };
    Ok(server.limit.clone()?.map(text))
}

fn lossy(server: &Server) -> Asked<Option<String>> {
    let lossy = server.lossy.clone()?;
    let text = format!("with {} a crash of the server may lose rotated rows", lossy.join(" and "));
    Ok((!lossy.is_empty()).then_some(text))
}

fn creators(server: &Server) -> Asked<Option<String>> {
    let said = |(schema, role): (String, String)| format!("CREATE on the schema {schema} is given to {role}");
    let found: Vec<String> = server.creators.clone()?.into_iter().map(said).collect();
    Ok((!found.is_empty()).then(|| found.join(", ")))
}

pub(super) fn logs(server: &Server) -> Asked<Option<String>> {
    let Some(settings) = server.logs.clone()? else { return Err("it cannot be asked".to_owned()) };
    let value =
        |name: &str| settings.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let slots: Vec<&str> =
        settings.iter().filter_map(|(name, _)| name.strip_prefix("replication slot ")).collect();
    if !slots.is_empty() {
        return Ok(Some(format!("nobody reads from the replication slots {}", slots.join(", "))));
    }
    let is_zero =
        |name: &str| value(name).is_none_or(|value| value.parse::<f64>().is_ok_and(|number| number == 0.0));
    let never = is_zero("binlog_expire_logs_seconds") && is_zero("expire_logs_days");
    let on = value("log_bin").is_some_and(|value| value.eq_ignore_ascii_case("ON") || value == "1");
    Ok((on && never).then(|| "the binary log is on and never expires".to_owned()))
}

fn log_size(facts: &Facts<'_>) -> Found {
    match &facts.disk {
        Ok(disk) => {
            let needed = disk.iter().map(|disk| disk.log).sum();
            of_each(facts, |server| small_log(server, needed), "yes")
        }
        Err(why) => Found::NotChecked(why.clone()),
    }
}

/// The log of a server, if it is smaller than this.
pub(super) fn small_log(server: &Server, needed: u64) -> Asked<Option<String>> {
    let settings = server.logs.clone()?.unwrap_or_default();
    let number = |name: &str| settings.iter().find(|(found, _)| found == name)?.1.parse::<u64>().ok();
    // MySQL from 8.0.30 on has a capacity and does not look at the files' size; MariaDB from 10.6 on has one file.
    let files = || {
        let size = number("innodb_log_file_size")?;
        Some(("the redo log", size.saturating_mul(number("innodb_log_files_in_group").unwrap_or(1))))
    };
    let named = |name: &'static str| Some((name, number(name)?));
    let Some((what, size)) =
        named("max_wal_size").or_else(|| named("innodb_redo_log_capacity")).or_else(files)
    else {
        return Err("it cannot be asked".to_owned());
    };
    let text = format!("{what} is {}, and the rotation writes about {}", megabytes(size), megabytes(needed));
    Ok((size < needed).then_some(text))
}

pub(super) fn clock(server: &Server) -> Asked<Option<String>> {
    const MOST: f64 = 5.0;
    let Some((ahead, doubt)) = server.clock.clone()? else {
        return Err("it has no clock of its own".to_owned());
    };
    let how = if ahead > 0.0 { "ahead of" } else { "behind" };
    let text = format!("its clock is {:.0} s {how} this machine's", ahead.abs());
    Ok((ahead.abs() - doubt / 2.0 > MOST).then_some(text))
}
