//! The steps, as data. Names are stable: journals and scripts have them.

use super::KnownBy::{Both, People, Program};
use super::Variant::{MaintenanceWindow, ZeroDowntime};
use super::progress::{
    begun, carried_over, cleaned, configured, drained, edited, installed, proved, re_encrypted, verified,
};
use super::{Finding, Item, KnownBy, Step, Variant};
use crate::report::{RETIRABLE, VERIFIED};

/// Recorded by `triggers install`.
pub const TRIGGERS_INSTALLED: &str = "triggers-installed";
/// Recorded by `triggers remove --on old`.
pub const TRIGGERS_REMOVED: &str = "triggers-removed";
/// Recorded by `triggers remove --on new`, also when there was nothing to remove.
pub const COPY_CLEANED: &str = "clean-copy/removed";
/// The confirmation that the old server is not in use any more.
pub const OLD_SERVER_STOPPED: &str = "old-server-stopped";
/// What stands in the note of `triggers-installed` where there was nothing to install.
pub const ALREADY: &str = "already";
/// What stands there where this program has installed some.
pub const FROM_NOW_ON: &str = "from now on";
/// People's word that the identity database is copied.
pub(super) const IDENTITY_COPIED: &str = "copy/identity";
/// In place: `keys` has said that nothing needs the old key.
pub(super) const PROVED: &str = "retire/proved";
/// In place: people's word that every server has the new key alone.
pub const ONE_KEY: &str = "one-key/restarted";
/// In place: people's word that every server has both keys.
pub const BOTH_KEYS: &str = "both-keys/restarted";
/// The confirmation that all copies of the old key are destroyed.
pub const OLD_KEY_DESTROYED: &str = "retire/old-key";
/// Recorded by `configure` once the new server's file is as it should be.
pub const CONFIGURED: &str = "configured";
/// What stands in the note of that step before what is left to people.
pub const BY_HAND: &str = "; by hand: ";

/// Names that items had in earlier journals and scripts, each with today's.
const FORMER: &[(&str, &str)] = &[("configure/key-kept", "properties/key-kept")];

/// The name that an item has today.
pub(super) fn todays(name: &str) -> &str {
    FORMER.iter().find(|(former, _)| *former == name).map_or(name, |(_, today)| today)
}

const fn item(name: &'static str, title: &'static str, known_by: KnownBy) -> Item {
    Item { name, title, only: None, known_by }
}

const fn only(variant: Variant, item: Item) -> Item {
    Item { only: Some(variant), ..item }
}

const OLD_SERVER: Item = item(OLD_SERVER_STOPPED, "every node of the old server is stopped", People);

const VERIFY: Item =
    item(VERIFIED, "every row and file is as recorded (`keyrotation verify`)", Program(verified));

const CONFIGURE: &[Item] = &[
    item(
        "properties/key-kept",
        "the new key is stored where keys are stored, and can be restored from there",
        People,
    ),
    item("properties/complete", "properties.yaml is complete", Program(configured)),
];

