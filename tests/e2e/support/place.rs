//! A deployment in a folder of its own, gone with the test.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use keyrotation::demo::{self, Damaged, Deployment, Spec, Why};
use rustix::fs::statvfs;
use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

use super::{Engine, Ran, Running, Site, Snapshot, execute, tables, wait};

/// What the triggers of [`Place::count_updates`] write to.
pub(crate) const UPDATES: &str = "E2E_UPDATES";

const PREFIX: &str = "keyrotation-e2e-";

/// A deployment with everything that belongs to its rotation.
pub(crate) struct Place {
    pub(crate) deployment: Deployment,
    folder: TempDir,
    /// Its databases on a server, if the tests are run on one.
    pub(crate) site: Option<Arc<Site>>,
}

impl Place {
    /// A new deployment with so many access tokens.
    pub(crate) fn new(tokens: u64) -> Self {
        Self::of(&Spec { tokens, ..Spec::default() })
    }

    /// A new deployment as specified.
    pub(crate) fn of(spec: &Spec) -> Self {
        Self::within(&scratch(), spec)
    }

    /// A new deployment on a disk, where flushing takes its time.
    pub(crate) fn on_disk(tokens: u64) -> Self {
        Self::within(&env::temp_dir(), &Spec { tokens, ..Spec::default() })
    }

    /// A new deployment whose databases are files, whatever the tests are run on.
    pub(crate) fn in_files(spec: &Spec) -> Self {
        Self::made(&scratch(), spec, Engine::Sqlite)
    }

    /// A new deployment whose databases are on a server.
    pub(crate) fn on(engine: Engine, tokens: u64) -> Self {
        Self::made(&scratch(), &Spec { tokens, ..Spec::default() }, engine)
    }

    fn within(root: &Path, spec: &Spec) -> Self {
        Self::made(root, spec, Engine::asked())
    }

    fn made(root: &Path, spec: &Spec, engine: Engine) -> Self {
        let folder = TempDir::with_prefix_in(PREFIX, root).unwrap();
        let deployment = wait(demo::build(folder.path(), spec)).unwrap();
        Self::served(deployment, folder, engine)
    }

    /// With its databases where they are to be.
    fn served(deployment: Deployment, folder: TempDir, engine: Engine) -> Self {
        let mut place = Self { deployment, folder, site: None };
        if engine != Engine::Sqlite {
            let site = Site::new(engine, place.databases());
            let config = &place.deployment.config;
            let properties = fs::read_to_string(config).unwrap();
            fs::write(config, site.properties(&properties)).unwrap();
            site.push();
            site.adopt();
            place.site = Some(Arc::new(site));
        }
        place
    }

    /// The same deployment, byte for byte, in another folder. A journal in it belongs to this one.
    pub(crate) fn copy(&self) -> Self {
        self.copied_to(self.site.as_ref().map_or(Engine::Sqlite, |site| site.engine))
    }

    /// Likewise, with its databases on this kind of server.
    pub(crate) fn copied_to(&self, engine: Engine) -> Self {
        let folder = self.save();
        let here = |path: &Path| folder.path().join(path.strip_prefix(self.folder.path()).unwrap());
        let d = &self.deployment;
        let deployment = Deployment {
            folder: here(&d.folder),
            config: here(&d.config),
            home: here(&d.home),
            old_identity: here(&d.old_identity),
            old_registry: here(&d.old_registry),
            new_identity: here(&d.new_identity),
            new_registry: here(&d.new_registry),
            counts: d.counts.clone(),
            spec: d.spec.clone(),
        };
        Self::served(deployment, folder, engine)
    }

    /// Where its databases are on a server.
    pub(crate) fn site(&self) -> &Site {
        self.site.as_ref().expect("a deployment on a server")
    }

    /// A copy of the folder as it is now, for [`Place::restore`].
    pub(crate) fn save(&self) -> TempDir {
        if let Some(site) = &self.site {
            site.pull();
        }
        let saved = TempDir::with_prefix_in(PREFIX, self.folder.path().parent().unwrap()).unwrap();
        copy_tree(self.folder.path(), saved.path());
        saved
    }

