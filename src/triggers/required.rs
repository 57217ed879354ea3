//! Which triggers a table's change log needs, and whether they are there: what the scripts make tells.

use super::template::SECTION;
use super::{Action, script};
use crate::db::preflight_questions::Trigger;
use crate::db::server::Kind;
use crate::target::{SyncTable, TargetRegistry};

const EVENTS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// What there is of a table's triggers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// None of them.
    Absent,
    /// Not all of them, or one that does not fire: why.
    Broken(String),
    /// Its change log would not keep each entry as it is: why.
    Flawed(String),
    /// All of them, and each fires for what it has to.
    Whole,
}

/// A trigger that has to be there.
#[derive(Debug, PartialEq, Eq)]
struct Required {
    name: String,
    events: Vec<&'static str>,
    /// For the columns of the key only.
    is_of_columns: bool,
}

/// The triggers that a script makes on tables whose changes are recorded: each fires after the change, and those that
/// it makes to try whether it may fire before.
fn made_by(script: &str) -> Vec<Required> {
    let (_, sections) = script.split_once(SECTION).unwrap_or_default();
    let words: Vec<&str> = sections.split_whitespace().collect();
    let made = |at: usize| required(&words[at..]);
    let begins = |at: &usize| words[*at] == "CREATE" && is_trigger(&words[*at..]);
    (0..words.len()).filter(begins).filter_map(made).collect()
}

fn is_trigger(words: &[&str]) -> bool {
    words.iter().take(4).any(|word| word.eq_ignore_ascii_case("TRIGGER"))
}

/// The trigger that a statement makes, from its words; none if it does not fire after a change.
fn required(words: &[&str]) -> Option<Required> {
    let is = |word: &&str, other: &str| word.eq_ignore_ascii_case(other);
    let trigger = words.iter().position(|word| is(word, "TRIGGER"))?;
    let mut rest = words[trigger + 1..].iter();
    let mut name = rest.next()?;
    if is(name, "IF") {
        name = rest.nth(2)?; // behind NOT EXISTS
    }
    let head = rest.as_slice().iter().take(8);
    let after = head.clone().position(|word| is(word, "AFTER"))?;
    let mut events = Vec::new();
    let mut is_of_columns = false;
    for word in &rest.as_slice()[after + 1..] {
        let word = word.trim_end_matches(',');
        match EVENTS.iter().find(|event| word.eq_ignore_ascii_case(event)) {
            Some(event) => events.push(*event),
            None if word.eq_ignore_ascii_case("OR") => {}
            None => {
                is_of_columns = word.eq_ignore_ascii_case("OF");
                break;
            }
        }
    }
    Some(Required { name: name.trim_matches('"').to_uppercase(), events, is_of_columns })
}

/// What a table's change log needs: what the Java tool's script makes if that has made it, or ours. On H2 a script of
/// ours made one for each event, once.
fn needed(
    targets: &TargetRegistry,
    kind: Option<Kind>,
    table: &SyncTable,
    is_foreign: bool,
    there: &[&Trigger],
) -> Vec<Required> {
    let one_each = || {
        let one = |(name, event)| Required { name, events: vec![event], is_of_columns: false };
        table.java_triggers().map(one).into()
    };
    if is_foreign {
        return one_each();
    }
    let ours = made_by(&script(targets, kind, Action::Install, |name| table.relation.table == *name));
    let has_any = ours.iter().any(|required| there.iter().any(|trigger| trigger.name == required.name));
    if kind == Some(Kind::H2) && !has_any { one_each() } else { ours }
}

/// What a trigger fires for: named in words, or by the statement that made it.
fn fires(trigger: &Trigger, wanted: &Required, event: &str) -> bool {
    let text = trigger.fires_for.to_uppercase();
    if text.trim_start().starts_with("CREATE") {
        let words: Vec<&str> = text.split_whitespace().collect();
        return required(&words).is_some_and(|made| {
            made.events.contains(&event) && (wanted.is_of_columns || !made.is_of_columns)
        });
    }
    text.split(|letter: char| !letter.is_ascii_alphabetic()).any(|word| word == event)
}

