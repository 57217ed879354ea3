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
    ConfigSyntax = "KR-CFG-002", Usage, "a line of properties.yaml cannot be read, or can be read in two ways",
        "write the line as `key: value`, with the value in single quotes if it has special characters";
    ConfigUnknownKey = "KR-CFG-003", Usage, "properties.yaml has a key that is not known",
        "correct or remove the key; `keyrotation init` writes a file with every key";
    ConfigMissingKey = "KR-CFG-004", Usage, "properties.yaml lacks a key that the enabled parts need",
        "add the key";
    ConfigValue = "KR-CFG-005", Usage, "a value in properties.yaml is not one that its key takes",
        "correct the value";
    DemoFolder = "KR-ENV-030", Environment, "the folder for the demo is not empty",
        "name a folder that is empty or absent, or delete it";
    DemoWrite = "KR-ENV-031", Environment, "a file of the demo cannot be written",
        "see that the folder can be written and has room, then delete what is there and start again";
    DemoDatabase = "KR-ENV-032", Environment, "a database of the demo cannot be made",
        "see that the folder can be written and has room, then delete what is there and start again";
    DemoKey = "KR-ENV-033", Environment, "a key for the demo is none",
        "give keys of 16, 24 or 32 characters, or of 48 or 64 hexadecimal digits";
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
