//! Names that stand for names: who gets a report need not know users and rows by name.
//!
//! The digest is keyed by a secret that everyone with the journal can compute and nobody from the
//! report. So the same name gives the same digest in every report on one journal, names can be told
//! apart and followed, and no list of names can be tried out without the journal.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What the secret is for.
pub(super) const PURPOSE: &str = "keyrotation report: redaction";

/// Turns names into digests, or leaves them.
#[derive(Debug, Clone)]
pub(super) struct Redactor(Option<[u8; 32]>);

impl Redactor {
    /// One that redacts with this secret; none leaves all as it is.
    pub(super) fn new(secret: Option<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// A user of the operating system.
    pub(super) fn user(&self, name: &str) -> String {
        self.digest("user", name)
    }

    /// The key of a row, or a file's name.
    pub(super) fn key(&self, key: &str) -> String {
        self.digest("row", key)
    }

    /// A command line: what it does stays, what it names goes.
    pub(super) fn command(&self, command: &str) -> String {
        if self.0.is_none() {
            return command.to_owned();
        }
        let words = command.split_whitespace().enumerate().map(|(at, word)| match word.split_once('=') {
            Some((option, _)) if option.starts_with("--") => format!("{option}=…"),
            _ if word.starts_with('-')
                || at == 0 && word.chars().all(|c| c.is_ascii_lowercase() || c == '-') =>
            {
                word.to_owned()
            }
            _ => "…".to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn digest(&self, kind: &str, name: &str) -> String {
        let Some(secret) = &self.0 else { return name.to_owned() };
        // HMAC itself pads a short key with zeros to its block of 64 bytes.
        let mut block = [0; 64];
        block.iter_mut().zip(secret).for_each(|(byte, key)| *byte = *key);
        let mut hmac = Hmac::<Sha256>::new(&block.into());
        hmac.update(kind.as_bytes());
        hmac.update(&[0]);
        hmac.update(name.as_bytes());
        let full: [u8; 32] = hmac.finalize().into_bytes().into();
        format!("{kind}-{}", super::hex(full.split_at(10).0))
    }
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    #[test]
    fn names_are_told_apart_and_not_told() {
        let redactor = Redactor::new(Some([7; 32]));
        let alice = redactor.user("alice");
        assert_eq!(alice, redactor.user("alice"));
        assert_ne!(alice, redactor.user("bob"));
        assert_ne!(alice.split_once('-').unwrap().1, redactor.key("alice").split_once('-').unwrap().1);
        assert_ne!(alice, Redactor::new(Some([8; 32])).user("alice"));
        assert_eq!(alice.len(), "user-".len() + 20);
        assert_eq!(Redactor::new(None).key("PRIMARY/alice"), "PRIMARY/alice");
    }

    #[test]
    fn commands_keep_what_they_do() {
        let redactor = Redactor::new(Some([7; 32]));
        let command = "run --config /home/alice/properties.yaml --journal=/home/alice/j -v --chunk-size 50";
        assert_eq!(redactor.command(command), "run --config … --journal=… -v --chunk-size …");
        assert_eq!(Redactor::new(None).command(command), command);
    }
}