/// What there is of a table's triggers, of all that the database has.
pub fn state_among(
    targets: &TargetRegistry,
    kind: Option<Kind>,
    table: &SyncTable,
    is_foreign: bool,
    triggers: &[Trigger],
) -> State {
    let place = &table.relation.table;
    // MySQL's script tries whether it may make triggers with one on the log, and begins by dropping it.
    let is_try = |trigger: &&Trigger| trigger.name.eq_ignore_ascii_case(&format!("{}_TRY", table.triggers));
    let (left, own): (Vec<&Trigger>, Vec<&Trigger>) =
        triggers.iter().filter(|trigger| table.log == trigger.table).partition(is_try);
    if let Some(trigger) = own.first() {
        return State::Flawed(format!(
            "the change log {} has a trigger of its own, {}",
            table.log, trigger.name
        ));
    }
    let is_ours = |trigger: &&Trigger| *place == trigger.table && table.is_trigger(&trigger.name);
    let there: Vec<&Trigger> = triggers.iter().filter(is_ours).collect();
    if there.is_empty() {
        return State::Absent;
    }
    if let Some(trigger) = left.first() {
        let (name, log) = (&trigger.name, &table.log);
        return State::Broken(format!(
            "{name} on the change log {log} is left of a script that stopped half way"
        ));
    }
    for wanted in needed(targets, kind, table, is_foreign, &there) {
        let name = &wanted.name;
        let rows: Vec<_> = there.iter().filter(|trigger| trigger.name == *name).collect();
        if rows.is_empty() {
            return State::Broken(format!("the sync trigger {name} on {place} is missing"));
        }
        if let Some(idle) = rows.iter().find(|trigger| !trigger.idle.is_empty()) {
            return State::Broken(format!("the sync trigger {name} on {place} {}", idle.idle));
        }
        let missing = |event: &&&str| !rows.iter().any(|trigger| fires(trigger, &wanted, event));
        if let Some(event) = wanted.events.iter().find(missing) {
            return State::Broken(format!(
                "the sync trigger {name} on {place} does not fire for every {event}"
            ));
        }
    }
    State::Whole
}

#[cfg(test)]
mod tests {
    use super::super::{Client, NATIVE};
    use super::*;

    fn kinds() -> impl Iterator<Item = Option<Kind>> {
        NATIVE.into_iter().chain(Client::ALL.map(|client| Some(client.kind())))
    }

    /// The catalogue as it is when the script has run.
    fn catalogue(targets: &TargetRegistry, kind: Option<Kind>, table: &SyncTable) -> Vec<Trigger> {
        let of = |required: Required| Trigger {
            table: table.relation.table.to_string(),
            name: required.name,
            fires_for: required.events.join(" OR "),
            idle: String::new(),
        };
        made_by(&script(targets, kind, Action::Install, |name| table.relation.table == *name))
            .into_iter()
            .map(of)
            .collect()
    }

    #[test]
    fn what_is_required_is_what_each_script_makes() {
        let known = TargetRegistry::built_in();
        for kind in kinds() {
            for table in known.synced() {
                let made = catalogue(&known, kind, table);
                let names: Vec<_> =
                    made.iter().map(|trigger| trigger.name[table.triggers.len() + 1..].to_owned()).collect();
                let expected: &[&str] = match kind {
                    Some(Kind::H2) => &["CHANGE"],
                    Some(Kind::MySql | Kind::Db2) => &["INSERT", "KEY", "UPDATE", "DELETE"],
                    _ => &["INSERT", "UPDATE", "DELETE"],
                };
                assert_eq!(names, expected, "{kind:?}");
                assert!(made.iter().all(|trigger| table.is_trigger(&trigger.name)), "{kind:?}");
                let events: Vec<_> = made.iter().map(|trigger| trigger.fires_for.as_str()).collect();
                let expected: &[&str] = match kind {
                    Some(Kind::H2) => &["INSERT OR UPDATE OR DELETE"],
                    Some(Kind::MySql | Kind::Db2) => &["INSERT", "UPDATE", "UPDATE", "DELETE"],
                    _ => &["INSERT", "UPDATE", "DELETE"],
                };
                assert_eq!(events, expected, "{kind:?}");
            }
        }
    }

