//! Whoever answers in a server's place and has no certificate gets neither a user's name nor a password by way of
//! a JDBC driver that is told whom to trust.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::kit::{Kit, Refused as _};
use crate::support::Engine;

/// How MariaDB greets, without a word of TLS.
fn greeting() -> Vec<u8> {
    // What it can do: all that a driver asks for, but for CLIENT_SSL (0x0800).
    const CAN: u32 = 0x00ff_f7ff;
    let mut text = vec![10];
    text.extend(b"5.5.5-10.11.6-MariaDB\0");
    text.extend(1_u32.to_le_bytes());
    text.extend(b"saltsalt\0");
    text.extend(&CAN.to_le_bytes()[..2]);
    text.extend([45, 2, 0]); // utf8mb4, autocommit
    text.extend(&CAN.to_le_bytes()[2..]);
    text.push(21);
    text.extend([0; 10]);
    text.extend(b"saltsaltsalt\0mysql_native_password\0");
    let mut packet = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    packet[3] = 0;
    packet.extend(text);
    packet
}

/// Answers as such a server would, and keeps what it is told.
fn rogue(engine: Engine) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&told);
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = answer(engine, &mut client, &keeps);
        }
    });
    (port, told)
}

fn answer(engine: Engine, client: &mut TcpStream, keeps: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    if engine == Engine::Postgres {
        let mut asks_for_tls = [0; 8];
        client.read_exact(&mut asks_for_tls)?;
        keeps.lock().unwrap().push(b'.'); // somebody was here
        client.write_all(b"N")?;
    } else {
        client.write_all(&greeting())?;
        keeps.lock().unwrap().push(b'.');
    }
    let mut bytes = [0; 4096];
    let read = client.read(&mut bytes)?;
    keeps.lock().unwrap().extend(&bytes[..read]);
    Ok(())
}

#[track_caller]
fn tells_nothing(engine: Engine, scheme: &str, query: &str, with_authority: bool) {
    let kit = Kit::new();
    let (port, told) = rogue(engine);
    let url = format!("jdbc:{scheme}://127.0.0.1:{port}/identity{query}");
    for (key, value) in [
        ("newIdnDBUrl", url.as_str()),
        ("newRegDBUrl", url.as_str()),
        ("newIdnUsername", "nobodys-name"),
        ("newRegUsername", "nobodys-name"),
        ("newIdnPassword", "cGFzcw=="),
        ("newRegPassword", "cGFzcw=="),
        ("enableSyncMigrator", "false"),
        ("driver", "jdbc"),
        ("jdbcDrivers", &format!("[{}]", engine.driver().unwrap())),
    ] {
        kit.configure(key, Some(value));
    }
    let authority = kit.beside("ca.pem");
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=Another",
            "-keyout",
        ])
        .arg(kit.beside("ca.key"))
        .arg("-out")
        .arg(&authority)
        .output();
    assert!(made.unwrap().status.success());
    if with_authority {
        kit.configure("tlsCaFile", authority.to_str());
    }
    let ran = kit.run_unlooked(&["run"]).refused(3, "KR-DB-001");
    let told = told.lock().unwrap();
    assert!(told.starts_with(b"."), "nobody asked: {ran}");
    let text = String::from_utf8_lossy(&told).into_owned();
    assert!(!text.contains("nobodys-name"), "{scheme}{query}: {text:?}");
}

#[test]
fn mariadbs_driver_tells_nobody_without_a_certificate_who_logs_on() {
    tells_nothing(Engine::MariaDb, "mariadb", "", true);
    tells_nothing(Engine::MariaDb, "mariadb", "?sslMode=verify-full", true);
    tells_nothing(Engine::MariaDb, "mariadb", "?sslMode=verify-ca", false);
    tells_nothing(Engine::MariaDb, "mariadb", "?sslMode=trust", false);
}

#[test]
fn postgresqls_driver_tells_nobody_without_a_certificate_who_logs_on() {
    tells_nothing(Engine::Postgres, "postgresql", "", true);
    tells_nothing(Engine::Postgres, "postgresql", "?sslmode=require", false);
}
