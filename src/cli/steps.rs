//! Steps around a rotation that the program takes: triggers in the old database, and what is left for
//! the journal.

use std::path::Path;

use jiff::Timestamp;
use keyrotation_journal::{Journal, Step, Submission, submit, submitted_steps};

use super::args::{Side, TriggersAction, TriggersArgs};
use super::{Session, print, session, status};
use crate::cipher::chain_key;
use crate::config;
use crate::db::{Access, Db};
use crate::engine::JournalHandle;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan;
use crate::report::{RETIRABLE, StatusView, StepView, publish};
use crate::runbook::{
    ALREADY, COPY_CLEANED, FROM_NOW_ON, Facts, TRIGGERS_INSTALLED, TRIGGERS_REMOVED, Variant, copy_is_older,
    is_preparation,
};
use crate::runner;
use crate::triggers::{self, Action};

/// Installs, removes or prints the triggers.
pub(super) async fn triggers(session: &Session, args: &TriggersArgs) -> Result<Exit> {
    match &args.action {
        TriggersAction::Install => install(session).await,
        TriggersAction::Remove(place) => remove(session, place.on, place.force).await,
        TriggersAction::Print(args) => {
            let action = if args.remove { Action::Remove } else { Action::Install };
            let db = open(session, Side::Old, Access::ReadOnly).await?;
            print(&triggers::script_for(&db, action).await?)?;
            db.close().await;
            Ok(Exit::Done)
        }
    }
}

async fn install(session: &Session) -> Result<Exit> {
    let db = open(session, Side::Old, Access::ReadWrite).await?;
    let found = triggers::find(&db).await?;
    if let Some(table) = found.foreign.first() {
        if let Some(why) = found.broken.first() {
            let text = format!("{}: the Java tool's change log is there, and {why}", db.place());
            return Err(Error::new(Id::SyncNoTriggers, text)
                .fix("let that tool's script make its triggers again, or `keyrotation triggers remove --on old` first"));
        }
        let text = format!(
            "{}: the Java tool's change log is there {ALREADY} ({table}_TEMP and others): it works with keyrotation, \
             and nothing was changed",
            db.place()
        );
        leave(session, TRIGGERS_INSTALLED, &text).await?;
        print(&format!("{text}\n"))?;
        return Ok(Exit::Done);
    }
    triggers::install(&db).await?;
    let now = triggers::find(&db).await?;
    if now.whole.is_empty() || !now.parts.is_empty() {
        let text = match now.broken.first() {
            Some(why) => format!("{}: only a part of the change log is there: {why}", db.place()),
            None => format!("{}: there is no change log after all", db.place()),
        };
        return Err(Error::new(Id::Database, text)
            .fix("see that it is the identity database, and that this user sees its triggers"));
    }
    let since = if found.whole == now.whole { ALREADY } else { FROM_NOW_ON };
    let text = format!("{}: changes to {} tables are recorded {since}", db.place(), now.whole.len());
    leave(session, TRIGGERS_INSTALLED, &text).await?;
    let dir = session.global.journal_dir();
    let next = match gap(&dir)? {
        Some(why) => format!("{why}: make the copy anew (step 3 of the guide), then `keyrotation run --new`"),
        None => "make the copy (step 3 of the guide)".to_owned(),
    };
    print(&format!("{text}: {}\nnext: {next}\n", now.whole.join(", ")))?;
    db.close().await;
    Ok(Exit::Done)
}

/// Why the copy is older than the change log, as far as the steps on record tell; none if it is not.
fn gap(dir: &Path) -> Result<Option<String>> {
    let status = match status::view(dir) {
        Err(error) if error.id() == Id::JournalAbsent => {
            return Ok(copy_is_older(&submitted_steps(dir)?, None));
        }
        status => status?,
    };
    let moment = |text: &str| text.parse().map_or(0, Timestamp::as_millisecond);
    let step = |step: &StepView| Step {
        at: moment(&step.at),
        name: step.name.clone(),
        note: step.note.clone(),
        user: String::new(),
        host: String::new(),
    };
    let steps: Vec<Step> = status.steps.iter().map(step).collect();
    Ok(copy_is_older(&steps, Some(moment(&status.started_at))))
}

