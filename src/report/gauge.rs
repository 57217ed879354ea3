//! How far the work is, how fast it goes and how long it will take: from what the journal counts and
//! what the program says it is at.

use std::time::{Duration, Instant};

use super::meter::Meter;
use super::{StatusView, TargetView, TaskView};
use keyrotation_common::activity::{Activity, Stage, Task};

/// A meter with a clock of its own, which runs only while its work is on.
#[derive(Debug, Default)]
struct Clocked {
    clock: Duration,
    meter: Meter,
}

impl Clocked {
    fn note(&mut self, passed: Duration, done: u64) {
        self.clock += passed;
        self.meter.note(self.clock, done);
    }
}

/// Reads the work.
#[derive(Debug)]
pub(super) struct Gauge {
    read: Instant,
    rotating: Clocked,
    checking: Clocked,
    /// Rows of checks that are over.
    checked: u64,
    other: Clocked,
    last: Option<Stage>,
    /// The most that was said of how far everything is.
    permille: u64,
}

impl Gauge {
    pub(super) fn new(now: Instant) -> Self {
        let [rotating, checking, other] = [(), (), ()].map(|()| Clocked::default());
        Self { read: now, rotating, checking, checked: 0, other, last: None, permille: 0 }
    }

    /// What is on now. While the work is `held_up` no time passes for it.
    pub(super) fn read(
        &mut self,
        now: Instant,
        status: Option<&StatusView>,
        activity: &Activity,
        held_up: bool,
        limit: Option<u32>,
    ) -> Option<TaskView> {
        let passed = now.saturating_duration_since(std::mem::replace(&mut self.read, now));
        let passed = if held_up { Duration::ZERO } else { passed };
        let stage = activity.stage();
        let same = |one: &Stage, two: &Stage| (one.task, &one.place) == (two.task, &two.place);
        let goes_on = matches!((&self.last, &stage), (Some(last), Some(stage)) if same(last, stage));
        if let Some(last) = self.last.take().filter(|_| !goes_on) {
            if last.task == Task::Check {
                self.checked += last.done;
            }
            self.other = Clocked::default();
        }
        self.last.clone_from(&stage);
        let task = match &stage {
            Some(stage) if stage.task == Task::Check => self.check(passed, stage, status, limit),
            Some(stage) => self.count(passed, stage),
            None => self.rotate(passed, status?, limit)?,
        };
        Some(TaskView { permille: self.whole(status, stage.as_ref()), ..task })
    }

    /// How far everything is, in thousandths. A row that is written takes about twice as long as one that is only read, as
    /// all are before the rotation begins and again when they are checked. What turns up late, or has to be checked again,
    /// holds it up and does not take it back.
    fn whole(&mut self, status: Option<&StatusView>, stage: Option<&Stage>) -> Option<u64> {
        let (done, total) = match (status, stage) {
            (None, Some(stage)) if stage.part.is_some() => (stage.part?.permille(stage.done)?, 1000),
            (None, Some(stage)) if stage.task == Task::Chain => (stage.done, stage.total?),
            (None, _) => return None,
            (Some(status), _) if status.sync.as_ref().is_some_and(|sync| sync.started_at.is_some()) => {
                return None;
            }
            (Some(status), stage) => {
                let is_done = |target: &TargetView| target.state == "done";
                let written = sum(status, |target| if is_done(target) { of(target) } else { target.rows });
                let checked = sum(status, |target| if is_done(target) { of(target) } else { 0 });
                let here = stage.filter(|stage| stage.task == Task::Check).map_or(0, |stage| stage.done);
                let all = sum(status, of);
                (all + 2 * written + checked + here, 4 * all)
            }
        };
        let permille = (done.min(total) * 1000).checked_div(total)?;
        self.permille = self.permille.max(permille);
        Some(self.permille)
    }

    fn check(
        &mut self,
        passed: Duration,
        stage: &Stage,
        status: Option<&StatusView>,
        limit: Option<u32>,
    ) -> TaskView {
        self.checking.note(passed, self.checked + stage.done);
        let left_here = stage.total.map(|total| total.saturating_sub(stage.done));
        let meter = &self.checking.meter;
        TaskView {
            per_second: meter.rate(),
            seconds_left: status.and_then(|status| self.left(status, stage.done, limit)),
            seconds_left_here: left_here.and_then(|left| meter.time_for(left)).map(|left| left.as_secs()),
            ..view(stage)
        }
    }

