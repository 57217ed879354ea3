//! What a walk reads: each row about as often as there are walks, however many there are.
//!
//! With `-vv` the program says of each read how much it reads; that is counted, not seconds.

use std::fs;

use crate::kit::{Kit, seal};
use crate::support::{Except, Ran};

/// A value that only the keystore's RSA key opens: {"c":"AAAA","t":"RSA"}
const WRAPPED: &str = "eyJjIjoiQUFBQSIsInQiOiJSU0EifQ==";

/// Rows of a page.
const PAGE: u64 = 3;

/// What was read, in rows, records of the journal and files; a read that finds nothing counts, too.
pub(crate) fn reads(ran: &Ran) -> u64 {
    let amounts = ran.stderr.lines().filter_map(|line| line.split_once(": reads ")?.1.split(' ').next());
    amounts.map(|amount| 1 + amount.parse::<u64>().unwrap()).sum()
}

/// Twice as much there costs no more than two and a half times the reads.
#[track_caller]
pub(crate) fn must_be_linear(what: &str, reads: [u64; 2]) {
    let [once, twice] = reads;
    assert!(once > 100, "{what}: {once} reads say nothing");
    assert!(2 * twice <= 5 * once, "{what}: {once} reads, and {twice} with twice as much there");
}

impl Kit {
    /// Runs the program with small pages and all that it says.
    pub(crate) fn run_small(&self, args: &[&str]) -> Ran {
        self.start_with_pages_of(PAGE, &[args, &["-vv"]].concat()).wait()
    }

    /// Adds tokens with this value.
    pub(crate) fn add_tokens(&self, count: u64, value: &str) {
        self.sql(&format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, TOKEN_STATE_ID) \
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
             SELECT 'added-' || n, '{value}', 'added-' || n FROM numbers"
        ));
    }

    /// Adds user stores like the first one that is there.
    fn add_user_stores(&self, count: u64) {
        let folder = self.deployment.home.join("repository/deployment/server/userstores");
        let first = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let content = fs::read(first.min().unwrap()).unwrap();
        for n in 1..=count {
            fs::write(folder.join(format!("added-{n}.xml")), &content).unwrap();
        }
    }
}

/// What these commands read, with so many and twice as many of something there.
fn measured<const N: usize>(
    count: u64,
    add: impl Fn(&Kit, u64),
    commands: [(&'static str, i32); N],
) -> [(&'static str, [u64; 2]); N] {
    let [once, twice] = [count, 2 * count].map(|count| {
        let kit = Kit::new();
        add(&kit, count);
        commands
            .map(|(command, code)| reads(&kit.run_small(&command.split(' ').collect::<Vec<_>>()).exits(code)))
    });
    std::array::from_fn(|at| (commands[at].0, [once[at], twice[at]]))
}

#[test]
fn twice_the_rows_are_twice_the_reads() {
    let add = |kit: &Kit, count| kit.add_tokens(count, &seal(&kit.deployment.spec.old_key, "a token"));
    let commands = [
        ("plan --rehearse", 0),
        ("keys", 1),
        ("keys --scan", 1),
        ("run --dry-run", 0),
        ("run", 0),
        ("verify --scan", 0),
    ];
    for (command, reads) in measured(300, add, commands) {
        must_be_linear(command, reads);
    }
}

#[test]
fn twice_the_failed_rows_are_twice_the_reads() {
    let add = |kit: &Kit, count| kit.add_tokens(count, WRAPPED);
    let commands = [("run", 1), ("resume --retry-failed", 1), ("resume --retry-failed", 1), ("verify", 1)];
    for (command, reads) in measured(150, add, commands) {
        must_be_linear(command, reads);
    }
}

#[test]
fn twice_the_files_are_twice_the_reads() {
    let commands = [("plan", 0), ("run --dry-run", 0), ("run", 0), ("verify", 0)];
    for (command, reads) in measured(60, Kit::add_user_stores, commands) {
        must_be_linear(command, reads);
    }
}

#[test]
fn twice_the_rows_that_come_behind_the_reader_are_twice_the_reads() {
    let strays = |count: u64| {
        let kit = Kit::new();
        // Each chunk of the last table but one makes rows under the old key where the reader was.
        let value = seal(&kit.deployment.spec.old_key, "a token");
        kit.sql(&format!(
            "CREATE TRIGGER E2E_BEHIND AFTER UPDATE ON IDN_OAUTH2_ACCESS_TOKEN \
             WHEN (SELECT COUNT(*) FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID LIKE '!%') < {count} \
             BEGIN INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, TOKEN_STATE_ID) VALUES \
             ('!' || hex(randomblob(9)), '{value}', hex(randomblob(9))); END"
        ));
        kit.add_tokens(count, &value);
        reads(&kit.run_small(&["run"]).exits(0))
    };
    must_be_linear("run", [60, 120].map(strays));
}

#[test]
fn twice_the_rows_that_a_killed_rotation_has_left_open_are_twice_the_reads() {
    let settled = |count: u64| {
        let kit = Kit::new();
        let value = seal(&kit.deployment.spec.old_key, "a token");
        kit.add_tokens(count, &value);
        let ran = kit.run_at("table-before-commit=2*off->return(kill)", &["run", "--chunk-size", "100000"]);
        assert_eq!(ran.signal(), Some(9), "{ran}");
        let status = kit.run(&["status", "--json"]).exits(0).json();
        let tokens = &status["targets"][2];
        assert_eq!((&tokens["id"], &tokens["state"]), (&"oauth2-access-token".into(), &"running".into()));
        kit.sql(&format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, TOKEN_STATE_ID) \
             SELECT '~' || TOKEN_ID, '{value}', '~' || TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN"
        ));
        reads(&kit.run_small(&["resume"]).exits(0))
    };
    must_be_linear("resume", [300, 600].map(settled));
}

#[test]
fn the_end_of_a_table_is_settled_page_by_page_however_much_has_come_there() {
    let kit = Kit::new();
    // The chunk that runs to the end of the first table is open.
    let ran = kit.run_at("table-before-commit=return(kill)", &["run", "--chunk-size", "1000"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    for n in 0..40 {
        let value = seal(&kit.deployment.spec.old_key, &format!("of user {n}"));
        kit.sql(&format!("INSERT INTO IDN_IDENTITY_USER_DATA VALUES (7, 'late {n}', 'claim', '{value}')"));
    }
    kit.count_updates();
    let before = kit.snapshot();
    let mut resume = kit.command(&["resume"]);
    resume
        .env("KEYROTATION_SIZES", PAGE.to_string())
        .env("FAILPOINTS", "table-before-commit=4*off->return(kill)");
    let ran = kit.run_as(&mut resume);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    let updated = kit.sql("SELECT COUNT(*) FROM E2E_UPDATES WHERE TAB = 'IDN_IDENTITY_USER_DATA'");
    let updated: u64 = updated[0][0].as_deref().unwrap().parse().unwrap();
    assert!((1..=4 * PAGE).contains(&updated), "{updated} rows in four transactions of {PAGE}");
    kit.run_small(&["resume"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}
