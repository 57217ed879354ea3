//! Checks of the contents of tables and files, and of the room that rotating them takes.

use super::facts::Asked;
use super::{Check, Facts, Found, Needs, Refusal, known, unless_any};
use crate::JobSurvey;
use crate::error::Id;

/// Bytes that the journal takes for a row: docs/performance.md. Twice that should be free.
const JOURNAL_BYTES: u64 = 200;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "old-key",
        title: "the old key decrypts what is stored",
        needs: Needs::Rows,
        warns: "neither key decrypts some values",
        refuses: &[Id::WrongOldKey, Id::AllAlreadyNew, Id::MostUnreadable],
        fix: "`keyrotation run --dry-run` lists them with reasons",
        look: old_key,
    },
    Check {
        id: "ambiguous",
        title: "no value can be decrypted with both keys",
        needs: Needs::Rows,
        warns: "",
        refuses: &[Id::Ambiguous],
        fix: "",
        look: ambiguous,
    },
    Check {
        id: "key-ids",
        title: "values under the new key have its id, if the server looks for it",
        needs: Needs::Rows,
        warns: "some do not: the new server would decrypt them with its old_key; the rotation encrypts them again",
        refuses: &[],
        fix: "nothing, if that is what you expect: `keyrotation run` encrypts them again and counts them separately",
        look: key_ids,
    },
    Check {
        id: "unnamed-keys",
        title: "in place: servers with both keys read every value before it is rotated",
        needs: Needs::Rows,
        warns: "values in ECB or CBC do not name their key, and a server decrypts them with `key`: it \
                cannot read those under an old key from its restart with both keys until they are rotated",
        refuses: &[],
        fix: "begin the rotation at once after the restart, or stop the servers meanwhile (docs/in-place.md)",
        look: unnamed_keys,
    },
    Check {
        id: "foreign-values",
        title: "every value is of a kind that can be rotated",
        needs: Needs::Rows,
        warns: "some are wrapped by the keystore or have an unknown transformation: they would be reported as failed",
        refuses: &[],
        fix: "run WSO2's migration client first, or delete what nobody needs; `keyrotation run --dry-run` lists them",
        look: foreign_values,
    },
    Check {
        id: "hidden-values",
        title: "ciphertext is only where the rotation looks for it",
        needs: Needs::Rows,
        warns: "a value or file contains an envelope under an old key that is not a value of its own: it \
                stays under that key, and a value with nothing else in it would be reported as failed",
        refuses: &[],
        fix: "delete it, or describe its table differently in `targets` (docs/targets.md); `keyrotation \
              keys` says where it is",
        look: hidden_values,
    },
    Check {
        id: "target-paths",
        title: "every path that `targets` names leads somewhere",
        needs: Needs::Rows,
        warns: "one leads to no text in any row: nothing is rotated there",
        refuses: &[],
        fix: "compare `paths` with the contents of the table",
        look: target_paths,
    },
    Check {
        id: "target-rows",
        title: "every `where` that `targets` names matches rows",
        needs: Needs::Databases,
        warns: "one matches none: nothing is rotated there",
        refuses: &[],
        fix: "compare `where` with the contents of the table, including upper and lower case; for a truth \
              value, write the text that the database prints (`true` on PostgreSQL)",
        look: |facts| known(&facts.idle_filters, |found| unless_any(found, "yes")),
    },
    Check {
        id: "column-width",
        title: "the new values fit into their columns",
        needs: Needs::Rows,
        warns: "some new values would be longer than their column: they would be reported as failed",
        refuses: &[],
        fix: "widen the column in the copy; `keyrotation run --dry-run` says by how much",
        look: column_width,
    },
    Check {
        id: "journal",
        title: "the journal's folder is free for a new rotation",
        needs: Needs::Settings,
        warns: "it holds a rotation, so `run` cannot start another",
        refuses: &[],
        fix: "see `keyrotation status`; continue it with `keyrotation resume`, or put it aside with \
              `keyrotation run --new`",
        look: journal,
    },
    Check {
        id: "journal-room",
        title: "there is room for the journal",
        needs: Needs::Rows,
        warns: "there is less than twice the room that it needs, which is 200 bytes for each row",
        refuses: &[],
        fix: "make room, or name another folder with --journal; a full disk ends the rotation at a safe point",
        look: journal_room,
    },
    Check {
        id: "database-room",
        title: "there is room for the databases to grow",
        needs: Needs::Rows,
        warns: "the files' disk has less room than rewriting needs (an estimate: docs/performance.md)",
        refuses: &[],
        fix: "make room on the database's disk",
        look: database_room,
    },
];

