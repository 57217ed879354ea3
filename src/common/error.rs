//! The one error type: a stable id, what happened and where, and what to do next.
//!
//! Ids never change their meaning and are never used again. `docs/errors.md` and
//! a page for each id are generated from the table below, and a test holds them together. No message
//! ever carries a secret.

use std::fmt;

use crate::exit::Exit;

/// A result with our [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for people and for scripts.
#[derive(Debug)]
pub struct Error {
    id: Id,
    what: String,
    fix: String,
}

impl Error {
    /// An error whose remedy is the one that its id stands for.
    pub fn new(id: Id, what: impl Into<String>) -> Self {
        Self { id, what: what.into(), fix: id.remedy().to_owned() }
    }

    /// The same error with a remedy that knows more than the table.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// The stable id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// What happened and where, in one line.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do next, in one line.
    pub fn remedy(&self) -> &str {
        &self.fix
    }

    /// The exit code that this error ends the program with.
    pub fn exit(&self) -> Exit {
        self.id.exit()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.id, self.what)?;
        if !self.fix.is_empty() {
            write!(f, "\n  fix: {}", self.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Whether data is safe after errors with this exit code, where their ids say nothing else.
const fn usually_safe(exit: Exit) -> &'static str {
    match exit {
        Exit::Usage => "Yes: nothing was written.",
        Exit::Environment => "Yes: an open transaction was rolled back, or `keyrotation resume` settles it.",
        Exit::Journal => "Yes: the journal is evidence, and the data does not depend on it.",
        Exit::Human => {
            "Yes: the values in question were not changed, and nothing was written after they were found."
        }
        Exit::NotRunning | Exit::TimedOut => "Yes: nothing was changed by asking.",
        Exit::Done | Exit::Differences | Exit::Interrupted => "Yes.",
    }
}

/// The table: name, id, exit code, what happened, what to do, and, if it is not what
/// [`usually_safe`] says, whether data is safe.
macro_rules! ids {
    ($( $name:ident = $code:literal, $exit:ident, $meaning:literal, $remedy:literal $(, $safe:literal)?; )+) => {
        /// The stable id of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Id { $( #[doc = $meaning] $name, )+ }

        impl Id {
            /// Every id, in the order of the table.
            pub const ALL: &[Self] = &[ $( Self::$name, )+ ];

            /// The id as people and scripts see it.
            pub const fn code(self) -> &'static str { match self { $( Self::$name => $code, )+ } }
            /// The exit code that goes with it.
            pub const fn exit(self) -> Exit { match self { $( Self::$name => Exit::$exit, )+ } }
            /// What it means, in general.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$name => $meaning, )+ } }
            /// What to do, in general.
            pub const fn remedy(self) -> &'static str { match self { $( Self::$name => $remedy, )+ } }
            /// Its page of `docs/errors`, as it was when this program was built.
            pub const fn page(self) -> &'static str {
                match self { $( Self::$name => include_str!(concat!("../../docs/errors/", $code, ".md")), )+ }
            }
            /// Whether data is safe: what the table says, else what holds for all of that exit code.
            pub fn safe(self) -> &'static str {
                match self { $( Self::$name => [$( $safe, )? usually_safe(Exit::$exit)][0], )+ }
            }
        }
    };
}

