//! Values that cannot be rotated, planted in the copies: for tests of what a rotation does then.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite};

use super::forge::{Forge, Form, ecb, object};
use super::identity::add_user;
use super::random::Random;
use super::{Deployment, Spec, database, key};
use crate::error::{Error, Id, Result};

/// Why a planted value cannot be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Sealed with a key that is neither the old nor the new one.
    ForeignKey,
    /// Wrapped with the keystore's RSA key, as servers before 5.11 did.
    KeystoreWrapped,
    /// The inner object is cut off.
    DamagedInner,
    /// A cipher transformation that WSO2 never wrote.
    UnknownTransformation,
    /// Opens under the old key, but the new value is longer than the column.
    TooLong,
    /// ECB that opens under both keys, in a row without a hash that could decide.
    Ambiguous,
    /// A serialized object that ends too early.
    TruncatedObject,
    /// A serialized object that is whole, with a credential under a foreign key.
    ForeignCredential,
    /// Text that is not UTF-8.
    NotText,
}

/// A planted value: a row of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The table.
    pub table: &'static str,
    /// The values of the row's key columns, in the key's order.
    pub key: Vec<String>,
    /// The column with the value.
    pub column: &'static str,
    /// What is wrong with it.
    pub why: Why,
}

/// A key that the deployment does not have.
const FOREIGN_KEY: &str = "00112233445566778899aabbccddeeff";

/// One block that opens under both keys of [`Spec::default`] to fifteen printable characters.
/// Found by trying a billion plaintexts.
const OPENS_UNDER_BOTH: [u8; 16] =
    [0x5e, 0xbb, 0x26, 0x1e, 0x60, 0x12, 0x10, 0xb2, 0xdb, 0xb6, 0xda, 0x5d, 0x48, 0x29, 0x75, 0x1e];

/// The length of WF_BPS_PROFILE.PASSWORD.
const PROFILE_PASSWORD: usize = 1023;

/// Plants rows that cannot be rotated in the new databases, and says which.
///
/// The ambiguous value is only planted where the keys are those of [`Spec::default`]: it was found
/// for them.
pub async fn damage(deployment: &Deployment) -> Result<Vec<Damaged>> {
    let spec = &deployment.spec;
    let mut random = Random::new(spec.seed ^ 0x5501_1ed0);
    let mut ours = Forge::new(key(&spec.old_key, "old")?, &mut random);
    let mut foreign = Forge::new(key(FOREIGN_KEY, "foreign")?, &mut random);

    let mut identity = Planter::open(&deployment.new_identity).await?;
    identity
        .token("foreign", Some(&foreign.seal(Form::Gcm128KeyId, "foreign")?), None, Why::ForeignKey)
        .await?;
    identity.token("wrapped", None, Some(&keystore_wrapped(&mut random)), Why::KeystoreWrapped).await?;
    identity.token("damaged", Some(&damaged_inner()), None, Why::DamagedInner).await?;
    let des = object(&[("c", "AAAAAAAAAAA="), ("t", "DES/CBC/PKCS5Padding"), ("iv", "AAAAAAAAAAA=")], false);
    identity.token("unknown", Some(&des), None, Why::UnknownTransformation).await?;
    identity.profile(&barely_fits(&mut ours)?).await?;
    let request =
        add_user("spoiled-truncated", "trent", "PRIMARY", -1234, Some(&ours.seal(Form::Gcm16, "cut")?))?;
    identity
        .request(
            "spoiled-truncated",
            request.split_last().map_or(&[], |(_, rest)| rest),
            Why::TruncatedObject,
        )
        .await?;
    let request =
        add_user("spoiled-foreign", "trent", "PRIMARY", -1234, Some(&foreign.seal(Form::Gcm16, "cut")?))?;
    identity.request("spoiled-foreign", &request, Why::ForeignCredential).await?;
    identity.claim(b"caf\xe9, in Latin-1").await?;
    if is_default(spec) {
        identity.application(&ecb(&OPENS_UNDER_BOTH)).await?;
    }
    let mut spoiled = identity.close().await?;

    let mut registry = Planter::open(&deployment.new_registry).await?;
    registry.property(&foreign.seal(Form::Gcm16, "foreign")?).await?;
    spoiled.extend(registry.close().await?);
    Ok(spoiled)
}

fn is_default(spec: &Spec) -> bool {
    let default = Spec::default();
    (&spec.old_key, &spec.new_key) == (&default.old_key, &default.new_key)
}

/// What servers before 5.11 stored: RSA, with the certificate's thumbprint.
fn keystore_wrapped(random: &mut Random) -> String {
    let ciphertext: Vec<u8> = (0..32).flat_map(|_| random.next().to_be_bytes()).collect();
    object(
        &[
            ("c", &STANDARD.encode(ciphertext)),
            ("t", "RSA/ECB/OAEPwithSHA1andMGF1Padding"),
            ("tp", "501FC1432D87155DC431382AEB843ED558AD61B1"),
            ("tpd", "SHA-1"),
        ],
        false,
    )
}

