//! How this program was called, so that the commands that it prints can be typed as they stand: under the same name, with
//! the same `--config` and `--journal`.
//!
//! In the code a command stands as `keyrotation …`, in backticks where it stands among words. What shows texts to people
//! (standard output, lines on the screen, the runbook) has them spelled here. Documents for programs, reports and the log
//! keep them as they are in the code: they are read elsewhere.

use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

/// What commands begin with in the code.
const NAME: &str = "keyrotation";
/// The environment variable of those who call this program through another one: what commands begin with then. That one
/// gives the options itself.
const VARIABLE: &str = "KEYROTATION_COMMAND";
/// Commands that take neither configuration nor journal.
const WITHOUT: [&str; 5] = ["completions", "demo", "explain", "keygen", "man"];

static INVOCATION: OnceLock<Invocation> = OnceLock::new();

/// How the program was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// What a command begins with.
    program: String,
    /// What it ends with: options, after a space; or nothing.
    options: String,
}

/// Records how this process was called; the first word counts.
pub fn is(config: Option<&Path>, journal: Option<&Path>) {
    let called = std::env::args_os().next().unwrap_or_else(|| NAME.into());
    let of_wrapper = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let found = match of_wrapper {
        Some(program) => Invocation { program: program.trim().to_owned(), options: String::new() },
        None => Invocation::new(Path::new(&called), config, journal),
    };
    let _ = INVOCATION.set(found);
}

/// A text for people, with every command in backticks as it is to be typed here.
pub fn spelled(text: &str) -> Cow<'_, str> {
    INVOCATION.get().map_or(Cow::Borrowed(text), |this| this.spelled(text))
}

/// A command of ours as it is to be typed here; others stay as they are.
pub fn command(command: &str) -> String {
    INVOCATION.get().map_or_else(|| command.to_owned(), |this| this.command(command))
}

impl Invocation {
    fn new(program: &Path, config: Option<&Path>, journal: Option<&Path>) -> Self {
        let options = [("--config", config), ("--journal", journal)];
        let options =
            options.into_iter().filter_map(|(name, path)| Some(format!(" {name} {}", quoted(path?))));
        Self { program: quoted(program), options: options.collect() }
    }

    fn is_default(&self) -> bool {
        self.program == NAME && self.options.is_empty()
    }

    fn spelled<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_default() || !text.contains("`keyrotation") {
            return Cow::Borrowed(text);
        }
        // Code is every second piece; what an odd backtick leaves open is not code.
        let pieces: Vec<&str> = text.split('`').collect();
        let last = pieces.len() - 1;
        let spelled = |(at, piece): (usize, &&str)| match at % 2 {
            1 if at < last => self.command(piece),
            _ => (*piece).to_owned(),
        };
        Cow::Owned(pieces.iter().enumerate().map(spelled).collect::<Vec<_>>().join("`"))
    }

    fn command(&self, command: &str) -> String {
        let Some(rest) = command.strip_prefix(NAME).filter(|rest| rest.starts_with(' ')) else {
            return command.to_owned();
        };
        let takes_options = !WITHOUT.contains(&rest.split_whitespace().next().unwrap_or_default());
        // What was spelled before, perhaps over two lines, has them.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let has_options = words(rest).ends_with(&words(&self.options)) || rest.contains(" --config ");
        let options = if takes_options && !has_options { self.options.as_str() } else { "" };
        format!("{}{rest}{options}", self.program)
    }
}

/// A path as a word for a POSIX shell.
pub fn quoted(path: &Path) -> String {
    word(&path.to_string_lossy())
}

/// A word for a POSIX shell.
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_repeat_name_and_options_and_are_quoted() {
        let path = Path::new;
        let this =
            Invocation::new(path("./keyrotation"), Some(path("/etc/key rotation/p.yaml")), Some(path("j")));
        let options = "--config '/etc/key rotation/p.yaml' --journal j";
        assert_eq!(
            this.spelled("next: `keyrotation resume --retry-failed`; not `status`, but `keyrotation keygen`"),
            format!(
                "next: `./keyrotation resume --retry-failed {options}`; not `status`, but `./keyrotation keygen`"
            )
        );
        assert_eq!(this.command("keyrotation run"), format!("./keyrotation run {options}"));
        assert_eq!(this.command("pg_dump keyrotation"), "pg_dump keyrotation");
        assert_eq!(this.spelled("an odd ` and `keyrotation run"), "an odd ` and `keyrotation run");
        assert_eq!(this.spelled("`keyrotation-1.log`"), "`keyrotation-1.log`");
        let by_name = Invocation::new(path("keyrotation"), Some(path("a.yaml")), None);
        let once = by_name.spelled("`keyrotation status`").into_owned();
        assert_eq!(once, "`keyrotation status --config a.yaml`");
        assert_eq!(by_name.spelled(&once), once, "never twice");
        let by_default = Invocation::new(path("keyrotation"), None, None);
        assert!(by_default.is_default());
        assert_eq!(by_default.spelled("`keyrotation status`"), "`keyrotation status`");
        assert_eq!(word("it's"), r"'it'\''s'");
    }
}
