//! The first login of a user of MySQL over a connection without TLS.
//!
//! MySQL's default, caching_sha2_password, knows a password by its digest only after somebody has logged in with it
//! since the server started. Until then it wants the password itself, encrypted with its RSA key. sqlx does that
//! without asking whether its user trusts whatever key the other side sends. So it is done here, on a connection of
//! its own, by the rules of `allowPublicKeyRetrieval` and `serverRSAPublicKeyFile`; afterwards the server knows the
//! user, and sqlx can log in.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html>

use getrandom::SysRng;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::rand_core::UnwrapErr;
use rsa::{Oaep, PublicKey as RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::server::{Host, PublicKey, Server};
use crate::{Class, DbError};

const CACHING: &str = "caching_sha2_password";

/// What this client can do: long passwords, protocol 4.1, its way of salted answers, plugins by name.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x8_0000;
const UTF8MB4: u8 = 45;
const SALT: usize = 20;

/// The largest packet that a login has: a message, or a key.
const LARGEST: usize = 64 << 10;

/// What to do where the key may not be asked for.
const NOT_ALLOWED: &str = "take useSSL=false out of the URL, so that the connection uses TLS; or add \
                           serverRSAPublicKeyFile=/path/to/the/server's/public_key.pem, or allowPublicKeyRetrieval=true";

/// Logs in once, with the password encrypted by the server's key if the server wants that.
pub(super) async fn log_in(server: &Server, host: &Host) -> Result<(), DbError> {
    let socket = TcpStream::connect((host.name.as_str(), host.port)).await.map_err(lost)?;
    let mut packets = Packets { socket, number: 0 };
    let (mut salt, _) = greeting(&packets.read().await?)?;
    packets.write(&response(&server.user, &scrambled(&server.password, &salt))).await?;
    loop {
        let packet = packets.read().await?;
        match packet.as_slice() {
            [0x00, ..] => {
                packets.number = 0;
                return packets.write(&[0x01]).await; // farewell
            }
            [0xff, rest @ ..] => return Err(refusal(rest)),
            [0xfe, rest @ ..] => {
                let (plugin, rest) = until_nul(rest);
                if plugin != CACHING.as_bytes() {
                    return Err(other_plugin(plugin));
                }
                salt = rest.get(..SALT).ok_or_else(odd)?.to_vec();
                packets.write(&scrambled(&server.password, &salt)).await?;
            }
            [0x01, 0x03] => {} // it knows the password
            [0x01, 0x04] => {
                let key = match &server.public_key {
                    PublicKey::File(path) => std::fs::read_to_string(path).map_err(|error| {
                        let text = format!("serverRSAPublicKeyFile {}: {error}", path.display());
                        DbError::new(Class::Environment, text)
                    })?,
                    PublicKey::Refused => return Err(not_allowed()),
                    PublicKey::Unsaid if !host.is_loopback() => return Err(not_allowed()),
                    PublicKey::Unsaid | PublicKey::FromServer => {
                        packets.write(&[0x02]).await?;
                        match packets.read().await?.as_slice() {
                            [0x01, key @ ..] => String::from_utf8(key.to_vec()).map_err(|_| odd())?,
                            [0xff, rest @ ..] => return Err(refusal(rest)),
                            _ => return Err(odd()),
                        }
                    }
                };
                packets.write(&encrypted(&server.password, &salt, &key)?).await?;
            }
            _ => return Err(odd()),
        }
    }
}

/// A connection on which packets are exchanged in turn.
struct Packets {
    socket: TcpStream,
    number: u8,
}

impl Packets {
    async fn read(&mut self) -> Result<Vec<u8>, DbError> {
        let mut head = [0; 4];
        self.socket.read_exact(&mut head).await.map_err(lost)?;
        let [a, b, c, number] = head;
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if length == 0 || length > LARGEST {
            return Err(odd());
        }
        self.number = number.wrapping_add(1);
        let mut packet = vec![0; length];
        self.socket.read_exact(&mut packet).await.map_err(lost)?;
        Ok(packet)
    }

    async fn write(&mut self, packet: &[u8]) -> Result<(), DbError> {
        let length = u32::try_from(packet.len()).map_err(|_| odd())?.to_le_bytes();
        let mut bytes = Zeroizing::new(vec![length[0], length[1], length[2], self.number]);
        bytes.extend_from_slice(packet);
        self.socket.write_all(&bytes).await.map_err(lost)
    }
}

/// The server's first packet: its salt, and the plugin that it begins with.
fn greeting(packet: &[u8]) -> Result<(Vec<u8>, Vec<u8>), DbError> {
    match packet {
        [10, rest @ ..] => {
            let (_version, rest) = until_nul(rest);
            // number of the session, first part of the salt, a zero, capabilities, character set, status,
            // capabilities, length of the salt, ten zeros, the rest of the salt with a zero, plugin
            let first = rest.get(4..12).ok_or_else(odd)?;
            let second = rest.get(31..43).ok_or_else(odd)?;
            let (plugin, _) = until_nul(rest.get(44..).unwrap_or_default());
            Ok(([first, second].concat(), plugin.to_vec()))
        }
        [0xff, rest @ ..] => Err(refusal(rest)),
        _ => Err(odd()),
    }
}

fn response(user: &str, answer: &[u8]) -> Vec<u8> {
    let mut packet = CAPABILITIES.to_le_bytes().to_vec();
    packet.extend(u32::try_from(LARGEST).unwrap_or(u32::MAX).to_le_bytes());
    packet.push(UTF8MB4);
    packet.extend([0; 23]);
    packet.extend(user.bytes());
    packet.push(0);
    packet.push(u8::try_from(answer.len()).unwrap_or_default());
    packet.extend(answer);
    packet.extend(CACHING.bytes());
    packet.push(0);
    packet
}

/// The proof of a password that a server can check if it knows the password's digest.
fn scrambled(password: &str, salt: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let once = Sha256::digest(password);
    let salted = Sha256::new().chain_update(Sha256::digest(once)).chain_update(salt).finalize();
    once.iter().zip(salted).map(|(a, b)| a ^ b).collect()
}

/// The password, hidden by the salt, encrypted with the server's key.
fn encrypted(password: &str, salt: &[u8], key: &str) -> Result<Vec<u8>, DbError> {
    // MySQL 9 leaves a zero byte behind it in its file.
    let key = key.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let key = RsaPublicKey::from_public_key_pem(key).map_err(|error| {
        DbError::new(Class::Environment, format!("the server's RSA key cannot be read: {error}"))
    })?;
    let hidden: Vec<u8> =
        password.bytes().chain([0]).zip(salt.iter().cycle()).map(|(byte, salt)| byte ^ salt).collect();
    let hidden = Zeroizing::new(hidden);
    key.encrypt(&mut UnwrapErr(SysRng), Oaep::<Sha1>::new(), &hidden).map_err(|error| {
        DbError::new(Class::Environment, format!("the password cannot be encrypted: {error}"))
    })
}

fn until_nul(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// An error packet: number, `#` and the SQLSTATE unless it comes before the login, message.
fn refusal(packet: &[u8]) -> DbError {
    let [low, high, rest @ ..] = packet else { return odd() };
    let number = u16::from_le_bytes([*low, *high]);
    let (state, message) = match rest.strip_prefix(b"#").and_then(|rest| rest.split_at_checked(5)) {
        Some((state, message)) => (String::from_utf8_lossy(state).into_owned(), message),
        None => (String::new(), rest),
    };
    super::refused::refusal(number, &state, &String::from_utf8_lossy(message))
}

fn not_allowed() -> DbError {
    let text = "the server wants the password encrypted with its RSA key, and its key may not be asked for";
    DbError::new(Class::Environment, text).with_remedy(Some(NOT_ALLOWED))
}

fn other_plugin(plugin: &[u8]) -> DbError {
    let plugin = String::from_utf8_lossy(plugin).escape_debug().to_string();
    // Servers answer so for a user who does not exist, too.
    let remedy = "check user and password in properties.yaml; if they are right, take useSSL=false out of the URL, or let a \
                  DBA change the user to caching_sha2_password";
    DbError::new(Class::Environment, format!("the user logs in by {plugin}, which needs TLS"))
        .with_remedy(Some(remedy))
}

fn odd() -> DbError {
    DbError::new(Class::Environment, "the server's answer at login is not one of MySQL's")
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn lost(error: std::io::Error) -> DbError {
    DbError::new(Class::Lost, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first packet of MySQL 9.7, with a salt of letters.
    fn first() -> Vec<u8> {
        let mut packet = b"\x0a9.7.4\0".to_vec();
        packet.extend([7, 0, 0, 0]);
        packet.extend(b"abcdefgh\0");
        packet.extend([0xff, 0xff, 45, 2, 0, 0xff, 0xdf, 21]);
        packet.extend([0; 10]);
        packet.extend(b"ijklmnopqrst\0caching_sha2_password\0");
        packet
    }

    #[test]
    fn salt_and_plugin_are_read_from_the_first_packet() {
        let (salt, plugin) = greeting(&first()).unwrap();
        assert_eq!((salt.as_slice(), plugin.as_slice()), (&b"abcdefghijklmnopqrst"[..], CACHING.as_bytes()));
        for length in 0..first().len() - 22 {
            let _ = greeting(&first()[..length]); // an error or not: it does not panic
        }
    }

    #[test]
    fn a_refusal_has_its_number_and_no_secret() {
        let error = refusal(b"\x15\x04#28000Access denied for user 'a'@'b' (using password: YES)");
        assert_eq!(error.to_string(), "Access denied for user 'a'@'b' (using password: YES) (error 1045)");
        assert_eq!(refusal(b"\x10\x04Too many connections").class, Class::Lost);
    }

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// As Python's hashlib computes it.
    #[test]
    fn the_proof_is_that_of_the_protocol() {
        let proof = scrambled("secret", b"abcdefghijklmnopqrst");
        assert_eq!(hex(&proof), "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809");
        assert_eq!(scrambled("", b"abcdefghijklmnopqrst"), [0; 0]);
    }
}