    fn count(&mut self, passed: Duration, stage: &Stage) -> TaskView {
        self.other.note(passed, stage.done);
        let meter = &self.other.meter;
        let left = stage.total.and_then(|total| meter.time_for(total.saturating_sub(stage.done)));
        TaskView {
            per_second: meter.rate(),
            seconds_left_here: left.map(|left| left.as_secs()),
            ..view(stage)
        }
    }

    fn rotate(&mut self, passed: Duration, status: &StatusView, limit: Option<u32>) -> Option<TaskView> {
        let (done, total) = (sum(status, |target| target.rows), sum(status, of));
        if let Some(sync) = status.sync.as_ref().filter(|sync| sync.started_at.is_some()) {
            self.other.note(passed, sync.applied);
            return Some(TaskView {
                name: "carrying over".to_owned(),
                place: "changes".to_owned(),
                unit: "rows".to_owned(),
                done: sync.applied,
                per_second: self.other.meter.rate(),
                ..TaskView::default()
            });
        }
        let target = status.all().find(|target| matches!(&*target.state, "running" | "sweeping"))?;
        self.rotating.note(passed, done);
        let meter = &self.rotating.meter;
        let left_here = of(target).saturating_sub(target.rows);
        Some(TaskView {
            name: "rotating".to_owned(),
            place: target.place.clone(),
            unit: "rows in all".to_owned(),
            done,
            total: Some(total.max(done)),
            per_second: meter.rate(),
            seconds_left: self.left(status, 0, limit),
            seconds_left_here: paced(left_here, meter.time_for(left_here), limit).map(|left| left.as_secs()),
            ..TaskView::default()
        })
    }

    /// How long everything will take, of which each row is to be rotated and checked. With sync more
    /// comes after that, so that nothing is said.
    fn left(&self, status: &StatusView, checked_here: u64, limit: Option<u32>) -> Option<u64> {
        if status.sync.is_some() {
            return None;
        }
        let open = |target: &TargetView| !matches!(&*target.state, "done" | "skipped");
        let rotate =
            sum(status, |target| if open(target) { of(target) - target.rows.min(of(target)) } else { 0 });
        let check = sum(status, |target| if open(target) { of(target) } else { 0 });
        let check = check.saturating_sub(checked_here);
        let rotating = if rotate == 0 {
            Some(Duration::ZERO)
        } else {
            paced(rotate, self.rotating.meter.time_for(rotate), limit)
        };
        Some((rotating? + self.checking.meter.time_for(check)?).as_secs())
    }
}

/// How long so many rows will take where no more than some may be written in a second: what was measured before that was
/// said holds no more.
fn paced(rows: u64, measured: Option<Duration>, limit: Option<u32>) -> Option<Duration> {
    let least = limit.and_then(|most| rows.checked_div(most.into())).map(Duration::from_secs);
    measured.max(least)
}

/// The rows of a target, as far as they are known.
fn of(target: &TargetView) -> u64 {
    target.total.unwrap_or_default().max(target.rows)
}

fn sum(status: &StatusView, count: impl Fn(&TargetView) -> u64) -> u64 {
    status.all().map(count).sum()
}

