//! What identity servers do to their databases: issue, refresh, revoke, delete, enrol, count.
//!
//! Each side keeps a ledger of the rows that it has touched. The new server's has what it left
//! there, which nobody may change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::judge::{self, Content, Place};
use super::pair::{Pair, Session, Side};
use crate::kit::{hex, seal};
use crate::support::Engine;

/// What the new server has left: the row, or none.
pub(crate) type JournalHandle = BTreeMap<Place, Option<Content>>;

/// Between two transactions of a session: no server is busy without a break.
const PAUSE: Duration = Duration::from_millis(1);

const DAYS_60: i64 = 60 * 24 * 3600 * 1000;
const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const SCOPES: &str = "IDN_OAUTH2_ACCESS_TOKEN_SCOPE";
const CLAIMS: &str = "IDN_IDENTITY_USER_DATA";
const TOTP: &str = "http://wso2.org/claims/identity/secretkey";
const FAILURES: &str = "http://wso2.org/claims/identity/failedLoginAttempts";

/// Sessions of one server, at work until they are stopped.
pub(crate) struct Workload {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    ledger: Arc<Mutex<JournalHandle>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workload {
    /// Starts so many sessions of the server on one side.
    pub(crate) fn start(pair: &Pair, side: Side, sessions: u64) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let ledger = Arc::new(Mutex::new(JournalHandle::new()));
        let threads = (0..sessions).map(|number| {
            let mut server = Server::new(pair, side, number, Arc::clone(&ledger));
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    server.act();
                    thread::sleep(PAUSE);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Self { stop, done, ledger, threads }
    }

    /// How much it has done.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Stops it, and gives its ledger.
    pub(crate) fn finish(self) -> JournalHandle {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let ledger = self.ledger.lock().unwrap();
        ledger.clone()
    }
}

/// A token that a session has issued.
#[derive(Clone)]
struct Token {
    id: String,
    application: u64,
    user: u64,
    active: bool,
}

/// One session of a server.
struct Server {
    session: Session,
    engine: Engine,
    side: Side,
    number: u64,
    key: String,
    random: u64,
    serial: u64,
    tokens: Vec<Token>,
    codes: Vec<String>,
    /// Tokens that were there, of which this session may do as it likes.
    found: Vec<String>,
    ledger: Arc<Mutex<JournalHandle>>,
}

impl Server {
    fn new(pair: &Pair, side: Side, number: u64, ledger: Arc<Mutex<JournalHandle>>) -> Self {
        let mut session = pair.session(side);
        if pair.engine == Engine::Sqlite {
            session.try_run("PRAGMA foreign_keys = ON").unwrap();
        }
        let all = session.rows(&format!("SELECT TOKEN_ID FROM {TOKENS} ORDER BY TOKEN_ID"));
        // Every third of them is the old server's, every third the new one's, and the rest nobody's.
        let mine = u8::from(side == Side::New);
        let mine = |id: &String| id.bytes().fold(0, |sum: u8, byte| sum.wrapping_add(byte)) % 3 == mine;
        let found = all.into_iter().filter_map(|mut row| row[0].take()).filter(mine);
        let found = found.enumerate().filter(|(at, _)| *at as u64 % 4 == number).map(|(_, id)| id).collect();
        let [old, new] = pair.keys();
        let key = if side == Side::Old { old } else { new }.to_owned();
        let random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number + 1 + 100 * side.number());
        Self {
            session,
            engine: pair.engine,
            side,
            number,
            key,
            random,
            serial: 0,
            tokens: Vec::new(),
            codes: Vec::new(),
            found,
            ledger,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    /// A name that nobody else has.
    fn name(&mut self, kind: &str) -> String {
        self.serial += 1;
        let place = self.side.number() * 100 + self.number;
        let tail = hex(&Sha256::digest(format!("{kind}{place}-{}", self.serial))[..6]);
        format!("{tail}-{kind}-{place}-{:06}", self.serial)
    }

    fn act(&mut self) {
        match self.below(100) {
            0..35 => self.issue(),
            35..50 => self.refresh(),
            50..58 => self.revoke(),
            58..64 => self.delete(),
            64..74 => self.code(),
            74..80 => self.totp(),
            80..88 => self.count_failure(),
            88..92 => self.swap(),
            92..95 => self.of_those_found(),
            95..97 => self.rename(),
            _ => self.think_better(),
        }
    }

    fn insert_token(&mut self, token: &Token, grant: &str) -> String {
        let value = self.name("access");
        let refresh = self.name("refresh");
        let (access, access_hash) = (seal(&self.key, &value), hash(&value));
        let (refresh, refresh_hash) = match grant {
            "client_credentials" => ("NULL".to_owned(), "NULL".to_owned()),
            _ => (format!("'{}'", seal(&self.key, &refresh)), format!("'{}'", hash(&refresh))),
        };
        let organization = if token.user.is_multiple_of(2) { "NONE" } else { "an-organization" };
        let (id, application, user) = (&token.id, token.application, token.user);
        let place = self.number + 100 * self.side.number();
        format!(
            "INSERT INTO {TOKENS} (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, \
             USER_DOMAIN, USER_TYPE, GRANT_TYPE, TIME_CREATED, REFRESH_TOKEN_TIME_CREATED, VALIDITY_PERIOD, \
             REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_SCOPE_HASH, TOKEN_STATE, TOKEN_STATE_ID, SUBJECT_IDENTIFIER, \
             ACCESS_TOKEN_HASH, REFRESH_TOKEN_HASH, CONSENTED_TOKEN, AUTHORIZED_ORGANIZATION) \
             VALUES ('{id}', '{access}', {refresh}, {application}, 'user-{place}-{user}', -1234, 'PRIMARY', \
             'APPLICATION_USER', '{grant}', '2026-03-29 02:30:00.123456', '2026-10-25 02:30:00.654321', {DAYS_60}, \
             {DAYS_60}, 'scopes', 'ACTIVE', 'NONE', 'subject', '{access_hash}', {refresh_hash}, 'true', \
             '{organization}')"
        )
    }

    fn issue(&mut self) {
        let user = self.below(1000);
        let application = 1 + self.below(20);
        let token = Token { id: self.name("token"), application, user, active: true };
        // Only one active token of a user and application.
        let same = |other: &Token| other.active && (other.application, other.user) == (application, user);
        if self.tokens.iter().any(same) {
            return;
        }
        let grant = if self.below(4) == 0 { "client_credentials" } else { "authorization_code" };
        let mut statements = vec![self.insert_token(&token, grant)];
        let mut touched = vec![Place::new(TOKENS, [&token.id])];
        for scope in
            ["openid", "email", "orders:read"].into_iter().take(1 + usize::from(user.is_multiple_of(3)))
        {
            statements.push(format!("INSERT INTO {SCOPES} VALUES ('{}', '{scope}', -1234)", token.id));
            touched.push(Place::new(SCOPES, [token.id.as_str(), scope]));
        }
        if self.below(5) == 0 {
            statements.push(format!(
                "INSERT INTO IDN_OAUTH2_TOKEN_BINDING VALUES ('{}', 'cookie', 'ref', 'value''s {user}', -1234)",
                token.id
            ));
            touched.push(Place::new("IDN_OAUTH2_TOKEN_BINDING", [&token.id]));
        }
        if self.commit(&statements, &touched) {
            self.tokens.push(token);
        }
    }

    /// One of this session's tokens.
    fn pick(&mut self, active: bool) -> Option<usize> {
        let of: Vec<usize> = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| token.active == active)
            .map(|(at, _)| at)
            .collect();
        (!of.is_empty()).then(|| of[usize::try_from(self.below(of.len() as u64)).unwrap()])
    }

