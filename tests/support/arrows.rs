//! The directions between modules.

/// Which module may import which. The arrows point down only, save for pairs that a rule names.
///
/// What is a crate of its own (`cipher`, `codec`, `common`, `config`, `db` with its `sizes`) has no line: the compiler
/// holds what it may import, and [`CRATES`] what its manifest names. `report` reads the job's state and never touches a
/// database. `cli` parses, calls and prints: what decides is in `runner`, so it needs nothing of `engine` and
/// `sync`.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("configure", &["cipher", "config", "db"]),
    ("demo", &["cipher"]),
    ("target", &["codec", "db"]),
    ("guard", &["db", "target"]),
    ("source", &["codec", "db", "guard", "sizes", "target"]),
    ("sink", &["db", "guard", "source", "target"]),
    ("triggers", &["db", "target"]),
    ("plan", &["cipher", "codec", "config", "db", "guard", "sink", "sizes", "source", "target", "triggers"]),
    ("engine", &["cipher", "codec", "db", "guard", "plan", "sink", "sizes", "source"]),
    ("manual", &["plan"]),
    ("control", &["engine"]),
    ("sync", &["codec", "db", "engine", "guard", "plan", "source", "target"]),
    ("inventory", &["cipher", "codec", "db", "engine", "plan", "source"]),
    ("report", &["control", "engine", "inventory", "plan", "sync", "target", "verify"]),
    ("runbook", &["config", "db", "report", "sync"]),
    ("verify", &["cipher", "codec", "db", "engine", "plan", "source"]),
    (
        "runner",
        &[
            "cipher",
            "codec",
            "config",
            "configure",
            "control",
            "db",
            "engine",
            "inventory",
            "plan",
            "report",
            "runbook",
            "sink",
            "sync",
            "target",
            "triggers",
            "verify",
            "who",
        ],
    ),
    ("who", &[]),
    (
        "cli",
        &[
            "cipher",
            "config",
            "configure",
            "control",
            "db",
            "demo",
            "manual",
            "plan",
            "report",
            "runbook",
            "runner",
            "triggers",
            "who",
        ],
    ),
];

/// What every module may import: the crate `common`.
pub(crate) const COMMON: &[&str] = &[
    "activity",
    "blocking",
    "error",
    "exit",
    "failpoint",
    "fit",
    "hidden",
    "invocation",
    "placed",
    "signals",
    "telemetry",
];

/// The crates below the program: where each stands, which of ours it needs, and what no version of it may
/// need.
pub(crate) const CRATES: &[(&str, &[&str], &[&str])] = &[
    ("journal", &[], &["aes", "clap", "sqlx", "tokio"]),
    ("src/cipher", &[], &["clap", "sqlx", "tokio"]),
    ("src/codec", &["keyrotation-cipher"], &["aes", "clap", "sqlx", "tokio"]),
    ("src/common", &["keyrotation-journal"], &["aes", "sqlx"]),
    (
        "src/config",
        &["keyrotation-cipher", "keyrotation-codec", "keyrotation-common", "keyrotation-db"],
        &["aes", "sqlx", "tokio"],
    ),
    ("src/db", &[], &["aes", "clap"]),
];
