//! Tests of the configuration, as tables: one row a rule.

mod bridged;
mod databases;
mod home;
mod interactive;
mod secrets;
mod servers;
mod sync;
mod syntax;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::interactive::Stdin;
use super::{Level, Overrides, Settings, parse, resolve};
use crate::error::{Error, Id, Result};

const OLD_KEY: &str = "AFA27B44D43B02A9FEA41D13CEDC2E40";
const NEW_KEY: &str = "1fc0bc7a3805b42afa5f5af07a595f56";

/// A folder with three databases, a server's home and a `properties.yaml` that names them.
struct Bench {
    dir: TempDir,
    lines: Vec<(String, String)>,
    env: BTreeMap<String, OsString>,
    overrides: Overrides,
    exposed: bool,
    stdin: String,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for file in ["old.db", "identity.db", "registry.db"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        fs::create_dir_all(dir.path().join("home/repository/conf")).unwrap();
        fs::create_dir_all(dir.path().join("home/bin")).unwrap();
        let bench = Self {
            dir,
            lines: Vec::new(),
            env: BTreeMap::new(),
            overrides: Overrides::default(),
            exposed: false,
            stdin: String::new(),
        };
        bench.write("home/bin/version.txt", "WSO2 Identity Server v6.1.0\n");
        bench
            .set("oldSecretKey", OLD_KEY)
            .set("newSecretKey", NEW_KEY)
            .set("newISHome", "home")
            .set("newIdnDBUrl", "jdbc:sqlite:identity.db")
            .set("newRegDBUrl", "jdbc:sqlite:registry.db")
            .set("enableDBMigrator", "true")
            .set("enableConfigMigrator", "true")
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.lines.retain(|(known, _)| known != key);
        self.lines.push((key.to_owned(), value.to_owned()));
        self
    }

    fn unset(mut self, key: &str) -> Self {
        self.lines.retain(|(known, _)| known != key);
        self
    }

    fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, text: &str) -> &Self {
        fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        fs::write(self.path(file), text).unwrap();
        self
    }

    fn mode(&self, file: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(file), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn text(&self) -> String {
        self.lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect::<Vec<_>>().concat()
    }

    fn load(&self) -> Result<Settings> {
        let file = self.path("properties.yaml");
        let env = |name: &str| self.env.get(name).cloned();
        let stdin = Stdin::of(self.stdin.as_bytes());
        let origin = resolve::Origin { file: &file, exposed: self.exposed, env: &env, stdin: &stdin };
        resolve::settings(&parse(&self.text())?, origin, self.overrides)
    }

    fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|e| panic!("{e}\nin\n{}", self.text()))
    }

    #[track_caller]
    fn fails(&self, id: Id, says: &str) -> Error {
        let error = self.load().expect_err(&self.text());
        assert_eq!(error.id(), id, "{error}");
        assert!(error.what().contains(says), "{error}\ndoes not say\n{says}");
        assert!(!error.remedy().is_empty(), "{error}");
        assert!(error.to_string().lines().count() <= 3, "{error}");
        error
    }

    fn warnings(&self) -> Vec<String> {
        self.notices(Level::Warning)
    }

    fn notices(&self, level: Level) -> Vec<String> {
        let notices = self.settings().notices;
        notices.into_iter().filter(|notice| notice.level == level).map(|notice| notice.text).collect()
    }
}

/// Writes `text` to a `properties.yaml` in `folder` that only its owner can read.
fn properties(folder: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    let file = folder.join("properties.yaml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}
