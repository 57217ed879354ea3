//! The facts of the old side: its home, its registry and its identity database, beside the new ones. The
//! old side is opened to be read, and never written to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::Ground;
use super::facts::Asked;
use crate::activity::{Activity, Task};
use crate::config::{self, Database, FilesJob, Home, Said, Settings};
use crate::db::{Access, Db, DbError, Identifier};
use crate::source::files;
use crate::target::{Store, TargetRegistry};
use crate::{Deployment, open_alone};

/// Tables with a time of their newest row, by which a copy that was made too early shows.
static NEWEST: [(Store, Identifier, Identifier); 3] = [
    (Store::Identity, Identifier::constant("IDN_OAUTH2_ACCESS_TOKEN"), Identifier::constant("TIME_CREATED")),
    (
        Store::Identity,
        Identifier::constant("IDN_OAUTH2_AUTHORIZATION_CODE"),
        Identifier::constant("TIME_CREATED"),
    ),
    (Store::Registry, Identifier::constant("REG_RESOURCE"), Identifier::constant("REG_LAST_UPDATED_TIME")),
];

/// What is known of the old side; none of what the settings do not name.
#[derive(Default)]
pub(super) struct Old {
    pub(super) files: Option<Asked<Files>>,
    pub(super) home: Option<Home>,
    pub(super) toml: Option<Asked<Option<config::Deployment>>>,
    pub(super) identity: Option<Asked<Rows>>,
    pub(super) registry: Option<Asked<Rows>>,
}

/// Configuration files of the rotated groups in both homes.
#[derive(Default)]
pub(super) struct Files {
    pub(super) in_both: usize,
    /// Of those, files whose contents differ.
    pub(super) different: usize,
    /// Of those, files that are newer in the old home.
    pub(super) newer_in_old: Vec<String>,
    /// Files that only the old home has.
    pub(super) only_in_old: Vec<String>,
}

/// Rotated tables of one database, old beside new.
#[derive(Default)]
pub(super) struct Rows {
    /// Tables that were counted.
    pub(super) tables: usize,
    /// Tables whose counts differ: name, rows in the old one, rows in the new one.
    pub(super) different: Vec<(String, u64, u64)>,
    /// Tables whose newest row is later in the old one: name, by how many seconds.
    pub(super) later: Vec<(String, i64)>,
}

pub(super) async fn gather(ground: Ground<'_>) -> Old {
    let settings = ground.settings;
    let mut old = Old::default();
    if let Some(home) = &settings.old_home {
        old.home = Some(Home::inspect(home));
        old.toml = Some(config::Deployment::read(home));
        old.files = settings.files.as_ref().map(|job| files_of(home, job, ground.targets));
    }
    let (Some(databases), Ok(deployment)) = (&settings.databases, ground.deployment) else { return old };
    let asked = async |database: &Database, store: &Store| match ground.counting {
        Some(activity) => rows(database, store, deployment, activity).await,
        None => Err("only `keyrotation preflight` and `plan` count rows on the old server".to_owned()),
    };
    if let Some(database) = &databases.old_identity {
        old.identity = Some(asked(database, &Store::Identity).await);
    }
    if let Some(database) = &databases.old_registry {
        old.registry = Some(asked(database, &Store::Registry).await);
    }
    old
}

/// The files of both homes, by their place in them.
fn files_of(old_home: &Path, job: &FilesJob, targets: &TargetRegistry) -> Asked<Files> {
    let all = |home: &Path| {
        let mut found = BTreeMap::new();
        for group in targets.files() {
            let listing =
                files::list(group, home, &job.allowed_roots).map_err(|error| error.what().to_owned())?;
            found.extend(listing.candidates.into_iter().map(|file| (file.relative.clone(), file)));
        }
        Ok::<_, String>(found)
    };
    let (old, new) = (all(old_home)?, all(&job.home)?);
    let mut compared = Files::default();
    for (relative, old) in old {
        let Some(new) = new.get(&relative) else {
            compared.only_in_old.push(relative);
            continue;
        };
        compared.in_both += 1;
        if files::read(&old).ok() != files::read(new).ok() {
            compared.different += 1;
            if changed(&old.path) > changed(&new.path) {
                compared.newer_in_old.push(relative);
            }
        }
    }
    Ok(compared)
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|found| found.modified()).ok()
}

/// Counts the rotated tables of one database on both sides.
async fn rows(
    database: &Database,
    store: &Store,
    deployment: &Deployment,
    activity: &Activity,
) -> Asked<Rows> {
    let Some(new) = deployment.databases.of(store) else {
        return Err("the new database is not known".to_owned());
    };
    let old = open_alone(database, Access::ReadOnly).await.map_err(|error| error.what().to_owned())?;
    let compared = compare(&old, new, &deployment.targets, store, activity).await;
    old.close().await;
    compared.map_err(|error| format!("{}: {error}", old.place()))
}

async fn compare(
    old: &Db,
    new: &Db,
    targets: &TargetRegistry,
    store: &Store,
    activity: &Activity,
) -> Result<Rows, DbError> {
    let (in_old, in_new) = (old.table_names().await?, new.table_names().await?);
    let in_both = |table: &str| [&in_old, &in_new].iter().all(|names| names.iter().any(|name| name == table));
    let mut compared = Rows::default();
    for target in targets.tables_of(store) {
        let table = &target.relation.table;
        if !in_both(table) {
            continue;
        }
        compared.tables += 1;
        let _doing = activity.begin(Task::Count, table, None);
        let (there, here) = (old.count_rows(table).await?, new.count_rows(table).await?);
        if there != here {
            compared.different.push((table.to_string(), there, here));
        }
    }
    for (_, table, column) in NEWEST.iter().filter(|(of, table, _)| of == store && in_both(table)) {
        let _doing = activity.begin(Task::Count, table, None);
        // The difference counts: both were written in the time zone of one server.
        if let (Some(there), Some(here)) =
            (old.newest(table, column).await?, new.newest(table, column).await?)
            && here - there >= 2000
        {
            compared.later.push((table.to_string(), (here - there) / 1000));
        }
    }
    Ok(compared)
}

/// Whether the old server's file has an old key; none where it does not tell.
pub(super) fn has_old_key(toml: &config::Deployment, settings: &Settings) -> Asked<bool> {
    match toml.key() {
        Said::This(found) => Ok(settings.keys.old_keys().any(|old| *old == found)),
        Said::Nothing => Err("[encryption] key is not set there".to_owned()),
        Said::Elsewhere => Err("[encryption] key is kept in the server's secrets or environment".to_owned()),
        Said::Unusable(why) => Err(format!("[encryption] key there cannot be used: {why}")),
    }
}