fn view(stage: &Stage) -> TaskView {
    TaskView {
        name: stage.task.verb().to_owned(),
        place: stage.place.clone(),
        unit: stage.task.unit().to_owned(),
        done: stage.done,
        total: stage.total.map(|total| total.max(stage.done)),
        ..TaskView::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::SURVEY_PERMILLE;
    use keyrotation_common::activity::Part;

    /// Two tables of 60,000 rows each, of which the first is at work.
    fn status() -> StatusView {
        let mut status = super::super::made::status(&["one", "two"]);
        for target in &mut status.targets {
            target.total = Some(60_000);
        }
        status.targets[0].state = "running".into();
        status
    }

    struct Course {
        gauge: Gauge,
        now: Instant,
        status: StatusView,
        activity: Activity,
        limit: Option<u32>,
    }

    impl Course {
        fn new() -> Self {
            let now = Instant::now();
            Self { gauge: Gauge::new(now), now, status: status(), activity: Activity::default(), limit: None }
        }

        fn second(&mut self, held_up: bool) -> Option<TaskView> {
            self.now += Duration::from_secs(1);
            self.gauge.read(self.now, Some(&self.status), &self.activity, held_up, self.limit)
        }
    }

    #[test]
    fn the_end_is_told_once_both_rotating_and_checking_were_seen_and_no_pause_counts() {
        let mut course = Course::new();
        let mut task = None;
        for second in 0..40 {
            course.status.targets[0].rows += 1000;
            task = course.second(false);
            if second == 30 {
                for _ in 0..600 {
                    task = course.second(true); // somebody has paused it for ten minutes
                }
            }
        }
        let rotating = task.unwrap();
        assert_eq!(rotating.per_second, Some(1000), "{rotating:?}");
        assert_eq!((rotating.seconds_left, rotating.seconds_left_here), (None, Some(20)), "{rotating:?}");
        for _ in 0..20 {
            course.status.targets[0].rows += 1000;
            course.second(false);
        }
        course.status.targets[0].state = "sweeping".into();
        let doing = course.activity.begin(Task::Check, "one", Some(60_000));
        let mut task = None;
        for _ in 0..20 {
            doing.advance(2000);
            task = course.second(false);
        }
        let checking = task.unwrap();
        assert_eq!((&*checking.name, checking.per_second), ("checking", Some(2000)));
        assert_eq!(checking.seconds_left_here, Some(10), "20,000 rows at 2,000 a second");
        // 60,000 rows are still to be rotated, and 80,000 to be checked.
        let left = checking.seconds_left.unwrap();
        assert!((98..=102).contains(&left), "{left}");
        drop(doing);
        course.status.targets[0].state = "done".into();
        course.status.targets[1].state = "running".into();
        let left = course.second(false).unwrap().seconds_left.unwrap();
        assert!((85..=95).contains(&left), "{left}: the rest takes 60 + 30 s");
        course.status.sync = Some(super::super::SyncView::default());
        assert_eq!(course.second(false).unwrap().seconds_left, None, "with sync more comes after it");
    }

    #[test]
    fn how_far_everything_is_never_becomes_less() {
        let mut course = Course::new();
        let mut seen = Vec::new();
        let mut look = |course: &mut Course| seen.extend(course.second(false).and_then(|task| task.permille));
        for target in 0..2 {
            course.status.targets[target].state = "running".into();
            for _ in 0..6 {
                course.status.targets[target].rows += 10_000;
                look(&mut course);
            }
            course.status.targets[target].state = "sweeping".into();
            // The second pass is for what the first has found.
            for _ in 0..2 {
                let doing = course.activity.begin(Task::Check, "one", Some(60_000));
                for _ in 0..6 {
                    doing.advance(10_000);
                    look(&mut course);
                }
            }
            course.status.targets[target].state = "done".into();
        }
        assert!(seen.is_sorted(), "{seen:?}");
        assert_eq!((seen.first(), seen.last()), (Some(&291), Some(&1000)), "{seen:?}");
        assert_eq!(
            seen[5], 500,
            "all is surveyed and half is written, which are a quarter and a half: {seen:?}"
        );
    }

    #[test]
    fn the_survey_is_the_first_quarter_of_a_rotation() {
        let activity = Activity::default();
        let mut gauge = Gauge::new(Instant::now());
        let mut seen = Vec::new();
        // Of the second table there are more rows than were counted; then the first is read once more.
        for (place, before, rows) in [("one", 0, 60_000), ("two", 60_000, 80_000), ("one", 0, 60_000)] {
            let part = Part { span: (0, SURVEY_PERMILLE), all: 120_000, before };
            let doing = activity.begin_part(Task::Survey, place, None, Some(part));
            for _ in 0..rows / 20_000 {
                doing.advance(20_000);
                let task = gauge.read(Instant::now(), None, &activity, false, None);
                seen.extend(task.and_then(|task| task.permille));
            }
        }
        assert_eq!(seen, [41, 83, 125, 166, 208, 250, 250, 250, 250, 250]);
        let mut rotation = Course::new();
        assert_eq!(
            rotation.second(false).unwrap().permille,
            Some(SURVEY_PERMILLE),
            "the rotation begins there"
        );
    }

    #[test]
    fn a_pace_that_was_just_asked_for_tells_how_long_it_takes() {
        let mut course = Course::new();
        for _ in 0..40 {
            course.status.targets[0].rows += 1000;
            course.second(false);
        }
        assert_eq!(course.second(false).unwrap().seconds_left_here, Some(20));
        course.limit = Some(10);
        assert_eq!(course.second(false).unwrap().seconds_left_here, Some(2000));
    }

    #[test]
    fn each_task_is_measured_on_its_own() {
        let mut course = Course::new();
        for (task, rows) in [(Task::Survey, 500), (Task::Survey, 5), (Task::Mark, 50)] {
            let doing = course.activity.begin(task, &format!("table {rows}"), None);
            let mut read = None;
            for _ in 0..8 {
                doing.advance(rows);
                read = course.second(false);
            }
            assert_eq!(read.unwrap().per_second, Some(rows));
        }
    }
}
