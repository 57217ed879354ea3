//! Steps around a rotation that the program takes: triggers in the old database, and the verdict at
//! the end.

use std::fmt::Write as _;

use jiff::Timestamp;
use keyrotation_journal::{Step, TAKEN_BACK, leave_step, left_steps};

use super::args::{RetireArgs, Side, TriggersAction, TriggersArgs};
use super::shared::Shared;
use super::who::whoami;
use super::{Session, look, print, print_json, session};
use crate::activity::Activity;
use crate::config::{self, Overrides};
use crate::db::{Access, Db};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan;
use crate::report::{RETIRABLE, Reporter, StatusView, publish, thousands};
use crate::runbook::{COPY_CLEANED, TRIGGERS_INSTALLED, TRIGGERS_REMOVED};
use crate::sync::{ROUTE_TRAFFIC, Said, verdict};
use crate::triggers::{self, Action};

/// The step that says that nobody uses the old server any more.
pub(super) const OLD_SERVER_STOPPED: &str = "old-server-stopped";

/// Installs, removes or prints the triggers.
pub(super) async fn triggers(session: &Session, args: &TriggersArgs) -> Result<Exit> {
    match &args.action {
        TriggersAction::Install => install(session).await,
        TriggersAction::Remove(place) => remove(session, place.on).await,
        TriggersAction::Print(args) => {
            let action = if args.remove { Action::Remove } else { Action::Install };
            let db = open(session, Side::Old, Access::Look).await?;
            print(&triggers::script_for(&db, action).await?);
            db.close().await;
            Ok(Exit::Done)
        }
    }
}

async fn install(session: &Session) -> Result<Exit> {
    let db = open(session, Side::Old, Access::Change).await?;
    let found = triggers::find(&db).await?;
    if let Some(table) = found.foreign.first() {
        let text = format!(
            "{}: the Java tool's change log is there ({table}_TEMP and others): it works with keyrotation, \
             and nothing was changed",
            db.place()
        );
        leave(session, TRIGGERS_INSTALLED, &text)?;
        print(&format!("{text}\n"));
        return Ok(Exit::Done);
    }
    triggers::install(&db).await?;
    let now = triggers::find(&db).await?;
    if now.whole.is_empty() || !now.parts.is_empty() {
        let text = match now.parts.first() {
            Some(table) => format!("{}: only a part of the change log of {table} is there", db.place()),
            None => format!("{}: there is no change log after all", db.place()),
        };
        return Err(Error::new(Id::Database, text)
            .fix("see that it is the identity database, and that this user sees its triggers"));
    }
    let text = format!("{}: changes to {} tables are recorded from now on", db.place(), now.whole.len());
    leave(session, TRIGGERS_INSTALLED, &text)?;
    print(&format!("{text}: {}\nnext: make the copy (step 3 of the guide)\n", now.whole.join(", ")));
    db.close().await;
    Ok(Exit::Done)
}

async fn remove(session: &Session, on: Side) -> Result<Exit> {
    let db = open(session, on, Access::Change).await?;
    let found = triggers::find(&db).await?;
    if found.whole.is_empty() && found.parts.is_empty() {
        let text = format!("{}: there are no sync triggers and no change log", db.place());
        if on == Side::New {
            leave(session, COPY_CLEANED, &text)?;
        }
        print(&format!("{text}\n"));
        return Ok(Exit::Done);
    }
    triggers::run(&db, Action::Remove).await?;
    let left = triggers::find(&db).await?;
    if let Some(table) = left.whole.iter().chain(&left.parts).next() {
        let text = format!("{}: a part of the change log of {table} is still there", db.place());
        return Err(Error::new(Id::Database, text).fix("remove it in the database's own client"));
    }
    let text = format!("{}: sync triggers and change log removed", db.place());
    leave(session, if on == Side::New { COPY_CLEANED } else { TRIGGERS_REMOVED }, &text)?;
    print(&format!("{text}\n"));
    db.close().await;
    Ok(Exit::Done)
}

