//! Text of others, made harmless: for eyes, and for spreadsheets.

/// The text with what cannot be seen written out: control characters, and those that turn the
/// direction of writing or take no room.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same, cut to a number of characters, saying how many are left out.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => visible(text),
        Some((end, _)) => {
            let (kept, cut) = text.split_at(end);
            format!("{} … ({} more characters)", visible(kept), cut.chars().count())
        }
    }
}

/// Characters that show nothing of themselves but change how what is around them looks.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// A cell that no spreadsheet takes for a formula: an apostrophe stands before whatever could begin
/// one, at the cell's start and after what some locales divide cells by.
pub(super) fn defused(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at_start = true;
    for c in text.chars() {
        let is_divider = matches!(c, ';' | '\t' | '\r' | '\n');
        let begins = matches!(
            c,
            '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹢' | '﹣' | '﹫' | '﹦' | '−' | '\t' | '\r'
        );
        if at_start && begins {
            out.push('\'');
        }
        // Room, and what cannot be seen, does not make a formula less of one.
        at_start =
            is_divider || at_start && (c.is_whitespace() || c.is_control() || is_hidden(c) || c == '"');
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{defused, excerpt, visible};

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(visible("alice\u{202e}nimda\u{0}\n"), "alice\\u{202e}nimda\\u{0}\\u{a}");
        assert_eq!(visible("مستخدم <b> ' ünïcode 😀"), "مستخدم <b> ' ünïcode 😀");
        assert_eq!(visible("a\u{200b}b\u{feff}"), "a\\u{200b}b\\u{feff}");
        assert_eq!(excerpt("abcdef", 6), "abcdef");
        assert_eq!(excerpt("abcdéf", 4), "abcd … (2 more characters)");
    }

    #[test]
    fn formulas_are_defused() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("  =1", "  '=1"),
            ("\u{feff}=1", "\u{feff}'=1"),
            ("＝1", "'＝1"),
            ("＠x", "'＠x"),
            ("−1", "'−1"),
            ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
            ("a\n=1", "a\n'=1"),
            ("\"=1", "\"'=1"),
            ("PRIMARY/alice", "PRIMARY/alice"),
            ("a-b=c+d@e", "a-b=c+d@e"),
            ("", ""),
        ] {
            assert_eq!(defused(text), cell, "{text:?}");
        }
    }
}
