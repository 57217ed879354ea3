//! What in a URL takes the decision whom to trust from the JDBC driver's own settings.

/// A parameter by which a driver does not decide for itself whom to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// Its name.
    pub name: String,
    /// Whether certificates are verified all the same.
    pub verifies: bool,
    /// Whether the authorities of the driver's own settings are those that count.
    pub by_our_authorities: bool,
}

/// What of PostgreSQL's own decides about certificates, and does look at them; the first reads `sslrootcert`.
const VERIFYING: [&str; 4] = [
    "org.postgresql.ssl.LibPQFactory",
    "org.postgresql.ssl.jdbc4.LibPQFactory",
    "org.postgresql.ssl.DefaultJavaSSLFactory",
    "org.postgresql.ssl.SingleCertValidatingFactory",
];

impl Decider {
    /// A class, or settings elsewhere, that a parameter names.
    pub(super) fn of(name: String, value: &str) -> Self {
        let is_factory = name.eq_ignore_ascii_case("sslfactory");
        // What belongs to a factory says nothing without one.
        let verifies = name.eq_ignore_ascii_case("sslfactoryarg") || is_factory && VERIFYING.contains(&value);
        let by_our_authorities = is_factory && VERIFYING[..2].contains(&value);
        Self { name, verifies, by_our_authorities }
    }

    /// A keystore of Java's, by which certificates are verified.
    pub(super) fn keystore(name: String) -> Self {
        Self { name, verifies: true, by_our_authorities: false }
    }

    /// Of two, the one that leaves less to the driver is kept.
    pub(super) fn into_least(self, kept: &mut Option<Self>) {
        let rank = |one: &Self| (one.verifies, one.by_our_authorities);
        if kept.as_ref().is_none_or(|kept| rank(&self) < rank(kept)) {
            *kept = Some(self);
        }
    }
}
