//! A value on its way to or from a database.

use std::fmt;

/// A row as read: one value for each selected column.
pub type Record = Vec<Value>;

/// The text at a place of a row, without blanks around it; an empty one where there is none.
pub(crate) fn text_at(record: &[Value], at: usize) -> &str {
    record.get(at).and_then(Value::as_text).unwrap_or_default().trim()
}

/// The number that answers a question: the first value of the first row.
pub(crate) fn first_number(answer: &[Record]) -> Option<i64> {
    answer.first()?.first()?.as_int()
}

/// What a column can hold, as far as this program reads columns.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// An integer of up to 64 bits.
    Int(i64),
    /// A floating-point number (SQLite stores any number in any column).
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A text that is not UTF-8. Bound, it would be bytes, which no text is equal to.
    NotText(Vec<u8>),
}

impl Value {
    /// The bytes of a text or binary value; `None` for NULL and numbers.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) | Self::NotText(bytes) => Some(bytes),
            Self::Null | Self::Int(_) | Self::Real(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A length, if it is one.
    pub fn as_length(&self) -> Option<usize> {
        self.as_int().and_then(|number| usize::try_from(number).ok())
    }

    /// How many bytes it takes, roughly.
    pub fn weight(&self) -> usize {
        self.as_bytes().map_or(8, <[u8]>::len)
    }

    /// A new value of the same kind (text or bytes) as this one.
    #[must_use]
    pub fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        match self {
            Self::Text(_) => match String::from_utf8(bytes) {
                Ok(text) => Self::Text(text),
                Err(error) => Self::Bytes(error.into_bytes()),
            },
            _ => Self::Bytes(bytes),
        }
    }
}

/// Values may be secrets: only their kind and length are shown.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Int(_) => f.write_str("Int"),
            Self::Real(_) => f.write_str("Real"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) | Self::NotText(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}
