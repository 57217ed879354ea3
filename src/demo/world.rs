//! What the rows and files of a demo are made from: who is there, what time it is, and the values.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Spec;
use super::counts::{Cell, Counts};
use super::forge::{Forge, Form};
use super::random::Random;
use crate::cipher::SecretKey;
use crate::error::Result;

/// The super tenant's id and those of two more.
pub(super) const TENANTS: [i64; 3] = [-1234, 1, 2];

const FIRST_NAMES: [&str; 12] =
    ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "zoë"];

/// How many different users there are.
const USERS: u64 = 240;

/// The one second that all else is counted from, unless another is asked for: 2026-01-10 00:00:00 UTC.
pub(super) const EPOCH: i64 = 1_768_003_200;

/// Every `RARE_EVERY` values, each [`Form`] comes once; else a usual one.
const RARE_EVERY: u64 = 211;

/// Somebody with an account.
pub(super) struct User {
    pub(super) name: String,
    pub(super) domain: &'static str,
    pub(super) tenant: i64,
}

impl User {
    /// The name as the identity data table has it: with the domain, unless that is the primary.
    pub(super) fn qualified(&self) -> String {
        if self.domain == "PRIMARY" { self.name.clone() } else { format!("{}/{}", self.domain, self.name) }
    }
}

/// The state of a demo in the making.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) counts: Counts,
    forge: Forge,
    sealed: u64,
    began: i64,
}

impl World {
    pub(super) fn new(old_key: SecretKey, spec: &Spec) -> Self {
        let mut random = Random::new(spec.seed);
        let forge = Forge::new(old_key, &mut random);
        Self { random, counts: Counts::default(), forge, sealed: 0, began: spec.began }
    }

    /// The user with this number; numbers come round.
    pub(super) fn user(number: u64) -> User {
        let number = number % USERS;
        let first = pick(&FIRST_NAMES, number);
        let round = number / FIRST_NAMES.len() as u64;
        User {
            name: if round == 0 { first.to_owned() } else { format!("{first}{round}") },
            domain: pick(&["PRIMARY", "PRIMARY", "ACME", "PARTNERS.COM"], number / 5),
            tenant: pick(&[TENANTS[0], TENANTS[0], TENANTS[1], TENANTS[2]], number / 3),
        }
    }

    /// A value under the old key, in one of the forms that servers have written.
    pub(super) fn sealed(&mut self, plaintext: &str) -> Result<Cell> {
        let turn = self.sealed % RARE_EVERY;
        self.sealed += 1;
        let usual = pick(&[Form::Gcm16, Form::Gcm128, Form::Gcm128KeyId], self.random.next());
        let form = usize::try_from(turn).ok().and_then(|turn| Form::ALL.get(turn)).copied().unwrap_or(usual);
        self.sealed_as(form, plaintext)
    }

    /// A value under the old key, in this form.
    pub(super) fn sealed_as(&mut self, form: Form, plaintext: &str) -> Result<Cell> {
        self.forge.seal(form, plaintext).map(Cell::sealed)
    }

    /// A point in time, so many seconds after the demo's beginning, as SQLite's text.
    pub(super) fn time(&self, seconds: u64) -> String {
        let seconds = i64::try_from(seconds).unwrap_or_default();
        let millis = (self.began + seconds).saturating_mul(1000) + seconds % 997;
        Timestamp::from_millisecond(millis).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }

    /// The empty text, as servers store it.
    pub(super) fn empty(&mut self) -> Cell {
        Cell::empty(self.forge.empty())
    }
}

/// The item whose turn it is. `items` is never empty.
pub(super) fn pick<T: Copy, const N: usize>(items: &[T; N], turn: u64) -> T {
    const { assert!(N > 0) };
    let at = usize::try_from(turn % N as u64).unwrap_or_default();
    items.get(at).copied().unwrap_or(items[0])
}

/// A value's hash as the server keeps it beside the value. Its JSON library keeps no order.
pub(super) fn hash(plaintext: &str, hash_first: bool) -> String {
    let hex = hex(&Sha256::digest(plaintext));
    if hash_first {
        format!(r#"{{"hash":"{hex}","algorithm":"SHA-256"}}"#)
    } else {
        format!(r#"{{"algorithm":"SHA-256","hash":"{hex}"}}"#)
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(pick(DIGITS, u64::from(digit))))
        .collect()
}
