//! What stands outside the targets: what is found there, what cannot be looked at, and what is recorded of it.

use std::fs;

use crate::kit::{Kit, seal};

fn add_copy(kit: &Kit) {
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}')", seal(&kit.deployment.spec.old_key, "a copy")));
}

fn level(kit: &Kit) -> String {
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    report["verdict"]["level"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_found_outside_the_targets_is_on_record() {
    let kit = Kit::rotated();
    kit.run(&["verify", "--scan"]).exits(0);
    assert_eq!(level(&kit), "good");
    add_copy(&kit);
    let verified = kit.run(&["verify", "--scan", "--json"]).exits(1).json();
    assert_eq!(verified["differences"], 1, "{verified}");
    let status = kit.status();
    let last = status["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["name"], "verify-differences", "{status}");
    assert!(last["note"].as_str().unwrap().contains("outside=1"), "{last}");
    assert_eq!(level(&kit), "bad");
    // One who looks in the targets alone has not seen that it is gone.
    kit.run(&["verify"]).exits(0);
    assert_eq!(level(&kit), "bad");
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(
        report["verdict"]["reasons"].to_string().contains("outside the targets"),
        "{}",
        report["verdict"]
    );
    let runbook = kit.run(&["runbook", "--all"]).exits(0).stdout;
    assert!(runbook.contains("nobody has looked there since"), "{runbook}");
    kit.sql("DROP TABLE ELSEWHERE");
    kit.run(&["verify", "--scan"]).exits(0);
    assert_eq!(level(&kit), "good");
}

#[test]
fn a_plan_says_what_a_rotation_would_not_reach() {
    let kit = Kit::new();
    add_copy(&kit);
    assert_eq!(kit.run(&["plan", "--json"]).exits(0).json()["outside"], serde_json::Value::Null);
    let plan = kit.run(&["plan", "--scan", "--json"]).exits(0).json();
    let found = plan["outside"]["found"].as_array().unwrap();
    assert!(found.len() == 1 && found[0]["place"].as_str().unwrap().contains("ELSEWHERE.NOTE"), "{plan}");
    let text = kit.run(&["plan", "--scan"]).exits(0).stdout;
    assert!(
        text.contains("is not rotated, unless `targets`") && text.contains("ELSEWHERE.NOTE: 1 under"),
        "{text}"
    );
}

#[test]
fn what_could_not_be_looked_at_is_on_record_too() {
    let kit = Kit::rotated();
    let folder = kit.deployment.home.join("repository/elsewhere");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(kit.beside(""), folder.join("away")).unwrap();
    let verified = kit.run(&["verify", "--scan", "--json"]).exits(1).json();
    assert_eq!(verified["differences"], 1, "{verified}");
    assert_ne!(level(&kit), "good");
}

/// A file of any size is read to its end, wherever in it an envelope stands.
#[test]
fn a_large_file_is_looked_through_to_its_end() {
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let file = kit.deployment.home.join("repository/large.log");
    let (mib, line) = (1 << 20, b"nothing to see here\n");
    let mut text: Vec<u8> = line.iter().copied().cycle().take(33 * mib).collect();
    // In the midst of a part, across where the next one begins, and at its end.
    let places = [5 * mib, 15 * mib - 40, 16 * mib - 40, 30 * mib - 40, 33 * mib - value.len()];
    for at in places {
        text[at..at + value.len()].copy_from_slice(value.as_bytes());
    }
    fs::write(&file, text).unwrap();
    let found = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    let under: u64 = found["outside"]["found"][0]["keys"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(under, places.len() as u64, "{}", found["outside"]);
}

/// What a link leads to is looked at there, or it is named.
#[test]
fn where_links_lead_is_looked_at_or_named() {
    let kit = Kit::rotated();
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let linked = |to: &std::path::Path| {
        let link = kit.deployment.home.join("repository/elsewhere");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(to, link).unwrap();
    };
    let away = kit.beside("away");
    fs::create_dir(&away).unwrap();
    let note = away.join("note.txt");
    fs::write(&note, "nothing").unwrap();
    // Within the home, to nothing, and to a file.
    for to in [kit.deployment.home.join("repository/conf"), kit.beside("nothing"), note.clone()] {
        linked(&to);
        scan(0);
    }
    linked(&away);
    let found = scan(1);
    assert!(found["not_looked_at"].to_string().contains("repository/elsewhere"), "{found}");
    let text = kit.run(&["keys", "--scan"]).exits(1).stdout;
    assert!(!text.contains("or outside of them"), "{text}");
    kit.configure("allowedRoots", Some(&format!("[{}]", away.display())));
    scan(0);
    fs::write(&note, seal(&kit.deployment.spec.old_key, "a copy")).unwrap();
    assert!(scan(1)["outside"]["found"].to_string().contains("away/note.txt"));
    linked(&note);
    assert!(scan(1)["outside"]["found"].to_string().contains("repository/elsewhere"));
}

/// As types for JSON print it: with white space.
#[test]
fn an_envelope_with_white_space_is_found() {
    use base64::Engine as _;
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    let plain = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
    let plain = String::from_utf8(plain).unwrap().replace("\":", "\": ").replace(",\"", ", \"");
    kit.sql("CREATE TABLE ELSEWHERE (DOCUMENT TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{{\"a\": {plain}}}')"));
    kit.run(&["verify", "--scan"]).exits(1);
}

/// As Gson writes a text by default, as `java.util.Properties` does, wrapped as MIME and XML files are.
#[test]
fn an_envelope_that_is_escaped_or_wrapped_is_found() {
    let kit = Kit::rotated();
    // With one `=` at its end, and with two.
    let sealed = |end: &str| {
        let mut all = (0..60).map(|length| seal(&kit.deployment.spec.old_key, &"x".repeat(length)));
        all.find(|value| value.trim_end_matches('=').len() + end.len() == value.len()).unwrap()
    };
    let (one, two) = (sealed("="), sealed("=="));
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    let gson =
        |value: &str| format!("{{\"secret\":\"{}\"}}", value.replace('=', "\\u003d").replace('/', "\\/"));
    for value in [&one, &two] {
        kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}')", gson(value)));
    }
    let folder = kit.deployment.home.join("repository/elsewhere");
    fs::create_dir(&folder).unwrap();
    let properties = format!("a={}\nb={}\n", one.replace('=', "\\="), two.replace('=', "\\="));
    fs::write(folder.join("a.properties"), properties).unwrap();
    let url = format!("a={}&b={}", one.replace('=', "%3D"), two.replace('=', "%3d").replace('/', "%2F"));
    fs::write(folder.join("a.url"), url).unwrap();
    let wrapped = |value: &str, break_: &str| {
        let lines: Vec<&str> =
            value.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("<a>\n{}\n</a>", lines.join(break_))
    };
    let texts =
        [wrapped(&one, "\n"), wrapped(&two, "\r\n    "), wrapped(&one, "&#10;"), wrapped(&two, "\\n")];
    fs::write(folder.join("a.xml"), texts.concat()).unwrap();
    let inventory = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    let old = &inventory["keys"].as_array().unwrap()[0];
    assert!(old["outside"] == 10 && old["may_go"] == false, "{}", inventory["outside"]);
    for found in inventory["outside"]["found"].as_array().unwrap() {
        assert!(found["unknown"] == 0 && found["one_of"] == 0, "{found}");
    }
}

/// What begins like an envelope and breaks off may be under any key.
#[test]
fn a_damaged_envelope_keeps_every_old_key() {
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.old_key, "a copy");
    kit.sql("CREATE TABLE ELSEWHERE (NOTE TEXT)");
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}...')", &value[..value.len() / 2]));
    let inventory = kit.run(&["keys", "--scan", "--json"]).exits(1).json()["inventory"].clone();
    assert_eq!(inventory["keys"].as_array().unwrap()[0]["may_go"], false, "{inventory}");
    // One under a key that nobody has named is whole, and opens under none of these.
    kit.sql(&format!("UPDATE ELSEWHERE SET NOTE = '{}'", seal("0123456789abcdef0123456789abcdef", "x")));
    kit.run(&["keys", "--scan"]).exits(0);
}
