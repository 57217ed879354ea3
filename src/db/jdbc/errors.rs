//! Errors of databases that only their JDBC drivers reach: what to do about each, by its code.

use super::super::Class;
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
pub(super) fn without_values(text: &str) -> &str {
    let text = text.lines().next().unwrap_or_default(); // details come below
    BEFORE_VALUES.iter().fold(text, |text, mark| text.split(mark).next().unwrap_or_default()).trim()
}

/// By the first two digits of an SQLSTATE.
fn by_state(failure: &Failure) -> Class {
    match failure.state.get(..2) {
        Some("08") => Class::Lost,
        Some("22" | "23") => Class::Row,
        Some("40") => Class::Retry,
        _ => Class::Environment,
    }
}

pub(super) fn of_h2(failure: &Failure) -> Class {
    match failure.code {
        // deadlock, lock timeout, concurrent update, canceled, row was removed meanwhile
        40_001 | 50_200 | 90_131 | 57_014 | 90_112 => Class::Retry,
        // connection broken, database closed, closed object, closed by an administrator
        90_067 | 90_098 | 90_121 | 90_007 | 90_135 => Class::Lost,
        // raised by a trigger
        90_044 => Class::Row,
        _ => by_state(failure),
    }
}

/// By the number behind `ORA-`.
pub(super) fn of_oracle(failure: &Failure) -> Class {
    match failure.code {
        // deadlocks, busy, waited too long, cannot serialize, cancelled, snapshot too old
        60 | 4_020 | 54 | 4_021 | 30_006 | 8_177 | 1_013 | 1_555 => Class::Retry,
        // killed, idle for too long, not logged on, end of file, not connected, contact lost
        28 | 2_396 | 1_012 | 3_113 | 3_114 | 3_135
        // starting, stopping, not there, process died, too many processes or sessions
        | 1_033 | 1_034 | 1_089 | 1_090 | 1_092 | 20 | 18 | 2_391
        // the listener and the network
        | 12_170 | 12_514 | 12_516 | 12_518..=12_520 | 12_526..=12_528 | 12_537 | 12_541 | 12_547 | 12_570
        | 12_571
        // the driver: input and output, closed, no more data
        | 17_002 | 17_008 | 17_410 => Class::Lost,
        // unique, NULL, checks, keys, too large, out of range, partition, trigger's own
        1 | 1_400 | 1_407 | 2_290 | 2_291 | 2_292 | 12_899 | 1_438 | 1_461 | 14_402 | 20_000..=20_999 => Class::Row,
        // Its SQLSTATEs say less: 23000 is most of the above, 72000 nearly all else.
        _ if failure.state.starts_with("08") => Class::Lost,
        _ => Class::Environment,
    }
}

pub(super) fn of_sql_server(failure: &Failure) -> Class {
    match failure.code {
        // deadlock, lock timeout, conflict under snapshot isolation
        1_205 | 1_222 | 3_960 | 3_961 => Class::Retry,
        // killed, stopping, no more connections, moving to another server
        596 | 6_005 | 17_809 | 976 | 983 | 10_928 | 10_929 | 40_197 | 40_501 | 40_613 | 49_918..=49_920 => {
            Class::Lost
        }
        // unique, checks and keys, NULL, too long, out of range, no number, a trigger's own
        2_601 | 2_627 | 547 | 515 | 2_628 | 8_152 | 8_115 | 245 | 50_000 => Class::Row,
        // Its SQLSTATEs are the driver's: S0001 for most. Cancelled, or too long at it:
        0 if matches!(failure.state.as_str(), "HY008" | "HYT00") => Class::Retry,
        _ if failure.state.starts_with("08") => Class::Lost,
        _ => Class::Environment,
    }
}

/// By the SQLCODE.
pub(super) fn of_db2(failure: &Failure) -> Class {
    match failure.code {
        // deadlock or timeout, rolled back or not; locks full; interrupted
        -911 | -913 | -912 | -952 => Class::Retry,
        // communication, forced off, the driver's own, another server taken over, not started, quiesced
        -30_081 | -1_224 | -4_499 | -4_498 | -1_776 | -1_032 | -1_035 | -20_157 => Class::Lost,
        // too long, CHECK, NULL, unique, foreign keys, a trigger's own, within a trigger
        -302 | -404 | -433 | -545 | -407 | -803 | -530 | -531 | -532 | -438 | -723 => Class::Row,
        _ => by_state(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(state: &str, code: i64) -> Failure {
        Failure { state: state.into(), code, ..Failure::default() }
    }

    #[track_caller]
    fn are(of: fn(&Failure) -> Class, class: Class, failures: &[(&str, i64)]) {
        for (state, code) in failures {
            assert_eq!(of(&failure(state, *code)), class, "{state} {code}");
        }
    }

    #[test]
    fn errors_of_h2_are_told_apart() {
        are(of_h2, Class::Retry, &[("HYT00", 50_200)]);
        are(of_h2, Class::Lost, &[("90067", 90_067)]);
        are(of_h2, Class::Row, &[("23505", 23_505), ("22001", 22_001)]);
        are(of_h2, Class::Environment, &[("28000", 28_000), ("90020", 90_020)]);
    }

    #[test]
    fn errors_of_oracle_are_told_apart() {
        are(of_oracle, Class::Retry, &[("61000", 60), ("72000", 8_177), ("61000", 54), ("72000", 30_006)]);
        are(
            of_oracle,
            Class::Lost,
            &[
                ("", 3_113),
                ("08000", 28),
                ("08006", 17_002),
                ("66000", 12_541),
                ("", 12_514),
                ("72000", 1_033),
            ],
        );
        are(
            of_oracle,
            Class::Row,
            &[("23000", 1), ("23000", 2_290), ("72000", 12_899), ("23000", 1_400), ("72000", 20_001)],
        );
        // no such table, no privilege, wrong password, no room
        are(
            of_oracle,
            Class::Environment,
            &[("42000", 942), ("42000", 1_031), ("72000", 1_017), ("72000", 1_653)],
        );
    }

    #[test]
    fn errors_of_sql_server_are_told_apart() {
        are(of_sql_server, Class::Retry, &[("40001", 1_205), ("S0051", 1_222)]);
        are(of_sql_server, Class::Lost, &[("08S01", 0), ("08003", 0), ("S0001", 40_613), ("S0001", 596)]);
        are(
            of_sql_server,
            Class::Row,
            &[("23000", 2_627), ("23000", 547), ("S0001", 8_152), ("S0001", 2_628), ("S0001", 50_000)],
        );
        // no such table, no privilege, wrong password, log full
        are(
            of_sql_server,
            Class::Environment,
            &[("S0002", 208), ("S0005", 229), ("S0001", 18_456), ("S0002", 9_002)],
        );
    }

    #[test]
    fn errors_of_db2_are_told_apart() {
        are(of_db2, Class::Retry, &[("40001", -911), ("57033", -913)]);
        are(of_db2, Class::Lost, &[("08001", -4_499), ("08001", -30_081), ("55032", -1_224)]);
        are(
            of_db2,
            Class::Row,
            &[("23505", -803), ("23513", -545), ("22001", -302), ("22001", -433), ("75000", -438)],
        );
        // no such table, no privilege, no room
        are(of_db2, Class::Environment, &[("42704", -204), ("42501", -551), ("57011", -289)]);
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
