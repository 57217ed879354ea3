//! Checks of the databases: are they there, are they the copy, are they as WSO2 makes them.

use super::copies::of_databases;
use super::{Check, Facts, Found, Needs, Refusal, listed, unless_any};
use crate::error::Id;
use crate::protect;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "configuration",
        title: "properties.yaml has no doubtful settings",
        needs: Needs::Settings,
        warns: "a setting is probably not what was meant, or a secret is readable for everyone",
        refuses: &[],
        fix: "see docs/configuration.md",
        look: configuration,
    },
    Check {
        id: "databases-reachable",
        title: "the databases answer",
        needs: Needs::Settings,
        warns: "",
        refuses: &[Id::Database, Id::DatabaseLost],
        fix: "",
        look: reachable,
    },
    Check {
        id: "copy-is-not-production",
        title: "no new database is the old server's",
        needs: Needs::Databases,
        warns: "",
        refuses: &[Id::ConfigOldDatabase, Id::OldUndecided],
        fix: "",
        look: not_production,
    },
    Check {
        id: "copy-is-not-fed",
        title: "nothing brings changes into the databases from elsewhere",
        needs: Needs::Databases,
        warns: "a replication is set up but stopped, or the user may not see whether there is one",
        refuses: &[Id::CopyFed],
        fix: "end it for good, or a restart of the server may begin it again; grant what docs/databases.md lists",
        look: not_fed,
    },
    Check {
        id: "sync-leftovers",
        title: "the databases have no sync tables or triggers",
        needs: Needs::Databases,
        warns: "",
        refuses: &[Id::SyncLeftovers],
        fix: "",
        look: |_| Found::Ok("none".to_owned()),
    },
    Check {
        id: "sync-triggers",
        title: "the old database records what users change",
        needs: Needs::Databases,
        warns: "a table that is to be kept in step has no triggers there",
        refuses: &[Id::SyncNoTriggers, Id::ConfigValue],
        fix: "`keyrotation triggers install` before the copy is made, or leave the table out with syncTables",
        look: sync_triggers,
    },
    Check {
        id: "schema",
        title: "tables, columns and keys are as WSO2 makes them",
        needs: Needs::Databases,
        warns: "",
        refuses: &[Id::Schema, Id::TableAbsent],
        fix: "",
        look: schema,
    },
    Check {
        id: "privileges",
        title: "the user may write what is rotated",
        needs: Needs::Databases,
        warns: "",
        refuses: &[Id::Privilege],
        fix: "",
        look: privileges,
    },
    Check {
        id: "hidden-rows",
        title: "the server shows this user every row and value",
        needs: Needs::Databases,
        warns: "it is not known whether policies, row permissions or masks hide any",
        refuses: &[Id::RowsHidden],
        fix: "let somebody who sees the server's whole catalogue check it, or grant what docs/databases.md lists",
        look: hidden_rows,
    },
    Check {
        id: "other-rotation",
        title: "no other rotation works on the databases",
        needs: Needs::Databases,
        warns: "",
        refuses: &[Id::DatabaseBusy],
        fix: "",
        look: other_rotation,
    },
    Check {
        id: "others-connected",
        title: "nobody else is connected to the databases",
        needs: Needs::Databases,
        warns: "the user may not see other users' sessions, or the server is one node of a cluster",
        refuses: &[Id::OthersConnected],
        fix: "grant it PROCESS (docs/databases.md), and check yourself who is connected to the other nodes",
        look: others_connected,
    },
    Check {
        id: "foreign-triggers",
        title: "no triggers on the tables that are rewritten",
        needs: Needs::Databases,
        warns: "there are some: they run for every row, and may refuse it or write elsewhere",
        refuses: &[],
        fix: "find out what they do; drop them in the copy if the new server does not need them",
        look: foreign_triggers,
    },
    Check {
        id: "backup-tables",
        title: "no copies of rotated tables beside them",
        needs: Needs::Databases,
        warns: "there are tables named like copies of rotated ones: what they hold stays under the old key",
        refuses: &[],
        fix: "drop them in the copy before the old key is destroyed, if nobody needs them",
        look: backup_tables,
    },
];