/// An envelope whose inner object ends in the middle of a name.
fn damaged_inner() -> String {
    let inner = STANDARD.encode(r#"{"cipher":"q83vEjRWeJA=","initializ"#);
    object(&[("c", &inner), ("t", "AES/GCM/NoPadding"), ("iv", "AAAAAAAAAAAAAAAAAAAAAA==")], false)
}

/// The longest value with an IV of 12 bytes that the column takes: with one of 16 it is too long.
fn barely_fits(forge: &mut Forge) -> Result<String> {
    let mut longest = String::new();
    let mut plaintext = String::new();
    loop {
        plaintext.push('x');
        let stored = forge.short_iv(&plaintext)?;
        if stored.len() > PROFILE_PASSWORD {
            return Ok(longest);
        }
        longest = stored;
    }
}

type Arguments<'a> = sqlx::query::Query<'a, Sqlite, SqliteArguments>;

/// Plants rows in one database, in one transaction.
struct Planter {
    db: SqliteConnection,
    spoiled: Vec<Damaged>,
}

impl Planter {
    async fn open(path: &Path) -> Result<Self> {
        let mut db = SqliteConnectOptions::new().filename(path).connect().await.map_err(database)?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut db).await.map_err(database)?;
        Ok(Self { db, spoiled: Vec::new() })
    }

    async fn close(mut self) -> Result<Vec<Damaged>> {
        sqlx::query("COMMIT").execute(&mut self.db).await.map_err(database)?;
        self.db.close().await.map_err(database)?;
        Ok(self.spoiled)
    }

    async fn plant(
        &mut self,
        insert: Arguments<'_>,
        table: &'static str,
        key: &[&str],
        column: &'static str,
        why: Why,
    ) -> Result<()> {
        let rows = insert.execute(&mut self.db).await.map_err(database)?.rows_affected();
        if rows != 1 {
            return Err(Error::new(Id::DemoDatabase, format!("a row of {table} was not planted")));
        }
        let key = key.iter().map(|&part| part.to_owned()).collect();
        self.spoiled.push(Damaged { table, key, column, why });
        Ok(())
    }

    async fn token(
        &mut self,
        name: &str,
        access: Option<&str>,
        refresh: Option<&str>,
        why: Why,
    ) -> Result<()> {
        const INSERT: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, \
            AUTHZ_USER, TENANT_ID, USER_DOMAIN, TOKEN_STATE_ID) VALUES (?1, ?2, ?3, 'trent', -1234, 'PRIMARY', ?1)";
        let id = format!("spoiled-{name}");
        let insert = sqlx::query(INSERT).bind(&id).bind(access).bind(refresh);
        let column = if access.is_some() { "ACCESS_TOKEN" } else { "REFRESH_TOKEN" };
        self.plant(insert, "IDN_OAUTH2_ACCESS_TOKEN", &[&id], column, why).await
    }

    async fn profile(&mut self, password: &str) -> Result<()> {
        const INSERT: &str = "INSERT INTO WF_BPS_PROFILE (PROFILE_NAME, USERNAME, PASSWORD, TENANT_ID) VALUES ('spoiled', 'admin', ?, 1)";
        let insert = sqlx::query(INSERT).bind(password);
        self.plant(insert, "WF_BPS_PROFILE", &["spoiled", "1"], "PASSWORD", Why::TooLong).await
    }

    async fn request(&mut self, uuid: &str, object: &[u8], why: Why) -> Result<()> {
        const INSERT: &str =
            "INSERT INTO WF_REQUEST (UUID, OPERATION_TYPE, REQUEST) VALUES (?, 'ADD_USER', ?)";
        let insert = sqlx::query(INSERT).bind(uuid).bind(object);
        self.plant(insert, "WF_REQUEST", &[uuid], "REQUEST", why).await
    }

    async fn claim(&mut self, text: &[u8]) -> Result<()> {
        const INSERT: &str = "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) \
            VALUES (-1234, 'trent', ?, CAST(? AS TEXT))";
        let claim = "http://wso2.org/claims/identity/secretkey";
        let insert = sqlx::query(INSERT).bind(claim).bind(text);
        let key = ["-1234", "trent", claim];
        self.plant(insert, "IDN_IDENTITY_USER_DATA", &key, "DATA_VALUE", Why::NotText).await
    }

    async fn application(&mut self, secret: &str) -> Result<()> {
        const INSERT: &str = "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, CONSUMER_SECRET, TENANT_ID) \
            VALUES (9001, 'spoiled', ?, -1234)";
        let insert = sqlx::query(INSERT).bind(secret);
        self.plant(insert, "IDN_OAUTH_CONSUMER_APPS", &["9001"], "CONSUMER_SECRET", Why::Ambiguous).await
    }

    async fn property(&mut self, value: &str) -> Result<()> {
        const INSERT: &str = "INSERT INTO REG_PROPERTY (REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID) VALUES (9001, 'password', ?, -1234)";
        let insert = sqlx::query(INSERT).bind(value);
        self.plant(insert, "REG_PROPERTY", &["9001", "-1234"], "REG_VALUE", Why::ForeignKey).await
    }
}
