//! The parameters of JDBC URLs, as data: what each means to this program, for each driver.

use std::path::PathBuf;
use std::time::Duration;

use super::decider::Decider;
use super::harmless::is_harmless;
use super::options;

use crate::db::server::{Kind, PublicKey, Tls, TlsMode};

/// The drivers whose URLs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    /// PostgreSQL's own.
    Pg,
    /// MySQL's Connector/J.
    ConnectorJ,
    /// MariaDB's connector.
    MariaDb,
}

impl Driver {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Pg => Kind::Postgres,
            Self::ConnectorJ | Self::MariaDb => Kind::MySql,
        }
    }

    /// What a connection's timeouts are counted in.
    const fn unit(self) -> Duration {
        match self {
            Self::Pg => Duration::from_secs(1),
            Self::ConnectorJ | Self::MariaDb => Duration::from_millis(1),
        }
    }

    /// What the driver does about TLS when the URL says nothing.
    const fn default_tls(self) -> TlsMode {
        match self {
            Self::Pg | Self::ConnectorJ => TlsMode::Preferred,
            Self::MariaDb => TlsMode::Disabled,
        }
    }
}

/// What a parameter means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    User,
    Password,
    Schema,
    /// Settings of the session, as the server's command line takes them.
    Options,
    ConnectTimeout,
    SocketTimeout,
    /// Whether there is TLS: `useSSL`, `ssl`, `useSsl`.
    UseTls,
    /// TLS, or no connection.
    RequireTls,
    /// Whether the server's certificate is looked at.
    VerifyCertificate,
    /// Accept any certificate.
    TrustAny,
    /// Accept a certificate that is for another host.
    AnyHost,
    TlsMode,
    Authorities,
    ClientCertificate,
    ClientKey,
    /// Whether MySQL's RSA key may be asked for.
    PublicKeyRetrieval,
    /// The file with that key.
    PublicKeyFile,
    /// A Java keystore, which is not read.
    JavaKeystore,
    /// Code or files of others' that decide instead of the driver how a connection is protected, and to whom.
    Decides,
    /// Protection that a driver is to insist on, and that this program's own does not know, with the word that does so.
    Demands(&'static str),
    /// Narrows down how a driver connects, or is protected; this program's own does not go by it.
    Narrows,
    /// Changes nothing that this program does.
    Nothing,
}

const PG: &[Driver] = &[Driver::Pg];
const MY: &[Driver] = &[Driver::ConnectorJ, Driver::MariaDb];

/// Every parameter that is known, in lower case.
const PARAMETERS: &[(&str, &[Driver], Meaning)] = &[
    ("user", PG, Meaning::User),
    ("user", MY, Meaning::User),
    ("password", PG, Meaning::Password),
    ("password", MY, Meaning::Password),
    ("currentschema", PG, Meaning::Schema),
    ("options", PG, Meaning::Options),
    ("logintimeout", PG, Meaning::Nothing),
    ("connecttimeout", PG, Meaning::ConnectTimeout),
    ("connecttimeout", MY, Meaning::ConnectTimeout),
    ("sockettimeout", PG, Meaning::SocketTimeout),
    ("sockettimeout", MY, Meaning::SocketTimeout),
    ("ssl", PG, Meaning::UseTls),
    ("usessl", MY, Meaning::UseTls),
    ("requiressl", MY, Meaning::RequireTls),
    ("verifyservercertificate", MY, Meaning::VerifyCertificate),
    ("disablesslhostnameverification", MY, Meaning::AnyHost),
    ("trustservercertificate", MY, Meaning::TrustAny),
    ("sslmode", PG, Meaning::TlsMode),
    ("sslmode", MY, Meaning::TlsMode),
    ("sslrootcert", PG, Meaning::Authorities),
    ("serversslcert", &[Driver::MariaDb], Meaning::Authorities),
    ("sslcert", PG, Meaning::ClientCertificate),
    ("sslkey", PG, Meaning::ClientKey),
    ("allowpublickeyretrieval", MY, Meaning::PublicKeyRetrieval),
    ("serverrsapublickeyfile", MY, Meaning::PublicKeyFile),
    ("cachingrsapublickeyfile", &[Driver::MariaDb], Meaning::PublicKeyFile),
    ("trustcertificatekeystoreurl", MY, Meaning::JavaKeystore),
    ("clientcertificatekeystoreurl", MY, Meaning::JavaKeystore),
    ("truststore", MY, Meaning::JavaKeystore),
    ("keystore", MY, Meaning::JavaKeystore),
    ("sslfactory", PG, Meaning::Decides),
    ("sslfactoryarg", PG, Meaning::Decides),
    ("sslhostnameverifier", PG, Meaning::Decides),
    ("service", PG, Meaning::Decides),
    ("socketfactory", PG, Meaning::Decides),
    ("socketfactory", MY, Meaning::Decides),
    ("sslcontextprovider", MY, Meaning::Decides),
    ("trustmanagerfactoryprovider", MY, Meaning::Decides),
    ("truststoreprovider", MY, Meaning::Decides),
    ("tlssockettype", MY, Meaning::Decides),
    ("propertiestransform", MY, Meaning::Decides),
    ("gssencmode", PG, Meaning::Demands("require")),
    ("channelbinding", PG, Meaning::Demands("require")),
    ("fipscompliantjsse", MY, Meaning::Demands("true")),
    ("enabledtlsprotocols", MY, Meaning::Narrows),
    ("enabledsslprotocolsuites", MY, Meaning::Narrows),
    ("enabledsslciphersuites", MY, Meaning::Narrows),
    ("tlsversions", MY, Meaning::Narrows),
    ("tlsciphersuites", MY, Meaning::Narrows),
    ("disabledauthenticationplugins", MY, Meaning::Narrows),
    ("restrictedauth", MY, Meaning::Narrows),
    ("localsocket", MY, Meaning::Narrows),
    ("pipe", MY, Meaning::Narrows),
    ("sharedmemory", MY, Meaning::Narrows),
    ("socksproxyhost", MY, Meaning::Narrows),
];

