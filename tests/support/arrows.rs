//! The directions between modules.

/// Which module may import which. The arrows point down only, save for pairs that a rule names.
///
/// What is a crate of its own (`cipher`, `codec`, `db` with its `sizes`) has no line: the compiler holds
/// what it may import, and [`CRATES`] what its manifest names. What names tables (`target`) and what reads
/// properties.yaml (`config`) do not know each other. `report` reads the job's state and never touches a
/// database. `cli` parses, calls and prints: what decides is in `runner`, so it needs nothing of `engine` and
/// `sync`.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("activity", &[]),
    ("exit", &[]),
    ("hidden", &[]),
    ("signals", &[]),
    ("telemetry", &[]),
    ("error", &["exit"]),
    ("blocking", &["error"]),
    ("config", &["cipher", "codec", "db", "error", "sizes"]),
    ("configure", &["cipher", "config", "db", "error"]),
    ("demo", &["cipher", "error"]),
    ("target", &["codec", "db"]),
    ("failpoint", &[]),
    ("guard", &["activity", "db", "error", "failpoint", "signals", "target"]),
    ("source", &["codec", "db", "error", "guard", "sizes", "target"]),
    ("sink", &["db", "error", "failpoint", "guard", "source", "target"]),
    ("triggers", &["db", "error", "target"]),
    (
        "plan",
        &[
            "activity", "blocking", "cipher", "codec", "config", "db", "error", "guard", "signals", "sink",
            "sizes", "source", "target", "triggers",
        ],
    ),
    (
        "engine",
        &[
            "activity",
            "blocking",
            "cipher",
            "codec",
            "db",
            "error",
            "failpoint",
            "guard",
            "plan",
            "signals",
            "sink",
            "sizes",
            "source",
        ],
    ),
    ("control", &["engine", "error", "signals"]),
    (
        "sync",
        &[
            "activity",
            "blocking",
            "codec",
            "db",
            "engine",
            "error",
            "failpoint",
            "guard",
            "plan",
            "signals",
            "source",
            "target",
        ],
    ),
    (
        "inventory",
        &["activity", "blocking", "cipher", "codec", "db", "engine", "error", "plan", "signals", "source"],
    ),
    (
        "report",
        &[
            "activity",
            "control",
            "engine",
            "error",
            "inventory",
            "plan",
            "sync",
            "target",
            "telemetry",
            "verify",
        ],
    ),
    ("runbook", &["config", "db", "report", "sync"]),
    (
        "verify",
        &["activity", "blocking", "cipher", "codec", "db", "engine", "error", "plan", "signals", "source"],
    ),
    (
        "runner",
        &[
            "activity",
            "cipher",
            "codec",
            "config",
            "configure",
            "control",
            "db",
            "engine",
            "error",
            "failpoint",
            "inventory",
            "plan",
            "report",
            "runbook",
            "signals",
            "sink",
            "sync",
            "target",
            "telemetry",
            "triggers",
            "verify",
            "who",
        ],
    ),
    ("who", &[]),
    (
        "cli",
        &[
            "activity",
            "cipher",
            "config",
            "configure",
            "control",
            "db",
            "demo",
            "error",
            "exit",
            "hidden",
            "plan",
            "report",
            "runbook",
            "runner",
            "telemetry",
            "triggers",
            "who",
        ],
    ),
];

/// The crates below the program: where each stands, which of ours it needs, and what no version of it may
/// need.
pub(crate) const CRATES: &[(&str, &[&str], &[&str])] = &[
    ("journal", &[], &["aes", "clap", "sqlx", "tokio"]),
    ("src/cipher", &[], &["clap", "sqlx", "tokio"]),
    ("src/codec", &["keyrotation-cipher"], &["aes", "clap", "sqlx", "tokio"]),
    ("src/db", &[], &["aes", "clap"]),
];