ids! {
    ConfigUnreadable = "KR-CFG-001", Usage, "properties.yaml cannot be read",
        "name the file with --config, or write one with `keyrotation init`";
    ConfigSyntax = "KR-CFG-002", Usage, "a line of properties.yaml cannot be read, or YAML and Java properties read it differently",
        "write the line as `key: value`, with the value in single quotes if it has special characters";
    ConfigUnknownKey = "KR-CFG-003", Usage, "properties.yaml has a key that is not known",
        "correct or remove the line; `keyrotation init` writes a file with every key";
    ConfigMissingKey = "KR-CFG-004", Usage, "properties.yaml lacks a key that the enabled parts need",
        "add what is missing; `keyrotation init` writes a file with every key";
    ConfigValue = "KR-CFG-005", Usage, "a value in properties.yaml is not valid for its key",
        "correct the value";
    ConfigDuplicateKey = "KR-CFG-006", Usage, "properties.yaml gives a key twice",
        "keep one of the two lines";
    ConfigKeyLength = "KR-CFG-007", Usage, "a secret key does not have the length of an AES key",
        "give the key as deployment.toml has it, decrypted; `keyrotation keygen` makes a new one";
    ConfigKeyHex = "KR-CFG-008", Usage, "a secret key of 48 or 64 characters is not hexadecimal",
        "keys of these lengths consist of hexadecimal digits; copy the complete key again";
    ConfigSameKeys = "KR-CFG-009", Usage, "the old and the new secret key are the same bytes",
        "make a new key with `keyrotation keygen` and set newSecretKey to it";
    ConfigDefaultKey = "KR-CFG-010", Usage, "the new secret key is the one that WSO2 publishes with every release",
        "make a new key with `keyrotation keygen` and set newSecretKey to it";
    ConfigWeakKey = "KR-CFG-059", Usage, "the new secret key can be guessed, or is shorter than the old one",
        "make a new key with `keyrotation keygen`; to use this one anyway, repeat with --accept-weak-key",
        "Yes: nothing was written.";
    ConfigBase64 = "KR-CFG-011", Usage, "a password in properties.yaml is not base64 of UTF-8 text",
        "encode it with `printf %s 'the password' | base64 -w0`, or use `env:NAME` or `file:/path`, which need no base64";
    ConfigSecretSource = "KR-CFG-012", Usage, "a secret cannot be read from the place that properties.yaml names",
        "set the variable, or make the file readable for the user who runs keyrotation";
    ConfigUrl = "KR-CFG-013", Usage, "a database URL is not valid",
        "write `jdbc:postgresql://host:port/database`, `jdbc:mysql://host:port/database`, `jdbc:h2:/path/to/database`, `jdbc:oracle:thin:@//host:1521/service`, `jdbc:sqlserver://host:1433;databaseName=…`, `jdbc:db2://host:50000/database` or `jdbc:sqlite:/path/to/file.db`";
    ConfigUnsupportedDatabase = "KR-CFG-014", Usage, "this cannot be done on this kind of database",
        "stop the old server while you rotate, and set `enableSyncMigrator: false`";
    ConfigDatabaseFile = "KR-CFG-015", Usage, "a database file does not exist or is not a regular file",
        "correct the path; keyrotation never creates a database";
    ConfigOldDatabase = "KR-CFG-016", Usage, "a database to be rewritten is the old server's own",
        "name the copy that was made for the new server (step 3 of the guide)";
    ConfigHome = "KR-CFG-017", Usage, "newISHome is not the folder of an Identity Server",
        "give the absolute path of the new server's folder, the one with `repository` in it";
    ConfigNothingEnabled = "KR-CFG-019", Usage, "properties.yaml enables no part of the rotation",
        "set `enableDBMigrator: true` and `enableConfigMigrator: true`";
    ConfigOldHome = "KR-CFG-023", Usage, "the folder whose files are to be rewritten is the old server's own",
        "name the copy that was made for the new server (step 3 of the guide)";
    CommandLineValue = "KR-CFG-020", Usage, "a value on the command line is not valid for its option",
        "correct the value";
    ConfigJdbc = "KR-CFG-022", Usage, "a database needs a JDBC driver, but Java or the driver was not found",
        "set JAVA_HOME to a JDK, 11 or later, and name the driver's file with jdbcDrivers; both come with the Identity Server";
    NoRandomness = "KR-CFG-021", Environment, "the operating system gives no random bytes",
        "make a key on another machine: `openssl rand -hex 16`",
        "Yes: nothing was written.";
    StepNotSo = "KR-CFG-024", Usage, "a step was confirmed, but the program can see that it is not done",
        "`keyrotation runbook` says what to do; confirm it when it is done",
        "Yes: nothing was written, and nothing was recorded.";
    OldUndecided = "KR-CFG-025", Usage, "the program cannot tell whether a database to be rewritten is the old server's own",
        "name the old server's primary as oldIdnDBUrl, or give its user the rights that docs/databases.md lists";
    CopyFed = "KR-CFG-026", Usage, "a database to be rewritten still receives changes from another server",
        "end the replication that the message names, then repeat the command",
        "Yes: nothing was written.";
    SyncLeftovers = "KR-CFG-050", Usage, "the new identity database has sync tables or triggers",
        "either this is the old database, or step 4 of the guide was left out: drop the sync triggers and the _TEMP tables in the copy";
    SyncNoTriggers = "KR-CFG-052", Usage, "enableSyncMigrator is on, and the old identity database has no sync triggers",
        "run `keyrotation triggers install` before the copy is made, or let a DBA run the output of `keyrotation triggers print`";
    TriggersOnNew = "KR-CFG-053", Usage, "sync triggers belong only in the old identity database",
        "install them there, and remove them from the copy with `keyrotation triggers remove --on new`";
    SyncNotEnabled = "KR-CFG-054", Usage, "the command needs sync, and it is not enabled",
        "set `enableSyncMigrator: true` and oldIdnDBUrl";
    TriggersNeeded = "KR-CFG-058", Usage, "the sync triggers are still needed: the old database is not known to be safe to retire",
        "`keyrotation safe-to-retire` says what is missing; to remove them anyway, and lose later changes there, repeat with --force",
        "Yes: nothing was removed.";
    WrongOldKey = "KR-CFG-051", Usage, "neither the old nor the new key decrypts any value",
        "take oldSecretKey from [encryption] key in the old server's deployment.toml, decrypted if it is a $secret";
    ConfigTargets = "KR-CFG-063", Usage, "`targets` in properties.yaml is not valid, or does not fit the rotation",
        "write it as docs/targets.md shows";
    ConfigStores = "KR-CFG-064", Usage, "`stores` in properties.yaml is not valid, or names a database twice",
        "write it as docs/targets.md shows";
    ServersLackKeys = "KR-CFG-062", Usage, "a running server could not read the new values",
        "write into [encryption] of every node's deployment.toml: key = the new key, old_key = the old one, and not enable_key_id = false; restart every node, then repeat the command",
        "Yes: nothing was written.";
    DeploymentMissing = "KR-CFG-060", Usage, "deployment.toml of the new server cannot be read",
        "check that newISHome is the new server's folder and that its repository/conf/deployment.toml is readable, or name the file with --file",
        "Yes: the file was not changed.";
    DeploymentShape = "KR-CFG-061", Usage, "deployment.toml of the new server is written in a way that cannot be changed safely",
        "correct what the message names, or set the entries that docs/configure.md lists by hand",
        "Yes: the file was not changed.";
    Database = "KR-DB-001", Environment, "a database cannot be reached, read or written",
        "correct what the message names, then `keyrotation resume`";
    Schema = "KR-DB-002", Environment, "a table is not as WSO2 makes it",
        "compare the table with WSO2's script for this database; a key must be unique and NOT NULL",
        "Yes: the table was not changed.";
    DatabaseBusy = "KR-DB-003", Environment, "another rotation is working on this database",
        "wait for it to end, or stop it",
        "Yes: this process has written nothing; the other one continues.";
    OthersConnected = "KR-DB-004", Usage, "other programs are connected to a database that is to be rewritten",
        "stop them; if you know them and they change nothing, repeat with --others-connected",
        "Yes: nothing was written, or the rows that the message counts, which are recorded: `keyrotation resume` continues.";
    Pooler = "KR-DB-005", Usage, "a connection pooler in front of the database breaks sessions",
        "use the database's own host and port, or a pool in session mode";
    Privilege = "KR-DB-006", Environment, "the database user lacks a right that a rotation needs",
        "let a DBA grant what docs/databases.md lists",
        "Yes: all written rows, if any, are recorded, and `keyrotation resume` continues.";
    DatabaseLost = "KR-DB-007", Environment, "a database did not come back in time",
        "check that the server is up, then `keyrotation resume`";
    RowsHidden = "KR-DB-008", Environment, "a policy of the server would hide rows or values of a table from the database user",
        "let the user see every row as it is: on PostgreSQL a superuser runs `ALTER ROLE … BYPASSRLS` for it, or name the table's owner (without `FORCE ROW LEVEL SECURITY`), or remove the policy for the rotation; then run the same command again",
        "Yes: hidden rows were not counted, compared or deleted.";
    TableAbsent = "KR-DB-020", Environment, "a table that should exist is missing",
        "check that the URL names the right database and schema; if the deployment really lacks the table, name it with --without-table",
        "Yes: nothing was written after it was found.";
    IndexesMissing = "KR-DB-021", Environment, "indexes that were dropped for the rewrite of a table cannot be created again",
        "correct what the message names, then `keyrotation resume`; or run the statements that `keyrotation indexes print` prints",
        "Yes: every row is rotated and committed. Queries are slow until the indexes exist again.";
    File = "KR-ENV-001", Environment, "a file or folder cannot be read or written",
        "correct what the message names, then run the same command again";
    System = "KR-ENV-002", Environment, "the operating system refused something",
        "correct what the message names, then run the same command again";
    Output = "KR-ENV-003", Environment, "the result cannot be written to standard output",
        "free space where standard output goes, then run the same command again";
    HomeUnreadable = "KR-ENV-020", Environment, "newISHome, or a folder under allowedRoots, does not exist or cannot be read",
        "correct newISHome or allowedRoots, and let the user who runs keyrotation read the folder",
        "Yes: no file was written.";
    FolderUnreadable = "KR-ENV-021", Environment, "a folder with configuration files cannot be read",
        "let the user who runs keyrotation read the folder, then `keyrotation resume`";
    FileNotReplaced = "KR-ENV-022", Environment, "a configuration file could not be replaced and is unchanged",
        "free disk space, or let the user who runs keyrotation write to its folder and keep its owner; then `keyrotation resume --retry-failed`",
        "Yes: the file is unchanged, byte for byte.";
    FileNotFlushed = "KR-ENV-023", Environment, "a configuration file was replaced, but the disk did not confirm it",
        "check the disk, then `keyrotation resume`, which checks the file again",
        "Yes, but check again after a power cut: the file is complete, with its new or its old content.";
    LeftoverStays = "KR-ENV-024", Environment, "a temporary file of an interrupted run cannot be removed",
        "remove the file by hand; its name is `.keyrotation-….tmp`, and nothing reads it",
        "Yes: nothing reads the file.";
    DemoFolder = "KR-ENV-030", Environment, "the folder for the demo is not empty",
        "name a folder that is empty or absent, or delete it",
        "Yes: a demo touches nothing outside its folder.";
    DemoWrite = "KR-ENV-031", Environment, "a file of the demo cannot be written",
        "see that the folder can be written and has room, then delete what is there and start again",
        "Yes: a demo touches nothing outside its folder.";
    DemoDatabase = "KR-ENV-032", Environment, "a database of the demo cannot be made",
        "see that the folder can be written and has room, then delete what is there and start again",
        "Yes: a demo touches nothing outside its folder.";
    DemoKey = "KR-ENV-033", Environment, "a key for the demo is none",
        "give keys of 16, 24 or 32 characters, or of 48 or 64 hexadecimal digits",
        "Yes: a demo touches nothing outside its folder.";
    JournalLocked = "KR-JRN-001", Journal, "another process holds the journal",
        "wait for it, or stop it; `keyrotation status` shows its progress",
        "Yes: this process has written nothing; the other one continues.";
    JournalDamaged = "KR-JRN-002", Journal, "the journal is damaged",
        "move the journal folder away and start again with `keyrotation run`, which recognizes rotated values";
    JournalFormat = "KR-JRN-003", Journal, "the journal was written by another version of this program",
        "use the version that wrote it";
    JournalWrite = "KR-JRN-004", Journal, "the journal cannot be written",
        "free space or give access, then `keyrotation resume`",
        "Yes: nothing is written to a database or file without a record of it first.";
    JournalOther = "KR-JRN-005", Journal, "the journal belongs to another rotation",
        "use the properties.yaml with which it was started, or another --journal folder";
    JournalUnfinished = "KR-JRN-006", Journal, "the journal has a rotation that is not finished",
        "continue it with `keyrotation resume`";
    JournalAbsent = "KR-JRN-007", Journal, "there is no rotation in the journal",
        "`keyrotation runbook` says what to do now, and `keyrotation run` starts a rotation; if you have started one, name its folder with --journal";
    JournalOrder = "KR-JRN-008", Journal, "the program tried to record an impossible event; this is a defect of the program",
        "nothing was written; please report this with the log";
    JournalForeign = "KR-JRN-009", Journal, "the folder for the journal contains other files",
        "name an empty or a new folder with --journal";
    JournalExposed = "KR-JRN-010", Journal, "the folder for the journal belongs to another user, is a link, or is open to others",
        "run keyrotation as the owner of the folder, or name a folder of your own with --journal, closed to others (mode 0700)",
        "Yes: nothing in it was changed.";
    NotRunning = "KR-CTL-001", NotRunning, "no process works on the rotation",
        "`keyrotation status` shows the progress, `keyrotation resume` continues";
    NotListening = "KR-CTL-002", Environment, "the process that holds the journal cannot be controlled",
        "if it only reads (report, status), repeat the command after it has ended; SIGTERM stops any other process at a safe point",
        "Yes: nothing was changed by asking.";
    ControlRefused = "KR-CTL-003", Environment, "the running program refused the request",
        "use the same version of keyrotation, as the same user or as root",
        "Yes: nothing was changed by asking.";
    SyncNotReady = "KR-SYN-001", Usage, "the sync phase has not begun",
        "finish the re-encryption first: `keyrotation resume`";
    SyncNotBegun = "KR-SYN-002", Journal, "the rotation was started without sync",
        "start again with sync: make a new copy, then `keyrotation run --new`";
    OldRowsLost = "KR-SYN-003", Human, "the old database has lost more rows than users delete",
        "check the old database: is it the right one, was it emptied or restored? if the rows were deleted on purpose, repeat with --accept-deletes and their number",
        "Yes: these rows were not deleted in the copy.";
    NewServerHasRun = "KR-SYN-004", Human, "values were under the new key before this rotation, so the new server may have run on this copy",
        "make a new copy and start again with `keyrotation run --new`; or, to keep the changes of the new server, continue with `keyrotation resume --new-server-has-run`",
        "Yes: no change is carried over before this is decided.";
    AnotherCopy = "KR-RUN-001", Human, "the database or home is not the one in the journal",
        "bring back the rotated copy, or start again on this one with `keyrotation run --new`",
        "Yes: nothing was written to it.";
    Ambiguous = "KR-RUN-002", Human, "both keys decrypt some values, and nothing shows which key is right",
        "check the rows; to leave them as they are, repeat with --accept-ambiguous and their number";
    CopyTooOld = "KR-RUN-008", Human, "the copy was made before changes to the old database were recorded",
        "make a new copy (step 3 of the guide), then `keyrotation run --new`; if the copy was made after the triggers were installed, confirm that with `keyrotation confirm copy`",
        "Yes: nothing was written.";
    KeepsChanging = "KR-RUN-003", Human, "a server, or a trigger, keeps writing values under the old key",
        "stop every server that still uses this database with the old key, and see that no trigger or rule of the table puts old values back; then `keyrotation resume`";
    AllAlreadyNew = "KR-RUN-010", Human, "no values, or very few, are under the old key, and no journal explains it",
        "check that the two keys are not swapped: oldSecretKey is [encryption] key of the server that is still in use; if all values were rotated before, repeat with --all-already-new";
    MostUnreadable = "KR-RUN-011", Human, "neither key decrypts many of the values",
        "check whether they are under a third key, and whether this is the right copy; to leave them as they are and rotate the rest, repeat with --accept-unreadable and their number";
}

impl From<keyrotation_journal::Error> for Error {
    fn from(error: keyrotation_journal::Error) -> Self {
        use keyrotation_journal::Error as Journal;
        let id = match &error {
            Journal::Locked { .. } => Id::JournalLocked,
            Journal::Exists { .. } => Id::JournalUnfinished,
            Journal::Foreign { .. } => Id::JournalForeign,
            Journal::Exposed { .. } => Id::JournalExposed,
            Journal::Damaged { .. } | Journal::Steps { .. } => Id::JournalDamaged,
            Journal::Incompatible { .. } => Id::JournalFormat,
            Journal::WrongKey { .. } => Id::JournalOther,
            Journal::Full { .. } | Journal::Io { .. } | Journal::Broken { .. } => Id::JournalWrite,
            Journal::Sealed { .. }
            | Journal::Illegal { .. }
            | Journal::NoSuchChunk { .. }
            | Journal::TooLarge { .. } => Id::JournalOrder,
        };
        // The journal's errors end with what to do next.
        let text = error.to_string();
        match text.rsplit_once("; ") {
            Some((what, fix)) => Self::new(id, what).fix(fix),
            None => Self::new(id, text),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
