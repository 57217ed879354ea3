//! Applications, authorization codes and tokens.

use sha2::{Digest as _, Sha256};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::counts::{Cell, Kind};
use super::world::{TENANTS, World, hash, hex, pick};
use super::{Sizes, Spec, database};
use crate::error::Result;

/// How many applications there are.
const APPLICATIONS: u64 = 20;

/// Rows in one statement: a round trip to SQLite's thread costs more than its row.
const TOKENS_AT_ONCE: usize = 100;

const HOUR_MS: i64 = 3_600_000;

const SCOPES: [&[&str]; 5] = [
    &["openid"],
    &["email", "openid", "profile"],
    &["internal_login", "openid"],
    &["orders:read", "orders:write"],
    &["default"],
];

const INSERT_APPLICATION: &str = "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, CONSUMER_SECRET, \
    USERNAME, TENANT_ID, USER_DOMAIN, APP_NAME, OAUTH_VERSION, CALLBACK_URL, GRANT_TYPES) \
    VALUES (?, ?, ?, ?, ?, ?, ?, 'OAuth-2.0', ?, ?)";

const INSERT_SECRET: &str = "INSERT INTO IDN_OAUTH_CONSUMER_SECRETS (SECRET_ID, CONSUMER_KEY_ID, SECRET_VALUE, \
    CREATED_TIME, EXPIRY_TIME) VALUES (?, ?, ?, ?, ?)";

const INSERT_CODE: &str = "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE (CODE_ID, AUTHORIZATION_CODE, \
    CONSUMER_KEY_ID, CALLBACK_URL, SCOPE, AUTHZ_USER, TENANT_ID, USER_DOMAIN, TIME_CREATED, VALIDITY_PERIOD, \
    STATE, TOKEN_ID, SUBJECT_IDENTIFIER, AUTHORIZATION_CODE_HASH) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 300000, ?, ?, ?, ?)";

const INSERT_TOKENS: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, \
    CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, USER_DOMAIN, USER_TYPE, GRANT_TYPE, TIME_CREATED, \
    REFRESH_TOKEN_TIME_CREATED, VALIDITY_PERIOD, REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_SCOPE_HASH, TOKEN_STATE, \
    TOKEN_STATE_ID, SUBJECT_IDENTIFIER, ACCESS_TOKEN_HASH, REFRESH_TOKEN_HASH, TOKEN_BINDING_REF, \
    CONSENTED_TOKEN) ";

const INSERT_SCOPES: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE, TENANT_ID) ";

const INSERT_AUDIT: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_AUDIT (ID, TOKEN_ID, ACCESS_TOKEN, \
    REFRESH_TOKEN, CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, USER_DOMAIN, USER_TYPE, GRANT_TYPE, TIME_CREATED, \
    REFRESH_TOKEN_TIME_CREATED, VALIDITY_PERIOD, REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_SCOPE_HASH, TOKEN_STATE, \
    TOKEN_STATE_ID, SUBJECT_IDENTIFIER, ACCESS_TOKEN_HASH, REFRESH_TOKEN_HASH, INVALIDATED_TIME) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_REFRESH: &str = "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN (REFRESH_TOKEN_ID, REFRESH_TOKEN, \
    CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, USER_DOMAIN, GRANT_TYPE, REFRESH_TOKEN_TIME_CREATED, \
    REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_SCOPE_HASH, TOKEN_STATE, SUBJECT_IDENTIFIER, REFRESH_TOKEN_HASH) \
    VALUES (?, ?, ?, ?, ?, ?, 'authorization_code', ?, ?, ?, ?, ?, ?)";

/// Fills the tables of this module.
pub(super) async fn fill(db: &mut SqliteConnection, world: &mut World, sizes: &Sizes) -> Result<()> {
    applications(db, world).await?;
    for number in 0..sizes.codes {
        code(db, world, number).await?;
    }
    for first in (0..sizes.tokens).step_by(TOKENS_AT_ONCE) {
        let batch = first..sizes.tokens.min(first + TOKENS_AT_ONCE as u64);
        let tokens = batch.map(|number| Token::new(world, number)).collect::<Result<Vec<_>>>()?;
        insert_tokens(db, world, &tokens).await?;
        if sizes.scopes {
            insert_scopes(db, world, &tokens).await?;
        }
    }
    for number in 0..sizes.audits {
        let token = Token::new(world, number)?;
        token.insert_audit(db, world).await?;
    }
    for number in 0..sizes.refresh_tokens {
        refresh_token(db, world, number).await?;
    }
    Ok(())
}

fn tenant_of(application: u64) -> i64 {
    pick(&TENANTS, application)
}

fn callback(application: u64) -> String {
    format!("https://app{application}.example.com/callback")
}

