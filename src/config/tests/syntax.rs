//! Lines: which are read, how, and which are refused. The properties readings in here were
//! compared with what `java.util.Properties` (OpenJDK 17) makes of the same lines.

use crate::error::{Error, Id};
use crate::syntax::items;
use crate::{Key, java, parse};

#[track_caller]
fn refused(text: &str, id: Id) -> Error {
    let error = parse(text).map(drop).expect_err(text);
    assert_eq!(error.id(), id, "{text:?}: {error}");
    error
}

#[test]
fn a_line_is_read_whatever_separates_key_and_value() {
    for line in [
        "newISHome: /is",
        "newISHome:/is",
        "newISHome=/is",
        "newISHome = /is",
        "newISHome :/is",
        "newISHome /is",
        "newISHome\t:\t/is",
        "newISHome:   /is",
        "newISHome: '/is'",
        "newISHome=\"/is\"",
        "newISHome: /is\r\n",
        "newISHome: /is\rchunkSize: 7",
        "\u{feff}newISHome: /is",
        "---\nnewISHome: /is",
        "# comment\n  # indented\n! comment \\\n\n \t\nnewISHome: /is",
    ] {
        assert_eq!(parse(line).unwrap().value(Key::NewIsHome), Some("/is"), "{line:?}");
    }
}

#[test]
fn separators_may_be_mixed_in_one_file() {
    let raw = parse("oldSecretKey=a\nnewSecretKey: b\nchunkSize 2\n").unwrap();
    assert_eq!(raw.value(Key::OldSecretKey), Some("a"));
    assert_eq!(raw.value(Key::NewSecretKey), Some("b"));
    assert_eq!(raw.value(Key::ChunkSize), Some("2"));
    assert_eq!(raw.value(Key::NewIsHome), None);
}

#[test]
fn the_sample_of_the_guide_is_read() {
    let sample = "oldSecretKey: AFA27B44D43B02A9FEA41D13CEDC2E40\n\
        newSecretKey: 1fc0bc7a3805b42afa5f5af07a595f56\nnewISHome: /home/IS/wso2is-5.12.0\n\
        oldIdnDBUrl: jdbc:mysql://localhost:3306/regdb?useSSL=false\noldIdnUsername: root\n\
        oldIdnPassword: cm9vdA==\nnewIdnDBUrl: jdbc:mysql://localhost:3306/regdb1?useSSL=false\n\
        newIdnUsername: root\nnewIdnPassword: cm9vdA==\n\
        newRegDBUrl: jdbc:mysql://localhost:3306/regdb1?useSSL=false\nnewRegUsername: root\n\
        newRegPassword: cm9vdA==\nenableDBMigrator: true\nenableConfigMigrator: true\n\
        enableSyncMigrator: true\nchunkSize: 2\n";
    let raw = parse(sample).unwrap();
    assert_eq!(raw.value(Key::NewIdnDbUrl), Some("jdbc:mysql://localhost:3306/regdb1?useSSL=false"));
    assert_eq!(raw.value(Key::NewRegPassword), Some("cm9vdA=="));
    assert_eq!(raw.value(Key::OldSecretKey), Some("AFA27B44D43B02A9FEA41D13CEDC2E40"));
    let equal_signs = sample.replace(": ", "=");
    assert_eq!(parse(&equal_signs).unwrap().value(Key::NewRegPassword), Some("cm9vdA=="));
}