/// Every step, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        comes_before: true,
        id: "block",
        title: "Block what is not carried over",
        in_window: "Stop the old server",
        item_by_item: false,
        items: &[
            only(
                ZeroDowntime,
                item("block/admin", "consoles, admin services and management APIs are closed", People),
            ),
            only(
                ZeroDowntime,
                item(
                    "block/flows",
                    "user flows that are not carried over are closed, or may be lost",
                    People,
                ),
            ),
            only(MaintenanceWindow, OLD_SERVER),
        ],
    },
    Step {
        number: 2,
        comes_before: true,
        id: "triggers",
        title: "Record changes in the old identity database",
        in_window: "",
        item_by_item: false,
        items: &[item(
            TRIGGERS_INSTALLED,
            "the sync triggers are in the old identity database",
            Both(installed),
        )],
    },
    Step {
        number: 3,
        comes_before: true,
        id: "copy",
        title: "Copy the home and both databases",
        in_window: "Copy the home and both databases",
        item_by_item: false,
        items: &[
            item("copy/home", "the home is copied", Both(begun)),
            item(IDENTITY_COPIED, "the identity database is copied", Both(begun)),
            item("copy/registry", "the registry database is copied", Both(begun)),
        ],
    },
    Step {
        number: 4,
        comes_before: true,
        id: "clean-copy",
        title: "Take the triggers out of the copy",
        in_window: "",
        item_by_item: false,
        items: &[item(COPY_CLEANED, "the copy has no sync triggers and no change log", Both(cleaned))],
    },
    Step {
        number: 5,
        comes_before: true,
        id: "properties",
        title: "Make the new key and write properties.yaml",
        in_window: "Make the new key and write properties.yaml",
        item_by_item: false,
        items: CONFIGURE,
    },
    Step {
        number: 6,
        comes_before: false,
        id: "run",
        title: "Rotate",
        in_window: "Rotate and verify",
        item_by_item: false,
        items: &[
            item("run/re-encrypted", "everything is under the new key", Program(re_encrypted)),
            only(MaintenanceWindow, VERIFY),
        ],
    },
    Step {
        number: 7,
        comes_before: false,
        id: "deployment",
        title: "Edit deployment.toml of the new server",
        in_window: "Edit deployment.toml of the new server",
        item_by_item: false,
        items: &[item("deployment/edited", "every node has the new key and the copies", Both(edited))],
    },
    Step {
        number: 8,
        comes_before: false,
        id: "start",
        title: "Start the new server",
        in_window: "Start the new server",
        item_by_item: false,
        items: &[item("start/started", "every node runs, and a login was tried", People)],
    },
    Step {
        number: 9,
        comes_before: false,
        id: "switch",
        title: "Route traffic to the new server",
        in_window: "Route traffic to the new server",
        item_by_item: false,
        items: &[
            item("route-traffic", "traffic goes to the new server", People),
            only(ZeroDowntime, item("switch/drained", "late changes are carried over", Program(drained))),
            item("switch/opened", "everything that was closed is open again", People),
        ],
    },
    Step {
        number: 10,
        comes_before: false,
        id: "retire",
        title: "Retire the old deployment and the old key",
        in_window: "Retire the old deployment and the old key",
        item_by_item: true,
        items: &[
            only(ZeroDowntime, OLD_SERVER),
            only(
                ZeroDowntime,
                item(
                    RETIRABLE,
                    "both databases are the same where they were compared (`keyrotation safe-to-retire`)",
                    Program(carried_over),
                ),
            ),
            only(ZeroDowntime, VERIFY),
            only(
                ZeroDowntime,
                item(TRIGGERS_REMOVED, "triggers and temp tables are gone from the old database", People),
            ),
            item("retire/old-identity", "the old identity database is destroyed or sealed", People),
            item("retire/old-registry", "the old registry database is destroyed or sealed", People),
            item("retire/dumps", "the dumps are destroyed or sealed", People),
            item("retire/logs", "binlogs or WAL archives are destroyed or sealed", People),
            item("retire/backups", "backups, snapshots and .bak files are destroyed or sealed", People),
            item("retire/old-home", "the old home is destroyed or sealed", People),
            item(OLD_KEY_DESTROYED, "the old key is destroyed or sealed", People),
        ],
    },
];

/// Every step of a rotation in place, in order.
pub const IN_PLACE: &[Step] = &[
    Step {
        number: 1,
        comes_before: true,
        id: "properties",
        title: "Make the new key and write properties.yaml",
        in_window: "",
        item_by_item: false,
        items: CONFIGURE,
    },
    Step {
        number: 2,
        comes_before: true,
        id: "both-keys",
        title: "Give every server both keys",
        in_window: "",
        item_by_item: false,
        items: &[item(
            BOTH_KEYS,
            "every server was restarted with both keys, or all are stopped",
            Both(begun),
        )],
    },
    Step {
        number: 3,
        comes_before: false,
        id: "run",
        title: "Rotate and verify",
        in_window: "",
        item_by_item: false,
        items: &[item("run/re-encrypted", "everything is under the new key", Program(re_encrypted)), VERIFY],
    },
    Step {
        number: 4,
        comes_before: false,
        id: "one-key",
        title: "Take the old key out of every server",
        in_window: "",
        item_by_item: false,
        items: &[item(
            ONE_KEY,
            "every server was restarted with the new key alone, and a login was tried",
            People,
        )],
    },
    Step {
        number: 5,
        comes_before: false,
        id: "retire",
        title: "Retire the old key",
        in_window: "",
        item_by_item: true,
        items: &[
            item(PROVED, "`keyrotation keys` says that the old key may go", Both(proved)),
            item("retire/dumps", "dumps from before are destroyed or sealed", People),
            item("retire/logs", "binlogs or WAL archives are destroyed or sealed", People),
            item("retire/backups", "backups, snapshots and .bak files are destroyed or sealed", People),
            item(OLD_KEY_DESTROYED, "the old key is destroyed or sealed", People),
        ],
    },
];

/// What people alone can tell.
pub(super) fn seen(known_by: KnownBy, facts: &super::Facts) -> Finding {
    match known_by {
        People => Finding::Unknown,
        Both(look) | Program(look) => look(facts),
    }
}