fn configuration(facts: &Facts<'_>) -> Found {
    let warnings =
        facts.settings.notices.iter().filter(|notice| notice.level == crate::config::Level::Warning);
    let warnings: Vec<String> = warnings.map(|notice| notice.text.clone()).collect();
    unless_any(&warnings, facts.settings.file.display().to_string())
}

fn reachable(facts: &Facts<'_>) -> Found {
    if facts.settings.databases.is_none() {
        return Found::NotChecked("no database is rotated".to_owned());
    }
    let silent = facts.reached.iter().filter_map(|(_, asked)| asked.as_ref().err().cloned());
    let silent: Vec<String> = silent.collect();
    if !silent.is_empty() {
        let fix = Id::Database.remedy().to_owned();
        return Found::Refuse(Refusal { id: Id::Database, what: listed(&silent), fix });
    }
    let answered =
        facts.reached.iter().filter_map(|(key, asked)| Some(format!("{key} {}", asked.as_ref().ok()?)));
    let answered: Vec<String> = answered.collect();
    Found::Ok(if answered.is_empty() { "all of them".to_owned() } else { answered.join(", ") })
}

fn not_production(facts: &Facts<'_>) -> Found {
    let databases = facts.settings.databases.as_ref();
    match databases.and_then(|databases| databases.old_identity.as_ref()) {
        Some(_) if facts.deployment.is_some_and(|deployment| !deployment.doubts.is_empty()) => {
            let doubts = facts.deployment.map(|deployment| deployment.doubts.clone()).unwrap_or_default();
            Found::NotChecked(format!(
                "{}: before it writes, `run` checks this with a token, and refuses if that proves nothing",
                listed(&doubts)
            ))
        }
        Some(old) => Found::Ok(format!("{} is another database", old.url)),
        None => Found::NotChecked("oldIdnDBUrl names no database that could be asked".to_owned()),
    }
}

fn not_fed(facts: &Facts<'_>) -> Found {
    if !facts.servers.iter().any(|server| server.remote) {
        return Found::NotChecked("nothing can feed a file".to_owned());
    }
    let (mut warnings, mut unasked) = (Vec::new(), Vec::new());
    for server in &facts.servers {
        let mut all = vec![(server.place.clone(), server.feeds.as_ref().map_err(String::as_str))];
        match &server.nodes {
            Ok(nodes) => all.extend(nodes.iter().map(|node| {
                (protect::of_node(&server.place, &node.place), node.feeds.as_ref().map_err(String::as_str))
            })),
            Err(why) => unasked.push(format!("{}: {why}", server.place)),
        }
        for (place, feeds) in all {
            let feeds = match feeds {
                Ok(feeds) => feeds,
                Err(why) => {
                    unasked.push(format!("{place}: {why}"));
                    continue;
                }
            };
            if let Some(feed) = feeds.found.iter().find(|feed| feed.overwrites()) {
                let what = format!("{place}: it is fed from elsewhere: {}", feed.what);
                let fix = format!("end that there: `{}`", feed.end);
                return Found::Refuse(Refusal { id: Id::CopyFed, what, fix });
            }
            warnings.extend(feeds.found.iter().map(|feed| {
                format!("{place}: {}, which is stopped now; `{}` ends it for good", feed.what, feed.end)
            }));
            warnings.extend(feeds.warnings().map(|why| format!("{place}: {why}")));
        }
    }
    if warnings.is_empty() && !unasked.is_empty() {
        return Found::NotChecked(listed(&unasked));
    }
    warnings.extend(unasked);
    unless_any(&warnings, "nothing does")
}