async fn applications(db: &mut SqliteConnection, world: &mut World) -> Result<()> {
    for id in 1..=APPLICATIONS {
        let plaintext = world.random.hex(2);
        let secret = match id {
            17 => Cell::null(),             // a public client
            18 => world.empty(),            // another
            19 => Cell::plain(&*plaintext), // from before encryption was switched on
            _ => world.sealed(&plaintext)?,
        };
        let owner = World::user(id);
        sqlx::query(INSERT_APPLICATION)
            .bind(number(id))
            .bind(world.random.hex(2))
            .bind(secret.stored)
            .bind(owner.name)
            .bind(tenant_of(id))
            .bind(owner.domain)
            .bind(format!("Application {id}"))
            .bind(callback(id))
            .bind("authorization_code refresh_token client_credentials password")
            .execute(&mut *db)
            .await
            .map_err(database)?;
        world.counts.row("IDN_OAUTH_CONSUMER_APPS", &[secret.kind]);
    }
    for application in 1..=APPLICATIONS / 2 {
        let plaintext = world.random.hex(2);
        let secret = world.sealed(&plaintext)?;
        sqlx::query(INSERT_SECRET)
            .bind(world.random.uuid())
            .bind(number(application))
            .bind(secret.stored)
            .bind(world.time(application * 3600))
            .bind(number(1_799_539_200_000 + application))
            .execute(&mut *db)
            .await
            .map_err(database)?;
        world.counts.row("IDN_OAUTH_CONSUMER_SECRETS", &[secret.kind]);
    }
    Ok(())
}

async fn code(db: &mut SqliteConnection, world: &mut World, turn: u64) -> Result<()> {
    let plaintext = world.random.uuid();
    let code = if turn % 40 == 39 { Cell::plain(&*plaintext) } else { world.sealed(&plaintext)? };
    let application = 1 + world.random.below(APPLICATIONS);
    let user = World::user(world.random.next());
    let state = pick(&["INACTIVE", "INACTIVE", "EXPIRED", "ACTIVE"], turn);
    sqlx::query(INSERT_CODE)
        .bind(world.random.uuid())
        .bind(code.stored)
        .bind(number(application))
        .bind(callback(application))
        .bind(pick(&SCOPES, turn).join(" "))
        .bind(user.name.as_str())
        .bind(user.tenant)
        .bind(user.domain)
        .bind(world.time(turn * 41))
        .bind(state)
        .bind((state == "INACTIVE").then(|| world.random.uuid()))
        .bind(user.name.as_str())
        .bind(hash(&plaintext, turn.is_multiple_of(2)))
        .execute(db)
        .await
        .map_err(database)?;
    world.counts.row("IDN_OAUTH2_AUTHORIZATION_CODE", &[code.kind]);
    Ok(())
}

async fn refresh_token(db: &mut SqliteConnection, world: &mut World, turn: u64) -> Result<()> {
    let plaintext = world.random.uuid();
    let token = world.sealed(&plaintext)?;
    let user = World::user(world.random.next());
    sqlx::query(INSERT_REFRESH)
        .bind(world.random.uuid())
        .bind(token.stored)
        .bind(number(1 + world.random.below(APPLICATIONS)))
        .bind(user.name.as_str())
        .bind(user.tenant)
        .bind(user.domain)
        .bind(world.time(turn * 17))
        .bind(24 * 30 * HOUR_MS)
        .bind(scope_hash(pick(&SCOPES, turn)))
        .bind(pick(&["ACTIVE", "INACTIVE"], turn))
        .bind(user.name.as_str())
        .bind(hash(&plaintext, turn.is_multiple_of(2)))
        .execute(db)
        .await
        .map_err(database)?;
    world.counts.row("IDN_OAUTH2_REFRESH_TOKEN", &[token.kind]);
    Ok(())
}

/// A row of the token table, or of its audit copy.
struct Token {
    turn: u64,
    created: String,
    id: String,
    access: Cell,
    refresh: Cell,
    access_hash: String,
    refresh_hash: Option<String>,
    application: u64,
    user: String,
    domain: &'static str,
    tenant: i64,
    user_type: &'static str,
    grant: &'static str,
    scopes: &'static [&'static str],
    state: &'static str,
    state_id: String,
    binding: String,
}