    fn refresh(&mut self) {
        let Some(at) = self.pick(true) else { return };
        let old = self.tokens[at].clone();
        let new = Token { id: self.name("token"), ..old.clone() };
        let state = self.name("state");
        let statements = vec![
            format!(
                "UPDATE {TOKENS} SET TOKEN_STATE = 'INACTIVE', TOKEN_STATE_ID = '{state}' WHERE TOKEN_ID = '{}'",
                old.id
            ),
            self.insert_token(&new, "refresh_token"),
            format!("INSERT INTO {SCOPES} VALUES ('{}', 'openid', -1234)", new.id),
        ];
        let touched = [
            Place::new(TOKENS, [&old.id]),
            Place::new(TOKENS, [&new.id]),
            Place::new(SCOPES, [new.id.as_str(), "openid"]),
        ];
        if self.commit(&statements, &touched) {
            self.tokens[at].active = false;
            self.tokens.push(new);
        }
    }

    fn revoke(&mut self) {
        let Some(at) = self.pick(true) else { return };
        let (id, state) = (self.tokens[at].id.clone(), self.name("state"));
        let sql = format!(
            "UPDATE {TOKENS} SET TOKEN_STATE = 'REVOKED', TOKEN_STATE_ID = '{state}' WHERE TOKEN_ID = '{id}'"
        );
        if self.commit(&[sql], &[Place::new(TOKENS, [&id])]) {
            self.tokens[at].active = false;
        }
    }