    /// Each one of them, on every database: away, disabled, for another event, on another table.
    #[test]
    fn a_trigger_that_is_away_disabled_or_for_another_event_is_no_whole_change_log() {
        let known = TargetRegistry::built_in();
        for kind in kinds() {
            for table in known.synced() {
                let whole = catalogue(&known, kind, table);
                assert_eq!(state_among(&known, kind, table, false, &whole), State::Whole, "{kind:?}");
                assert_eq!(state_among(&known, kind, table, false, &[]), State::Absent, "{kind:?}");
                let mut more = whole.clone();
                let on_the_log =
                    Trigger { table: table.log.to_string(), name: "T".into(), ..whole[0].clone() };
                more.push(on_the_log);
                assert!(
                    matches!(state_among(&known, kind, table, false, &more), State::Flawed(_)),
                    "{kind:?}"
                );
                if let Some(left) = more.last_mut() {
                    left.name = format!("{}_try", table.triggers).to_uppercase();
                }
                let half_way = state_among(&known, kind, table, false, &more);
                assert!(matches!(half_way, State::Broken(_)), "{kind:?}: {half_way:?}");
                for at in 0..whole.len() {
                    let broken = |change: &dyn Fn(&mut Vec<Trigger>)| {
                        let mut changed = whole.clone();
                        change(&mut changed);
                        let found = state_among(&known, kind, table, false, &changed);
                        assert_ne!(found, State::Whole, "{kind:?} {}", whole[at].name);
                    };
                    broken(&|all| drop(all.remove(at)));
                    broken(&|all| all[at].idle = "is disabled".to_owned());
                    broken(&|all| all[at].table = table.log.to_string());
                    let one_less = |text: &str| text.rsplit_once(' ').unwrap_or_default().0.to_owned();
                    broken(&|all| all[at].fires_for = one_less(&all[at].fires_for));
                }
            }
        }
    }

    #[test]
    fn the_java_tool_has_one_for_each_event_and_so_had_h2() {
        let known = TargetRegistry::built_in();
        let table = &known.synced()[0];
        let one_each: Vec<Trigger> = table
            .java_triggers()
            .map(|(name, event)| Trigger {
                table: table.relation.table.to_string(),
                name,
                fires_for: event.to_owned(),
                idle: String::new(),
            })
            .into();
        for kind in kinds() {
            assert_eq!(state_among(&known, kind, table, true, &one_each), State::Whole, "{kind:?}");
            assert_ne!(state_among(&known, kind, table, true, &one_each[1..]), State::Whole, "{kind:?}");
            let is_whole = !matches!(kind, Some(Kind::MySql | Kind::Db2));
            assert_eq!(
                state_among(&known, kind, table, false, &one_each) == State::Whole,
                is_whole,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_statement_tells_what_its_trigger_fires_for() {
        let wanted = |is_of_columns| Required { name: String::new(), events: vec![], is_of_columns };
        let fires_for = |text: &str, of_columns, event| {
            let trigger = Trigger {
                table: String::new(),
                name: String::new(),
                fires_for: text.to_owned(),
                idle: String::new(),
            };
            fires(&trigger, &wanted(of_columns), event)
        };
        let text = "CREATE TRIGGER t AFTER UPDATE ON a BEGIN INSERT INTO b VALUES (1); END";
        assert!(fires_for(text, false, "UPDATE") && !fires_for(text, false, "INSERT"));
        let text = "create trigger if not exists t after update of x, y on a begin select 1; end";
        assert!(fires_for(text, true, "UPDATE") && !fires_for(text, false, "UPDATE"));
        let text = "CREATE TRIGGER t BEFORE DELETE ON a BEGIN SELECT 1; END";
        assert!(!fires_for(text, false, "DELETE"));
    }
}
