//! What stands in the file of steps beside the log: each step with a checksum, with the rotation that it was
//! left for, and with a MAC where the program itself vouches for it.

use crate::copy::Step;
use crate::record::{Chain, MacBytes, from_bytes, to_bytes};
use crate::wire::{Malformed, Reader};

/// What a step with a checksum begins with: no older one can.
const CHECKED: u8 = 0;

/// A step that waits beside the log, with what is known of where it belongs.
///
/// The file is no part of the chain: a user who may write to the folder may write to it. So a step says for
/// which rotation it was left, and a MAC under that rotation's key proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The step.
    pub step: Step,
    /// The rotation that it was left for; none if there was none, or if it was unknown.
    pub rotation: Option<[u8; 16]>,
    pub(crate) mac: Option<MacBytes>,
}

impl Submission {
    /// A step of this rotation, if one is known.
    pub fn new(step: Step, rotation: Option<[u8; 16]>) -> Self {
        Self { step, rotation, mac: None }
    }

    /// A step of this rotation, left by a holder of its chain key.
    pub fn proved(step: Step, rotation: [u8; 16], chain_key: &[u8; 32]) -> Self {
        let mac = proof(&Chain::new(chain_key), &rotation, &step).ok();
        Self { step, rotation: Some(rotation), mac }
    }

    /// Whether it is one of this rotation, left by a holder of its key.
    pub(crate) fn is_proved(&self, rotation: &[u8; 16], chain: &Chain) -> bool {
        let expected = proof(chain, rotation, &self.step).ok();
        self.rotation.as_ref() == Some(rotation) && self.mac.is_some() && self.mac == expected
    }

    /// `0 | length (4) | CRC-32 (4) | body`; steps of older programs are `length (varint) | step`, and no
    /// step is empty.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut body = vec![u8::from(self.rotation.is_some()) | u8::from(self.mac.is_some()) << 1];
        body.extend(self.rotation.iter().chain(&self.mac).flatten());
        body.extend(to_bytes(&self.step)?);
        let length = u32::try_from(body.len()).map_err(|_| Malformed("a step is too long"))?;
        let mut record = vec![CHECKED];
        record.extend(length.to_le_bytes());
        record.extend(crc32fast::hash(&body).to_le_bytes());
        record.extend(body);
        Ok(record)
    }

    /// The step at the beginning of `reader`.
    fn decode(reader: &mut Reader<'_>, first: u8) -> Result<Self, Malformed> {
        if first != CHECKED {
            return Ok(Self::new(reader.bytes().and_then(from_bytes)?, None));
        }
        reader.byte()?;
        let length = usize::try_from(u32::from_le_bytes(reader.array()?));
        let crc = u32::from_le_bytes(reader.array()?);
        let body = reader.take(length.map_err(|_| Malformed("a length is too large"))?)?;
        if crc32fast::hash(body) != crc {
            return Err(Malformed("a checksum is wrong"));
        }
        let mut reader = Reader::new(body);
        let flags = reader.byte()?;
        let rotation = (flags & 1 != 0).then(|| reader.array()).transpose()?;
        let mac = (flags & 2 != 0).then(|| reader.array()).transpose()?;
        Ok(Self { step: from_bytes(reader.rest())?, rotation, mac })
    }
}

fn proof(chain: &Chain, rotation: &[u8; 16], step: &Step) -> Result<MacBytes, Malformed> {
    Ok(chain.mac(&[b"step", rotation, &to_bytes(step)?]))
}

/// The steps in a file's content, and where the last one ends. What is behind it was torn by a crash; anything
/// else that cannot be read was whole once.
pub(crate) fn take_apart(bytes: &[u8]) -> Result<(Vec<Submission>, usize), Malformed> {
    let mut reader = Reader::new(bytes);
    let mut steps = Vec::new();
    while let Some(first) = reader.rest().first().copied() {
        let rest = reader.rest();
        match Submission::decode(&mut reader, first) {
            Ok(step) => steps.push(step),
            Err(why) if is_followed(rest) => return Err(why),
            Err(_) => return Ok((steps, bytes.len() - rest.len())),
        }
    }
    Ok((steps, bytes.len()))
}

/// Whether a whole step stands somewhere behind the beginning: then what is not whole was once.
fn is_followed(bytes: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().skip(1).filter(|(_, byte)| **byte == CHECKED);
    starts
        .filter_map(|(at, _)| bytes.get(at..))
        .any(|rest| Submission::decode(&mut Reader::new(rest), CHECKED).is_ok())
}
