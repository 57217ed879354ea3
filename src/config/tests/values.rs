//! What values mean: flags, sizes, keys, passwords, the file itself, and the refusals that go with
//! them.

use std::os::unix::ffi::OsStringExt as _;
use std::{ffi::OsString, fs};

use super::{Bench, NEW_KEY, OLD_KEY, properties};
use crate::cipher::SecretKey;
use crate::error::Id;
use crate::exit::Exit;
use crate::{ChunkSize, JdbcUrl, Level, Overrides, generate_key, template};

#[test]
fn a_whole_file_becomes_settings() {
    let bench = Bench::new()
        .set("oldIdnDBUrl", "jdbc:sqlite:old.db")
        .set("enableSyncMigrator", "false")
        .set("chunkSize", "2000")
        .set("transformation", "AES/GCM/NoPadding");
    let settings = bench.settings();
    assert_eq!(settings.folder, bench.dir.path());
    assert_eq!(settings.file, bench.path("properties.yaml"));
    assert_eq!(*settings.keys.old_key(), SecretKey::parse(OLD_KEY).unwrap());
    assert_eq!(*settings.keys.new_key(), SecretKey::parse(NEW_KEY).unwrap());
    assert_eq!(settings.chunk_size, ChunkSize { start: 2000, fixed: false });
    assert!(settings.upgrade);
    assert!(!settings.key_id);
    assert_eq!(settings.notices, []);
    assert_eq!(settings.files.unwrap().home, bench.path("home").canonicalize().unwrap());
    let databases = settings.databases.unwrap();
    assert!(!databases.same_database());
    assert_eq!(databases.identity.key, "newIdnDBUrl");
    assert_eq!(databases.registry.key, "newRegDBUrl");
    assert_eq!(databases.old_identity.unwrap().key, "oldIdnDBUrl");
    let path = bench.path("identity.db").canonicalize().unwrap();
    assert_eq!(databases.identity.url.to_string(), format!("jdbc:sqlite:{}", path.display()));
    assert_eq!(databases.identity.url.identity(), format!("sqlite:{}", path.display()));
    assert_eq!(databases.identity.url, JdbcUrl::Sqlite { path });
}

#[test]
fn only_what_the_enabled_parts_need_is_required() {
    let files_only =
        Bench::new().set("enableDBMigrator", "false").unset("newIdnDBUrl").set("newRegDBUrl", "");
    let settings = files_only.settings();
    assert!(settings.databases.is_none() && settings.files.is_some());

    let databases_only = Bench::new().set("enableConfigMigrator", "FALSE").unset("newISHome");
    let settings = databases_only.settings();
    assert!(settings.databases.is_some() && settings.files.is_none());
    assert!(databases_only.set("newISHome", "").settings().files.is_none());

    let absent = Bench::new().unset("enableConfigMigrator").unset("newISHome");
    assert!(absent.settings().files.is_none());
    assert_eq!(
        absent.warnings(),
        ["enableConfigMigrator is not given, so the configuration files are not rotated"]
    );

    for key in ["oldSecretKey", "newSecretKey", "newISHome", "newIdnDBUrl", "newRegDBUrl"] {
        Bench::new().unset(key).fails(Id::ConfigMissingKey, &format!("{key} is missing"));
    }
    Bench::new()
        .unset("newSecretKey")
        .unset("newRegDBUrl")
        .fails(Id::ConfigMissingKey, "these are missing: newSecretKey, newRegDBUrl");
}

#[test]
fn flags_are_true_or_false() {
    for (value, on) in [("true", true), ("TRUE", true), ("True", true), ("false", false), ("False", false)] {
        let settings = Bench::new().set("enableConfigMigrator", value).settings();
        assert_eq!(settings.files.is_some(), on, "{value}");
    }
    for value in ["yes", "on", "1", "", "truee", "~", "null", "enabled"] {
        for key in ["enableDBMigrator", "enableConfigMigrator", "enableSyncMigrator", "enableKeyId"] {
            let error = Bench::new()
                .set(key, value)
                .fails(Id::ConfigValue, &format!("{key} is neither true nor false"));
            assert!(error.remedy().contains(&format!("{key}: true")));
        }
    }
    Bench::new()
        .set("enableDBMigrator", "false")
        .unset("enableConfigMigrator")
        .fails(Id::ConfigNothingEnabled, "nothing to do");
}

