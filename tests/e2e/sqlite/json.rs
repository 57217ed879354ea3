//! What `--json` prints, against `docs/json.md`: every member that is printed stands there, and every member that stands
//! there is printed.
//!
//! The commands are run on deployments in SQLite that are in many states; the members of one command's documents are taken
//! together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::kit::{Kit, seal};
use crate::portable::control::slow;
use crate::sqlite::in_place::in_place;
use crate::sqlite::targets::target;
use crate::support::{Engine, Place};
use crate::sync::pair::Side;
use crate::sync::retire::ready;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md"));

/// Members that are not shown here: what a database user may not do is a matter of servers, and `outside` interrupts a scan.
const ELSEWHERE: [&str; 3] =
    ["keyrotation plan: indexes.plan.lacks", "Scan: looked_earlier.tables", "Scan: looked_earlier.began_at"];

/// A key that nothing knows.
const OTHER: &str = "f7b2b39207523b43a56540d30656b19b";

/// What the page says of each heading: its members with their types.
fn sections() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let mut sections: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut heading = "";
    for line in PAGE.lines() {
        heading = line.strip_prefix("## ").unwrap_or(heading);
        let mut cells = line.split(" | ");
        let member = cells.next().and_then(|cell| cell.strip_prefix("| `")?.strip_suffix('`'));
        if let (Some(member), Some(kind)) = (member, cells.next()) {
            sections.entry(heading).or_default().push((member, kind));
        }
    }
    sections
}

/// What the page says of one member.
struct Row {
    kind: &'static str,
    /// The heading and the member: a shape's stands for the same member wherever the shape does.
    origin: String,
}

/// The members of a section, with those of the shapes that its types lead to; `*` stands for names that are data.
fn members(heading: &str) -> BTreeMap<String, Row> {
    let sections = sections();
    let mut all = BTreeMap::new();
    for (member, kind) in &sections[heading] {
        all.insert((*member).to_owned(), Row { kind, origin: format!("{heading}: {member}") });
        let Some(link) = kind.split("](#").nth(1).and_then(|rest| rest.split(')').next()) else { continue };
        let slug = |heading: &&&str| heading.to_lowercase().replace(' ', "-") == link;
        let shape = sections.keys().find(slug).unwrap_or_else(|| panic!("#{link} is no heading"));
        let between = if kind.contains(" by ") { ".*." } else { "." };
        all.extend(members(shape).into_iter().map(|(inner, row)| (format!("{member}{between}{inner}"), row)));
    }
    all
}

/// Adds the members of a document; lists show those of their entries.
fn add(known: &BTreeMap<String, Row>, at: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| add(known, at, entry, found)),
        Value::Object(inner) => {
            let kind = known.get(at).map_or("", |row| row.kind);
            let is_named_by_data = kind.starts_with("object of ") && kind.contains(" by ");
            for (name, value) in inner {
                let path = match (at, is_named_by_data) {
                    ("", _) => name.clone(),
                    (_, true) => format!("{at}.*"),
                    (_, false) => format!("{at}.{name}"),
                };
                if !is_named_by_data {
                    found.insert(path.clone());
                }
                add(known, &path, value, found);
            }
        }
        _ => {}
    }
}

/// Compares what a command has printed with the page.
fn compare(command: &str, documents: &[Value]) {
    let known = members(&format!("keyrotation {command}"));
    let mut found = BTreeSet::new();
    for document in documents {
        add(&known, "", document, &mut found);
    }
    // An object that is only there to hold others has no row of its own.
    let holds = |path: &String| known.keys().any(|known| known.starts_with(&format!("{path}.")));
    let unknown: Vec<_> = found.iter().filter(|path| !known.contains_key(*path) && !holds(path)).collect();
    assert!(unknown.is_empty(), "{command}: docs/json.md lacks {unknown:#?}");
    let printed: BTreeSet<_> =
        known.iter().filter(|(path, _)| found.contains(*path)).map(|(_, row)| &row.origin).collect();
    let is_due = |origin: &&String| !printed.contains(origin) && !ELSEWHERE.contains(&origin.as_str());
    let never: BTreeSet<_> = known.values().map(|row| &row.origin).filter(is_due).collect();
    assert!(never.is_empty(), "{command}: nothing prints {never:#?}");
}