pub(super) async fn open(session: &Session, side: Side, access: Access) -> Result<Db> {
    let (database, notices) = config::load_identity(&session.global.config, side == Side::Old)?;
    session::say(&notices);
    plan::open_alone(&database, access).await
}

/// Leaves a step for the journal: before a rotation there is none, and while one runs its process
/// holds it.
pub(super) fn leave(session: &Session, name: &str, note: &str) -> Result<()> {
    let (host, user) = whoami();
    let at = Timestamp::now().as_millisecond();
    let step = Step { at, name: name.to_owned(), note: note.to_owned(), user, host };
    leave_step(&session.global.journal_dir(), &step).map_err(Error::from)
}

/// Says whether the old identity database can be retired.
pub(super) async fn safe_to_retire(session: &Session, args: &RetireArgs) -> Result<Exit> {
    let settings = config::load(&session.global.config, &Overrides::default())?;
    session::notices(&settings);
    let dir = session.global.journal_dir();
    let mut journal = look::open(&dir)?;
    let rotation = session::unlock(&mut journal, &settings)?;
    if !journal.state().syncs() {
        let name = rotation.name();
        let what = format!(
            "rotation {name} was begun without sync, so nothing was carried over that could be missing"
        );
        return Err(
            Error::new(Id::SyncNotBegun, what).fix("`keyrotation runbook retire` says what is left to do")
        );
    }
    if journal.state().sync.started_at.is_none() {
        return Err(Error::new(Id::SyncNotReady, "nothing was kept in step yet"));
    }
    publish(&dir, &StatusView::by_this_process(journal.state()));
    let deployment = plan::connect_both(&settings, &rotation.targets).await?;
    let Some(plan) = &deployment.sync else {
        return Err(Error::new(Id::SyncNotEnabled, "the old identity database is not known"));
    };
    let preparer = session::preparer(&settings, &rotation);
    let mut state = journal.state().clone();
    state.take_left(left_steps(&dir)?); // what was confirmed since the last session
    let said =
        Said { switched: state.step_stands(ROUTE_TRAFFIC), stopped: state.step_stands(OLD_SERVER_STOPPED) };
    let shared = Shared::new(&dir, journal, "safe-to-retire");
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    let verdict = verdict(&shared.ledger, &preparer, plan, said, &activity).await;
    reporter.finish().await;
    let mut verdict = verdict?;
    verdict.copies = plan::preflight::beside(&deployment).await;
    deployment.close().await;
    if verdict.safe {
        leave(session, RETIRABLE, "nothing waits, and the databases say the same")?;
    } else if state.step_stands(RETIRABLE) {
        leave(session, &format!("{TAKEN_BACK}{RETIRABLE}"), &verdict.reasons.join("; "))?;
    }
    if args.json {
        print_json(&verdict)?;
    } else {
        print(&text(&verdict));
    }
    Ok(if verdict.safe { Exit::Done } else { Exit::Differences })
}

fn text(verdict: &crate::sync::Verdict) -> String {
    let mut out = String::new();
    for table in &verdict.tables {
        let _ = writeln!(
            out,
            "{}: {} rows are the same, {} are the new server's own, {} differ",
            table.table,
            thousands(table.same),
            thousands(table.superseded),
            thousands(table.differences)
        );
        for key in &table.differing {
            let _ = writeln!(out, "  differs: {}", crate::report::printable(key));
        }
    }
    for (table, old, new) in &verdict.drift {
        let (old, new) = (thousands(*old), thousands(*new));
        let _ = writeln!(
            out,
            "{table}: {old} rows in the old database, {new} in the new one; it is not kept in step"
        );
    }
    for copy in &verdict.copies {
        let _ = writeln!(out, "beside what was rotated, and not under the new key: {copy}");
    }
    if verdict.safe {
        out.push_str(
            "safe to retire: nothing waits and nobody is connected; next: `keyrotation triggers remove --on old`\n",
        );
    } else {
        for reason in &verdict.reasons {
            let _ = writeln!(out, "not yet: {reason}");
        }
    }
    out
}
