//! What a JDBC driver is told of TLS, so that it asks for no less than the URL and `tlsCaFile` do.
//!
//! Drivers leave out what they do not know, without a word: MariaDB's before 3.0 and MySQL's before 8.0.13 know
//! no `sslMode`. So each is told in the words of all its versions.

use super::keys::Key;
use super::resolve::{Resolver, wrong};
use super::{BridgedUrl, ServerUrl};
use crate::db::server::{Kind, Tls, TlsMode};
use crate::error::{Error, Id, Result};

/// Properties of a connection.
type Properties = Vec<(&'static str, String)>;

impl Resolver<'_> {
    /// What a driver must be told so that it trusts the authorities of `tlsCaFile` and no others. What cannot
    /// be told is refused: the password would go to any server that answers.
    pub(super) fn trust(&self, key: Key, url: &ServerUrl, tls: &Tls) -> Result<Properties> {
        if self.given(Key::TlsCaFile).is_some() {
            self.can_be_told(key, url)?;
        } else if url.decider.as_ref().is_some_and(|decider| !decider.verifies) {
            return Ok(Vec::new()); // preflight says so
        }
        Ok(told(url.scheme, tls))
    }

    fn can_be_told(&self, key: Key, url: &ServerUrl) -> Result<()> {
        if url.tls_said && url.tls.mode < TlsMode::VerifyCa {
            let problem = format!(
                "names authorities, but the TLS settings in {key} let the JDBC driver accept any certificate"
            );
            let fix = "write sslmode=verify-full (PostgreSQL) or sslMode=verify-full (MariaDB) in the URL, or \
                       nothing of TLS";
            return Err(self.untrusted(problem, fix));
        }
        if !matches!(url.scheme, "postgresql" | "mariadb") {
            let problem = format!(
                "cannot be given to the JDBC driver of jdbc:{}:, which reads trust stores only",
                url.scheme
            );
            let fix = "take tlsCaFile out, and name a trust store in the URL: sslMode=VERIFY_IDENTITY&\
                       trustCertificateKeyStoreUrl=file:/path&trustCertificateKeyStorePassword=…";
            return Err(self.untrusted(problem, fix));
        }
        if let Some(decider) = url.decider.as_ref().filter(|decider| !decider.by_our_authorities) {
            let name = &decider.name;
            let problem =
                format!("names authorities, but with {name} in {key} the JDBC driver does not use them");
            return Err(self.untrusted(problem, &format!("take {name} out of {key}, or take tlsCaFile out")));
        }
        Ok(())
    }

    /// Likewise, for a database that only its own driver can reach.
    pub(super) fn trust_of_vendor(&self, key: Key, url: &BridgedUrl) -> Result<Properties> {
        // Nothing goes over a network to a file.
        if self.given(Key::TlsCaFile).is_none() || url.file.is_some() {
            return Ok(Vec::new());
        }
        let fix = match url.kind {
            Kind::Oracle => "a wallet, or javax.net.ssl.trustStore, with tcps in the URL",
            Kind::SqlServer => {
                "encrypt=true;trustServerCertificate=false;trustStore=/path;trustStorePassword=…"
            }
            Kind::Db2 => "sslConnection=true;sslCertLocation=/path/to/ca.pem;",
            Kind::H2 | Kind::Postgres | Kind::MySql => {
                "H2's ssl:// takes any certificate, so go to localhost through a tunnel (`ssh -L`)"
            }
        };
        let problem = format!("cannot be given to the JDBC driver of {key} ({})", url.kind.name());
        let fix = format!("take tlsCaFile out, and name the authority as that driver has it: {fix}");
        Err(self.untrusted(problem, &fix))
    }

    fn untrusted(&self, problem: String, fix: &str) -> Error {
        match self.given(Key::TlsCaFile) {
            Some(entry) => wrong(Id::ConfigValue, entry, problem),
            None => Error::new(Id::ConfigValue, problem),
        }
        .fix(fix.to_owned())
    }
}

/// What TLS comes to in the words of all versions of a driver; nothing if it need not be.
fn told(scheme: &str, tls: &Tls) -> Properties {
    if tls.mode < TlsMode::Required {
        return Vec::new();
    }
    let verified = tls.mode >= TlsMode::VerifyCa;
    let (mut told, authorities) = match scheme {
        "postgresql" => (vec![("sslmode", of_three(tls.mode, "require").to_owned())], "sslrootcert"),
        "mariadb" => {
            let mut told = vec![
                ("sslMode", of_three(tls.mode, "trust").to_owned()),
                ("useSsl", true.to_string()),
                ("trustServerCertificate", (!verified).to_string()),
            ];
            if tls.mode == TlsMode::VerifyCa {
                told.push(("disableSslHostnameVerification", true.to_string()));
            }
            (told, "serverSslCert")
        }
        // The versions that know sslMode go by the URL's own, and leave these out beside it.
        _ => {
            let mut told = vec![("useSSL", true.to_string()), ("requireSSL", true.to_string())];
            if verified {
                told.push(("verifyServerCertificate", true.to_string()));
            }
            return told;
        }
    };
    if verified && let Some(file) = &tls.authorities {
        told.push((authorities, file.display().to_string()));
    }
    told
}

const fn of_three(mode: TlsMode, unverified: &'static str) -> &'static str {
    match mode {
        TlsMode::VerifyFull => "verify-full",
        TlsMode::VerifyCa => "verify-ca",
        TlsMode::Disabled | TlsMode::Preferred | TlsMode::Required => unverified,
    }
}
