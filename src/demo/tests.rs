//! The demo from outside: what JSON parsers, Java and golden requests say of what it makes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sqlx::Row as _;
use tempfile::TempDir;

use super::java_request::{Parameter, Request, Value};
use super::*;
use crate::cipher::{OpenError, Transformation, open};

const TOKENS: u64 = 200;

fn spec() -> Spec {
    Spec { tokens: TOKENS, ..Spec::default() }
}

async fn made(spec: &Spec) -> (TempDir, Deployment) {
    let folder = tempfile::tempdir().unwrap();
    let deployment = build(&folder.path().join("demo"), spec).await.unwrap();
    (folder, deployment)
}

/// What a stored text is, read with nothing but a JSON parser.
#[derive(Debug, PartialEq)]
enum Stored {
    Plain,
    Empty,
    Sealed { form: String, plaintext: String },
    Closed(OpenError),
}

fn read(key: &SecretKey, stored: &str) -> Stored {
    let decode = |text: &str| STANDARD.decode(text.split_whitespace().collect::<String>());
    let Some(outer) = decode(stored).ok().and_then(|json| serde_json::from_slice::<Json>(&json).ok()) else {
        return Stored::Plain;
    };
    let field = |object: &Json, name: &str| decode(object[name].as_str().unwrap()).unwrap();
    let (transformation, iv, ciphertext, form) = match outer["t"].as_str().unwrap() {
        "AES" => (Transformation::Ecb, vec![], field(&outer, "c"), "ecb".to_owned()),
        "AES/CBC/PKCS5Padding" => {
            (Transformation::Cbc, field(&outer, "iv"), field(&outer, "c"), "cbc".to_owned())
        }
        "AES/GCM/NoPadding" => {
            let text = String::from_utf8(field(&outer, "c")).unwrap();
            let inner: Json = serde_json::from_str(&text).unwrap();
            let iv = field(&inner, "initializationVector");
            assert_eq!(iv, field(&outer, "iv"), "servers repeat the IV");
            if inner["cipher"] == "" {
                return Stored::Empty;
            }
            let ids = [&inner["keyId"], &outer["kid"]];
            let ours = ids.iter().all(|id| id.is_null() || id.as_str() == Some(key.key_id()));
            let extra = match ids.map(Json::is_null) {
                _ if !ours => "-foreign",
                _ if text.contains("\\u003d") => "-escaped",
                _ if stored.contains("\r\n") => "-folded",
                [true, _] => "",
                [_, true] => "-id",
                _ => "-id-id",
            };
            (Transformation::Gcm, iv.clone(), field(&inner, "cipher"), format!("gcm{}{extra}", iv.len()))
        }
        other => panic!("{other}"),
    };
    match open(key, transformation, &iv, &ciphertext) {
        Ok(plaintext) => Stored::Sealed { form, plaintext: String::from_utf8(plaintext.to_vec()).unwrap() },
        Err(error) => Stored::Closed(error),
    }
}