fn sync_triggers(facts: &Facts<'_>) -> Found {
    if facts.settings.sync_tables.is_none() {
        return Found::NotChecked("enableSyncMigrator is not on".to_owned());
    }
    let Some(deployment) = facts.deployment else { return Found::NotChecked("no database".to_owned()) };
    let without = deployment.absent_places().into_iter().filter(|(place, why)| {
        why.contains("no sync triggers") && facts.targets.sync_table_named(place).is_some()
    });
    let without: Vec<String> = without.map(|(place, why)| format!("{place}: {why}")).collect();
    unless_any(&without, "on every table that is kept in step")
}

fn schema(facts: &Facts<'_>) -> Found {
    let Some(deployment) = facts.deployment else { return Found::NotChecked("no database".to_owned()) };
    let there = deployment.jobs.iter().filter(|job| facts.targets.table_named(&job.place).is_some()).count();
    let absent = deployment.absent_places();
    let absent = absent.iter().filter(|(place, _)| facts.targets.table_named(place).is_some()).count();
    Found::Ok(format!("{there} tables; {absent} that this version does not have"))
}

fn privileges(facts: &Facts<'_>) -> Found {
    if !facts.servers.iter().any(|server| server.remote) {
        return Found::NotChecked("SQLite has no users".to_owned());
    }
    match &facts.privileges {
        Ok(()) => Found::Ok("it may".to_owned()),
        Err(refusal) => Found::Refuse(refusal.clone()),
    }
}

fn hidden_rows(facts: &Facts<'_>) -> Found {
    let mut unseen = Vec::new();
    for server in &facts.servers {
        let policies = match &server.policies {
            Ok(policies) => policies,
            Err(why) => return Found::NotChecked(format!("{}: {why}", server.place)),
        };
        if let Some(policy) = protect::of_ours(policies, facts.targets).next() {
            return Found::Refuse(Refusal::from(&protect::hidden(&server.place, policy)));
        }
        unseen.extend(policies.unseen.iter().map(|why| format!("{}: not looked at: {why}", server.place)));
    }
    unless_any(&unseen, "nothing hides any")
}

fn other_rotation(facts: &Facts<'_>) -> Found {
    for server in &facts.servers {
        match &server.claimed {
            Ok(false) => {}
            Err(why) => return Found::NotChecked(why.clone()),
            Ok(true) => {
                let what = format!("another keyrotation process is working on the database {}", server.place);
                let fix = Id::DatabaseBusy.remedy().to_owned();
                return Found::Refuse(Refusal { id: Id::DatabaseBusy, what, fix });
            }
        }
    }
    Found::Ok("none".to_owned())
}

fn others_connected(facts: &Facts<'_>) -> Found {
    if !facts.servers.iter().any(|server| server.remote) {
        return Found::NotChecked("SQLite does not tell who has a file open".to_owned());
    }
    for server in &facts.servers {
        match &server.foreign_sessions {
            Err(why) => return Found::NotChecked(why.clone()),
            Ok(foreign_sessions) if !foreign_sessions.is_empty() => {
                let what = format!("{}: {}", server.place, listed(foreign_sessions));
                let fix = Id::OthersConnected.remedy().to_owned();
                return Found::Refuse(Refusal { id: Id::OthersConnected, what, fix });
            }
            Ok(_) => {}
        }
    }
    let blind = facts.servers.iter().filter(|server| server.blind == Ok(true));
    let text = |server: &super::facts::Server| {
        format!("{}: this user sees only its own sessions, so others cannot be told", server.place)
    };
    let mut warnings: Vec<String> = blind.map(text).collect();
    let clusters = facts.deployment.map(crate::Deployment::clusters).unwrap_or_default();
    warnings.extend(clusters.into_iter().map(|(place, cluster)| {
        format!("{place}: only this server's sessions are seen, not those of other nodes; it is {cluster}")
    }));
    unless_any(&warnings, "nobody")
}

fn foreign_triggers(facts: &Facts<'_>) -> Found {
    of_databases(facts, |server| server.triggers.clone(), "none that this user sees")
}

fn backup_tables(facts: &Facts<'_>) -> Found {
    of_databases(facts, |server| server.backups.clone().map(Some), "none")
}
