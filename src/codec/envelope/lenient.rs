//! JSON as Gson's lenient reader takes it, which is how servers read envelopes: a byte order mark, the
//! prefix `)]}'`, comments, single quotes, names and texts without quotes, `=` for `:` and `;` for `,`.
//!
//! Invariants: no recursion; time and memory grow with the text's length only; only the members that are
//! asked for are built.

/// What was read of an object.
pub(super) struct Found<const N: usize> {
    /// The members that were asked for, as far as it could be read.
    pub(super) members: [Option<String>; N],
    /// Whether all of it could be read.
    pub(super) whole: bool,
}

/// Some text members of an object; of one that occurs twice the last counts. Numbers and truth values count
/// as texts. None if the text is no object, or if one of these members is neither a text nor null.
pub(super) fn members<const N: usize>(json: &[u8], names: [&'static str; N]) -> Option<Found<N>> {
    let (found, whole) = look(json, names)?;
    Some(Found { members: found.map(Option::flatten), whole })
}

/// Whether an object has a member, be it null.
pub(super) fn has(json: &[u8], name: &'static str) -> bool {
    look(json, [name]).is_some_and(|([found], _)| found.is_some())
}

/// Whether an object may begin here: with its brace, Gson's prefix, a comment or a byte order mark.
pub(super) fn may_begin(json: &[u8]) -> bool {
    let first = json.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b')' | b'/' | b'#' | 0xEF))
}

/// Members as they were found: absent, null, or a text.
type Members<const N: usize> = [Option<Option<String>>; N];

/// Likewise, and whether all of the object could be read.
fn look<const N: usize>(json: &[u8], names: [&'static str; N]) -> Option<(Members<N>, bool)> {
    if !may_begin(json) {
        return None;
    }
    let text = String::from_utf8_lossy(json);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut reader = Reader { text, at: 0 };
    reader.blanks()?;
    if reader.rest().starts_with(")]}'\n") {
        reader.at += 5;
    }
    if reader.next()? != '{' {
        return None;
    }
    let mut found = [const { None }; N];
    let read = reader.object(names, &mut found);
    if matches!(read, Err(Stop::NoText)) {
        return None;
    }
    Some((found, read.is_ok()))
}

/// Why an object is not read to its end.
enum Stop {
    /// It breaks off, or is not written as any reader takes it.
    Broken,
    /// A member that should be a text is an object or a list.
    NoText,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn object<const N: usize>(
        &mut self,
        names: [&'static str; N],
        found: &mut Members<N>,
    ) -> Result<(), Stop> {
        let mut first = true;
        while let Some(name) = self.name(first)? {
            first = false;
            match names.iter().zip(found.iter_mut()).find(|(wanted, _)| **wanted == name) {
                Some((_, place)) => *place = Some(self.scalar()?),
                None => self.skip().ok_or(Stop::Broken)?,
            }
            match self.next().ok_or(Stop::Broken)? {
                ',' | ';' => {}
                '}' => break,
                _ => return Err(Stop::Broken),
            }
        }
        // Comments may follow, and nothing else.
        self.blanks().ok_or(Stop::Broken)?;
        if self.rest().is_empty() { Ok(()) } else { Err(Stop::NoText) }
    }

    /// A member's name with the sign behind it; none at the object's end.
    fn name(&mut self, first: bool) -> Result<Option<String>, Stop> {
        let name = match self.next().ok_or(Stop::Broken)? {
            quote @ ('"' | '\'') => self.quoted(quote).ok_or(Stop::Broken)?,
            '}' if first => return Ok(None),
            other => {
                self.at -= other.len_utf8();
                self.literal().ok_or(Stop::Broken)?.to_owned()
            }
        };
        match self.next() {
            Some('=') if self.rest().starts_with('>') => self.at += 1,
            Some(':' | '=') => {}
            _ => return Err(Stop::Broken),
        }
        Ok(Some(name))
    }

    /// A text, or none for null.
    fn scalar(&mut self) -> Result<Option<String>, Stop> {
        match self.next().ok_or(Stop::Broken)? {
            quote @ ('"' | '\'') => self.quoted(quote).map(Some).ok_or(Stop::Broken),
            '{' | '[' => Err(Stop::NoText),
            other => {
                self.at -= other.len_utf8();
                let literal = self.literal().ok_or(Stop::Broken)?;
                Ok((!literal.eq_ignore_ascii_case("null")).then(|| literal.to_owned()))
            }
        }
    }

    /// Steps over a value, whatever it is.
    fn skip(&mut self) -> Option<()> {
        let mut open: Vec<char> = Vec::new();
        loop {
            let in_list = open.last() == Some(&'[');
            match self.next()? {
                '{' => {
                    if self.name(true).ok()?.is_some() {
                        open.push('{');
                        continue;
                    }
                }
                '[' => {
                    open.push('[');
                    continue;
                }
                quote @ ('"' | '\'') => self.quoted(quote).map(drop)?,
                // Nothing stands between two commas.
                ']' | ',' | ';' if in_list => self.at -= 1,
                other => {
                    self.at -= other.len_utf8();
                    self.literal()?;
                }
            }
            // Behind a value: what comes next in what is open, or its end.
            loop {
                let Some(within) = open.last() else { return Some(()) };
                match (*within, self.next()?) {
                    ('{', ',' | ';') => {
                        self.name(false).ok()??;
                        break;
                    }
                    ('[', ',' | ';') => break,
                    ('{', '}') | ('[', ']') => drop(open.pop()),
                    _ => return None,
                }
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.character()? {
                end if end == quote => return Some(text),
                '\\' => text.push(self.escaped()?),
                other => text.push(other),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.character()? {
            'u' => {
                let code = u32::from_str_radix(self.rest().get(..4)?, 16).ok()?;
                self.at += 4;
                // Half of a pair stands for no character; none is in an envelope.
                char::from_u32(code).unwrap_or('\u{fffd}')
            }
            't' => '\t',
            'b' => '\u{8}',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            other @ ('\n' | '\'' | '"' | '\\' | '/') => other,
            _ => return None,
        })
    }

    /// What stands without quotes.
    fn literal(&mut self) -> Option<&str> {
        const END: &[char] =
            &['/', '\\', ';', '#', '=', '{', '}', '[', ']', ':', ',', ' ', '\t', '\u{c}', '\r', '\n'];
        let rest = self.text.get(self.at..)?;
        let length = rest.find(END).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).filter(|literal| !literal.is_empty())
    }

    /// The next character that is no blank and in no comment.
    fn next(&mut self) -> Option<char> {
        self.blanks()?;
        self.character()
    }

    /// Steps over blanks and comments; none if a comment does not end.
    fn blanks(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                self.at += 4 + comment.find("*/")?;
            } else {
                return Some(());
            }
        }
    }

    fn character(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }
}
