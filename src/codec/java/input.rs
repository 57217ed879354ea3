//! Reads the primitives of a stream, never past its end and never by a claimed length alone.

use super::Reason;

pub(super) const TC_STRING: u8 = 0x74;
pub(super) const TC_LONGSTRING: u8 = 0x7C;

/// A string element: from its type byte to its last byte.
pub(super) struct Text<'a> {
    pub(super) at: usize,
    pub(super) element: &'a [u8],
    /// Its text in modified UTF-8, not checked.
    pub(super) content: &'a [u8],
}

/// The bytes, and how far they have been read.
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Reason> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(Reason::Java("it ends too early"))?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(super) fn skip(&mut self, length: u64) -> Result<(), Reason> {
        self.take(length).map(drop)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let array = *rest.first_chunk().ok_or(Reason::Java("it ends too early"))?;
        self.at += N;
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Reason> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn next_if(&mut self, wanted: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    /// A name: two bytes of length, then modified UTF-8.
    pub(super) fn utf(&mut self) -> Result<&'a [u8], Reason> {
        let length = u16::from_be_bytes(self.array()?);
        self.take(u64::from(length))
    }

    /// A whole string element, short or long.
    pub(super) fn text(&mut self) -> Result<Text<'a>, Reason> {
        let at = self.at;
        let length = match self.u8()? {
            TC_STRING => u64::from(u16::from_be_bytes(self.array()?)),
            _ => u64::from_be_bytes(self.array()?),
        };
        let content = self.take(length)?;
        let element = self.bytes.get(at..self.at).unwrap_or_default();
        Ok(Text { at, element, content })
    }
}
