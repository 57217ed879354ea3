//! Whatever the file says: no panic, and no message that shows a secret.

use proptest::prelude::*;

use super::Bench;
use crate::{Key, parse};

/// Texts that a key or a password may be, long enough not to occur in a message by chance.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-fA-F]{32}",
        "[0-9a-f]{15,17}",
        "[a-zA-Z0-9+/]{12,20}={0,2}",
        "[!-~]{12,64}",
        "[ -~äß€😀]{12,40}",
    ]
}

/// Ways to get a line wrong.
fn line() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "KEY: SECRET",
        "KEY=SECRET",
        "KEY:SECRET",
        "KEY SECRET",
        "KEY: 'SECRET'",
        "KEY: \"SECRET\"",
        "KEY: SECRET ",
        "KEY: SECRET #SECRET",
        "KEY: #SECRET",
        "KEY: \\SECRET",
        "KEY: SECRET\\",
        "KEY: 'SECRET",
        "KEY: 'SECRET''SECRET'",
        "KEY: [SECRET]",
        "KEY: {SECRET: SECRET}",
        "KEY: &SECRET",
        "KEY: *SECRET",
        "KEY: !SECRET SECRET",
        "KEY: |SECRET",
        "KEY: %SECRET",
        "KEY: SECRET: SECRET",
        "KEY:\n  SECRET",
        "KEY:\nSECRET",
        " KEY: SECRET",
        "- SECRET",
        "KEY: env:SECRET",
        "KEY: SECRET\nKEY: SECRET",
        "KEY: jdbc:sqlite:x?SECRET",
        "KEY: jdbc:SECRET",
        "KEY: base64:SECRET",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn text_of_known_keys_is_read_or_refused(
        lines in prop::collection::vec((prop::sample::select(Key::ALL), "[:= \t]{0,3}", "\\PC{0,40}"), 0..20)
    ) {
        let lines = lines.iter().map(|(key, mid, value)| format!("{key}{mid}{value}\n"));
        let _ = parse(&lines.collect::<Vec<_>>().concat());
    }

    /// What is read is what stands in the file, character for character.
    #[test]
    fn a_plain_value_comes_back_as_written(value in "[a-zA-Z0-9+/=_.~-]{1,64}") {
        prop_assume!(!value.starts_with('=') && value != "-" && value != "---");
        let text = format!("newSecretKey: {value}\noldSecretKey={value}\nnewIdnPassword: '{value}'\n");
        let raw = parse(&text).unwrap();
        for key in [Key::NewSecretKey, Key::OldSecretKey, Key::NewIdnPassword] {
            prop_assert_eq!(raw.value(key), Some(value.as_str()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_shows_a_secret(
        secret in secret(),
        line in line(),
        key in prop::sample::select(Key::ALL.iter().copied().filter(|key| key.is_secret()).collect::<Vec<_>>()),
    ) {
        // A name of a variable is no secret, and is shown.
        prop_assume!(line != "KEY: env:SECRET" || !secret.chars().all(|c| c.is_ascii_alphanumeric()));
        // With a colon inside, the start of a stray secret looks like a key, and is shown.
        prop_assume!(line != "KEY:\nSECRET" || !secret.contains(':'));
        let bench = Bench::new();
        let bench = bench.set("oldIdnDBUrl", "jdbc:sqlite:old.db").unset(key.name());
        let text = bench.text() + &line.replace("KEY", key.name()).replace("SECRET", &secret) + "\n";
        let file = super::properties(bench.dir.path(), text);
        let shown = match crate::load(&file, &crate::Overrides::default()) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => format!("{error}\n{error:?}"),
        };
        prop_assert!(!shown.contains(&secret), "{} {}", secret, shown);
        prop_assert!(!shown.contains(secret.trim()), "{} {}", secret, shown);
    }
}

#[test]
fn settings_do_not_show_their_secrets() {
    let shown = format!("{:?}", Bench::new().settings());
    assert!(!shown.contains(super::OLD_KEY) && !shown.contains(super::NEW_KEY), "{shown}");
    let raw = format!("{:?}", parse(&Bench::new().text()).unwrap());
    assert!(!raw.contains(super::OLD_KEY) && raw.contains("[secret]"), "{raw}");
}
