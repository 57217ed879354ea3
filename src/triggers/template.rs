//! Scripts are made of templates, so that what holds for every table is written once.
//!
//! A template (`triggers/templates`) is a script with one section, that of any table: what stands before it is the
//! script's head. What has to be filled in is written as `${…}`:
//!
//! | | |
//! |---|---|
//! | `${TABLE}`, `${LOG}` | the table, and its change log |
//! | `${TRIGGERS}`, `${triggers}` | what the names of its triggers begin with |
//! | `${each NEW.COLUMN}` | that for each key column, with commas; with `column` in lower case |
//! | `${each UPDATE(COLUMN)\| OR }` | likewise, with `OR` between them |
//! | `${COLUMN}` | a key column: the line stands once for each |
//! | `${number …}`, `${text …}` | in such a line: only for a number, only for a text |
//! | `${text …\|A: …\|B: …}` | likewise, with other words for the columns A and B |
//! | `${more …}`, `${last …}` | in such a line: for all but the last column, for the last |
//!
//! In a head, a line with `${TABLE}` or `${LOG}` stands once for each table that every version has, one with
//! `${newer TABLE}` or `${newer LOG}` for each of the others, which come last.

use std::sync::Arc;

use crate::db::Identifier;
use crate::target::sync::NUMBERS;
use crate::target::{Presence, SyncTable, TargetRegistry};

/// What a line says before the name of the table that the statements below it are for.
pub(super) const SECTION: &str = "-- table: ";

/// A template for every table, with the sections of those that are there.
pub(super) fn render(targets: &TargetRegistry, template: &str, is_there: impl Fn(&str) -> bool) -> String {
    let (head, section) = template.split_once(&format!("\n{SECTION}")).unwrap_or((template, ""));
    let mut out = render_head(targets, head);
    for table in tables(targets).filter(|table| is_there(&table.relation.table)) {
        out.push('\n');
        out.push_str(SECTION);
        out.push_str(&render_section(section, table));
    }
    out
}

/// Those that every version has, and then the others: a client that ends at the first one that is not there has seen to
/// all that are.
fn tables(targets: &TargetRegistry) -> impl Iterator<Item = &Arc<SyncTable>> {
    let of = |newer| targets.synced().iter().filter(move |table| is_newer(targets, table) == newer);
    of(false).chain(of(true))
}

fn is_newer(targets: &TargetRegistry, table: &SyncTable) -> bool {
    targets.presence_of(table) != Presence::Always
}

fn render_head(targets: &TargetRegistry, head: &str) -> String {
    let mut out = String::new();
    for line in head.lines() {
        let newer = line.contains("${newer ");
        let of = |table: &&Arc<SyncTable>| is_newer(targets, table) == newer;
        if line.contains("${") {
            tables(targets).filter(of).for_each(|table| push(&mut out, &fill(line, table, None)));
        } else {
            push(&mut out, line);
        }
    }
    out
}

fn render_section(section: &str, table: &SyncTable) -> String {
    let mut out = String::new();
    for line in section.lines() {
        if ["${COLUMN}", "${number ", "${text "].iter().any(|word| line.contains(word)) {
            (0..table.relation.key.len()).for_each(|at| push(&mut out, &fill(line, table, Some(at))));
        } else {
            push(&mut out, &fill(line, table, None));
        }
    }
    out
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// A line for a table, and for one column of its key if the line stands for each.
fn fill(line: &str, table: &SyncTable, column: Option<usize>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, word, after)) = next(rest) {
        out.push_str(before);
        out.push_str(&filled(word, table, column));
        rest = after;
    }
    out + rest
}

/// The text before the next `${…}`, what is in it, and the text after it.
fn next(line: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = line.split_once("${")?;
    let (word, after) = rest.split_once('}')?;
    Some((before, word, after))
}

fn filled(word: &str, table: &SyncTable, at: Option<usize>) -> String {
    let key = &table.relation.key;
    let column = at.and_then(|at| key.get(at)).map_or("", |name| name.as_str());
    let is_last = at.is_some_and(|at| at + 1 == key.len());
    let is_number = NUMBERS.contains(&column);
    let only_if = |holds: bool, text: &str| {
        if holds { text.replace("COLUMN", column) } else { String::new() }
    };
    match word.split_once(' ').unwrap_or((word, "")) {
        ("TABLE", _) | ("newer", "TABLE") => table.relation.table.to_string(),
        ("LOG", _) | ("newer", "LOG") => table.log.to_string(),
        ("TRIGGERS", _) => table.triggers.to_uppercase(),
        ("triggers", _) => table.triggers.to_string(),
        ("COLUMN", _) => column.to_owned(),
        ("each", pattern) => {
            let (pattern, between) = pattern.split_once('|').unwrap_or((pattern, ", "));
            let one =
                |name: &Identifier| pattern.replace("COLUMN", name).replace("column", &name.to_lowercase());
            key.iter().map(one).collect::<Vec<_>>().join(between)
        }
        ("number", text) => only_if(is_number, text),
        ("text", texts) => {
            let mut texts = texts.split('|');
            let text = texts.next().unwrap_or_default();
            let own = texts.find_map(|own| own.strip_prefix(column)?.strip_prefix(": "));
            only_if(!is_number, own.unwrap_or(text))
        }
        ("more", text) => only_if(!is_last, text),
        ("last", text) => only_if(is_last, text),
        _ => format!("${{{word}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "-- head\n-- ${LOG};\n-- newer: ${newer TABLE}\n\n-- table: ${TABLE}\n\
                            ${triggers} ${TRIGGERS} (${each NEW.COLUMN}) ${each column|-} ${unknown}\n\
                            ${COLUMN} ${number INTEGER}${text TEXT OF COLUMN|DATA_KEY: A KEY}${more ,}${last ;}\n";

    #[test]
    fn what_is_written_once_stands_for_every_table_that_is_there() {
        let known = TargetRegistry::built_in();
        let made = render(&known, TEMPLATE, |table| {
            table.ends_with("REFRESH_TOKEN") || table.ends_with("USER_DATA")
        });
        let (head, sections) = made.split_at(made.find("\n-- table: ").unwrap());
        let logs = ["IDN_IDENTITY_USER_DATA", "IDN_OAUTH2_AUTHORIZATION_CODE", "IDN_OAUTH2_ACCESS_TOKEN"];
        for log in logs {
            assert!(head.contains(&format!("-- {log}_TEMP;\n")), "{head}");
        }
        let newer =
            ["", "_SCOPE", "_BINDING"].map(|name| format!("-- newer: IDN_OAUTH2_REFRESH_TOKEN{name}\n"));
        assert!(head.ends_with(&newer.concat()), "{head}");
        assert_eq!(head.lines().count(), 1 + known.synced().len());
        assert_eq!(
            sections,
            "\n-- table: IDN_IDENTITY_USER_DATA\n\
             totp_sync TOTP_SYNC (NEW.TENANT_ID, NEW.USER_NAME, NEW.DATA_KEY) tenant_id-user_name-data_key ${unknown}\n\
             TENANT_ID INTEGER,\nUSER_NAME TEXT OF USER_NAME,\nDATA_KEY A KEY;\n\
             \n-- table: IDN_OAUTH2_REFRESH_TOKEN\n\
             refresh_token_sync REFRESH_TOKEN_SYNC (NEW.REFRESH_TOKEN_ID) refresh_token_id ${unknown}\n\
             REFRESH_TOKEN_ID TEXT OF REFRESH_TOKEN_ID;\n"
        );
    }
}
