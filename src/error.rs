//! The one error type: a stable id, what happened and where, and what to do next.
//!
//! Ids never change their meaning and are never used again. `docs/errors.md` is generated from
//! the table below, and a test holds the two together. No message ever carries a secret.

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

macro_rules! ids {
    ($( $name:ident = $code:literal, $exit:ident, $meaning:literal, $remedy:literal; )+) => {
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
    ConfigValue = "KR-CFG-005", Usage, "a value in properties.yaml is not one that its key takes",
        "correct the value";
    ConfigDuplicateKey = "KR-CFG-006", Usage, "properties.yaml gives a key twice",
        "keep one of the two lines";
    ConfigKeyLength = "KR-CFG-007", Usage, "a secret key has a length that no AES key has",
        "give the key as deployment.toml has it, decrypted; `keyrotation keygen` makes a new one";
    ConfigKeyHex = "KR-CFG-008", Usage, "a secret key of 48 or 64 characters is not hexadecimal",
        "keys of these lengths are hexadecimal digits; copy it again, whole";
    ConfigSameKeys = "KR-CFG-009", Usage, "the old and the new secret key are the same bytes",
        "make a new key with `keyrotation keygen` and set newSecretKey to it";
    ConfigDefaultKey = "KR-CFG-010", Usage, "the new secret key is the one that WSO2 publishes with every release",
        "make a new key with `keyrotation keygen` and set newSecretKey to it";
    ConfigBase64 = "KR-CFG-011", Usage, "a password in properties.yaml is not base64 of UTF-8 text",
        "encode it with `printf %s 'the password' | base64 -w0`, or use `env:NAME` or `file:/path`, which take it as it is";
    ConfigSecretSource = "KR-CFG-012", Usage, "an environment variable or file that should hold a secret cannot be read",
        "set the variable, or make the file readable for the user who runs keyrotation";
    ConfigUrl = "KR-CFG-013", Usage, "a database URL is not one that can be used",
        "write `jdbc:sqlite:/path/to/file.db`";
    ConfigUnsupportedDatabase = "KR-CFG-014", Usage, "a database is of a kind that this version does not rotate yet",
        "this version rotates SQLite only: `jdbc:sqlite:/path/to/file.db`";
    ConfigDatabaseFile = "KR-CFG-015", Usage, "an SQLite database file does not exist or is not a regular file",
        "correct the path; keyrotation never creates a database";
    ConfigOldDatabase = "KR-CFG-016", Usage, "a database to be rewritten is the old server's own",
        "give the copy that was made for the new server (step 3 of the guide)";
    ConfigHome = "KR-CFG-017", Usage, "newISHome is not the folder of an Identity Server",
        "give the absolute path of the new server's folder, the one with `repository` in it";
    ConfigSyncUnavailable = "KR-CFG-018", Usage, "enableSyncMigrator is on, and this version has no sync",
        "set `enableSyncMigrator: false`; end users' changes after the copy was made are then not carried over";
    ConfigNothingEnabled = "KR-CFG-019", Usage, "properties.yaml enables no part of the rotation",
        "set `enableDBMigrator: true` and `enableConfigMigrator: true`";
    CommandLineValue = "KR-CFG-020", Usage, "a value on the command line is not one that its option takes",
        "correct the value";
    NoRandomness = "KR-CFG-021", Environment, "the operating system gives no random bytes",
        "make a key elsewhere: `openssl rand -hex 16`";
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
