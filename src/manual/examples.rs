//! What the long help of every subcommand shows: how it is called, and when.

/// A subcommand, and its examples: what to type, and what that does.
type Examples = (&'static str, &'static [(&'static str, &'static str)]);

/// One entry a subcommand; a test of the documentation parses them all.
pub const EXAMPLES: &[Examples] = &[
    (
        "run",
        &[
            ("keyrotation run", "Rotate what ./properties.yaml names"),
            ("keyrotation run --dry-run", "Do everything but write, and foretell what would fail"),
            (
                "keyrotation run --max-rows-per-second 500 --others-connected",
                "Rotate slowly, while others whom you know use the databases, too",
            ),
            (
                "keyrotation run --until-drained --quiet-for 5m",
                "With sync: end once nothing has come from the old server for five minutes",
            ),
            ("keyrotation run --new", "Begin again, on a fresh copy; the last journal is put aside"),
        ],
    ),
    (
        "resume",
        &[
            ("keyrotation resume", "Go on after Ctrl-C, kill -9, a power cut or an error"),
            ("keyrotation resume --retry-failed", "Also try the rows again that failed"),
        ],
    ),
    (
        "indexes",
        &[
            ("keyrotation indexes print", "Print the statements that make the dropped indexes, for a DBA"),
            ("keyrotation indexes restore", "Make them again, and leave the rotation where it is"),
        ],
    ),
    (
        "keys",
        &[
            (
                "keyrotation keys",
                "May old_key go? Looks at every value, changes nothing and needs no journal",
            ),
            ("keyrotation keys --scan", "Look everywhere else, too: other tables, other files"),
            ("keyrotation keys --max-rows-per-second 2000", "The same beside a server that is in use"),
        ],
    ),
    ("sync", &[("keyrotation sync --until-drained", "Carry over what waits, and end")]),
    (
        "triggers",
        &[
            ("keyrotation triggers install", "Record changes in the old identity database (step 2)"),
            ("keyrotation triggers print", "Print the script, for a DBA to run"),
            ("keyrotation triggers remove --on new", "Remove them from the copy (step 4)"),
        ],
    ),
    (
        "runbook",
        &[
            ("keyrotation runbook", "Show the steps, and what to do now"),
            ("keyrotation runbook copy", "Show one step, here with the commands that dump and restore"),
            ("keyrotation runbook --all", "Show all of them, to be printed"),
        ],
    ),
    (
        "confirm",
        &[
            ("keyrotation confirm route-traffic --note 'CHG-1234'", "Traffic goes to the new server now"),
            ("keyrotation confirm retire/dumps --note 'shredded'", "One item of a step"),
            ("keyrotation confirm start --undo --note 'misread'", "Take a mistake back"),
            ("keyrotation confirm --list", "List every name, and what is confirmed"),
        ],
    ),
    ("safe-to-retire", &[("keyrotation safe-to-retire", "The exit code is 0 if it is, and 1 if it is not")]),
    (
        "configure",
        &[
            ("keyrotation configure --dry-run", "Show what would change in deployment.toml"),
            ("keyrotation configure", "Change it; the old file is kept beside it"),
            (
                "keyrotation configure --home /mnt/is1/wso2is --home /mnt/is2/wso2is",
                "Change those of two nodes, in one go",
            ),
            (
                "keyrotation configure --keep-credentials",
                "Leave users and passwords: the rotation has a database user of its own",
            ),
            (
                "keyrotation configure --print --file deployment.toml --key-as '$env{IS_KEY}'",
                "Print it for a ConfigMap; the key stands in the environment of the server",
            ),
        ],
    ),
    (
        "plan",
        &[
            ("keyrotation plan", "Check everything, and count"),
            ("keyrotation plan --rehearse", "Also measure how long it will take"),
            ("keyrotation plan --scan", "Also look for what it would not reach"),
        ],
    ),
    (
        "preflight",
        &[
            ("keyrotation preflight", "Check all that should be so before a rotation, and say what to do"),
            (
                "keyrotation preflight --json",
                "The same for a script; the exit code is that of the first refusal",
            ),
        ],
    ),
    (
        "status",
        &[
            ("keyrotation status", "Where it stands, also while it runs"),
            ("keyrotation status --failures --json", "Every failed row with its reason, for a script"),
        ],
    ),
    ("pause", &[("keyrotation pause", "While somebody looks at the database")]),
    ("continue", &[("keyrotation continue", "Go on after that")]),
    (
        "pace",
        &[
            ("keyrotation pace 500", "The database has better things to do just now"),
            ("keyrotation pace off", "As fast as it goes"),
        ],
    ),
    ("stop", &[("keyrotation stop", "End it before the office opens; `keyrotation resume` goes on")]),
    (
        "verify",
        &[
            ("keyrotation verify", "Read every row and file again, before the new server starts"),
            ("keyrotation verify --live --sample 5%", "A look at one in twenty while the new server works"),
        ],
    ),
    (
        "report",
        &[
            (
                "keyrotation report --output report.html",
                "One page for whoever has to answer for the rotation",
            ),
            ("keyrotation report --output rows.json --rows --redact", "Every row, without names"),
            ("keyrotation report --check report.html", "Is it what the journal says?"),
        ],
    ),
    (
        "explain",
        &[
            ("keyrotation explain KR-DB-001", "What the error means, whether data is safe, and what to do"),
            ("keyrotation explain databases-reachable", "The same of a check of `preflight`"),
            ("keyrotation explain", "List all ids with their titles"),
        ],
    ),
    (
        "init",
        &[("keyrotation init --config /etc/keyrotation/properties.yaml", "Write a file to be filled in")],
    ),
    (
        "keygen",
        &[
            ("keyrotation keygen", "A key that every version takes"),
            ("keyrotation keygen --for 7.1", "One for 7.1 and later"),
        ],
    ),
    (
        "fingerprint",
        &[("keyrotation fingerprint", "Two people compare what they have, without saying a key")],
    ),
    #[cfg(feature = "demo")]
    (
        "demo",
        &[
            ("keyrotation demo", "A whole rotation, in a folder of its own"),
            ("keyrotation demo big --tokens 200000 --no-run", "A deployment to try commands on"),
        ],
    ),
    (
        "completions",
        &[("keyrotation completions bash", "For ~/.local/share/bash-completion/completions/keyrotation")],
    ),
    ("man", &[("keyrotation man", "Read it with: keyrotation man | man -l -")]),
];

/// The examples of a subcommand, as its long help shows them.
pub fn examples(name: &str) -> Option<String> {
    let (_, examples) = EXAMPLES.iter().find(|(of, _)| *of == name)?;
    let lines = examples.iter().map(|(typed, does)| format!("  {typed}\n      {does}"));
    Some(format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n")))
}
