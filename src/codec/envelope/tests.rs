//! What is an envelope and what is not, and that writing gives back what was read.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::base64::{decode, decode_leniently, first};
use super::*;

/// Written as the server of IS 7.1 would, by other code: a 128-byte IV, an inner `keyId`, an outer
/// `kid`, and every `=` escaped as Gson does by default.
const SERVER: &str = include_str!("../../../tests/vectors/server_7_1.txt");

/// The stored text for an outer object.
fn stored(outer: impl AsRef<[u8]>) -> String {
    STANDARD.encode(outer)
}

fn outer(outer: &serde_json::Value) -> String {
    stored(outer.to_string())
}

/// The stored text for an inner object in GCM.
fn inner(inner: impl AsRef<[u8]>) -> String {
    outer(&json!({"c": STANDARD.encode(inner), "t": GCM, "iv": "AAAA"}))
}

fn sealed(text: &str) -> Sealed {
    match parse(text) {
        Ok(Content::Sealed(sealed)) => sealed,
        other => panic!("{other:?} is not sealed"),
    }
}

fn is_plain(text: &str) -> bool {
    matches!(parse(text), Ok(Content::Plain))
}

fn rewritten(text: &str) -> String {
    let sealed = sealed(text);
    write(&sealed.shape, sealed.key_id.as_deref(), &sealed.iv, &sealed.ciphertext)
}

#[test]
fn what_java_wrote_is_written_back_byte_for_byte() {
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../tests/vectors/vectors.json")).unwrap();
    assert!(vectors.len() > 100);
    for vector in vectors {
        for text in ["oldCiphertext", "newCiphertext"].map(|name| vector[name].as_str().unwrap()) {
            assert_eq!(rewritten(text), text);
        }
    }
}

