//! The keys that `properties.yaml` may have: one table, used by the reader, the checks and `init`.

use std::borrow::Cow;

macro_rules! keys {
    ({ $( $variant:ident = $name:literal, $shown:ident; )+ } { $( $inner:ident = $of:literal, $inner_shown:ident; )+ }) => {
        /// A key of `properties.yaml`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key { $( #[doc = $name] $variant, )+ $( #[doc = $of] $inner, )+ }

        impl Key {
            /// Every key, in the order in which `keyrotation init` writes them; not those within an item of `stores`.
            pub const ALL: &[Self] = &[ $( Self::$variant, )+ ];

            /// The key as the file writes it.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ $( Self::$inner => $of, )+ }
            }

            /// Whether no message may show the value. URLs are hidden too: they may carry a password.
            pub const fn is_secret(self) -> bool {
                match self { $( Self::$variant => keys!(@ $shown), )+ $( Self::$inner => keys!(@ $inner_shown), )+ }
            }
        }
    };
    (@ open) => { false };
    (@ secret) => { true };
}

keys! { {
    OldSecretKey = "oldSecretKey", secret;
    NewSecretKey = "newSecretKey", secret;
    OldSecretKeys = "oldSecretKeys", secret;
    TotpKey = "totpKey", secret;
    Mode = "mode", open;
    NewIsHome = "newISHome", open;
    OldIdnDbUrl = "oldIdnDBUrl", secret;
    OldIdnUsername = "oldIdnUsername", open;
    OldIdnPassword = "oldIdnPassword", secret;
    NewIdnDbUrl = "newIdnDBUrl", secret;
    NewIdnUsername = "newIdnUsername", open;
    NewIdnPassword = "newIdnPassword", secret;
    NewRegDbUrl = "newRegDBUrl", secret;
    NewRegUsername = "newRegUsername", open;
    NewRegPassword = "newRegPassword", secret;
    OldIsHome = "oldISHome", open;
    OldRegDbUrl = "oldRegDBUrl", secret;
    OldRegUsername = "oldRegUsername", open;
    OldRegPassword = "oldRegPassword", secret;
    EnableDbMigrator = "enableDBMigrator", open;
    EnableConfigMigrator = "enableConfigMigrator", open;
    EnableSyncMigrator = "enableSyncMigrator", open;
    SyncTables = "syncTables", open;
    ChunkSize = "chunkSize", open;
    Transformation = "transformation", open;
    EnableKeyId = "enableKeyId", open;
    Homes = "homes", open;
    AllowedRoots = "allowedRoots", open;
    TlsCaFile = "tlsCaFile", open;
    Driver = "driver", open;
    JdbcDrivers = "jdbcDrivers", open;
    Connections = "connections", open;
    MaxRowsPerSecond = "maxRowsPerSecond", open;
    RebuildIndexes = "rebuildIndexes", open;
    Replicas = "replicas", secret;
    OnEvent = "onEvent", open;
    Stores = "stores", secret;
    Targets = "targets", open;
} {
    StoreUrl = "stores: url", secret;
    StoreUsername = "stores: username", open;
    StorePassword = "stores: password", secret;
    OldStoreUrl = "stores: oldUrl", secret;
    OldStoreUsername = "stores: oldUsername", open;
    OldStorePassword = "stores: oldPassword", secret;
} }

impl Key {
    /// The key with exactly this name, and the name.
    pub fn find(name: &str) -> Option<(Self, &'static str)> {
        let names = Self::ALL.iter().map(|key| (*key, key.name()));
        names.chain(IN_PLACE).find(|(_, known)| *known == name)
    }

    /// The key whose name is nearest to `name`, and how near: 0 (nothing in common) to 1 (the same
    /// but for the case of letters).
    pub fn nearest(name: &str) -> (Self, f64) {
        // Comparing takes time with the product of the lengths, and no key is that long.
        let name: Cow<'_, str> = match name.char_indices().nth(64) {
            None => name.to_ascii_lowercase().into(),
            Some(_) => "".into(),
        };
        Self::ALL
            .iter()
            .map(|key| {
                (*key, strsim::normalized_damerau_levenshtein(&name, &key.name().to_ascii_lowercase()))
            })
            .fold((Self::OldSecretKey, -1.0), |best, next| if next.1 >= best.1 { next } else { best })
    }
}

/// Names that the keys of what is rotated have, too, where it is not the new one beside an old one.
pub(super) const IN_PLACE: [(Key, &str); 7] = [
    (Key::NewIsHome, "isHome"),
    (Key::NewIdnDbUrl, "idnDBUrl"),
    (Key::NewIdnUsername, "idnUsername"),
    (Key::NewIdnPassword, "idnPassword"),
    (Key::NewRegDbUrl, "regDBUrl"),
    (Key::NewRegUsername, "regUsername"),
    (Key::NewRegPassword, "regPassword"),
];

/// How a value is written, where it may be more than one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A text.
    Text,
    /// A list: `[a, b]`, `a, b` or `a`.
    List,
    /// Both of a pair of keys: `{old: a, new: b}`.
    Pair,
    /// YAML, on this line and on those below it that are indented or begin with `- `.
    Block,
}

impl Key {
    /// How its value is written.
    pub(super) const fn form(self) -> Form {
        match self {
            Self::AllowedRoots
            | Self::Homes
            | Self::SyncTables
            | Self::JdbcDrivers
            | Self::OldSecretKeys
            | Self::Replicas => Form::List,
            Self::TotpKey => Form::Pair,
            Self::Targets | Self::Stores => Form::Block,
            _ => Form::Text,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
