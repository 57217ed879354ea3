//! Every statement that the program can send, for every target in every dialect, in one snapshot:
//! `tests/snapshots/statements__every_statement.snap`. A change to any of them shows there.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --test statements`.

#[path = "support/rendered.rs"]
mod rendered;

use std::fmt::Write as _;

use keyrotation::db::DIALECTS;

#[test]
fn every_statement() {
    let mut out = String::new();
    for syntax in DIALECTS {
        let _ = writeln!(out, "# {}", syntax.name);
        for section in rendered::sections(syntax) {
            if let Some(title) = section.title {
                let _ = writeln!(out, "\n## {title}");
            }
            for (what, sql) in section.statements {
                let _ = writeln!(out, "{what}:\n  {sql}");
            }
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => true }, {
        insta::assert_snapshot!(out);
    });
}
