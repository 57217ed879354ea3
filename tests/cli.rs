//! The command line as files: `tests/cmd/*.toml` hold one command each, with stdout and stderr apart;
//! `tests/cmd/*.md` are sessions of several, with both together. A case may have a folder with
//! its input beside it.
//!
//! After a change that is meant: `TRYCMD=overwrite cargo test --test cli`, then look at the diff.

#[test]
fn commands() {
    let cases = trycmd::TestCases::new();
    cases.env("OLD_KEY_OF_CASES", "0123456789abcdef0123456789abcdef");
    cases.env("NEW_KEY_OF_CASES", "fedcba9876543210fedcba9876543210");
    cases.env("KEYROTATION_COMMAND", "keyrotation");
    cases.case("tests/cmd/*.toml").case("tests/cmd/*.md");
}