/// What the parameters of a URL come to.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) socket_timeout: Option<Duration>,
    pub(super) tls: Tls,
    pub(super) public_key: PublicKey,
    /// Whether the URL itself said how TLS is to be.
    pub(super) tls_said: bool,
    /// Unknown names.
    pub(super) unknown: Vec<String>,
    /// Names of what narrows down how a JDBC driver connects, and nothing here.
    pub(super) idle: Vec<String>,
    /// What only a JDBC driver can do, and what to do about it.
    pub(super) java_only: Option<String>,
    /// What takes the decision whom to trust from the driver's own settings.
    pub(super) decider: Option<Decider>,
}

#[derive(Default)]
struct TlsWords {
    used: Option<bool>,
    required: Option<bool>,
    verified: Option<bool>,
    any_host: bool,
    mode: Option<TlsMode>,
}

/// Reads the parameters, which are decoded already. An error names the parameter, never its value.
pub(super) fn read(driver: Driver, given: &[(String, String)]) -> Result<Wanted, String> {
    let tls = Tls { mode: driver.default_tls(), authorities: None, client: None };
    let mut wanted = Wanted {
        user: None,
        password: None,
        schema: None,
        connect_timeout: None,
        socket_timeout: None,
        tls,
        public_key: PublicKey::Unsaid,
        tls_said: false,
        unknown: Vec::new(),
        idle: Vec::new(),
        java_only: None,
        decider: None,
    };
    let mut words = TlsWords::default();
    let (mut certificate, mut key, mut path) = (None, None, None);
    for (name, value) in given {
        let lower = name.to_ascii_lowercase();
        let found =
            PARAMETERS.iter().find(|(known, drivers, _)| *known == lower && drivers.contains(&driver));
        let meaning = match found {
            Some((_, _, meaning)) => *meaning,
            None if is_harmless(&lower) => Meaning::Nothing,
            None => {
                wanted.unknown.push(shown(name));
                continue;
            }
        };
        let flag =
            || flag(value).ok_or_else(|| format!("has {name} with a value that is neither true nor false"));
        match meaning {
            Meaning::Narrows => wanted.idle.push(shown(name)),
            Meaning::Demands(word) if value.eq_ignore_ascii_case(word) => {
                wanted.java_only = Some(demanded(name, word));
            }
            Meaning::Nothing | Meaning::Demands(_) => {}
            Meaning::User => wanted.user = Some(value.clone()),
            Meaning::Password => wanted.password = Some(value.clone()),
            // The first schema is the one that tables are made in.
            Meaning::Schema => {
                wanted.schema = value.split(',').map(str::trim).find(|name| !name.is_empty()).map(unquoted);
            }
            Meaning::Options => {
                let (found, others) = options::read(value)?;
                path = found;
                wanted.unknown.extend(others.iter().map(|other| format!("options, {}", shown(other))));
            }
            Meaning::ConnectTimeout => wanted.connect_timeout = duration(driver, name, value)?,
            Meaning::SocketTimeout => wanted.socket_timeout = duration(driver, name, value)?,
            Meaning::UseTls => words.used = Some(flag()?),
            Meaning::RequireTls => words.required = Some(flag()?),
            Meaning::VerifyCertificate => words.verified = Some(flag()?),
            Meaning::TrustAny => words.verified = Some(!flag()?),
            Meaning::AnyHost => words.any_host = flag()?,
            Meaning::Decides if lower == "service" => {
                wanted.unknown.push(shown(name));
                Decider::of(shown(name), value).into_least(&mut wanted.decider);
            }
            Meaning::Decides => Decider::of(shown(name), value).into_least(&mut wanted.decider),
            Meaning::TlsMode => {
                let mode = mode(driver, value)
                    .ok_or_else(|| format!("has {name} with a value that its driver does not accept"))?;
                words.mode = Some(mode);
            }
            Meaning::Authorities => wanted.tls.authorities = Some(PathBuf::from(value)),
            Meaning::ClientCertificate => certificate = Some(PathBuf::from(value)),
            // A file goes before the server's word, as with Connector/J.
            Meaning::PublicKeyFile => wanted.public_key = PublicKey::File(PathBuf::from(value)),
            Meaning::PublicKeyRetrieval if matches!(wanted.public_key, PublicKey::File(_)) => {}
            Meaning::PublicKeyRetrieval => {
                wanted.public_key = if flag()? { PublicKey::FromServer } else { PublicKey::Refused };
            }
            Meaning::ClientKey => key = Some(PathBuf::from(value)),
            Meaning::JavaKeystore => {
                Decider::keystore(shown(name)).into_least(&mut wanted.decider);
                wanted.java_only = Some(format!(
                    "has {name}, a Java keystore: export its certificates as PEM (`keytool -exportcert -rfc`), \
                     name that file with tlsCaFile and take {name} out; or write `driver: jdbc`"
                ));
            }
        }
    }
    match (&wanted.schema, path) {
        (Some(schema), Some(path)) if *schema != path => {
            return Err("names one schema in currentSchema, and another in options".to_owned());
        }
        (None, Some(path)) => wanted.schema = Some(path),
        _ => {}
    }
    wanted.tls.client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("has one of sslcert and sslkey, which go together".to_owned()),
    };
    let said = words.used.is_some() || words.required.is_some() || words.mode.is_some();
    wanted.tls_said = said || words.verified.is_some() || wanted.tls.authorities.is_some();
    wanted.tls.mode = combined(driver, &words, wanted.tls.authorities.is_some())?;
    Ok(wanted)
}