#[test]
fn chunk_sizes_are_kept_within_bounds() {
    for (value, start, says) in [
        ("2", 100, "raised to 100"),
        ("0", 100, "raised to 100"),
        ("99", 100, "raised to 100"),
        ("100", 100, ""),
        ("0500", 500, ""),
        ("10000", 10_000, ""),
        ("10001", 10_000, "lowered to 10000"),
        ("99999999999999999999", 10_000, "lowered to 10000"),
    ] {
        let bench = Bench::new().set("chunkSize", value);
        assert_eq!(bench.settings().chunk_size, ChunkSize { start, fixed: false }, "{value}");
        let notices = bench.notices(Level::Info).join("\n");
        assert_eq!(notices.is_empty(), says.is_empty(), "{value}");
        assert!(notices.contains(says), "{notices}");
    }
    assert_eq!(Bench::new().settings().chunk_size, ChunkSize { start: 1000, fixed: false });
    for value in ["", "two", "-5", "+5", "1_000", "1e3", "0x10", "10.0", "٣"] {
        Bench::new().set("chunkSize", value).fails(Id::ConfigValue, "chunkSize is not a whole number");
    }
    let mut bench = Bench::new().set("chunkSize", "2");
    for (size, ok) in [(1, true), (7, true), (100_000, true), (0, false), (100_001, false)] {
        bench.overrides = Overrides { chunk_size: Some(size), ..Overrides::default() };
        if ok {
            assert_eq!(bench.settings().chunk_size, ChunkSize { start: size, fixed: true });
            assert_eq!(bench.settings().notices, []);
        } else {
            bench.fails(Id::CommandLineValue, &format!("--chunk-size {size} is not between 1 and 100000"));
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn keys_are_checked() {
    let hex64 = "00112233445566778899aabbccddeeff".repeat(2);
    for key in [
        "0123456789abcdef",
        "0123456789abcdef01234567",
        "1234567890123e15",
        "onononononononon",
        &hex64,
        &hex64[..48],
    ] {
        let settings = Bench::new().set("newSecretKey", key).settings();
        assert_eq!(*settings.keys.new_key(), SecretKey::parse(key).unwrap());
    }
    for (value, id, says) in [
        ("", Id::ConfigKeyLength, "is empty"),
        ("0123456789abcde", Id::ConfigKeyLength, "is 15 bytes long"),
        ("0123456789abcdef0123456789abcdef0", Id::ConfigKeyLength, "is 33 bytes long"),
        ("0x11223344556677889", Id::ConfigKeyLength, "is 19 bytes long"),
        (&"g".repeat(64), Id::ConfigKeyHex, "character 1 is not one"),
        (&format!("{}x", &hex64[..47]), Id::ConfigKeyHex, "character 48 is not one"),
    ] {
        for key in ["oldSecretKey", "newSecretKey"] {
            let error = Bench::new().set(key, value).fails(id, says);
            assert!(error.what().contains(key), "{error}");
        }
    }
    let as_hex = hex(OLD_KEY).to_uppercase();
    for same in [OLD_KEY, &as_hex] {
        Bench::new().set("newSecretKey", same).fails(Id::ConfigSameKeys, "is the same key as oldSecretKey");
    }
    let published = "03BAFEB27A8E871CAD83C5CD4E771DAB";
    let as_hex = hex(published);
    let lower = published.to_lowercase();
    for key in [published, &as_hex, &lower, &hex(&lower)] {
        Bench::new().set("newSecretKey", key).fails(Id::ConfigDefaultKey, "published default key");
        let pair = format!("{{old: 5e0d9c3b7a61f28440d1c6b8e97f3a52, new: {key}}}");
        Bench::new().set("totpKey", &pair).fails(Id::ConfigDefaultKey, "published default key");
    }
    Bench::new().set("oldSecretKey", published).settings();
    let warnings = Bench::new().set("newSecretKey", &OLD_KEY.to_lowercase()).warnings();
    assert!(warnings[0].contains("differ only in the case of letters"), "{warnings:?}");
}

#[test]
fn secrets_may_stand_elsewhere() {
    let key = SecretKey::parse(NEW_KEY).unwrap();
    for text in [NEW_KEY.to_owned(), format!("{NEW_KEY}\n"), format!("{NEW_KEY}\r\n")] {
        let bench = Bench::new().set("newSecretKey", "env:NEW_KEY").env("NEW_KEY", &text);
        assert_eq!(*bench.settings().keys.new_key(), key);
        let bench = Bench::new().set("newSecretKey", "file:keys/new");
        bench.write("keys/new", &text).mode("keys/new", 0o600);
        assert_eq!(*bench.settings().keys.new_key(), key);
        assert_eq!(bench.settings().notices, []);
        let absolute = format!("file:{}", bench.path("keys/new").display());
        assert_eq!(bench.set("newSecretKey", &absolute).settings().keys.new_key().clone(), key);
    }
    let two = Bench::new().set("newSecretKey", "env:NEW_KEY").env("NEW_KEY", format!("{NEW_KEY}\n\n"));
    two.fails(Id::ConfigKeyLength, "is 33 bytes long");

    let bench = Bench::new().set("newSecretKey", "file:key");
    bench.write("key", NEW_KEY).mode("key", 0o604);
    let warnings = bench.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("which holds newSecretKey; `chmod 600` it"),
        "{warnings:?}"
    );
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_place() {
    for (value, says) in [
        ("env:NOT_SET", "names the environment variable NOT_SET, which is not set"),
        ("env:NOT_TEXT", "NOT_TEXT, which is not UTF-8 text"),
        ("'env:'", "names no environment variable"),
        ("env:1A", "names no environment variable"),
        ("env:A-B", "names no environment variable"),
        ("'file:'", "names no path"),
        ("file:absent", "absent, which cannot be read: No such file"),
        ("file:home", "home, which is not a regular file"),
        ("file:~/key", "begins with ~"),
        ("file:binary", "binary, which is not UTF-8 text"),
        ("file:large", "large, which is too large"),
    ] {
        let bench =
            Bench::new().set("oldSecretKey", value).env("NOT_TEXT", OsString::from_vec(vec![0xff; 16]));
        fs::write(bench.path("binary"), [0xff; 16]).unwrap();
        fs::write(bench.path("large"), "a".repeat(70_000)).unwrap();
        let error = bench.fails(Id::ConfigSecretSource, says);
        // A variable is no file, and a file no variable.
        let (other, own) = if value.contains("env:") { ("file", "variable") } else { ("variable", "file") };
        let is_of = |word: &str| error.remedy().contains(word);
        assert!(!is_of(other) && is_of(own), "{value}: {error}");
    }
}

#[test]
fn passwords_are_base64_and_users_are_ignored_for_sqlite() {
    for value in ["", "cm9vdA==", "cm9vdA", "cGFzc3fDtnJk", "env:NOT_SET", "file:absent"] {
        let bench = Bench::new().set("newIdnUsername", "root").set("newIdnPassword", value);
        let identity = bench.settings().databases.unwrap().identity;
        assert!(identity.server.is_none(), "{value}");
    }
    for value in ["hunter2!", "cm9vdA=", "cm9v dA==", "cm9vdA==x", "cm9-dA_=", "/w=="] {
        for (key, url) in [
            ("newIdnPassword", "newIdnDBUrl"),
            ("newRegPassword", "newRegDBUrl"),
            ("oldIdnPassword", "oldIdnDBUrl"),
        ] {
            let bench = Bench::new().set(
                url,
                &format!(
                    "jdbc:sqlite:{}.db",
                    match url {
                        "newIdnDBUrl" => "identity",
                        "newRegDBUrl" => "registry",
                        _ => "old",
                    }
                ),
            );
            let error = bench.set(key, value).fails(Id::ConfigBase64, &format!("{key} is"));
            assert!(!error.to_string().contains(value), "{error}");
        }
    }
    Bench::new().set("oldIdnPassword", "hunter2!").settings();
}

#[test]
fn a_readable_file_with_secrets_in_it_is_a_warning() {
    let mut bench = Bench::new().set("newIdnPassword", "cm9vdA==").set("newRegPassword", "");
    bench.exposed = true;
    let warnings = bench.warnings();
    assert!(
        warnings.len() == 1
            && warnings[0]
                .ends_with("which holds oldSecretKey, newSecretKey, newIdnPassword; `chmod 600` it"),
        "{warnings:?}"
    );
    let mut bench = Bench::new()
        .set("oldSecretKey", "env:OLD")
        .set("newSecretKey", "env:NEW")
        .env("OLD", OLD_KEY)
        .env("NEW", NEW_KEY);
    bench.exposed = true;
    assert_eq!(bench.settings().notices, []);
}

#[test]
fn only_gcm_is_a_transformation_to_turn_to() {
    assert!(!Bench::new().settings().upgrade);
    for value in ["", "AES", "AES/CBC/PKCS5Padding", "aes/gcm/nopadding"] {
        Bench::new().set("transformation", value).fails(Id::ConfigValue, "is not AES/GCM/NoPadding");
    }
}

#[test]
fn the_file_itself_must_be_readable_text() {
    let dir = tempfile::tempdir().unwrap();
    let load = |text: &[u8]| {
        crate::load(&properties(dir.path(), text), &Overrides::default()).map(drop).unwrap_err()
    };
    for (text, says) in [
        (b"chunkSize: 2\nnewISHome: \xe9\n".as_slice(), "line 2 is not UTF-8 text"),
        ("#\n".repeat(600_000).as_bytes(), "larger than 1 MiB"),
    ] {
        let error = load(text);
        assert_eq!(error.id(), Id::ConfigUnreadable);
        assert!(error.what().contains(says), "{error}");
    }
    let error = load(b"\n\nchunkSice: 2");
    assert!(error.what().contains("properties.yaml: line 3: `chunkSice`"), "{error}");
    for (path, says) in
        [(dir.path().join("absent.yaml"), "No such file"), (dir.path().to_owned(), "is a folder")]
    {
        let error = crate::load(&path, &Overrides::default()).map(drop).unwrap_err();
        assert_eq!((error.id(), error.exit()), (Id::ConfigUnreadable, Exit::Usage));
        assert!(error.what().contains(says), "{error}");
    }
}

#[test]
fn load_reads_the_mode_of_the_file() {
    let bench = Bench::new();
    let file = properties(bench.dir.path(), bench.text());
    assert_eq!(crate::load(&file, &Overrides::default()).unwrap().notices, []);
    bench.mode("properties.yaml", 0o644);
    let notices = crate::load(&file, &Overrides::default()).unwrap().notices;
    assert!(notices.len() == 1 && notices[0].text.contains("everyone may read"), "{notices:?}");
}

#[test]
fn the_template_has_every_key_and_loads_once_filled_in() {
    for key in crate::Key::ALL {
        let line = |text: &&str| text.trim_start_matches('#').starts_with(&format!("{key}:"));
        assert_eq!(template().lines().filter(line).count(), 1, "{key}");
    }
    let optional =
        template().replace("#transformation", "transformation").replace("#enableKeyId", "enableKeyId");
    let optional =
        optional.replace("#allowedRoots: [/first/folder, /second/folder]", "allowedRoots: [home, .]");
    for text in [template(), &optional] {
        let filled = text
            .replace("newISHome:", "newISHome: home")
            .replace("newIdnDBUrl:", "newIdnDBUrl: jdbc:sqlite:identity.db")
            .replace("newRegDBUrl:", "newRegDBUrl: jdbc:sqlite:registry.db");
        let mut bench = Bench::new().env("OLD_SECRET_KEY", OLD_KEY).env("NEW_SECRET_KEY", NEW_KEY);
        bench.lines = filled
            .lines()
            .filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned())))
            .filter(|(key, _)| !key.starts_with('#'))
            .collect();
        assert!(crate::parse(&filled).is_ok());
        assert_eq!(bench.settings().notices, []);
    }
}

#[test]
fn keygen_makes_keys_for_every_version() {
    for (version, digits) in [
        (None, 32),
        (Some("5.11"), 32),
        (Some("6.1.0"), 32),
        (Some("7.0"), 32),
        (Some("7.0.0-update2"), 32),
        (Some("7.1"), 64),
        (Some("v7.1.0"), 64),
        (Some("7.3.0.12"), 64),
        (Some("8.0"), 64),
    ] {
        let key = generate_key(version).unwrap();
        assert_eq!(key.len(), digits, "{version:?}");
        assert!(key.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{key}");
        assert_ne!(key, generate_key(version).unwrap());
        SecretKey::parse(&key).unwrap();
    }
    for version in
        ["", "7", "seven", "7.x", "7.1.", ".7", "7..1", "-7.1", "7.1 ", "5.10", "3.2.1", "4294967296.1"]
    {
        let error = generate_key(Some(version)).unwrap_err();
        assert_eq!((error.id(), error.exit()), (Id::CommandLineValue, Exit::Usage), "{version}");
    }
}