/// The texts of a column, NULL left out, with what stands in another column of the row.
async fn column(
    path: &Path,
    table: &str,
    column: &str,
    beside: &str,
) -> Vec<(Option<String>, Option<String>)> {
    let mut db = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let sql = format!("SELECT {column}, CAST({beside} AS TEXT) FROM {table}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

const COLUMNS: &[(&str, &str, &str)] = &[
    ("IDN_IDENTITY_USER_DATA", "DATA_VALUE", "DATA_KEY"),
    ("IDN_OAUTH_CONSUMER_APPS", "CONSUMER_SECRET", "ID"),
    ("IDN_OAUTH_CONSUMER_SECRETS", "SECRET_VALUE", "SECRET_ID"),
    ("IDN_OAUTH2_AUTHORIZATION_CODE", "AUTHORIZATION_CODE", "AUTHORIZATION_CODE_HASH"),
    ("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", "ACCESS_TOKEN_HASH"),
    ("IDN_OAUTH2_ACCESS_TOKEN", "REFRESH_TOKEN", "REFRESH_TOKEN_HASH"),
    ("IDN_OAUTH2_ACCESS_TOKEN_AUDIT", "ACCESS_TOKEN", "ACCESS_TOKEN_HASH"),
    ("IDN_OAUTH2_ACCESS_TOKEN_AUDIT", "REFRESH_TOKEN", "REFRESH_TOKEN_HASH"),
    ("IDN_OAUTH2_REFRESH_TOKEN", "REFRESH_TOKEN", "REFRESH_TOKEN_HASH"),
    ("WF_BPS_PROFILE", "PASSWORD", "PROFILE_NAME"),
    ("IDN_SECRET", "SECRET_VALUE", "ID"),
    ("IDN_XACML_SUBSCRIBER_PROPERTY", "PROPERTY_VALUE", "PROPERTY_ID"),
    ("REG_PROPERTY", "REG_VALUE", "REG_NAME"),
    ("KEY_STORE", "PASSWORD", "NAME"),
    ("KEY_STORE", "PRIVATE_KEY_PASS", "NAME"),
];

#[tokio::test]
async fn every_sealed_value_opens_under_the_old_key_and_is_counted() {
    let (_folder, demo) = made(&spec()).await;
    let old = SecretKey::parse(&demo.spec.old_key).unwrap();
    let new = SecretKey::parse(&demo.spec.new_key).unwrap();
    let mut sealed = BTreeMap::<&str, u64>::new();
    let mut forms = BTreeSet::new();
    let mut stored_texts = BTreeSet::new();
    for &(table, name, beside) in COLUMNS {
        let registry = ["REG_PROPERTY", "KEY_STORE"].contains(&table);
        let path = if registry { &demo.new_registry } else { &demo.new_identity };
        for (stored, beside) in column(path, table, name, beside).await {
            let Some(stored) = stored else {
                assert!(!name.contains("REFRESH") || beside.is_none(), "{table}: a hash of nothing");
                continue;
            };
            let plaintext = match read(&old, &stored) {
                Stored::Sealed { form, plaintext } => {
                    *sealed.entry(table).or_default() += 1;
                    assert!(
                        !matches!(read(&new, &stored), Stored::Sealed { .. }),
                        "{table}: opens under both"
                    );
                    assert!(stored_texts.insert(stored), "{table}: a value came twice");
                    forms.insert(form);
                    plaintext
                }
                Stored::Plain => stored,
                Stored::Empty => continue,
                Stored::Closed(error) => panic!("{table}.{name}: {error}"),
            };
            if let Some(hash) = beside.filter(|beside| beside.contains("SHA-256")) {
                assert_eq!(hash, world::hash(&plaintext, hash.starts_with(r#"{"hash""#)));
                let json: Json = serde_json::from_str(&hash).unwrap();
                assert_eq!(json["hash"].as_str().unwrap().len(), 64);
            }
        }
    }
    for (table, count) in demo.counts.tables().filter(|(table, _)| *table != "WF_REQUEST") {
        assert_eq!(count.sealed_values, sealed.get(table).copied().unwrap_or_default(), "{table}");
    }
    let expected =
        ["cbc", "ecb", "gcm128", "gcm128-folded", "gcm128-id", "gcm128-id-id", "gcm16", "gcm16-escaped"];
    assert!(forms.iter().map(String::as_str).eq(expected), "{forms:?}");
}

#[tokio::test]
async fn credentials_in_requests_open_under_the_old_key() {
    let (_folder, demo) = made(&spec()).await;
    let old = SecretKey::parse(&demo.spec.old_key).unwrap();
    let mut db = SqliteConnectOptions::new().filename(&demo.new_identity).connect().await.unwrap();
    let sql = "SELECT REQUEST FROM WF_REQUEST WHERE REQUEST IS NOT NULL";
    let blobs: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
    let mut opened = 0;
    for blob in &blobs {
        // A text: its length in two bytes, then, if it is an envelope, base64 of `{"`.
        let Some(at) = blob.windows(3).position(|window| window == b"eyJ") else { continue };
        let length = usize::from(u16::from_be_bytes([blob[at - 2], blob[at - 1]]));
        let stored = std::str::from_utf8(&blob[at..at + length]).unwrap();
        assert!(
            matches!(read(&old, stored), Stored::Sealed { plaintext, .. } if plaintext.starts_with("Initial#"))
        );
        opened += 1;
    }
    assert_eq!((blobs.len() as u64, opened), (36, demo.counts.table("WF_REQUEST").sealed_values));
}

#[tokio::test]
async fn rows_are_counted_as_what_they_are() {
    let (_folder, demo) = made(&spec()).await;
    for (table, count) in demo.counts.tables() {
        let registry = ["REG_PROPERTY", "REG_RESOURCE_PROPERTY", "KEY_STORE"].contains(&table);
        let path = if registry { &demo.old_registry } else { &demo.old_identity };
        assert_eq!(column(path, table, "NULL", "1").await.len() as u64, count.rows, "{table}");
    }
    // 20 tokens: 3 from client credentials, 1 with a plain refresh token, 1 all plain, 1 with a
    // plain access token, 14 with two ciphertexts.
    let tokens =
        TableCount { rows: 200, sealed_rows: 190, plain_rows: 10, sealed_values: 330, ..Default::default() };
    assert_eq!(demo.counts.table("IDN_OAUTH2_ACCESS_TOKEN"), tokens);
    let apps = TableCount {
        rows: 20,
        sealed_rows: 17,
        empty_rows: 1,
        plain_rows: 1,
        null_rows: 1,
        sealed_values: 17,
    };
    assert_eq!(demo.counts.table("IDN_OAUTH_CONSUMER_APPS"), apps);
    let requests = TableCount {
        rows: 40,
        sealed_rows: 24,
        plain_rows: 12,
        null_rows: 4,
        sealed_values: 24,
        empty_rows: 0,
    };
    assert_eq!(demo.counts.table("WF_REQUEST"), requests);
    let properties = demo.counts.table("IDN_XACML_SUBSCRIBER_PROPERTY");
    assert_eq!((properties.rows, properties.sealed_rows, properties.plain_rows), (6, 2, 0));
    assert_eq!(demo.counts.files, FileCount { files: 10, sealed_files: 9, sealed_values: 11 });
}

#[tokio::test]
async fn the_same_spec_makes_the_same_deployment_and_another_seed_another() {
    let (_first_folder, first) = made(&spec()).await;
    let (_second_folder, second) = made(&spec()).await;
    let (_third_folder, third) = made(&Spec { seed: 2, ..spec() }).await;
    let bytes = |path: &Path| fs::read(path).unwrap();
    let mut files = 0;
    for entry in WalkDir::new(&first.folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
    {
        let name = entry.path().strip_prefix(&first.folder).unwrap();
        assert_eq!(bytes(entry.path()), bytes(&second.folder.join(name)), "{}", name.display());
        files += 1;
    }
    assert_eq!(files, 5 + 2 * 13);
    assert_eq!(first.counts, second.counts);
    assert_eq!(bytes(&first.old_identity), bytes(&first.new_identity));
    assert_ne!(bytes(&first.old_identity), bytes(&third.old_identity));
}

#[tokio::test]
async fn one_database_can_hold_both() {
    let (_folder, demo) = made(&Spec { separate_registry: false, rows_only_tokens: true, ..spec() }).await;
    assert_eq!(demo.new_registry, demo.new_identity);
    assert_eq!(column(&demo.new_registry, "REG_PROPERTY", "NULL", "1").await.len(), 36);
    assert_eq!(column(&demo.new_identity, "IDN_OAUTH2_ACCESS_TOKEN", "NULL", "1").await.len(), 200);
    assert_eq!(demo.counts.table("IDN_OAUTH2_ACCESS_TOKEN_SCOPE").rows, 0);
    let config = fs::read_to_string(&demo.config).unwrap();
    assert!(config.contains("newRegDBUrl: jdbc:sqlite:new-identity.db\n"));
    assert!(!demo.folder.join("new-registry.db").exists());
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    let error = build(folder.path(), &spec()).await.unwrap_err();
    assert_eq!(error.id(), Id::DemoFolder);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let absent = folder.path().join("absent");
    let error = build(&absent, &Spec { old_key: "short".to_owned(), ..spec() }).await.unwrap_err();
    assert_eq!(error.id(), Id::DemoKey);
    assert!(!absent.exists() && !error.to_string().contains("short"));
}

#[tokio::test]
async fn the_files_have_their_peculiarities_and_no_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, demo) = made(&spec()).await;
    let text = |path: &str| fs::read_to_string(demo.home.join(path)).unwrap();
    let stores = "repository/deployment/server/userstores";
    let legacy = text(&format!("{stores}/LEGACY.xml"));
    assert!(legacy.starts_with('\u{feff}') && legacy.contains("encrypted='TRUE'"));
    let partners = text(&format!("{stores}/PARTNERS_COM.xml"));
    assert_eq!(partners.matches('\n').count(), partners.matches("\r\n").count());
    assert!(text("repository/deployment/server/eventpublishers/JmsOrders.xml").contains("<![CDATA[ey"));
    assert!(!text("repository/conf/deployment.toml").contains(&demo.spec.old_key));
    assert_eq!(fs::metadata(&demo.config).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{demo:?}").contains(&demo.spec.old_key));
}

#[tokio::test]
async fn what_is_spoiled_is_there_and_wrong_in_its_way() {
    let (_folder, demo) = made(&spec()).await;
    let spoiled = damage(&demo).await.unwrap();
    let old = SecretKey::parse(&demo.spec.old_key).unwrap();
    let new = SecretKey::parse(&demo.spec.new_key).unwrap();
    let whys: Vec<Why> = spoiled.iter().map(|planted| planted.why).collect();
    assert_eq!(
        whys,
        [
            Why::ForeignKey,
            Why::KeystoreWrapped,
            Why::DamagedInner,
            Why::UnknownTransformation,
            Why::TooLong,
            Why::TruncatedObject,
            Why::ForeignCredential,
            Why::NotText,
            Why::Ambiguous,
            Why::ForeignKey,
        ]
    );
    for planted in &spoiled {
        let path = if planted.table == "REG_PROPERTY" { &demo.new_registry } else { &demo.new_identity };
        let stored = stored(path, planted).await;
        let text = || std::str::from_utf8(&stored).unwrap();
        let outer = || serde_json::from_slice::<Json>(&STANDARD.decode(text()).unwrap()).unwrap();
        match planted.why {
            Why::ForeignKey => {
                for key in [&old, &new] {
                    assert_eq!(read(key, text()), Stored::Closed(OpenError::WrongKey));
                }
            }
            Why::KeystoreWrapped => assert!(outer()["t"].as_str().unwrap().starts_with("RSA")),
            Why::UnknownTransformation => assert_eq!(outer()["t"], "DES/CBC/PKCS5Padding"),
            Why::DamagedInner => {
                let inner = STANDARD.decode(outer()["c"].as_str().unwrap()).unwrap();
                assert!(serde_json::from_slice::<Json>(&inner).is_err());
            }
            Why::TooLong => {
                let Stored::Sealed { form, plaintext } = read(&old, text()) else { panic!("does not open") };
                let mut forge = forge::Forge::new(old.clone(), &mut random::Random::new(1));
                let rotated = forge.seal(forge::Form::Gcm16, &plaintext).unwrap();
                assert_eq!(form, "gcm12");
                assert!(stored.len() <= 1023 && rotated.len() > 1023);
            }
            Why::Ambiguous => {
                for key in [&old, &new] {
                    let Stored::Sealed { plaintext, .. } = read(key, text()) else { panic!("does not open") };
                    assert!(plaintext.len() == 15 && plaintext.chars().all(|c| !c.is_control()));
                }
            }
            Why::TruncatedObject => assert!(stored.starts_with(&[0xac, 0xed, 0, 5])),
            Why::ForeignCredential => assert!(stored.ends_with(b"\x00\x0fspoiled-foreign")),
            Why::NotText => assert!(std::str::from_utf8(&stored).is_err()),
        }
    }
}

async fn stored(path: &Path, planted: &Damaged) -> Vec<u8> {
    let mut db = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let keys = match planted.table {
        "IDN_OAUTH2_ACCESS_TOKEN" => "TOKEN_ID",
        "WF_BPS_PROFILE" => "PROFILE_NAME || '|' || TENANT_ID",
        "WF_REQUEST" => "UUID",
        "IDN_IDENTITY_USER_DATA" => "TENANT_ID || '|' || USER_NAME || '|' || DATA_KEY",
        "IDN_OAUTH_CONSUMER_APPS" => "CAST(ID AS TEXT)",
        "REG_PROPERTY" => "REG_ID || '|' || REG_TENANT_ID",
        other => panic!("{other}"),
    };
    let sql = format!("SELECT CAST({} AS BLOB) FROM {} WHERE {keys} = ?", planted.column, planted.table);
    let row =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(planted.key.join("|")).fetch_one(&mut db).await.unwrap();
    row.get(0)
}

/// The writer against Java's own: requests that `ObjectOutputStream` wrote, written again.
#[test]
fn a_request_is_byte_for_byte_what_java_writes() {
    for name in ["01_no_credential", "02_one_credential", "03_two_credentials", "06_non_ascii"] {
        let golden = |ending: &str| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/wf_request");
            fs::read(root.join(format!("{name}.{ending}"))).unwrap()
        };
        let described: Json = serde_json::from_slice(&golden("json")).unwrap();
        let text = |json: &'static str, of: &Json| of[json].as_str().unwrap().to_owned();
        let parameters: Vec<_> = described["parameters"].as_array().unwrap().iter().collect();
        let texts: Vec<_> = parameters
            .iter()
            .map(|parameter| {
                (text("name", parameter), text("value", parameter), text("valueType", parameter))
            })
            .collect();
        let parameters: Vec<_> = texts
            .iter()
            .zip(&parameters)
            .map(|((name, value, value_type), described)| Parameter {
                name,
                value: Value::Text(value),
                value_type,
                required: described["requiredInWorkflow"].as_bool().unwrap(),
            })
            .collect();
        let request = Request {
            tenant: i32::try_from(described["tenantId"].as_i64().unwrap()).unwrap(),
            event: &text("eventType", &described),
            uuid: &text("uuid", &described),
            parameters: &parameters,
        };
        assert_eq!(request.write().unwrap(), golden("bin"), "{name}");
    }
}