fn json(place: &Place, args: &[&str]) -> Value {
    let ran = place.run(&[args, &["--json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {ran}"))
}

/// Several old keys, and TOTP secrets with a key that stays.
fn with_more_keys(kit: &Kit) {
    kit.configure("oldSecretKeys", Some(&format!("[{OTHER}]")));
    kit.configure(
        "totpKey",
        Some("{old: 9501cb661d04b0dbe68d17bff2060737, new: 9501cb661d04b0dbe68d17bff2060737}"),
    );
    let totp = seal("9501cb661d04b0dbe68d17bff2060737", "a secret");
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES \
         (-1234, 'nobody', 'http://wso2.org/claims/identity/secretkey', '{totp}')"
    ));
}

/// Ciphertext in a table and in a file that are no targets, and in a value that is plain as a whole.
fn add_copies(kit: &Kit) {
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let cut = &value[..value.len() - 40];
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{value}'), ('{cut}')"));
    for (name, copy) in [("a note", value.as_str()), ("another", cut)] {
        kit.sql(&format!(
            "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES \
             (-1234, 'nobody', '{name}', '{{\"was\":\"{copy}\"}}')"
        ));
    }
}

#[test]
fn what_looks_before_a_rotation_prints_what_the_page_says() {
    let kit = Kit::new();
    let left = json(&kit, &["fingerprint"]);
    let [first, rehearsed] = [json(&kit, &["plan"]), json(&kit, &["plan", "--rehearse"])];
    kit.run(&["confirm", "block"]).exits(0);
    kit.damage();
    with_more_keys(&kit);
    add_copies(&kit);
    kit.configure("rebuildIndexes", Some("always"));
    compare("fingerprint", &[left, json(&kit, &["fingerprint"])]);
    compare("plan", &[first, rehearsed, json(&kit, &["plan", "--scan"])]);
    compare("preflight", &[json(&kit, &["preflight"])]);
    compare("runbook", &[json(&kit, &["runbook"])]);
    compare("keys", &[json(&kit, &["keys", "--scan"])]);
    compare("run --dry-run", &[json(&kit, &["run", "--dry-run", "--accept-ambiguous", "1"])]);
    compare("configure", &[json(&kit, &["configure", "--dry-run"])]);
}

#[test]
fn status_and_verify_print_what_the_page_says() {
    let unbegun = Kit::new();
    unbegun.run(&["confirm", "block"]);
    let mut statuses = vec![json(&unbegun, &["status"])];

    let kit = Kit::new();
    kit.damage();
    with_more_keys(&kit);
    add_copies(&kit);
    kit.run(&["run", "--accept-ambiguous", "1", "--accept-unreadable", "100"]);
    let verified = [json(&kit, &["verify", "--scan"]), json(&kit, &["verify", "--live"])];
    statuses.push(json(&kit, &["status", "--failures"]));
    compare("verify", &verified);

    let kit = Kit::rotated();
    std::os::unix::fs::symlink(kit.beside(""), kit.deployment.home.join("repository/away")).unwrap();
    kit.run(&["verify", "--scan"]);
    statuses.push(json(&kit, &["status"]));
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    kit.run(&["verify", "--sample", "50%"]).exits(0);
    statuses.push(json(&kit, &["status"]));

    let kit = in_place();
    target(&kit, "  - leaveOut: IDN_OAUTH2_ACCESS_TOKEN\n");
    kit.run(&["run"]).exits(0);
    statuses.push(json(&kit, &["status"]));

    let place = Place::new(60);
    let running = slow(&place);
    place.run_unlooked(&["pause"]).exits(0);
    statuses.push(place.run_unlooked(&["status", "--json"]).exits(0).json());
    place.run_unlooked(&["stop"]).exits(0);
    running.wait().exits(130);

    let pair = ready(Engine::Sqlite);
    statuses.push(json(&pair.place, &["status"]));
    let safe = json(&pair.place, &["safe-to-retire"]);
    pair.execute(Side::New, "DELETE FROM IDN_OAUTH_CONSUMER_APPS");
    compare("safe-to-retire", &[safe, json(&pair.place, &["safe-to-retire"])]);
    compare("status", &statuses);
}
