//! The Java virtual machine that the bridge runs in, and what it is started with.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Class, DbError};
use crate::server::Java;

const SOURCE: &str = include_str!("Bridge.java");
const SOURCE_NAME: &str = "Bridge.java";

/// What the virtual machine is told. It compiles the bridge and then mostly waits.
const OPTIONS: &[&str] = &[
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Dfile.encoding=UTF-8",
    "-Duser.timezone=UTC",
    "-Djava.awt.headless=true",
];

/// The environment that it gets: what Java and the drivers may need, and nothing that holds our secrets.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "JAVA_HOME",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LD_LIBRARY_PATH",
    "KRB5_CONFIG",
    "KRB5CCNAME",
    "TNS_ADMIN",
    "ORACLE_HOME",
];

/// Starts one. It reads the bridge's source from a folder that is removed with what comes second.
pub(super) fn start(java: &Java) -> std::io::Result<(Child, Folder)> {
    let folder = Folder::new()?;
    let source = folder.0.join(SOURCE_NAME);
    fs::write(&source, SOURCE)?;
    let child = command(java, &source).spawn()?;
    Ok((child, folder))
}

fn command(java: &Java, source: &Path) -> Command {
    let mut command = Command::new(&java.program);
    command
        .args(OPTIONS)
        .arg("-cp")
        .arg(java.class_path())
        .arg(source)
        .env_clear()
        .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Why there is no bridge.
pub(super) fn not_started(java: &Java, problem: &str) -> DbError {
    let text = format!(
        "the JDBC bridge does not start with {}: {problem}; it needs a JDK, 11 or later (a JRE has no compiler): \
         set JAVA_HOME to one",
        java.program.display()
    );
    DbError::new(Class::Environment, text)
}

/// A folder that nobody else may look into, for as long as Java reads the source from it.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let name = format!("keyrotation-bridge-{:016x}", u64::from_be_bytes(random));
        let folder = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // it holds nothing of worth
    }
}
