//! `keys`: which key is every value under, and may an old one go.

use super::args::KeysArgs;
use super::{Session, print_json, tell};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::inventory_text;
use crate::runner;

/// Prints the inventory.
pub(super) async fn keys(session: &Session, args: &KeysArgs) -> Result<Exit> {
    let mut settings = session.settings()?;
    settings.without_tables.clone_from(&args.without_table);
    let asked = runner::InventoryAsked {
        rows_per_second: args.max_rows_per_second,
        everywhere: args.look.scan,
        resume_scan: args.look.resume_scan,
        all_already_new: args.all_already_new,
    };
    let dir = session.global.journal_dir();
    let taken = runner::take_inventory(session.screen(), &settings, &dir, asked).await?;
    let Some(inventory) = taken else { return Ok(Exit::Interrupted) };
    if args.json {
        let mut document = serde_json::json!({ "schema": 1, "all_may_go": inventory.all_may_go() });
        document["inventory"] = serde_json::json!(inventory);
        print_json(&document)?;
    } else {
        tell(&inventory_text(&inventory))?;
    }
    Ok(match inventory.all_may_go() {
        true => Exit::Done,
        false if inventory.is_doubted() => Exit::Human,
        false => Exit::Differences,
    })
}