#[test]
fn every_form_is_written_back_byte_for_byte() {
    let ciphertext = STANDARD.encode([7; 32]);
    let iv = STANDARD.encode([9; 16]);
    for outer in [
        format!(r#"{{"c":"{ciphertext}","t":"AES"}}"#),
        format!(r#"{{"c":"{ciphertext}","t":"AES/ECB/PKCS5Padding"}}"#),
        format!(r#"{{"c":"{ciphertext}","t":"aes/ecb/pkcs7padding"}}"#),
        format!(r#"{{"c":"{ciphertext}","t":"AES/CBC/PKCS5Padding","iv":"{iv}"}}"#),
    ] {
        assert_eq!(rewritten(&stored(&outer)), stored(&outer), "{outer}");
    }
    let inner = format!(r#"{{"cipher":"{ciphertext}","initializationVector":"{iv}","keyId":"abc="}}"#);
    let outer = format!(r#"{{"c":"{}","t":"AES/GCM/NoPadding","iv":"{iv}"}}"#, STANDARD.encode(inner));
    assert_eq!(rewritten(&stored(&outer)), stored(&outer));
}

#[test]
fn a_value_of_a_7_1_server_is_read_with_its_long_iv_and_key_id() {
    let sealed = sealed(SERVER.trim_end());
    assert_eq!(sealed.shape, Shape::gcm(true));
    assert_eq!(sealed.key_id.as_deref(), Some("Z32/u7zUsrJgVy7/i9vcXKhYFbewmKkI3YE74ywlvns="));
    assert_eq!(sealed.iv.len(), 128);
    assert_eq!(sealed.ciphertext.len(), "wso2carbon".len() + 16);
}

#[test]
fn what_is_no_json_object_with_a_text_c_is_plain() {
    for text in
        ["", " ", "secret", "a password", "pässwörd", "=", "====", "e30", "{\"c\":\"AAAA\",\"t\":\"AES\"}"]
    {
        assert!(is_plain(text), "{text}");
    }
    for outer in [
        "{}",
        "[]",
        "null",
        "\"c\"",
        "1",
        "{\"c\":null}",
        "{\"c\":{}}",
        "{\"C\":\"AAAA\"}",
        "{\"x\":",
        "{\"t\":\"AES\",\"iv\":\"AAAA\"}",
        "{\"a\":1} {\"c\":\"AAAA\"}",
    ] {
        assert!(is_plain(&stored(outer)), "{outer}");
    }
}

#[test]
fn an_envelope_that_breaks_off_is_damaged_and_not_plain() {
    let whole = stored(format!(r#"{{"c":"{}","t":"AES"}}"#, STANDARD.encode([7; 64])));
    for length in 12..whole.len() - 4 {
        assert!(matches!(parse(&whole[..length]), Err(Reason::Damaged(_))), "cut to {length} characters");
    }
    assert_eq!(form(&whole[..60]), Form::Other);
}

#[test]
fn without_a_transformation_or_with_rsa_it_is_the_keystores() {
    for t in [json!("RSA"), json!("RSA/ECB/OAEPwithSHA1andMGF1Padding"), json!("rsa/ecb/pkcs1padding")] {
        let text = outer(&json!({"c": "AAAA", "t": t, "tp": "AB", "tpd": "SHA-1"}));
        assert_eq!(parse(&text).unwrap_err(), Reason::KeystoreWrapped);
        assert_eq!(form(&text), Form::Keystore);
    }
    assert_eq!(parse(&outer(&json!({"c": "AAAA"}))).unwrap_err(), Reason::KeystoreWrapped);
}

/// Only an absent `t` is "RSA" to the server.
#[test]
fn with_null_as_its_transformation_it_is_damaged() {
    for text in [
        r#"{"c":"AAAA","t":null}"#,
        r#"{"t":null,"c":"AAAA","iv":"AAAA"}"#,
        r#"{"c":"AAAA","t":"AES","t":null}"#,
        "{c:AAAA,t:null}",
    ] {
        let text = STANDARD.encode(text);
        let reason = parse(&text).unwrap_err();
        assert_eq!(reason, Reason::Damaged("the envelope names null as its cipher transformation"), "{text}");
        assert!(!reason.to_string().contains("RSA"), "{reason}");
        assert_eq!(form(&text), Form::Other);
    }
    let last_counts = STANDARD.encode(r#"{"c":"AAAA","t":null,"t":"RSA"}"#);
    assert_eq!(parse(&last_counts).unwrap_err(), Reason::KeystoreWrapped);
}

#[test]
fn transformations_that_wso2_never_wrote_are_refused() {
    for t in
        ["", "RS", "DES", "AES/ECB", "AES/GCM", "AES/CTR/NoPadding", "AES/ECB/NoPadding", "AES ", "ÄRSA", "€"]
    {
        let text = outer(&json!({"c": "AAAA", "t": t}));
        assert_eq!(parse(&text).unwrap_err(), Reason::UnknownTransformation, "{t}");
        assert_eq!(form(&text), Form::Other);
    }
}

#[test]
fn the_names_of_transformations_have_no_case() {
    for (name, transformation) in NAMES {
        for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let c = match transformation {
                Transformation::Gcm => STANDARD.encode(r#"{"cipher":"AAAA","initializationVector":"AAAA"}"#),
                _ => "AAAA".to_owned(),
            };
            let read = sealed(&outer(&json!({"c": c, "t": name, "iv": "AAAA"})));
            assert_eq!(read.shape.transformation, transformation);
            assert_eq!(read.shape.name, name, "and it is written as it was read");
        }
    }
}

#[test]
fn forms_are_told_without_a_key() {
    assert_eq!(form("secret"), Form::Plain);
    assert_eq!(form(SERVER), Form::Gcm);
    assert_eq!(form(&outer(&json!({"c": "AAAA", "t": "AES"}))), Form::Ecb);
    assert_eq!(form(&outer(&json!({"c": "AAAA", "t": "AES/CBC/PKCS5Padding", "iv": "AAAA"}))), Form::Cbc);
    assert_eq!(form(&outer(&json!({"c": "", "t": "AES"}))), Form::Plain);
}

#[test]
fn an_empty_ciphertext_is_told_apart() {
    for text in [
        inner(r#"{"cipher":"","initializationVector":"AAAA"}"#),
        inner(r#"{"cipher":""}"#),
        outer(&json!({"c": "", "t": "AES"})),
        outer(&json!({"c": "", "t": "AES/CBC/PKCS5Padding"})),
    ] {
        assert!(matches!(parse(&text), Ok(Content::Empty(_))));
    }
}

#[test]
fn an_envelope_that_lacks_a_part_is_damaged() {
    for text in [
        inner(""),
        inner("[]"),
        inner("{}"),
        inner(r#"{"initializationVector":"AAAA"}"#),
        inner(r#"{"cipher":"AAAA"}"#),
        inner(r#"{"cipher":"AAAA","initializationVector":"AAAA"#),
        outer(&json!({"c": "", "t": GCM})),
        outer(&json!({"c": "AAAA", "t": "AES/CBC/PKCS5Padding"})),
    ] {
        assert!(matches!(parse(&text), Err(Reason::Damaged(_))));
    }
}

#[test]
fn the_outer_iv_of_gcm_is_not_looked_at() {
    let c = STANDARD.encode(r#"{"cipher":"AAAA","initializationVector":"BBBB"}"#);
    for iv in [json!(null), json!(""), json!("CCCC")] {
        assert_eq!(sealed(&outer(&json!({"c": c, "t": GCM, "iv": iv}))).iv, decode(b"BBBB"));
    }
}

#[test]
fn members_that_are_unknown_or_come_twice_do_no_harm() {
    let text = stored(r#" {"x":[{"c":"BBBB"}], "c":"BBBB", "t":"RSA","t":"AES", "c":"AAAA", "kid":{} } "#);
    assert_eq!(sealed(&text).ciphertext, decode(b"AAAA"));
    assert_eq!(sealed(&text).shape.transformation, Transformation::Ecb);
}

#[test]
fn a_million_nested_arrays_do_not_overflow_the_stack() {
    let (open, close) = ("[".repeat(1_000_000), "]".repeat(1_000_000));
    let text = stored(format!(r#"{{"x":{open}{close},"c":"AAAA","t":"AES"}}"#));
    assert_eq!(sealed(&text).ciphertext, decode(b"AAAA"));
    assert!(is_plain(&stored(format!(r#"{{"x":{open}"#))));
    assert!(is_plain(&stored(format!(r#"{{"c":{open}{close}}}"#))));
    assert!(is_plain(&stored(r#"{"x":"#.repeat(1_000_000))));
}

#[test]
fn debug_shows_no_ciphertext() {
    let shown = format!("{:?}", sealed(SERVER));
    assert!(shown.contains("Gcm") && shown.contains("IV of 128 bytes, ciphertext of 26 bytes"), "{shown}");
    assert!(!shown.contains("Z32/u7zU") && !shown.contains('['), "{shown}");
}

#[test]
fn base64_is_read_as_the_server_reads_it() {
    for (text, bytes) in [
        ("QUJD", &b"ABC"[..]),
        ("QUI=", b"AB"),
        ("QQ==", b"A"),
        (" Q\r\nU\tJ-_D.\u{e9}\u{2028}", b"ABC"),
        ("QUJDQ", b"ABC"),
        ("QUJDQU", b"ABC"),
        ("QUJDQUI", b"ABC"),
        ("QUI", b""),
        ("QR==", b"A"),
        ("QUL=", b"AB"),
        ("QQ==QUJD", b"AABC"),
        ("QUI=QUI=", b"ABAB"),
        ("QU=D", b"A"),
        ("Q===", b"C"),
        ("=QUJ", b"\xfd\x05\x09"),
        ("====", b"\xff"),
    ] {
        assert_eq!(decode(text.as_bytes()), bytes, "{text}");
    }
}

/// The server's text with characters outside the alphabet anywhere in it.
fn with_foreign_characters(text: String) -> impl Strategy<Value = String> {
    let foreign = "[^A-Za-z0-9+/=]{1,4}";
    prop::collection::vec((any::<prop::sample::Index>(), foreign), 1..8).prop_map(move |foreign| {
        foreign.into_iter().fold(text.clone(), |mut text, (at, foreign)| {
            let at = at.index(text.len() + 1);
            let at = (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap();
            text.insert_str(at, &foreign);
            text
        })
    })
}

proptest! {
    #[test]
    fn both_ways_of_decoding_agree_on_clean_base64(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = STANDARD.encode(&bytes);
        prop_assert_eq!(&decode(text.as_bytes()), &bytes);
        prop_assert_eq!(&decode_leniently(text.as_bytes()), &bytes);
    }

    #[test]
    fn the_first_byte_is_the_one_that_is_decoded(text in "[A-Za-z0-9+/= \\-{\n]{0,12}") {
        if let (Some(first), Some(decoded)) = (first(text.as_bytes()), decode(text.as_bytes()).first()) {
            prop_assert_eq!(first, *decoded);
        }
    }

    #[test]
    fn whether_it_is_whole_is_told_with_its_form(
        json in r#"\{"(c|d)":"[A-Za-z=]{0,9}"(,"(t|iv|c)":"(AES|AES/GCM/NoPadding|\}|é)"){0,2}\}?"#,
        before in "[ A]?",
    ) {
        let text = format!("{before}{}", STANDARD.encode(json));
        prop_assert_eq!(form_and_whole(&text), (form(&text), is_as_servers_write(text.as_bytes())));
    }

    #[test]
    fn foreign_characters_change_nothing(text in with_foreign_characters(SERVER.trim_end().to_owned())) {
        prop_assert_eq!(rewritten(&text), rewritten(SERVER));
    }

    #[test]
    fn foreign_characters_in_the_inner_layers_change_nothing(
        c in with_foreign_characters(STANDARD.encode(r#"{"cipher":"QUJD","initializationVector":"QQ=="}"#)),
    ) {
        let read = sealed(&outer(&json!({"c": c, "t": GCM})));
        prop_assert_eq!((&*read.ciphertext, &*read.iv), (&b"ABC"[..], &b"A"[..]));
    }

    #[test]
    fn what_is_written_is_read_back(
        which in 0..NAMES.len(), key_id in prop::option::of("[A-Za-z0-9+/]{43}="),
        iv in prop::collection::vec(any::<u8>(), 0..130),
        ciphertext in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let (name, transformation) = NAMES[which];
        let gcm = transformation == Transformation::Gcm;
        let shape = Shape { transformation, key_id: gcm && key_id.is_some(), name: name.into() };
        let read = sealed(&write(&shape, key_id.as_deref(), &iv, &ciphertext));
        prop_assert_eq!(read.shape, shape);
        prop_assert_eq!(read.key_id, key_id.filter(|_| gcm));
        prop_assert_eq!(read.iv, if transformation == Transformation::Ecb { vec![] } else { iv });
        prop_assert_eq!(read.ciphertext, ciphertext);
    }

    #[test]
    fn no_text_makes_parsing_panic(text in any::<String>()) {
        let _ = parse(&text);
        let _ = parse(&stored(&text));
        let _ = parse(&stored(format!("{{\"c\":\"{text}")));
        let _ = parse(&inner(&text));
    }

    #[test]
    fn no_change_of_a_real_envelope_makes_parsing_panic(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), length in any::<prop::sample::Index>(),
    ) {
        let mut json = decode(SERVER.as_bytes());
        let at = at.index(json.len());
        json[at] = byte;
        json.truncate(length.index(json.len() + 1));
        let _ = parse(&stored(json));
    }
}

/// Gson reads leniently: what is written so is an envelope to the server.
#[test]
fn what_gson_reads_leniently_is_an_envelope() {
    let c = STANDARD.encode([7; 32]);
    for outer in [
        format!("\u{feff}{{\"c\":\"{c}\",\"t\":\"AES\"}}"),
        format!("{{'c':'{c}','t':'AES'}}"),
        format!("{{c:'{c}',t:AES}}"),
        format!(")]}}'\n{{\"c\":\"{c}\",\"t\":\"AES\"}}"),
        format!("// x\n/* y */ # z\n{{\"c\":\"{c}\", /* in */ \"t\":\"AES\"}} # after"),
        format!("{{\"c\"=\"{c}\";\"t\"=>\"AES\"}}"),
        format!("{{\"x\":[1,,{{a:b}};'c'],\"c\":\"{c}\",\"t\":\"AES\"}}"),
        format!("{{\"c\":\"{c}\",\"t\":\"AES\",\"x\":\"tab\tand\nline\"}}"),
        format!("{{\"c\":\"\\u0042{}\",\"t\":'\\u0041ES'}}", &c[1..]),
    ] {
        assert_eq!(sealed(&stored(&outer)).ciphertext, [7; 32], "{outer}");
        assert_eq!(sealed(&stored(&outer)).shape.transformation, Transformation::Ecb, "{outer}");
    }
    let iv = STANDARD.encode([9; 16]);
    let inside = sealed(&inner(format!("{{cipher='{c}';initializationVector:'{iv}'}}")));
    assert_eq!((inside.ciphertext, inside.iv), (vec![7; 32], vec![9; 16]));
}

/// What begins as an envelope and cannot be read on is damaged, however it is written.
#[test]
fn a_lenient_envelope_that_breaks_off_is_damaged() {
    for outer in
        ["{'c':'AAAA','t':", "{c=AAAA;t", ")]}'\n{\"c\":\"AAAA\",", "\u{feff}{\"c\":\"AAAA\",\"t\":\"AES\""]
    {
        assert!(matches!(parse(&stored(outer)), Err(Reason::Damaged(_))), "{outer}");
    }
    for plain in ["c=AAAA", "{'a':'b'", "// {\"c\":\"AAAA\"}", "[{c:'AAAA'}]", "{c:{d:1}}", ")]}'"] {
        assert!(is_plain(&stored(plain)), "{plain}");
    }
}

#[test]
fn what_servers_write_is_read_quickly() {
    for (text, is_read) in [
        (SERVER.trim_end().to_owned(), true),
        (stored(r#"{"c":"AAAA","t":"AES"}"#), true),
        (stored(r#"{"c":"AAAA", "t":"AES"}"#), false),
        (stored(r#"{"c":"AA","c":"AAAA"}"#), false),
        (stored(r#"{"c":"AA","t":null}"#), false),
    ] {
        let json = decode(text.as_bytes());
        assert_eq!(quick::members(&json, ["c", "t", "iv"]).is_some(), is_read, "{text}");
        assert_eq!(is_as_servers_write(text.as_bytes()), is_read, "{text}");
        assert!(!is_as_servers_write(format!("{text}\n").as_bytes()));
    }
}
