//! Scripts for the database's own client, and the statements in them.
//!
//! A DBA runs a script as it is; keyrotation sends its statements one by one, since no driver knows
//! the separators of clients. So one script serves both.

use super::Action;
use crate::db::server::Kind;
use crate::target::TargetRegistry;

/// The client that a script is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Oracle's SQL*Plus: a line with nothing but `/` ends a statement.
    SqlPlus,
    /// SQL Server's sqlcmd: a line with nothing but `GO` ends a batch.
    Sqlcmd,
    /// Db2's command line processor with `-td@`: `@` at the end of a line ends a statement.
    Db2,
    /// H2's `RunScript`: `;` ends a statement, but not within a text or between `$$` and `$$`.
    H2,
    /// MySQL's and MariaDB's `mysql`: `;` ends a statement. Sent in one text, a trigger would keep the `;` behind it in
    /// its body, and a dump of it could not be loaded.
    MySql,
}

/// What SQL*Plus itself carries out, to the end of the line.
const SQLPLUS_COMMANDS: [&str; 1] = ["WHENEVER "];

impl Client {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::SqlPlus, Self::Sqlcmd, Self::Db2, Self::H2, Self::MySql];

    /// The kind of database that it belongs to.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::SqlPlus => Kind::Oracle,
            Self::Sqlcmd => Kind::SqlServer,
            Self::Db2 => Kind::Db2,
            Self::H2 => Kind::H2,
            Self::MySql => Kind::MySql,
        }
    }

    /// Its script.
    pub fn script(self, targets: &TargetRegistry, action: Action) -> String {
        super::script(targets, Some(self.kind()), action, |_| true)
    }

    /// The statements of a script, without separators, the client's own commands and the comments
    /// before them. A block of PL/SQL keeps the semicolon that it ends with.
    pub fn statements(self, script: &str) -> Vec<String> {
        let pieces = match self {
            Self::H2 | Self::MySql => at_semicolons(script),
            Self::SqlPlus | Self::Sqlcmd | Self::Db2 => self.at_lines(script),
        };
        pieces.iter().map(|piece| self.without_head(piece)).filter(|text| !text.is_empty()).collect()
    }

    fn at_lines(self, script: &str) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for line in script.lines() {
            let (rest, ends) = match (self, line.trim_end()) {
                (Self::SqlPlus, "/") => ("", true),
                (Self::Sqlcmd, go) if go.eq_ignore_ascii_case("GO") => ("", true),
                // The client takes no @ for an end in a comment.
                (Self::Db2, code) if code.ends_with('@') && !code.trim_start().starts_with("--") => {
                    (code.trim_end_matches('@'), true)
                }
                _ => (line, false),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push_str(rest);
                piece.push('\n');
            }
            if ends {
                pieces.push(String::new());
            }
        }
        pieces
    }

    fn without_head(self, piece: &str) -> String {
        let is_head = |line: &str| {
            let line = line.trim();
            let is_command = || SQLPLUS_COMMANDS.iter().any(|command| line.starts_with(command));
            line.is_empty() || line.starts_with("--") || self == Self::SqlPlus && is_command()
        };
        let lines: Vec<&str> = piece.lines().skip_while(|line| is_head(line)).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

/// Where the scanner is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Code,
    Text,
    Source,
    Comment,
}

fn at_semicolons(script: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut within = Within::Code;
    let mut rest = script;
    while let Some(next) = rest.chars().next() {
        let (taken, then) = match within {
            Within::Code if rest.starts_with("--") => (2, Within::Comment),
            Within::Code if rest.starts_with("$$") => (2, Within::Source),
            Within::Source if rest.starts_with("$$") => (2, Within::Code),
            Within::Code if next == '\'' => (1, Within::Text),
            Within::Text if next == '\'' => (1, Within::Code),
            Within::Comment if next == '\n' => (1, Within::Code),
            same => (next.len_utf8(), same),
        };
        let (head, tail) = rest.split_at(taken);
        if within == Within::Code && head == ";" {
            pieces.push(String::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.push_str(head);
        }
        (rest, within) = (tail, then);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_separator() {
        let two = ["BEGIN\n    A := 1 / 2;\nEND;", "DROP TABLE B"];
        let script = "-- head\nWHENEVER SQLERROR EXIT FAILURE\n\n-- table: B\nBEGIN\n    A := 1 / 2;\nEND;\n/\nDROP TABLE B\n/ \n";
        assert_eq!(Client::SqlPlus.statements(script), two);

        let script =
            "SET NOEXEC ON;\ngo\n\n-- GO on\nCREATE TRIGGER GO AS\nBEGIN\n    SELECT 1;\nEND;\nGO  \n";
        let two = ["SET NOEXEC ON;", "CREATE TRIGGER GO AS\nBEGIN\n    SELECT 1;\nEND;"];
        assert_eq!(Client::Sqlcmd.statements(script), two);

        let script = "-- to me@\nSET CURRENT SCHEMA A@\nBEGIN\n    SIGNAL 'a@b';\nEND@ \n";
        assert_eq!(Client::Db2.statements(script), ["SET CURRENT SCHEMA A", "BEGIN\n    SIGNAL 'a@b';\nEND"]);

        let script = "-- it's; so\nA ';' ''';';\nB AS $$ it's; \"--\"; $$; -- over; C\n;D";
        assert_eq!(Client::H2.statements(script), ["A ';' ''';'", "B AS $$ it's; \"--\"; $$", "D"]);
    }

    #[test]
    fn a_last_statement_needs_no_separator_and_nothing_is_no_statement() {
        for client in Client::ALL {
            assert_eq!(client.statements("-- only this\n\n"), [""; 0], "{client:?}");
            assert_eq!(client.statements("\nDROP TABLE Ä\n"), ["DROP TABLE Ä"], "{client:?}");
        }
    }

    #[test]
    fn statements_of_our_scripts_begin_with_what_they_do_and_keep_every_line() {
        for client in Client::ALL {
            for action in [Action::Install, Action::Remove] {
                let script = client.script(&TargetRegistry::built_in(), action);
                let statements = client.statements(&script);
                for statement in &statements {
                    let first = statement.split([' ', '\n']).next().unwrap_or_default();
                    assert!(
                        [
                            "ALTER", "BEGIN", "CREATE", "DECLARE", "DROP", "ENABLE", "IF", "INSERT", "LOCK",
                            "SET", "UNLOCK"
                        ]
                        .contains(&first),
                        "{client:?}: {statement}"
                    );
                    assert!(!statement.lines().any(|line| ["/", "GO"].contains(&line)), "{statement}");
                }
                let lines = |text: &str| text.lines().filter(|line| is_code(client, line)).count();
                let kept: usize = statements.iter().map(|statement| lines(statement)).sum();
                assert_eq!(kept, lines(&script), "{client:?}");
            }
        }
    }

    fn is_code(client: Client, line: &str) -> bool {
        let line = line.trim();
        let is_separator = match client {
            Client::SqlPlus => line == "/" || line.starts_with("WHENEVER"),
            Client::Sqlcmd => line == "GO",
            Client::Db2 | Client::H2 | Client::MySql => false,
        };
        !line.is_empty() && !line.starts_with("--") && !is_separator
    }
}
