//! What an attacker who guesses keys tries first: keys that are near another one, and keys that lie together on a keyboard.

use std::fmt::Write as _;

use zeroize::Zeroizing;

/// Rows of keyboards, and their columns from the top down.
const ROWS: &[&str] = &[
    "1234567890",
    "!@#$%^&*()_+",
    "qwertyuiop",
    "asdfghjkl;",
    "zxcvbnm,./",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
    "abcdefghijklmnopqrstuvwxyz",
];

/// Whether two of three characters are followed by a neighbour. Of random digits one key in a million is.
pub(super) fn is_of_a_keyboard(bytes: &[u8]) -> bool {
    let text = Zeroizing::new(bytes.to_ascii_lowercase());
    let pairs = text.iter().zip(text.iter().skip(1));
    let near = pairs.filter(|(one, next)| are_neighbours(**one, **next)).count();
    near * 3 >= text.len().saturating_sub(1) * 2
}

fn are_neighbours(one: u8, next: u8) -> bool {
    ROWS.iter().any(|row| {
        let row = row.as_bytes();
        row.iter().zip(row.iter().skip(1)).any(|(a, b)| (*a, *b) == (one, next) || (*b, *a) == (one, next))
    })
}

/// Whether most of one key stands in the other: half of it in one piece, or three of four bytes in their places, from
/// whatever place on, forwards or backwards. Keys are compared as texts, and by their hexadecimal digits.
pub(super) fn are_alike(one: &[u8], other: &[u8]) -> bool {
    forms(one).iter().any(|one| {
        forms(other).iter().any(|other| {
            let backwards = Zeroizing::new(other.iter().rev().copied().collect::<Vec<_>>());
            shares_much(one, other) || shares_much(one, &backwards)
        })
    })
}

/// What a key is written as: its bytes, without regard to case, and their hexadecimal digits.
fn forms(bytes: &[u8]) -> [Zeroizing<Vec<u8>>; 2] {
    let mut digits = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        let _ = write!(digits, "{byte:02x}"); // to a String it cannot fail
    }
    [Zeroizing::new(bytes.to_ascii_lowercase()), Zeroizing::new(digits.as_bytes().to_vec())]
}

fn shares_much(one: &[u8], other: &[u8]) -> bool {
    let half = one.len().min(other.len()).div_ceil(2);
    (0..other.len()).any(|from| {
        // The other one from there on, round its end.
        let (mut same, mut piece, mut longest) = (0, 0, 0);
        for (a, b) in one.iter().zip(other.iter().cycle().skip(from)) {
            piece = if a == b { piece + 1 } else { 0 };
            same += usize::from(a == b);
            longest = longest.max(piece);
        }
        longest >= half || one.len() == other.len() && same * 4 >= one.len() * 3
    })
}
