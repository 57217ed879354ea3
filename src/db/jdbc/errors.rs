//! What a JDBC driver says of an error, and what of that is shown.

use super::super::remote::redact;
use super::super::{Class, DbError, Dialect};
use super::wire::Failure;

/// What comes behind these in a message are values, or the statement with values in it.
const BEFORE_VALUES: [&str; 5] = [
    "; SQL statement:",
    " The duplicate key value is",
    " Truncated value:",
    " when converting the",
    ", SQLERRMC=",
];

/// The part of a message that has no values in it, as far as that is known.
fn without_values(text: &str) -> &str {
    let text = text.lines().next().unwrap_or_default(); // details come below
    BEFORE_VALUES.iter().fold(text, |text, mark| text.split(mark).next().unwrap_or_default()).trim()
}

/// An error, as it is said and what to do about it.
pub(super) fn explain(dialect: &Dialect, failure: &Failure) -> DbError {
    if let Some(text) = (dialect.own_words_for)(failure.code, &failure.text) {
        return DbError::new(Class::Environment, text);
    }
    let mut class = (dialect.class)(failure.code, &failure.state);
    if failure.gone && class == Class::Environment && is_connection(&failure.state) {
        class = Class::Lost;
    }
    let text = without_values(&failure.text);
    let code = match (failure.state.as_str(), failure.code) {
        ("", 0) => String::new(), // the bridge's own
        (state, code) => format!(" ({})", (dialect.code)(code, state)),
    };
    let error = DbError::new(class, format!("{}{code}", redact(text))).with_remedy((dialect.remedy)(
        failure.code,
        &failure.state,
        text,
    ));
    if (dialect.hides_rows)(&failure.state, None, &failure.text) { error.hiding_rows() } else { error }
}

/// Connections, and what SQLSTATEs that begin with 08 are of; without one nobody answered.
fn is_connection(state: &str) -> bool {
    state.is_empty() || state.starts_with("08")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{H2, POSTGRES};
    use crate::server::Kind;

    fn failure(state: &str, code: i64, text: &str) -> Failure {
        Failure { gone: false, state: state.into(), code, text: text.into() }
    }

    #[test]
    fn a_connection_that_the_driver_calls_gone_is_lost_unless_the_server_said_more() {
        let gone = |state: &str| Failure { gone: true, state: state.into(), ..Failure::default() };
        let class = |kind, state| explain(Dialect::of(kind, 99), &gone(state)).class;
        assert_eq!(class(Kind::MySql, "08000"), Class::Lost);
        assert_eq!(class(Kind::Postgres, ""), Class::Lost);
        assert_eq!(class(Kind::MySql, "28000"), Class::Environment);
    }

    #[test]
    fn neither_statement_nor_values_are_shown() {
        let secret = "eyJjIjoi".repeat(20);
        let text = format!(
            "Value too long for column \"V\": \"'{secret}'\"; SQL statement:\nUPDATE T SET V = '{secret}' [22001-214]"
        );
        let shown = explain(&H2, &failure("22001", 22_001, &text)).to_string();
        assert_eq!(shown, "Value too long for column \"V\": \"…\" (error 22001)");
        let text = format!(
            "ERROR: duplicate key value violates unique constraint \"U\"\n  Detail: Key (v)=({secret}) already exists."
        );
        let shown = explain(&POSTGRES, &failure("23505", 0, &text)).to_string();
        assert_eq!(shown, "ERROR: duplicate key value violates unique constraint \"U\" (SQLSTATE 23505)");
    }

    #[test]
    fn values_in_messages_are_cut_off() {
        for (message, shown) in [
            (
                "Violation of UNIQUE KEY constraint 'U'. Cannot insert duplicate key in object 'dbo.T'. The duplicate \
                 key value is (secret).",
                "Violation of UNIQUE KEY constraint 'U'. Cannot insert duplicate key in object 'dbo.T'.",
            ),
            (
                "String or binary data would be truncated in table 'T', column 'C'. Truncated value: 'secret'.",
                "String or binary data would be truncated in table 'T', column 'C'.",
            ),
            (
                "Conversion failed when converting the varchar value 'secret' to data type int.",
                "Conversion failed",
            ),
            (
                "DB2 SQL Error: SQLCODE=-433, SQLSTATE=22001, SQLERRMC=secret, DRIVER=4.33.31",
                "DB2 SQL Error: SQLCODE=-433, SQLSTATE=22001",
            ),
            (
                "ORA-00001: unique constraint (IS.PK) violated\nORA-03301: row with column values (K:'secret')",
                "ORA-00001: unique constraint (IS.PK) violated",
            ),
        ] {
            assert_eq!(without_values(message), shown);
        }
    }
}
