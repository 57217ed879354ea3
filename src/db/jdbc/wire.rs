//! What goes to the bridge and comes back: frames, as `Bridge.java` describes them.

use zeroize::Zeroizing;

use super::super::{Record, Value};

/// What the bridge is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Open = 1,
    Query = 2,
    Each = 3,
    Batch = 4,
    Script = 5,
    Begin = 6,
    Commit = 7,
    Rollback = 8,
    Describe = 9,
    Close = 10,
    Abort = 11,
    Cancel = 12,
}

const ROWS: u8 = 1;
const DONE: u8 = 2;
const FAILED: u8 = 3;

/// A request on its way. Passwords are in some of them.
#[derive(Debug)]
pub(super) struct Request(pub(super) Zeroizing<Vec<u8>>);

impl Request {
    pub(super) fn new(number: u32, session: u32, operation: Operation, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room + 16);
        bytes.extend([0; 4]); // its length, when that is known
        bytes.extend(number.to_be_bytes());
        bytes.extend(session.to_be_bytes());
        bytes.push(operation as u8);
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.0.push(flag.into());
        self
    }

    /// A number of things.
    pub(super) fn count(&mut self, count: usize) -> &mut Self {
        self.number(u32::try_from(count).unwrap_or(u32::MAX))
    }

    pub(super) fn number(&mut self, number: u32) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn value(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::Null => self.0.push(b'n'),
            Value::Int(number) => {
                self.0.push(b'i');
                self.0.extend(number.to_be_bytes());
            }
            Value::Real(number) => {
                self.0.push(b'r');
                self.0.extend(number.to_be_bytes());
            }
            Value::Text(text) => {
                self.0.push(b't');
                self.text(text);
            }
            Value::Bytes(bytes) | Value::NotText(bytes) => {
                self.0.push(b'b');
                self.bytes(bytes);
            }
        }
        self
    }

    /// The whole frame.
    pub(super) fn into_frame(mut self) -> Zeroizing<Vec<u8>> {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX).to_be_bytes();
        self.0.splice(..4, length);
        self.0
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.0.extend(bytes);
        self
    }
}

/// What the bridge answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Some of the rows; more may come.
    Rows(Vec<Record>),
    /// It is done.
    Done(Done),
    /// It could not be done.
    Failed(Failure),
}

/// The result of a request: read by its sender.
#[derive(Debug, Default)]
pub(super) struct Done(Vec<u8>);

impl Done {
    /// Its numbers and texts, in order.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader(&self.0)
    }
}

/// An error, as the driver tells it. Its text may hold values.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure {
    /// The driver says that the connection is gone.
    pub(super) gone: bool,
    /// The SQLSTATE.
    pub(super) state: String,
    /// The vendor's code.
    pub(super) code: i64,
    /// What the driver says.
    pub(super) text: String,
}

/// The number of the request that a frame answers, and the answer; none if it is no frame of ours.
pub(super) fn answer(frame: &[u8]) -> Option<(u32, Answer)> {
    let mut reader = Reader(frame);
    let number = reader.count()?;
    let answer = match reader.byte()? {
        ROWS => Answer::Rows(reader.rows()?),
        DONE => Answer::Done(Done(reader.0.to_vec())),
        FAILED => Answer::Failed(Failure {
            gone: reader.number()? == 1,
            state: reader.text()?,
            code: reader.number()?,
            text: reader.text()?,
        }),
        _ => return None,
    };
    Some((number, answer))
}

/// Reads what an answer holds.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    pub(super) fn number(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    fn count(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn rows(&mut self) -> Option<Vec<Record>> {
        let mut rows = Vec::new();
        while !self.0.is_empty() {
            let width = self.array().map(u16::from_be_bytes)?;
            rows.push((0..width).map(|_| self.value()).collect::<Option<Record>>()?);
        }
        Some(rows)
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            b'n' => Value::Null,
            b'i' => Value::Int(self.number()?),
            b'r' => Value::Real(f64::from_be_bytes(self.array()?)),
            // Of some drivers they are the bytes that the server has sent.
            b't' => String::from_utf8(self.bytes()?)
                .map_or_else(|error| Value::NotText(error.into_bytes()), Value::Text),
            b'b' => Value::Bytes(self.bytes()?),
            b'x' => Value::NotText(self.bytes()?),
            _ => return None,
        })
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.count()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let values = [
            Value::Null,
            Value::Int(i64::MIN),
            Value::Real(0.5),
            Value::Text("é".to_owned()),
            Value::Bytes(vec![0, 255]),
        ];
        let mut request = Request::new(7, 3, Operation::Query, 0);
        request.text("SELECT ?").count(values.len());
        for value in &values {
            request.value(value);
        }
        let frame = request.into_frame();
        assert_eq!(frame[..4], u32::try_from(frame.len() - 4).unwrap().to_be_bytes());
        let mut reader = Reader(&frame[4..]);
        assert_eq!((reader.count(), reader.count(), reader.byte()), (Some(7), Some(3), Some(2)));
        assert_eq!(reader.text().as_deref(), Some("SELECT ?"));
        assert_eq!(reader.count(), Some(5));
        assert!(values.iter().all(|value| reader.value().as_ref() == Some(value)));
        assert!(reader.0.is_empty());
    }

    #[test]
    fn an_answer_that_is_cut_short_is_none() {
        let mut frame = vec![0, 0, 0, 9, ROWS, 0, 1, b't', 0, 0, 0, 2, b'a', b'b'];
        assert!(
            matches!(answer(&frame), Some((9, Answer::Rows(rows))) if rows == [[Value::Text("ab".into())]])
        );
        frame[13] = 0xff;
        assert!(
            matches!(answer(&frame), Some((9, Answer::Rows(rows))) if rows == [[Value::NotText(vec![b'a', 0xff])]])
        );
        frame.pop();
        assert!(answer(&frame).is_none());
    }
}
