//! Errors, panics and sudden ends around every flush, commit and rename: at the first, the second
//! and the last time that the program comes by.

use crate::support::{Except, Place, Ran, is_brief};

const RUN: &[&str] = &["run", "--chunk-size", "40"];

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Error,
    Panic,
    End,
}

impl Act {
    fn code(self) -> &'static str {
        match self {
            Self::Error => "return",
            Self::Panic => "panic",
            Self::End => "return(kill)",
        }
    }
}

/// One test for each point, with the exit code that an error there leads to.
macro_rules! points {
    ($($test:ident: $point:literal, $code:literal;)+) => {
        $(#[test] fn $test() { every_act_at($point, $code); })+
    };
}

points! {
    before_the_journals_batch: "journal-before-batch", 4;
    before_the_journals_flush: "journal-before-flush", 4;
    before_the_journals_sync: "journal-before-sync", 4;
    before_the_journals_head: "journal-before-head", 4;
    after_the_journals_head: "journal-after-head", 4;
    before_a_transaction: "table-before-write", 3;
    before_a_commit: "table-before-commit", 3;
    before_a_temporary_file: "file-before-temp", 1;
    before_a_rename: "file-before-rename", 1;
    after_a_rename: "file-after-rename", 3;
    after_a_folders_flush: "file-after-flush", 3;
}

pub(crate) fn after_a_commit() {
    every_act_at("table-after-commit", 3);
}

fn every_act_at(point: &str, code: i32) {
    let template = Place::new(20);
    template.count_updates();
    let before = template.snapshot();

    let uninterrupted = template.copy();
    // With everything said, the log names each point that the program comes by.
    let ran = uninterrupted.run(&[RUN, &["-vv"]].concat()).exits(0);
    let last = ran.stderr.matches(&format!("failpoint {point}")).count();
    assert!(last > 2, "{point} is passed only {last} times");
    let expected = uninterrupted.counts();

    for act in [Act::Error, Act::Panic, Act::End] {
        for hit in [1, 2, last] {
            // In brief each act at one time: a panic, which unwinds as an error does, at the second.
            let brief = [(Act::Error, last), (Act::Panic, 2), (Act::End, 1)];
            if is_brief() && !brief.contains(&(act, hit)) {
                continue;
            }
            let place = template.copy();
            let plan = format!("{point}={}*off->1*{}", hit - 1, act.code());
            let plan = plan.replace("=0*off->", "=");
            ended_as_planned(&place.run_at(&plan, RUN), act, code);
            // An error with one file is that file's failure; the others went on.
            let resume: &[&str] = if code == 1 && act == Act::Error {
                &["resume", "--retry-failed"]
            } else {
                &["resume", "--chunk-size", "40"]
            };
            place.run(resume).exits(0);
            assert_eq!(place.counts(), expected, "{plan}");
            before.must_be_rotated(&place, &Except::default());
            before.must_be_updated_once(&place, &Except::default());
            place.run(&["verify"]).exits(0);
        }
    }
}

fn ended_as_planned(ran: &Ran, act: Act, code: i32) {
    const KILLED: i32 = 9;
    let ended = (ran.code(), ran.signal());
    let expected = match act {
        Act::Error => (Some(code), None),
        Act::Panic => (Some(101), None),
        Act::End => (None, Some(KILLED)),
    };
    assert_eq!(ended, expected, "{ran}");
}

/// Ends the program right after each commit, before the journal knows of it: every chunk is
/// looked at twice, and written once.
#[test]
fn every_chunk_twice_is_every_row_once() {
    ends_again_and_again("table-after-commit", 15);
}

/// The same with files.
#[test]
fn every_file_twice_is_every_file_once() {
    ends_again_and_again("file-after-flush", 4);
}

fn ends_again_and_again(point: &str, at_least: u32) {
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    let uninterrupted = place.copy();
    uninterrupted.run(RUN).exits(0);
    let plan = format!("{point}=return(kill)");
    let mut ends = 0;
    while place.run_at(&plan, &["resume", "--chunk-size", "40"]).code() != Some(0) {
        ends += 1;
        assert!(ends < 100, "it never ends");
    }
    assert!(ends >= at_least, "only {ends} times");
    assert_eq!(place.counts(), uninterrupted.counts());
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    place.run(&["verify"]).exits(0);
}

#[test]
fn resume_says_how_the_last_session_ended_and_what_became_of_its_chunks() {
    let template = Place::new(20);
    for (point, had_been_written) in [("table-after-commit", true), ("table-before-commit", false)] {
        let place = template.copy();
        let ran = place.run_at(&format!("{point}=1*return(kill)"), RUN);
        ended_as_planned(&ran, Act::End, 3);
        let said = place.run(&["resume", "--chunk-size", "40"]).exits(0).stderr;
        assert!(said.contains(" was killed, or its machine stopped: it did not record its end"), "{said}");
        assert!(
            said.contains("0 of 17 tables and kinds of files are done, 0 rows are rotated and recorded; "),
            "{said}"
        );
        let (_, settled) = said.split_once(" in flight when the last session ended: ").unwrap();
        assert_ne!(settled.starts_with("0 rows had been written"), had_been_written, "{said}");
        let said = place.run(&["resume"]).exits(0).stderr;
        assert!(!said.contains(" in flight when the last session ended"), "{said}");
    }
}
