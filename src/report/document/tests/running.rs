//! Reports on sessions that have not ended: at work, or killed.

use super::*;

#[test]
fn a_session_at_work_is_running_and_the_report_says_so() {
    let mut made = Tale::begun(1, "aaaa-1111");
    made.append(vec![Event::TargetStarted { target: TargetId::new(0), total: Some(2) }.into()]);
    let made = [made];
    let held: Vec<Source<'_>> = made
        .iter()
        .map(|made| Source {
            dir: Path::new("j"),
            journal: &made.journal,
            left: &[],
            held: true,
            checked: true,
            doing: None,
        })
        .collect();
    let document = Document::new(&held, Made::default().bound_to(&held).unwrap()).unwrap();
    assert_eq!((document.verdict.level, &*document.verdict.headline), (Level::Bad, "Not finished yet"));
    assert!(document.verdict.reasons[0].starts_with("a process was working on it, up to 2"));
    let rotation = &document.rotations[0];
    assert_eq!((rotation.state, rotation.sessions[0].end), ("running", "running"));
    // Made again later, as for `--check`, it is the same.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let at_rest = [Source { held: false, ..held[0] }];
    let again = Document::new(&at_rest, document.made.clone()).unwrap();
    for format in [Format::Html, Format::Json, Format::Csv] {
        assert_eq!(text(&document, format, &held), text(&again, format, &at_rest));
    }
}

#[test]
fn a_session_without_an_end_was_killed() {
    let made = [Tale::finished(1, "aaaa-1111")];
    let (document, sources) = document(&made, &[], Made::default());
    let sessions = &document.rotations[0].sessions;
    assert_eq!(
        sessions.iter().map(|s| (s.end, s.user.as_str())).collect::<Vec<_>>(),
        [("killed", "alice"), ("completed", "bob")]
    );
    assert!(text(&document, Format::Html, &sources).contains("was killed, or its machine went down"));
    assert_eq!(document.rotations[0].throughput.breaks.len(), 1);
}