/// What all that is said of TLS comes to; an error if it contradicts itself.
fn combined(driver: Driver, words: &TlsWords, has_authorities: bool) -> Result<TlsMode, String> {
    let off = words.used == Some(false) || words.mode == Some(TlsMode::Disabled);
    let on = words.required == Some(true)
        || words.used == Some(true)
        || words.mode.is_some_and(|mode| mode >= TlsMode::Required);
    if off && on {
        return Err("asks for TLS and forbids it: see useSSL, ssl, requireSSL and sslMode in it".to_owned());
    }
    if off && words.verified == Some(true) {
        return Err("asks to verify a certificate and forbids TLS".to_owned());
    }
    if off {
        return Ok(TlsMode::Disabled);
    }
    let mut mode = words.mode.unwrap_or(driver.default_tls());
    if words.mode.is_none() {
        mode = match driver {
            // `ssl=true` verifies everything there; `useSsl` likewise with MariaDB's connector.
            Driver::Pg | Driver::MariaDb if words.used == Some(true) => TlsMode::VerifyFull,
            _ if words.required == Some(true) => TlsMode::Required,
            _ => mode,
        };
    }
    match words.verified {
        Some(false) if words.mode.is_some_and(|mode| mode >= TlsMode::VerifyCa) => {
            return Err("asks to verify the certificate and not to".to_owned());
        }
        Some(false) if mode >= TlsMode::VerifyCa => mode = TlsMode::Required,
        Some(true) => mode = mode.max(TlsMode::VerifyCa),
        _ => {}
    }
    if words.any_host && words.mode.is_none() {
        mode = mode.min(TlsMode::VerifyCa);
    }
    if has_authorities && words.mode.is_none() {
        mode = mode.max(TlsMode::VerifyCa);
    }
    Ok(mode)
}

fn mode(driver: Driver, value: &str) -> Option<TlsMode> {
    let value = value.to_ascii_lowercase().replace('_', "-");
    Some(match (driver, value.as_str()) {
        (Driver::Pg, "disable" | "allow")
        | (Driver::ConnectorJ, "disabled")
        | (Driver::MariaDb, "disable" | "disabled") => TlsMode::Disabled,
        (Driver::Pg, "prefer") | (Driver::ConnectorJ, "preferred") => TlsMode::Preferred,
        (Driver::Pg, "require")
        | (Driver::ConnectorJ, "required")
        | (Driver::MariaDb, "trust" | "required") => TlsMode::Required,
        (_, "verify-ca") => TlsMode::VerifyCa,
        (Driver::Pg | Driver::MariaDb, "verify-full")
        | (Driver::ConnectorJ | Driver::MariaDb, "verify-identity") => TlsMode::VerifyFull,
        _ => return None,
    })
}

/// What is said of protection that only a JDBC driver can insist on.
fn demanded(name: &str, word: &str) -> String {
    format!(
        "has {name}={word}, which this program's own driver cannot do: take it out, and say how the connection is \
         protected by TLS (sslmode=verify-full, sslMode=VERIFY_IDENTITY); or write `driver: jdbc`"
    )
}

fn flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A timeout; zero is none.
fn duration(driver: Driver, name: &str, value: &str) -> Result<Option<Duration>, String> {
    let number: u32 =
        value.trim().parse().map_err(|_| format!("has {name} with a value that is not a number"))?;
    Ok((number > 0).then(|| driver.unit() * number))
}

fn unquoted(name: &str) -> String {
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name).to_owned()
}

/// A name that can be shown: anything else might be a misplaced secret.
fn shown(name: &str) -> String {
    let plain = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if plain { name.to_owned() } else { "one with an odd name".to_owned() }
}