/// The sum of a count, and the places where it is not zero.
fn counted(facts: &Facts<'_>, count: impl Fn(&JobSurvey) -> u64) -> (u64, String) {
    let jobs = facts.survey.iter().flat_map(|survey| &survey.jobs);
    let found: Vec<_> = jobs.filter(|job| count(job) > 0).collect();
    let places: Vec<&str> = found.iter().map(|job| job.place.as_str()).collect();
    (found.iter().map(|job| count(job)).sum(), places.join(", "))
}

fn old_key(facts: &Facts<'_>) -> Found {
    let Some(survey) = facts.survey else { return Found::NotChecked("nothing was read".to_owned()) };
    match survey.check_keys(facts.accepted) {
        Err(error) => Found::Refuse(Refusal::from(&error)),
        Ok(said) => match survey.strange() {
            None => Found::Ok(said),
            Some(strange) => Found::Warning(format!("{said}; {strange}")),
        },
    }
}

fn ambiguous(facts: &Facts<'_>) -> Found {
    let Some(survey) = facts.survey else { return Found::NotChecked("nothing was read".to_owned()) };
    match survey.check_ambiguous(facts.accepted.ambiguous) {
        Ok(()) => Found::Ok("none".to_owned()),
        Err(error) => Found::Refuse(Refusal::from(&error)),
    }
}

fn key_ids(facts: &Facts<'_>) -> Found {
    if !facts.settings.key_id {
        return Found::Ok("the server does not ask".to_owned());
    }
    match counted(facts, |job| job.without_id) {
        (0, _) => Found::Ok("yes".to_owned()),
        (count, places) => {
            Found::Warning(format!("{count} of those that were decrypted do not, in {places}"))
        }
    }
}

fn unnamed_keys(facts: &Facts<'_>) -> Found {
    match counted(facts, |job| job.unnamed_old) {
        (0, _) => Found::Ok("none under an old key is in ECB or CBC".to_owned()),
        (count, places) => {
            Found::Warning(format!("{count} values under an old key are in ECB or CBC, in {places}"))
        }
    }
}

fn foreign_values(facts: &Facts<'_>) -> Found {
    match counted(facts, |job| job.foreign) {
        (0, _) => Found::Ok("yes".to_owned()),
        (count, places) => Found::Warning(format!("{count} values cannot be rotated, in {places}")),
    }
}

fn hidden_values(facts: &Facts<'_>) -> Found {
    match counted(facts, |job| job.beside) {
        (0, _) => Found::Ok("yes".to_owned()),
        (count, places) => Found::Warning(format!("{count} values hold some in other places, in {places}")),
    }
}

fn target_paths(facts: &Facts<'_>) -> Found {
    let jobs = facts.survey.iter().flat_map(|survey| &survey.jobs);
    let idle = |job: &JobSurvey| {
        job.idle_paths.iter().map(|path| format!("{}: {path}", job.place)).collect::<Vec<_>>()
    };
    unless_any(&jobs.flat_map(idle).collect::<Vec<_>>(), "yes")
}

fn column_width(facts: &Facts<'_>) -> Found {
    match counted(facts, |job| job.too_long) {
        (0, _) => Found::Ok("yes".to_owned()),
        (count, places) => Found::Warning(format!("{count} new values are too long, in {places}")),
    }
}

fn journal(facts: &Facts<'_>) -> Found {
    known(&facts.journal, |holds| match holds {
        false => Found::Ok("it holds no rotation".to_owned()),
        true => Found::Warning("the journal holds a rotation".to_owned()),
    })
}

fn journal_room(facts: &Facts<'_>) -> Found {
    let rows = facts.survey.map_or(0, crate::Survey::rows);
    within(&facts.journal_room, 2 * rows * JOURNAL_BYTES, "twice what the journal needs")
}

fn database_room(facts: &Facts<'_>) -> Found {
    let needed = match &facts.disk {
        Ok(disk) => disk.iter().map(|disk| disk.growth.saturating_add(disk.log)).sum(),
        Err(why) => return Found::NotChecked(why.clone()),
    };
    match &facts.database_room {
        Some(room) => within(room, needed, "what rewriting needs"),
        None if facts.settings.databases.is_none() => Found::NotChecked("no database is rotated".to_owned()),
        None => Found::NotChecked(format!(
            "servers do not say how much room their disks have; about {} are needed",
            megabytes(needed)
        )),
    }
}

fn within(room: &Asked<u64>, needed: u64, what: &str) -> Found {
    known(room, |room| {
        let text = format!("{} are free, and {what} is about {}", megabytes(*room), megabytes(needed));
        if *room < needed { Found::Warning(text) } else { Found::Ok(text) }
    })
}

pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
