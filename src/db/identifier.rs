//! Names and texts that may stand in a statement as they are, and what a statement selects.
//!
//! Invariant: a statement is rendered of these types alone, and each of them is checked when it is made. So nothing
//! that comes from a configuration or from a catalogue can be more than the name that it is.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most characters that a name has: SQL Server's limit, and Oracle's, H2's and Db2's.
const MOST: usize = 128;

/// A name of a table or column: ASCII letters, digits, `_`, `$` and `#`, at most 128 of them, no digit first.
///
/// It is not quoted, so the server takes it in its own case. Cloning it copies no text.
#[derive(Clone)]
pub struct Identifier(Text);

/// A text between quotes in a statement: ASCII letters, digits, spaces and `_-./:`, at most 128 of them.
#[derive(Clone)]
pub struct Literal(Text);

/// What a statement selects of a row: a column, or an expression over one that a dialect has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(Selected);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Selected {
    Column(Identifier),
    Made(Arc<str>),
}

/// A text as long as the program, or a shared one.
#[derive(Clone)]
enum Text {
    Constant(&'static str),
    Shared(Arc<str>),
}

/// That a text cannot stand in a statement as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot stand in a statement: {rule}", text.escape_debug())]
pub struct Unfit {
    text: String,
    rule: &'static str,
}

impl Identifier {
    /// A name that stands in this program.
    ///
    /// # Panics
    ///
    /// If it is not one. A constant does not compile then; a test builds those that are not constants.
    pub const fn constant(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes()), "a name in this program is no identifier");
        Self(Text::Constant(name))
    }

    /// A name from elsewhere.
    pub fn new(name: &str) -> Result<Self, Unfit> {
        if is_name(name.as_bytes()) {
            return Ok(Self(Text::Shared(name.into())));
        }
        let rule = "a name has up to 128 ASCII letters, digits, `_`, `$` and `#`, and no digit first";
        Err(Unfit { text: name.to_owned(), rule })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Constant(text) => text,
            Self::Shared(text) => text,
        }
    }
}

const fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > MOST || name[0].is_ascii_digit() {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        if !name[at].is_ascii_alphanumeric() && !matches!(name[at], b'_' | b'$' | b'#') {
            return false;
        }
        at += 1;
    }
    true
}

impl Literal {
    /// A text that stands in this program.
    ///
    /// # Panics
    ///
    /// As [`Identifier::constant`].
    pub const fn constant(text: &'static str) -> Self {
        assert!(is_harmless(text.as_bytes()), "a text in this program may not stand between quotes");
        Self(Text::Constant(text))
    }

    /// A text from elsewhere.
    pub fn new(text: &str) -> Result<Self, Unfit> {
        if is_harmless(text.as_bytes()) {
            return Ok(Self(Text::Shared(text.into())));
        }
        let rule = "a value has up to 128 ASCII letters, digits, spaces and `_-./:`";
        Err(Unfit { text: text.to_owned(), rule })
    }

    /// The text, without quotes.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

const fn is_harmless(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_alphanumeric() && !matches!(text[at], b' ' | b'_' | b'-' | b'.' | b'/' | b':') {
            return false;
        }
        at += 1;
    }
    text.len() <= MOST
}

impl Expression {
    /// What a dialect makes of a column.
    pub(crate) fn of(column: &Identifier, in_dialect: impl Fn(&str) -> String) -> Self {
        let text = in_dialect(column);
        if *column == text { column.into() } else { Self(Selected::Made(text.into())) }
    }

    /// As it stands in a statement.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Selected::Column(name) => name,
            Selected::Made(text) => text,
        }
    }
}

impl From<&Identifier> for Expression {
    fn from(column: &Identifier) -> Self {
        Self(Selected::Column(column.clone()))
    }
}

impl std::ops::Deref for Identifier {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Identifier {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Identifier {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for Identifier {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Identifier {}

impl PartialEq<str> for Identifier {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Identifier {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Identifier {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identifier {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other)
    }
}

impl std::hash::Hash for Identifier {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Literal {}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_identifiers() {
        let longest = "A".repeat(MOST);
        for name in ["IDN_SECRET", "a", "_x", "T$1", "#T", &longest] {
            assert_eq!(Identifier::new(name).unwrap(), *name);
        }
        let too_long = "A".repeat(MOST + 1);
        for odd in
            ["", "1A", "A B", "A;", "A'", "A\"B", "a.b", "A-B", "A--", "Ä", "A\0", "A\n", "A`", &too_long]
        {
            assert!(Identifier::new(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn no_literal_ends_its_quotes() {
        for text in ["", "password", "http://wso2.org/claims/identity/secretkey", "a b"] {
            assert_eq!(Literal::new(text).unwrap().as_str(), text);
        }
        for odd in ["'", "a'b", "\\", "\"", "é", "a\0", "a\nb", "%", "?", &"a".repeat(MOST + 1)] {
            assert!(Literal::new(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_shared_name_is_the_same_as_a_constant_one() {
        use std::collections::HashSet;

        const NAME: Identifier = Identifier::constant("NAME");
        let shared = Identifier::new("NAME").unwrap();
        assert_eq!((&shared, shared.cmp(&NAME)), (&NAME, std::cmp::Ordering::Equal));
        assert!(HashSet::from([NAME]).contains(&shared));
        assert_eq!(Expression::of(&shared, str::to_owned), Expression::from(&NAME));
        assert_eq!(Expression::of(&shared, |name| format!("F({name})")).as_str(), "F(NAME)");
        assert_eq!(format!("{NAME:>6}"), "  NAME");
        let error = Identifier::new("a\nb").unwrap_err().to_string();
        assert!(error.starts_with("`a\\nb` cannot stand in a statement: "), "{error}");
    }
}