    fn delete(&mut self) {
        let Some(at) = self.pick(false) else { return };
        let id = self.tokens[at].id.clone();
        if self.delete_token(&id) {
            self.tokens.swap_remove(at);
        }
    }

    fn delete_token(&mut self, id: &str) -> bool {
        let scopes = self.session.rows(&format!("SELECT TOKEN_SCOPE FROM {SCOPES} WHERE TOKEN_ID = '{id}'"));
        let mut touched = vec![Place::new(TOKENS, [id]), Place::new("IDN_OAUTH2_TOKEN_BINDING", [id])];
        touched.extend(scopes.iter().map(|row| Place::new(SCOPES, [id, row[0].as_deref().unwrap()])));
        self.commit(&[format!("DELETE FROM {TOKENS} WHERE TOKEN_ID = '{id}'")], &touched)
    }

    fn code(&mut self) {
        if self.below(3) == 0
            && let Some(code) = self.codes.pop()
        {
            let token = self.name("token");
            let sql = format!(
                "UPDATE IDN_OAUTH2_AUTHORIZATION_CODE SET STATE = 'INACTIVE', TOKEN_ID = '{token}' WHERE CODE_ID = '{code}'"
            );
            self.commit(&[sql], &[Place::new("IDN_OAUTH2_AUTHORIZATION_CODE", [&code])]);
            return;
        }
        let (id, value) = (self.name("code"), self.name("value"));
        let statements = [
            format!(
                "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE (CODE_ID, AUTHORIZATION_CODE, CONSUMER_KEY_ID, AUTHZ_USER, \
                 TENANT_ID, TIME_CREATED, VALIDITY_PERIOD, STATE, AUTHORIZATION_CODE_HASH) VALUES ('{id}', '{}', {}, 'u', \
                 -1234, '2026-02-28 23:59:59.999999', 300000, 'ACTIVE', '{}')",
                seal(&self.key, &value),
                1 + self.below(20),
                hash(&value)
            ),
            format!("INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE VALUES ('{id}', 'openid', -1234)"),
        ];
        let touched = [
            Place::new("IDN_OAUTH2_AUTHORIZATION_CODE", [&id]),
            Place::new("IDN_OAUTH2_AUTHZ_CODE_SCOPE", [id.as_str(), "openid"]),
        ];
        if self.commit(&statements, &touched) {
            self.codes.push(id);
        }
    }

    fn user(&mut self) -> String {
        let number = self.below(30);
        format!("user-{}-{}-{number}", self.side.number(), self.number)
    }

    /// Enrols a user, again, or not any more.
    fn totp(&mut self) {
        let user = self.user();
        let row = format!("TENANT_ID = -1234 AND USER_NAME = '{user}' AND DATA_KEY = '{TOTP}'");
        let mut statements = vec![format!("DELETE FROM {CLAIMS} WHERE {row}")];
        if self.below(4) > 0 {
            let secret = self.name("secret");
            let sealed = seal(&self.key, &secret);
            statements.push(format!("INSERT INTO {CLAIMS} VALUES (-1234, '{user}', '{TOTP}', '{sealed}')"));
        }
        self.commit(&statements, &[Place::new(CLAIMS, ["-1234", &user, TOTP])]);
    }

