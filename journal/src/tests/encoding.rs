//! Round trips, sizes, and readers that survive anything.

use proptest::prelude::*;

use super::{failed, rotated};
use crate::chunk::{pack, unpack};
use crate::record::{Chain, Kind, Record, Unsealed, from_bytes, seal, to_bytes, unseal};
use crate::wire::{Reader, put_varint};
use crate::{CellOutcome, CellRecord, Event, Key, KeyPart, Ordinal, RowRecord, TargetId};

fn part() -> impl Strategy<Value = KeyPart> {
    prop_oneof![
        any::<i64>().prop_map(KeyPart::Int),
        "\\PC{0,40}".prop_map(KeyPart::Text),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(KeyPart::Text),
        "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9A-F]{12}".prop_map(KeyPart::Text),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(KeyPart::Bytes),
    ]
}

fn row() -> impl Strategy<Value = RowRecord> {
    let outcome =
        prop_oneof![
            any::<([u8; 16], [u8; 16], [u8; 16])>().prop_map(|(before, after, plain)| CellOutcome::Rotated {
                before,
                after,
                plain
            }),
            any::<([u8; 16], [u8; 16], [u8; 16])>()
                .prop_map(|(before, after, plain)| CellOutcome::Resealed { before, after, plain }),
            any::<([u8; 16], [u8; 16])>().prop_map(|(after, plain)| CellOutcome::AlreadyNew { after, plain }),
            (any::<[u8; 16]>(), "\\PC{0,100}")
                .prop_map(|(before, reason)| CellOutcome::Failed { before, reason }),
            Just(CellOutcome::Gone),
        ];
    let cell = (any::<u8>(), outcome).prop_map(|(column, outcome)| CellRecord { column, outcome });
    let key = proptest::collection::vec(part(), 0..4).prop_map(Key);
    (key, proptest::collection::vec(cell, 0..4)).prop_map(|(key, cells)| RowRecord { key, cells })
}

proptest! {
    #[test]
    fn rows_come_back(rows in proptest::collection::vec(row(), 0..20)) {
        let mut bytes = Vec::new();
        pack(&rows, &mut bytes);
        prop_assert_eq!(unpack(Reader::new(&bytes)).unwrap(), rows);
    }

    #[test]
    fn keys_come_back_through_serde(parts in proptest::collection::vec(part(), 0..4)) {
        let key = Key(parts);
        prop_assert_eq!(from_bytes::<Key>(&to_bytes(&key).unwrap()).unwrap(), key);
    }

    #[test]
    fn numbers_come_back(n in any::<u64>(), shift in 0..64_u32) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, n >> shift);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.varint(), Ok(n >> shift));
        prop_assert!(reader.is_empty());
    }

    /// What decodes at all has one encoding, so nothing can hide in a second one.
    #[test]
    fn a_number_has_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        let mut reader = Reader::new(&bytes);
        if let Ok(n) = reader.varint() && reader.is_empty() {
            let mut again = Vec::new();
            put_varint(&mut again, n);
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn readers_survive_anything(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = unpack(Reader::new(&bytes));
        let _ = from_bytes::<Event>(&bytes);
        let _ = from_bytes::<(usize, crate::TargetState)>(&bytes);
        let _ = Record::open(b"key", &bytes);
    }

    #[test]
    fn readers_survive_a_changed_byte(rows in proptest::collection::vec(row(), 1..5), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = Vec::new();
        pack(&rows, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = unpack(Reader::new(&bytes));
    }

    #[test]
    fn a_changed_bit_breaks_the_seal(body in proptest::collection::vec(any::<u8>(), 0..100), bit in any::<prop::sample::Index>()) {
        let mut value = seal(b"place", Kind::State, &body);
        prop_assert_eq!(unseal(b"place", Kind::State, &value), Ok(body.as_slice()));
        prop_assert_eq!(unseal(b"other", Kind::State, &value), Err(Unsealed::Checksum));
        prop_assert_eq!(unseal(b"place", Kind::Index, &value), Err(Unsealed::Kind));
        let bit = bit.index(value.len() * 8);
        *value.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        prop_assert!(unseal(b"place", Kind::State, &value).is_err());
    }
}

#[test]
fn a_row_with_a_uuid_and_two_rotated_values_takes_116_bytes() {
    let mut bytes = Vec::new();
    pack(&[rotated(1)], &mut bytes);
    assert_eq!(bytes.len(), 17 + 1 + 2 * (1 + 48));
}

#[test]
fn a_huge_length_is_not_allocated() {
    // A row with an empty key and 2^63 cells; a key part of 2^62 bytes; an event of 2^60 targets.
    let mut many_cells = vec![0];
    put_varint(&mut many_cells, 1 << 63);
    assert!(unpack(Reader::new(&many_cells)).is_err());
    let mut long_key = vec![4];
    put_varint(&mut long_key, 1 << 62);
    assert!(unpack(Reader::new(&long_key)).is_err());
    let mut event = to_bytes(&Event::RotationStarted(super::rotation())).unwrap();
    event.truncate(30);
    event.extend_from_slice(&[253, 0, 0, 0, 0, 0, 0, 0, 16]);
    assert!(from_bytes::<Event>(&event).is_err());
}

#[test]
fn long_reasons_are_cut_at_a_character() {
    let mut row = failed(1, &"ü".repeat(300));
    row.cap_reasons();
    assert_eq!(row, failed(1, &"ü".repeat(200)));
    let mut short = failed(1, "short");
    short.cap_reasons();
    assert_eq!(short, failed(1, "short"));
}

#[test]
fn keys_are_shown_for_people() {
    let key = Key(vec![KeyPart::Int(-5), KeyPart::Text("a b".into()), KeyPart::Bytes(vec![0, 255])]);
    assert_eq!(key.to_string(), "-5/a b/00ff");
    assert_eq!(super::rotation().name(), "30313233-3435-3637-3839-616263646566");
}

/// Computed with Python: `hmac.new(bytes([42] * 32), b"abc", "sha256").hexdigest()[:32]`.
#[test]
fn the_mac_is_hmac_sha_256() {
    let mac = Chain::new(&super::CHAIN_KEY).mac(&[b"a", b"bc"]);
    assert_eq!(mac, HMAC_OF_ABC);
}

const HMAC_OF_ABC: [u8; 16] =
    [0x96, 0x43, 0x35, 0x0b, 0x67, 0x54, 0xf3, 0x93, 0x19, 0xdd, 0xa9, 0x57, 0x03, 0x10, 0x02, 0x9f];

/// As they were before they had types: an older journal has the same bytes.
#[test]
fn positions_and_numbers_are_plain_integers_in_the_format() {
    for number in [0, 7, 250, 251, u16::MAX] {
        assert_eq!(to_bytes(&TargetId::new(number)), to_bytes(&number));
        assert_eq!(from_bytes::<TargetId>(&to_bytes(&number).unwrap()), Ok(TargetId::new(number)));
    }
    for number in [0, 250, 251, 70_000, u64::MAX] {
        assert_eq!(to_bytes(&Ordinal::new(number)), to_bytes(&number));
        assert_eq!(from_bytes::<Ordinal>(&to_bytes(&number).unwrap()), Ok(Ordinal::new(number)));
    }
    let event = Event::RowsReplanned { target: TargetId::new(3), ordinal: Ordinal::new(300) };
    assert_eq!(to_bytes(&event), Ok(vec![5, 3, 251, 0x2c, 0x01]));
}