/// Without the change log nobody would ever know what is missing in the new database.
fn refuse_before_the_verdict(session: &Session) -> Result<()> {
    let dir = session.global.journal_dir();
    let status = match status::view(&dir) {
        Err(error) if error.id() == Id::JournalAbsent => return Ok(()),
        status => status?,
    };
    if status.sync.is_none() || Facts::new(Some(status), &[]).stands_since_the_beginning(RETIRABLE) {
        return Ok(());
    }
    let what = "the old identity database is not known to be safe to retire: what changes there without its triggers \
                is lost, and nobody would see it";
    Err(Error::new(Id::TriggersNeeded, what))
}

async fn remove(session: &Session, on: Side, force: bool) -> Result<Exit> {
    if on == Side::Old && !force {
        refuse_before_the_verdict(session)?;
    }
    let db = open(session, on, Access::ReadWrite).await?;
    let found = triggers::find(&db).await?;
    if found.whole.is_empty() && found.parts.is_empty() {
        let text = format!("{}: there are no sync triggers and no change log", db.place());
        if on == Side::New {
            leave(session, COPY_CLEANED, &text).await?;
        }
        print(&format!("{text}\n"))?;
        return Ok(Exit::Done);
    }
    triggers::run(&db, Action::Remove).await?;
    let left = triggers::find(&db).await?;
    if let Some(table) = left.whole.iter().chain(&left.parts).next() {
        let text = format!("{}: a part of the change log of {table} is still there", db.place());
        return Err(Error::new(Id::Database, text).fix("remove it in the database's own client"));
    }
    let text = format!("{}: sync triggers and change log removed", db.place());
    leave(session, if on == Side::New { COPY_CLEANED } else { TRIGGERS_REMOVED }, &text).await?;
    print(&format!("{text}\n"))?;
    db.close().await;
    Ok(Exit::Done)
}

pub(super) async fn open(session: &Session, side: Side, access: Access) -> Result<Db> {
    let (database, notices) = config::load_identity(&session.global.config, side == Side::Old)?;
    session::say(&notices);
    plan::open_alone(&database, access).await
}

/// Records a step: in the log, if nobody else holds it and the key is at hand; else it is left beside it for
/// whoever works with it next. What comes before a rotation waits there for it.
pub(super) async fn leave(session: &Session, name: &str, note: &str) -> Result<()> {
    let dir = session.global.journal_dir();
    let status = status::view(&dir).ok(); // a journal that cannot be read is none to belong to
    let of_this = status.filter(|status| !is_preparation(Variant::of(status.sync.is_some()), name));
    let rotation = of_this.and_then(|status| keyrotation_journal::rotation_id(&status.rotation_id));
    submit(&dir, &Submission::new(runner::step(name, note), rotation))?;
    if rotation.is_some() {
        take_over(session, &dir).await;
    }
    Ok(())
}

/// Takes what waits beside the log into it. Where that cannot be, it waits, and that is said.
async fn take_over(session: &Session, dir: &Path) {
    let taken = async {
        if let Some(holder) = Journal::holder(dir)? {
            tracing::debug!("{holder} takes the step over");
            return Ok(());
        }
        let Some(new_key) = config::new_key_at_hand(&session.global.config)? else {
            tracing::info!(
                "the new key is asked for, so the step waits beside the journal's log until a command has them"
            );
            return Ok(());
        };
        let mut journal = status::open(dir)?;
        let id = journal.state().rotation.id;
        let variant = Variant::of(journal.state().syncs());
        journal.unlock(&chain_key(&new_key, &id))?;
        let ledger = JournalHandle::new(journal);
        ledger.take_some(dir.to_owned(), move |name| !is_preparation(variant, name)).await?;
        publish(dir, &ledger.state(|state| StatusView::new(state, false)));
        ledger.close().await;
        Ok(())
    };
    let taken: Result<()> = taken.await;
    match taken {
        Err(error) if error.id() == Id::JournalLocked => {} // whoever has it takes the step over
        Err(error) => tracing::warn!(
            "the step waits beside the journal's log, where nothing protects it, until a command takes it over: {}",
            error.what()
        ),
        Ok(()) => {}
    }
}