    fn count_failure(&mut self) {
        let user = self.user();
        let row = format!("TENANT_ID = -1234 AND USER_NAME = '{user}' AND DATA_KEY = '{FAILURES}'");
        let count = self.below(5);
        let there = !self.session.rows(&format!("SELECT USER_NAME FROM {CLAIMS} WHERE {row}")).is_empty();
        let statement = match (there, count) {
            (true, 0) => format!("UPDATE {CLAIMS} SET DATA_VALUE = NULL WHERE {row}"),
            (true, _) => format!("UPDATE {CLAIMS} SET DATA_VALUE = '{count}' WHERE {row}"),
            _ => format!("INSERT INTO {CLAIMS} VALUES (-1234, '{user}', '{FAILURES}', '{count}')"),
        };
        self.commit(&[statement], &[Place::new(CLAIMS, ["-1234", &user, FAILURES])]);
    }

    /// Two rows that are not active any more exchange what makes them unique.
    fn swap(&mut self) {
        let (Some(one), Some(other)) = (self.pick(false), self.pick(false)) else { return };
        let [one, other] = [one, other].map(|at| self.tokens[at].id.clone());
        let ids = [&one, &other].map(|id| {
            let rows =
                self.session.rows(&format!("SELECT TOKEN_STATE_ID FROM {TOKENS} WHERE TOKEN_ID = '{id}'"));
            rows.first().and_then(|row| row[0].clone())
        });
        let [Some(first), Some(second)] = ids else { return };
        let between = self.name("between");
        let set = |id: &str, state: &str| {
            format!("UPDATE {TOKENS} SET TOKEN_STATE_ID = '{state}' WHERE TOKEN_ID = '{id}'")
        };
        let statements = [set(&one, &between), set(&other, &first), set(&one, &second)];
        self.commit(&statements, &[Place::new(TOKENS, [&one]), Place::new(TOKENS, [&other])]);
    }

    /// Something with a token that was there before the copy was made.
    fn of_those_found(&mut self) {
        let Some(id) = self.found.pop() else { return };
        if self.below(2) == 0 {
            self.delete_token(&id);
        } else {
            let state = self.name("state");
            let sql = format!(
                "UPDATE {TOKENS} SET TOKEN_STATE = 'REVOKED', TOKEN_STATE_ID = '{state}' WHERE TOKEN_ID = '{id}'"
            );
            self.commit(&[sql], &[Place::new(TOKENS, [&id])]);
        }
    }

    /// A user gets another name, or the same in another case.
    fn rename(&mut self) {
        let (was, key) = (self.name("person"), "http://wso2.org/claims/identity/lastLogonTime");
        let is = if self.below(2) == 0 { was.to_uppercase() } else { self.name("person") };
        let one = vec![format!("INSERT INTO {CLAIMS} VALUES (-1234, '{was}', '{key}', 'now')")];
        if self.commit(&one, &[Place::new(CLAIMS, ["-1234", &was, key])]) {
            let sql = format!(
                "UPDATE {CLAIMS} SET USER_NAME = '{is}' WHERE USER_NAME = '{was}' AND DATA_KEY = '{key}'"
            );
            let touched = [&was, &is].map(|user| Place::new(CLAIMS, ["-1234", user, key]));
            self.commit(&[sql], &touched);
        }
    }

    /// Begins something and takes it back: numbers of the change log are lost.
    fn think_better(&mut self) {
        let token =
            Token { id: self.name("token"), application: 1, user: 100_000 + self.serial, active: true };
        let begin = if self.engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let sql = format!("{begin}; {}; ROLLBACK", self.insert_token(&token, "password"));
        if self.session.try_run(&sql).is_err() {
            let _ = self.session.try_run("ROLLBACK");
        }
    }

    /// Runs a transaction, and notes what it has left, if this is the new server.
    fn commit(&mut self, statements: &[String], touched: &[Place]) -> bool {
        if !self.session.transaction(statements) {
            return false;
        }
        if self.side == Side::New {
            let mut left = JournalHandle::new();
            for place in touched {
                left.insert(place.clone(), judge::read(&mut self.session, self.engine, place));
            }
            self.ledger.lock().unwrap().extend(left);
        }
        true
    }
}

fn hash(plaintext: &str) -> String {
    let digest = hex(&Sha256::digest(plaintext));
    format!(r#"{{"hash":"{digest}","algorithm":"SHA-256"}}"#)
}
