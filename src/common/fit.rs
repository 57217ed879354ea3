//! Text that fits a terminal: lines are broken between words, never within one, and go on indented.
//!
//! What is indented by [`LAID_OUT`] or more is a command to be copied, or has been laid out already, and stays as it is.

use std::borrow::Cow;
use std::sync::OnceLock;

/// From this indentation on a line stays as it is.
pub const LAID_OUT: usize = 5;

/// Nobody reads in less than this; a terminal that says so has not said anything.
const LEAST: usize = 20;

static COLUMNS: OnceLock<usize> = OnceLock::new();

/// Records how many columns the terminal has on which results are shown, if they are.
pub fn is(columns: Option<usize>) {
    if let Some(columns) = columns.filter(|columns| *columns >= LEAST) {
        let _ = COLUMNS.set(columns);
    }
}

/// The columns of the terminal on which results are shown; none where they are not.
pub fn columns() -> Option<usize> {
    COLUMNS.get().copied()
}

/// How many columns a text takes; colours take none.
pub fn width(text: &str) -> usize {
    let mut rest = text.chars();
    let mut width = 0;
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            width += 1;
        }
    }
    width
}

/// The text in lines of no more than so many columns, as far as its words allow that.
pub fn wrapped(text: &str, columns: Option<usize>) -> Cow<'_, str> {
    let Some(columns) = columns.filter(|columns| *columns >= LEAST) else { return Cow::Borrowed(text) };
    if text.lines().all(|line| width(line) <= columns) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let (words, end) = line.strip_suffix('\n').map_or((line, ""), |words| (words, "\n"));
        broken(words, columns, &mut out);
        out.push_str(end);
    }
    Cow::Owned(out)
}

fn broken(line: &str, columns: usize, out: &mut String) {
    let indent = line.len() - line.trim_start_matches(' ').len();
    if width(line) <= columns || indent >= LAID_OUT {
        out.push_str(line);
        return;
    }
    let hang = indent + 2;
    let mut at = 0;
    for piece in pieces(line, columns - hang) {
        let (space, word) = piece.split_at(piece.len() - piece.trim_start_matches(' ').len());
        let room = columns.saturating_sub(at);
        if at > indent && width(piece) > room {
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            out.push_str(word);
            at = hang + width(word);
        } else {
            out.push_str(space);
            out.push_str(word);
            at += width(piece);
        }
    }
}

/// Words, each with the spaces before it. Code between backticks is one word, if it fits a line.
fn pieces(line: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut begin, mut in_word, mut code_until, mut words_until) = (0, false, 0, 0);
    for (at, c) in line.char_indices() {
        match c {
            ' ' if at >= code_until => {
                if in_word {
                    pieces.extend(line.get(begin..at));
                    begin = at;
                }
                in_word = false;
            }
            '`' if at >= words_until => {
                in_word = true;
                let rest = line.get(at + 1..).unwrap_or_default();
                // Code that fits no line is words like others.
                if let Some((code, _)) = rest.split_once('`') {
                    let end = at + 1 + code.len() + 1;
                    (code_until, words_until) = if width(code) + 2 <= most { (end, end) } else { (0, end) };
                }
            }
            _ => in_word = true,
        }
    }
    pieces.extend(line.get(begin..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_go_on_indented() {
        let text = "one two three four five six\n  item with some more words\nshort\n";
        let expected = "one two three four\n  five six\n  item with some more\n    words\nshort\n";
        assert_eq!(wrapped(text, Some(21)), expected);
        assert_eq!(wrapped(text, None), text);
        assert!(wrapped(text, Some(21)).lines().all(|line| width(line) <= 21));
    }

    #[test]
    fn no_word_is_broken_and_no_command() {
        let long = "see /a/very/long/path/that/fits/no/line now";
        assert_eq!(wrapped(long, Some(20)), "see\n  /a/very/long/path/that/fits/no/line\n  now");
        let code = "what to do now is: `keyrotation runbook`, and so on";
        assert_eq!(wrapped(code, Some(30)), "what to do now is:\n  `keyrotation runbook`, and\n  so on");
        let longer = "to do now: `keyrotation runbook of some length`; when it is done: `ls` says so";
        let expected =
            "to do now:\n  `keyrotation runbook\n  of some length`;\n  when it is done:\n  `ls` says so";
        assert_eq!(wrapped(longer, Some(22)), expected);
        let command = "     keyrotation status --config /etc/properties.yaml";
        assert_eq!(wrapped(command, Some(20)), command, "it is there to be copied");
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(width("\u{1b}[32m INFO\u{1b}[0m x"), 7);
        let text = "\u{1b}[32m INFO\u{1b}[0m a line of words";
        assert_eq!(wrapped(text, Some(20)).lines().count(), 2);
        assert_eq!(wrapped(text, Some(22)), text);
    }
}