#[test]
fn a_value_is_taken_as_written() {
    for value in [
        "12345678901234567890123456789012",
        "1234567890123e15",
        "0x11223344556677",
        "0o17",
        "0b1010",
        "onononononononon",
        "0000000000000007",
        "1_000",
        "1.0",
        ".5",
        "+1",
        "-1",
        ".inf",
        ".nan",
        "yes",
        "No",
        "on",
        "y",
        "true",
        "null",
        "Null",
        "~",
        "2026-11-01",
        "12:30:45",
        "<<",
        "=",
        "==",
        "a:b",
        "a=b",
        "a'b\"c",
        "it's",
        "a#b",
        "-abc",
        "?abc",
        ":abc",
        "a, b",
        "a [b] {c}",
        "a & b * c ! d | e > f % g @ h ` i",
        "jdbc:sqlserver://h:1433;databaseName=idndb;a={b}",
        "jdbc:oracle:thin:@localhost:1521/ORCLCDB.LOCALDOMAIN",
        "jdbc:h2:~/IS/repository/database/WSO2IDENTITY_DB",
        "/home/josé/is 7",
        "a\tb",
    ] {
        for separator in [": ", "=", " : ", "\t"] {
            // After bare white space, = and : still separate key and value.
            if separator == "\t" && value.starts_with(['=', ':']) {
                continue;
            }
            let line = format!("newISHome{separator}{value}");
            let read = parse(&line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
            assert_eq!(read.value(Key::NewIsHome), Some(value), "{line:?}");
        }
    }
}

#[test]
fn quotes_around_a_whole_value_are_removed() {
    for (written, value) in [
        ("'abc'", "abc"),
        ("\"abc\"", "abc"),
        ("''", ""),
        ("\"\"", ""),
        ("' a '", " a "),
        ("'a #b'", "a #b"),
        ("'#a'", "#a"),
        ("'a: b'", "a: b"),
        ("'@a'", "@a"),
        ("\"it's\"", "it's"),
        ("'a\"b'", "a\"b"),
        ("'null'", "null"),
    ] {
        let line = format!("newSecretKey: {written}");
        assert_eq!(parse(&line).unwrap().value(Key::NewSecretKey), Some(value), "{line}");
    }
}

#[test]
fn an_empty_value_is_a_value() {
    for line in
        ["newIdnPassword:", "newIdnPassword: ", "newIdnPassword=", "newIdnPassword", "newIdnPassword: \t"]
    {
        assert_eq!(parse(line).unwrap().value(Key::NewIdnPassword), Some(""), "{line:?}");
    }
}

/// What properties reads, what YAML reads, and how it is put right.
#[test]
fn a_line_with_two_readings_is_refused_with_both() {
    for (written, properties, yaml, fix) in [
        ("/is #copy", r#""/is #copy""#, r#""/is""#, "line of its own"),
        ("#copy", r##""#copy""##, r#""""#, "line of its own"),
        ("/is\t#copy", r#""/is\t#copy""#, r#""/is""#, "line of its own"),
        (r"C:\is", r#""C:is""#, r#""C:\\is""#, "without a backslash"),
        (r"C:\\is", r#""C:\\is""#, r#""C:\\\\is""#, "without a backslash"),
        (r"\u0041", r#""A""#, r#""\\u0041""#, "without a backslash"),
        (r"\u00g1", "an error", r#""\\u00g1""#, "without a backslash"),
        (r"'C:\is'", r#""'C:is'""#, r#""C:\\is""#, "without a backslash"),
        (r#""a\"b""#, r#""\"a\"b\"""#, r#""a\"b""#, "without a backslash"),
        ("'it''s'", r#""'it''s'""#, r#""it's""#, "quotes only around"),
        ("''''", r#""''''""#, r#""'""#, "quotes only around"),
        ("'a' b", r#""'a' b""#, "an error", "quotes only around"),
        ("\"a\" \"b\"", r#""\"a\" \"b\"""#, "an error", "quotes only around"),
        ("'a", r#""'a""#, "an error", "quotes only around"),
        ("'", r#""'""#, "an error", "quotes only around"),
        ("/is ", r#""/is ""#, r#""/is""#, "white space at the end"),
        ("'/is' ", r#""'/is' ""#, r#""/is""#, "white space at the end"),
        ("&is", r#""&is""#, r#""""#, "single quotes"),
        ("&is /is", r#""&is /is""#, r#""/is""#, "single quotes"),
        ("*is", r#""*is""#, "an error", "single quotes"),
        ("!is", r#""!is""#, r#""""#, "single quotes"),
        ("!!str is", r#""!!str is""#, r#""is""#, "single quotes"),
        ("|", r#""|""#, r#""""#, "single quotes"),
        (">-", r#"">-""#, r#""""#, "single quotes"),
        ("{a: b}", r#""{a: b}""#, "an error", "single quotes"),
        ("[a, b]", r#""[a, b]""#, "an error", "single quotes"),
        ("%is", r#""%is""#, "an error", "single quotes"),
        ("@is", r#""@is""#, "an error", "single quotes"),
        ("`is", r#""`is""#, "an error", "single quotes"),
        ("- is", r#""- is""#, "an error", "single quotes"),
        ("? is", r#""? is""#, "an error", "single quotes"),
        ("a: b", r#""a: b""#, "an error", "single quotes"),
        ("a:", r#""a:""#, "an error", "single quotes"),
        ("a\u{85}b", r#""a\u{85}b""#, "an error", "single quotes"),
        ("a\u{0}b", r#""a\0b""#, "an error", "single quotes"),
    ] {
        for separator in [": ", "="] {
            let error = refused(&format!("\nnewISHome{separator}{written}"), Id::ConfigSyntax);
            let what = format!(
                "line 2: newISHome can be read in two ways: properties reads {properties}, YAML {yaml}"
            );
            assert_eq!(error.what(), what, "{written}");
            assert!(error.remedy().contains(fix), "{written}: {error}");
        }
    }
}

#[test]
fn a_secret_whose_line_break_was_lost_is_not_shown() {
    let error = refused("newISHome: /isnewIdnPassword: hunter2", Id::ConfigSyntax);
    assert!(error.what().starts_with("line 1: newISHome can be read in two ways"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_continued_line_is_refused() {
    for text in ["newISHome: /is\\\n  /home", "newISHome: /is\\", "newISHome: \\\\\\\n"] {
        let error = refused(text, Id::ConfigSyntax);
        assert!(error.what().contains("goes on in the next line"), "{error}");
    }
}

#[test]
fn lines_that_are_no_pair_are_refused_by_number() {
    for (text, id, line) in [
        ("newISHome:\n  /is", Id::ConfigSyntax, "line 2:"),
        (" newISHome: /is", Id::ConfigSyntax, "line 1:"),
        ("\tnewISHome: /is", Id::ConfigSyntax, "line 1:"),
        ("allowedRoots:\n- /is", Id::ConfigSyntax, "line 2:"),
        ("chunkSize: 2\r\n\r\nnewISHome: a\r\n\r\nchunkSize: 3", Id::ConfigDuplicateKey, "line 5:"),
        ("chunkSize: 2\rchunkSize=2", Id::ConfigDuplicateKey, "line 2:"),
        ("chunkSize: 2\n---\n", Id::ConfigUnknownKey, "line 2:"),
        ("{chunkSize: 2}", Id::ConfigUnknownKey, "line 1:"),
        ("\n# ä\nnewISHome: [[[[", Id::ConfigSyntax, "line 3:"),
        ("%YAML 1.2\n---", Id::ConfigUnknownKey, "line 1:"),
        ("\"chunkSize\": 2", Id::ConfigUnknownKey, "line 1:"),
        ("chunk\\Size: 2", Id::ConfigUnknownKey, "line 1:"),
    ] {
        let error = refused(text, id);
        assert!(error.what().starts_with(line), "{text:?}: {error}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    for (line, says, fix) in [
        (
            "newSecretKye: a",
            "`newSecretKye` is not a key that is known; the nearest is `newSecretKey`",
            "correct or remove",
        ),
        (
            "newsecretkey: a",
            "the nearest is `newSecretKey`",
            "write `newSecretKey`: upper and lower case count",
        ),
        ("chunksize", "`chunksize` is not", "write `chunkSize`"),
        ("idDBUrl: a", "the nearest is `newIdnDBUrl`", "correct or remove"),
        ("enableDBmigration = true", "the nearest is `enableDBMigrator`", "correct or remove"),
        ("allowedRoot: /a", "the nearest is `allowedRoots`", "correct or remove"),
        ("colour: red", "`colour` is not a key that is known; the nearest is", "correct or remove"),
    ] {
        let error = refused(line, Id::ConfigUnknownKey);
        assert!(error.what().contains(says) && error.remedy().contains(fix), "{error}");
    }
}

#[test]
fn a_secret_gone_astray_is_not_taken_for_a_key() {
    for line in [
        "newSecretKey:\n1fc0bc7a3805b42afa5f5af07a595f56",
        "newIdnPassword:\nc2VjcmV0cGFzc3dvcmQ=",
        "newIdnPassword:\nc2VjcmV0cGFzc3dvcmQx",
        "1fc0bc7a3805b42afa5f5af07a595f56: x",
    ] {
        let shown = refused(line, Id::ConfigUnknownKey).to_string();
        assert!(!shown.contains("1fc0bc") && !shown.contains("c2Vj"), "{shown}");
    }
}

#[test]
fn a_secret_with_two_readings_is_described_not_shown() {
    for (written, says) in [
        ("hunter2 #x", "with everything from the # on, YAML without it"),
        ("hunter2 ", "with the white space at its end, YAML without it"),
        ("'hunter''2'", "with its quotes, YAML by rules of its own"),
        ("hunt\\er2", "with its backslash as an escape"),
        ("@hunter2", "as it stands, YAML not as plain text"),
        ("hunter2\\", "goes on in the next line"),
    ] {
        for key in ["oldSecretKey", "newIdnPassword", "newIdnDBUrl"] {
            let error = refused(&format!("{key}={written}"), Id::ConfigSyntax);
            assert!(error.what().contains(says), "{error}");
            assert!(!error.to_string().contains("hunt"), "{error}");
        }
    }
}

#[test]
fn a_list_stands_on_one_line() {
    for (written, expected) in [
        ("/a", vec!["/a"]),
        ("/a, /b", vec!["/a", "/b"]),
        ("/a,/b", vec!["/a", "/b"]),
        ("[/a, /b]", vec!["/a", "/b"]),
        ("[/a]", vec!["/a"]),
        ("['/a', \"/b c\"]", vec!["/a", "/b c"]),
        ("[ /a b , 007 ]", vec!["/a b", "007"]),
        ("[]", vec![]),
        ("", vec![]),
    ] {
        let raw = parse(&format!("allowedRoots: {written}")).unwrap();
        assert_eq!(items(raw.value(Key::AllowedRoots).unwrap()), expected, "{written}");
    }
    for written in [
        "[/a, /b",
        "[/a]]",
        "['/a, /b']",
        "[[/a]]",
        "[/a] # b",
        "[{a: b}]",
        "[/a] ",
        "['it''s']",
        "[\"a\\x41\"]",
    ] {
        refused(&format!("allowedRoots: {written}"), Id::ConfigSyntax);
    }
}

/// `java.util.Properties.load`, run on the same lines, printed these pairs.
#[test]
fn java_reads_lines_like_this() {
    for (line, key, value) in [
        ("k=v", "k", Some("v")),
        ("k: v", "k", Some("v")),
        ("k :v", "k", Some("v")),
        ("k v", "k", Some("v")),
        ("k\t:\tv", "k", Some("v")),
        ("k:=v", "k", Some("=v")),
        ("k==v", "k", Some("=v")),
        ("k = = v", "k", Some("= v")),
        ("k: v ", "k", Some("v ")),
        ("k", "k", Some("")),
        ("k: 'v'", "k", Some("'v'")),
        ("k: a\\tb", "k", Some("a\tb")),
        ("k: a\\\\b", "k", Some("a\\b")),
        ("k: a\\qb", "k", Some("aqb")),
        ("k: \\u00e9", "k", Some("é")),
        ("k: \\u00g9", "k", None),
        ("k: \\u00e", "k", None),
        ("k: a #b", "k", Some("a #b")),
        ("k:#b", "k", Some("#b")),
        ("a\\:b: c", "a\\:b", Some("c")),
        ("k: a\\", "k", Some("a")),
        ("cm9vdA==", "cm9vdA", Some("=")),
        ("k: \"a\\\"b\"", "k", Some("\"a\"b\"")),
        ("k: \\ud83d\\ude00", "k", Some("😀")),
        ("\\=k: v", "\\=k", Some("v")),
    ] {
        let pair = java::split(line);
        assert_eq!((pair.key, java::unescape(pair.value).as_deref()), (key, value), "{line}");
    }
}

/// YAML takes time with the square of the brackets; no real line is that long.
#[test]
fn a_line_of_absurd_length_is_refused_at_once() {
    let error = refused(&format!("newISHome: {}", "[".repeat(1_000_000)), Id::ConfigSyntax);
    assert!(error.what().contains("line 1: is longer than 8192 bytes"), "{error}");
    parse(&format!("newISHome: {}", "a".repeat(8000))).unwrap();
}