impl Token {
    fn new(world: &mut World, turn: u64) -> Result<Self> {
        let (access_plaintext, refresh_plaintext) = (world.random.uuid(), world.random.uuid());
        let own = matches!(turn % 20, 3 | 9 | 15); // client credentials: no user, no refresh token
        let (access, refresh) = match turn % 20 {
            3 | 9 | 15 => (world.sealed(&access_plaintext)?, Cell::null()),
            7 => (world.sealed(&access_plaintext)?, Cell::plain(&*refresh_plaintext)),
            13 => (Cell::plain(&*access_plaintext), Cell::plain(&*refresh_plaintext)),
            17 => (Cell::plain(&*access_plaintext), world.sealed(&refresh_plaintext)?),
            _ => (world.sealed(&access_plaintext)?, world.sealed(&refresh_plaintext)?),
        };
        let application = 1 + world.random.below(APPLICATIONS);
        let user = World::user(if own { application } else { world.random.next() });
        let state =
            pick(&["ACTIVE", "ACTIVE", "EXPIRED", "EXPIRED", "REVOKED", "INACTIVE"], world.random.next());
        let active = state == "ACTIVE";
        Ok(Self {
            turn,
            created: world.time(turn * Spec::TOKEN_EVERY),
            id: world.random.uuid(),
            access_hash: hash(&access_plaintext, turn.is_multiple_of(2)),
            refresh_hash: refresh.stored.is_some().then(|| hash(&refresh_plaintext, turn.is_multiple_of(3))),
            access,
            refresh,
            application,
            user: user.name,
            domain: user.domain,
            tenant: if own { tenant_of(application) } else { user.tenant },
            user_type: if own { "APPLICATION" } else { "APPLICATION_USER" },
            grant: if own { "client_credentials" } else { pick(&["authorization_code", "password"], turn) },
            scopes: pick(&SCOPES, turn),
            state,
            // One of the two keeps CON_APP_KEY unique, as the server sees to it.
            state_id: if active { "NONE".to_owned() } else { world.random.uuid() },
            binding: if active { world.random.hex(2) } else { "NONE".to_owned() },
        })
    }

    async fn insert_audit(&self, db: &mut SqliteConnection, world: &mut World) -> Result<()> {
        sqlx::query(INSERT_AUDIT)
            .bind(number(self.turn + 1))
            .bind(&self.id)
            .bind(&self.access.stored)
            .bind(&self.refresh.stored)
            .bind(number(self.application))
            .bind(&self.user)
            .bind(self.tenant)
            .bind(self.domain)
            .bind(self.user_type)
            .bind(self.grant)
            .bind(&self.created)
            .bind(&self.created)
            .bind(HOUR_MS)
            .bind(24 * 30 * HOUR_MS)
            .bind(scope_hash(self.scopes))
            .bind("REVOKED")
            .bind(&self.state_id)
            .bind(&self.user)
            .bind(&self.access_hash)
            .bind(&self.refresh_hash)
            .bind(world.time(self.turn * Spec::TOKEN_EVERY + 3600))
            .execute(db)
            .await
            .map_err(database)?;
        world.counts.row("IDN_OAUTH2_ACCESS_TOKEN_AUDIT", &[self.access.kind, self.refresh.kind]);
        Ok(())
    }
}

async fn insert_tokens(db: &mut SqliteConnection, world: &mut World, tokens: &[Token]) -> Result<()> {
    let mut insert = QueryBuilder::<Sqlite>::new(INSERT_TOKENS);
    insert.push_values(tokens, |mut row, token| {
        let refreshable = token.refresh.kind != Kind::Null;
        row.push_bind(&token.id)
            .push_bind(&token.access.stored)
            .push_bind(&token.refresh.stored)
            .push_bind(number(token.application))
            .push_bind(&token.user)
            .push_bind(token.tenant)
            .push_bind(token.domain)
            .push_bind(token.user_type)
            .push_bind(token.grant)
            .push_bind(&token.created)
            .push_bind(&token.created)
            .push_bind(HOUR_MS)
            .push_bind(if refreshable { 24 * 30 * HOUR_MS } else { 0 })
            .push_bind(scope_hash(token.scopes))
            .push_bind(token.state)
            .push_bind(&token.state_id)
            .push_bind(&token.user)
            .push_bind(&token.access_hash)
            .push_bind(&token.refresh_hash)
            .push_bind(&token.binding)
            .push_bind("false");
    });
    insert.build().execute(db).await.map_err(database)?;
    for token in tokens {
        world.counts.row("IDN_OAUTH2_ACCESS_TOKEN", &[token.access.kind, token.refresh.kind]);
    }
    Ok(())
}

async fn insert_scopes(db: &mut SqliteConnection, world: &mut World, tokens: &[Token]) -> Result<()> {
    let mut insert = QueryBuilder::<Sqlite>::new(INSERT_SCOPES);
    let scopes = tokens.iter().flat_map(|token| token.scopes.iter().map(move |scope| (token, *scope)));
    insert.push_values(scopes, |mut row, (token, scope)| {
        row.push_bind(&token.id).push_bind(scope).push_bind(token.tenant);
        world.counts.row("IDN_OAUTH2_ACCESS_TOKEN_SCOPE", &[]);
    });
    insert.build().execute(db).await.map_err(database)?;
    Ok(())
}

/// What stands for a set of scopes: 32 hexadecimal digits. (The server takes MD5.)
fn scope_hash(scopes: &[&str]) -> String {
    hex(&Sha256::digest(scopes.join(" "))).chars().take(32).collect()
}

/// SQLite's integers are signed.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
