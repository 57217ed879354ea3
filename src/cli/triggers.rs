//! `triggers`: installs, removes or prints them.

use super::args::{TriggersAction, TriggersArgs};
use super::out::print_raw;
use super::{Session, tell};
use crate::db::Access;
use crate::error::Result;
use crate::exit::Exit;
use crate::plan;
use crate::runner::{Side, install_triggers, open_side, remove_triggers};
use crate::triggers::{self, Action};

/// Installs, removes or prints the triggers.
pub(super) async fn triggers(session: &Session, args: &TriggersArgs) -> Result<Exit> {
    let place = session.place();
    match &args.action {
        TriggersAction::Install => tell(&install_triggers(&place).await?)?,
        TriggersAction::Remove(from) => tell(&remove_triggers(&place, from.on, from.force).await?)?,
        TriggersAction::Print(args) => {
            let action = if args.remove { Action::Remove } else { Action::Install };
            let db = open_side(&place, Side::Old, Access::ReadOnly).await?;
            let script = triggers::script_for(&db, &plan::built_in(), action).await?;
            db.close().await;
            print_raw(&script)?;
        }
    }
    Ok(Exit::Done)
}
