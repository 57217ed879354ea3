//! Markdown as plain text, for terminals and `man`.

/// A page of the documentation as text: headings lose their marks, links keep their words, and a paragraph is one line,
/// which the caller breaks. Code keeps its backticks, which show where a command ends.
pub(super) fn as_text(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let (mut is_code, mut goes_on) = (false, false);
    for line in page.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        let is_block = is_code || is_fence || line.starts_with(['#', '|']) || line.is_empty();
        let begins = is_block || line.trim_start().starts_with(['-', '*']) || is_numbered(line.trim_start());
        let (text, space) = match goes_on && !begins {
            true => (line.trim_start(), " "),
            false if is_code => (line, "\n"),
            false => (line.trim_start_matches('#').trim_start(), "\n"),
        };
        if !out.is_empty() {
            out.push_str(space);
        }
        without_links(text, &mut out);
        goes_on = !is_block;
    }
    out.push('\n');
    out
}

/// Whether a line is an item of a numbered list.
fn is_numbered(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && rest.starts_with(". ")
}

fn without_links(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some((before, label, target, after)) = link(rest) {
        let file = target.rsplit('/').next().unwrap_or(target);
        out.push_str(before);
        out.push_str(label);
        if label != file {
            out.extend([" (", file, ")"]);
        }
        rest = after;
    }
    out.push_str(rest);
}

/// The first link: the text before it, its words, where it leads, and the rest.
fn link(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = line.split_once("](")?;
    let (before, label) = before.rsplit_once('[')?;
    let (target, after) = rest.split_once(')')?;
    Some((before, label, target, after))
}

/// A manual page (roff) without the marks of code and of what is stressed; `\*(` is roff's own.
pub fn unmarked_page(page: &[u8]) -> Vec<u8> {
    let mut before = b' ';
    let mut kept = |byte: &u8| {
        let is_kept = match byte {
            b'`' => false,
            b'*' => before == b'\\',
            _ => true,
        };
        before = *byte;
        is_kept
    };
    page.iter().copied().filter(|byte| kept(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_links_go_and_words_stay() {
        let page = "# KR-X\n\nSee [3](../exit-codes.md) and [errors.md](../errors.md), `a [b]`.\n## More\n";
        let text = "KR-X\n\nSee 3 (exit-codes.md) and errors.md, `a [b]`.\nMore\n";
        assert_eq!(as_text(page), text);
        let page = "A line\ngoes on.\n\n- one\n  more\n- two\n\n```sh\na b\n c\n```\nend\n";
        assert_eq!(as_text(page), "A line goes on.\n\n- one more\n- two\n\n```sh\na b\n c\n```\nend\n");
        assert_eq!(unmarked_page(br"the *copy*\*(Aqs `run`"), br"the copy\*(Aqs run");
    }
}