    /// Makes the folder what it was.
    pub(crate) fn restore(&self, saved: &TempDir) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                fs::remove_dir_all(entry.path()).unwrap();
            } else {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        copy_tree(saved.path(), self.folder.path());
    }

    /// A path in the deployment's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is in the deployment's folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The journal's folder.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path("keyrotation-journal")
    }

    /// The databases that are rewritten: one or two.
    pub(crate) fn databases(&self) -> Vec<PathBuf> {
        let d = &self.deployment;
        let both = [&d.new_identity, &d.new_registry];
        both.into_iter().take(if d.new_identity == d.new_registry { 1 } else { 2 }).cloned().collect()
    }

    /// The program with these arguments, on this deployment, not started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrotation"));
        command.arg("--config").arg(&self.deployment.config).args(args).env_remove("FAILPOINTS");
        command.env("KEYROTATION_COMMAND", "keyrotation"); // as if nothing had to be named
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args), self.site.clone())
    }

    /// Runs a command that runs the program, to its end.
    pub(crate) fn run_as(&self, command: &mut Command) -> Ran {
        Ran::of(command, self.site.clone())
    }

    /// Runs the program to its end, without a look at the databases before and after.
    pub(crate) fn run_unlooked(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args), None)
    }

    /// Starts the program, with what is to happen at its failpoints, without a look at the databases.
    pub(crate) fn start_unlooked(&self, points: &str, args: &[&str]) -> Running {
        Running::of(self.command(args).env("FAILPOINTS", points), None)
    }

    /// Starts the program with so few rows, keys and entries at a time, without a look at the databases.
    pub(crate) fn start_with_pages_of(&self, rows: u64, args: &[&str]) -> Running {
        Running::of(self.command(args).env("KEYROTATION_SIZES", rows.to_string()), None)
    }

    /// Runs the program to its end, with what is to happen at its failpoints.
    pub(crate) fn run_at(&self, points: &str, args: &[&str]) -> Ran {
        Ran::of(self.command(args).env("FAILPOINTS", points), self.site.clone())
    }

    /// Starts the program.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::of(&mut self.command(args), self.site.clone())
    }

    /// Starts the program, with what is to happen at its failpoints.
    pub(crate) fn start_at(&self, points: &str, args: &[&str]) -> Running {
        Running::of(self.command(args).env("FAILPOINTS", points), self.site.clone())
    }

    /// `status --json`.
    pub(crate) fn status(&self) -> Value {
        self.run(&["status", "--json"]).exits(0).json()
    }

    /// What `status --json` counts for each table and kind of files, without times and totals.
    pub(crate) fn counts(&self) -> Vec<Value> {
        counts(&self.status())
    }

    /// What the deployment holds now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::take(self)
    }

    /// Every file of the home, by its path in it.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let home = &self.deployment.home;
        let files = WalkDir::new(home).into_iter().map(|entry| entry.unwrap());
        files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let name = entry.path().strip_prefix(home).unwrap().to_str().unwrap().to_owned();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    /// Plants values that cannot be rotated, and says which. Servers take no text that is none.
    pub(crate) fn damage(&self) -> Vec<Damaged> {
        let mut spoiled = wait(demo::damage(&self.deployment)).unwrap();
        if self.site.is_some() {
            spoiled.retain(|row| row.why != Why::NotText);
            let claim = "DELETE FROM IDN_IDENTITY_USER_DATA WHERE CAST(DATA_VALUE AS BLOB) = x'636166e92c20696e204c6174696e2d31'";
            execute(&self.deployment.new_identity, claim);
        }
        if let Some(site) = &self.site {
            site.push();
            site.adopt();
        }
        spoiled
    }

    /// Changes the files of the databases, and what is on a server likewise, while the program may be
    /// at work.
    pub(crate) fn meanwhile(&self, edit: impl FnOnce()) {
        match &self.site {
            None => edit(),
            Some(site) => site.meanwhile(edit),
        }
    }

    /// Lets the databases count every update of every row. A rolled back update does not count.
    pub(crate) fn count_updates(&self) {
        if let Some(site) = &self.site {
            return site.count_updates();
        }
        for database in self.databases() {
            let mut sql = format!("CREATE TABLE {UPDATES} (TAB TEXT NOT NULL, ROW INTEGER NOT NULL);");
            for table in tables(&database).keys() {
                sql += &format!(
                    "CREATE TRIGGER E2E_COUNT_{table} AFTER UPDATE ON {table} \
                     BEGIN INSERT INTO {UPDATES} VALUES ('{table}', NEW.rowid); END;"
                );
            }
            execute(&database, &sql);
        }
    }
}

/// Where deployments stand: in memory if there is room. A killed process leaves what it wrote to
/// the operating system, so a disk would only tell the same more slowly.
fn scratch() -> PathBuf {
    const ROOM: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    match statvfs(memory) {
        Ok(room) if room.f_bavail * room.f_frsize > ROOM => memory.to_owned(),
        _ => env::temp_dir(),
    }
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in WalkDir::new(from).min_depth(1) {
        let Ok(entry) = entry else { continue }; // gone since its folder was listed
        let to = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir(&to).unwrap();
        } else if entry.file_type().is_file() {
            match fs::copy(entry.path(), &to) {
                // A running program replaces its status file now and then.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

/// The part of `status --json` that two rotations of one deployment have in common.
pub(crate) fn counts(status: &Value) -> Vec<Value> {
    let lists = ["targets", "files"].map(|list| status[list].as_array().unwrap());
    let fields =
        ["id", "state", "rows", "rotated", "plain", "null", "already_new", "gone", "failed", "groups"];
    let one = |target: &Value| fields.map(|field| (field.to_owned(), target[field].clone()));
    lists.into_iter().flatten().map(|target| one(target).into_iter().collect()).collect()
}
