//! What is announced, when, and what a full queue loses.

use super::super::{ActivityView, FailureView, PausedView, SyncView};
use super::*;

fn status() -> StatusView {
    let mut status = super::super::made::status(&["one", "two"]);
    status.activity = Some(ActivityView::default());
    status
}

struct Course {
    queue: Announcements,
    announcer: Announcer,
    now: Instant,
    status: StatusView,
}

impl Course {
    fn new() -> Self {
        let queue = Announcements::default();
        let announcer = Announcer::new(queue.clone(), "run");
        Self { queue, announcer, now: Instant::now(), status: status() }
    }

    /// What is announced when so many seconds have passed.
    fn after(&mut self, seconds: u64) -> Vec<serde_json::Value> {
        self.now += Duration::from_secs(seconds);
        self.announcer.see(self.now, &self.status);
        self.all()
    }

    fn all(&self) -> Vec<serde_json::Value> {
        let mut all = Vec::new();
        while !self.queue.lock().entries.is_empty() {
            all.push(serde_json::to_value(self.queue.take().unwrap()).unwrap());
        }
        all
    }

    fn activity(&mut self) -> &mut ActivityView {
        self.status.activity.get_or_insert_default()
    }

    fn fail(&mut self, rows: u64) {
        let table = &mut self.status.targets[0];
        table.failed += rows;
        let reason = "damaged: its secret is s3cret".to_owned();
        table.failures.push(FailureView { key: "anna".into(), column: "TOKEN".into(), reason });
    }
}

fn events(all: &[serde_json::Value]) -> Vec<&str> {
    all.iter().map(|said| said["event"].as_str().unwrap()).collect()
}

#[test]
fn start_phases_and_the_end_are_announced_once() {
    let mut course = Course::new();
    let said = course.after(0);
    assert_eq!(events(&said), ["start"]);
    assert_eq!((&said[0]["phase"], &said[0]["command"]), (&"rotating".into(), &"run".into()));
    assert_eq!(said[0]["rotation_id"], course.status.rotation_id);
    assert!(course.after(1).is_empty(), "no news");
    course.status.sync = Some(SyncView { started_at: Some("now".into()), ..SyncView::default() });
    let said = course.after(1);
    assert_eq!((events(&said), &said[0]["phase"]), (vec!["phase"], &"syncing".into()));
    for (ending, event) in [
        (Ending::Completed, "done"),
        (Ending::Failures, "done"),
        (Ending::Stopped, "stopped"),
        (Ending::Error { id: "KR-ENV-001", what: "it is gone".into() }, "error"),
    ] {
        course.announcer.end(&ending, None);
        let said = course.all();
        assert_eq!(events(&said), [event]);
        let id = said[0]["error"]["id"].as_str();
        assert_eq!(id, matches!(ending, Ending::Error { .. }).then_some("KR-ENV-001"));
    }
}

#[test]
fn failures_come_in_groups_without_any_part_of_a_row() {
    let mut course = Course::new();
    course.fail(2);
    assert_eq!(events(&course.after(0)), ["start"], "those of an earlier session are known");
    course.fail(3);
    let said = course.after(1);
    assert_eq!(events(&said), ["failure"]);
    assert_eq!((&said[0]["new_failures"], &said[0]["failed"]), (&3.into(), &5.into()));
    assert_eq!(said[0]["failed_by_table"], serde_json::json!({"one": 5}));
    assert_eq!(said[0]["reasons"], serde_json::json!({"damaged": 2}));
    let text = said[0].to_string();
    assert!(!text.contains("anna") && !text.contains("s3cret"), "{text}");
    course.fail(1);
    assert!(course.after(30).is_empty(), "too early");
    course.fail(1);
    assert_eq!(course.after(31)[0]["new_failures"], 2);
    course.fail(4);
    course.announcer.end(&Ending::Failures, Some(&course.status));
    let said = course.all();
    assert_eq!((events(&said), &said[0]["new_failures"]), (vec!["failure", "done"], &4.into()));
}

#[test]
fn pauses_and_long_waits_are_announced_with_their_end() {
    let mut course = Course::new();
    course.after(0);
    let paused = PausedView { since: "noon".into(), by: "anna on db1".into(), still: false };
    course.activity().paused = Some(paused.clone());
    let said = course.after(1);
    assert_eq!((events(&said), &said[0]["text"]), (vec!["pause"], &"anna on db1".into()));
    course.activity().paused = Some(PausedView { still: true, ..paused });
    assert!(course.after(1).is_empty());
    course.activity().paused = None;
    assert_eq!(course.after(1)[0]["event"], "continue");

    course.activity().waiting = Some("the server is gone".into());
    assert!(course.after(1).is_empty() && course.after(29).is_empty(), "it may be short");
    let said = course.after(2);
    assert_eq!((events(&said), &said[0]["reason"]), (vec!["pause"], &"waiting".into()));
    assert!(course.after(60).is_empty());
    course.activity().waiting = None;
    assert_eq!(course.after(1)[0]["event"], "continue");
    course.activity().waiting = Some("a lock".into());
    course.after(1);
    course.activity().waiting = None;
    assert!(course.after(1).is_empty(), "a short wait is no news");
}

#[test]
fn a_full_queue_loses_its_oldest_and_says_so() {
    let course = Course::new();
    for _ in 0..LONGEST + 3 {
        course.announcer.tell("phase", |_| {});
    }
    let said = course.all();
    assert_eq!(said.len(), LONGEST);
    let lost: Vec<_> = said.iter().map(|said| said["lost"].as_u64().unwrap()).collect();
    assert_eq!((lost[0], lost[1..].iter().sum::<u64>()), (3, 0));
    course.queue.close();
    assert!(course.queue.take().is_none());
}
