//! The socket's place in the file system, however long the path of the journal's folder is.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use keyrotation_journal::CONTROL;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{UnixListener, UnixStream};

/// Connections that wait to be taken.
const BACKLOG: i32 = 16;

/// The address of the socket in a folder.
struct Address {
    path: PathBuf,
    unix: SocketAddrUnix,
    /// The folder, without which a short path would name nothing.
    _folder: Option<OwnedFd>,
}

impl Address {
    /// A socket's address has room for about a hundred bytes. Where the path is longer it is named by
    /// way of the opened folder, which every process sees under `/proc/self/fd`.
    fn of(dir: &Path) -> io::Result<Self> {
        let path = dir.join(CONTROL);
        match SocketAddrUnix::new(&path) {
            Ok(unix) => Ok(Self { path, unix, _folder: None }),
            Err(Errno::NAMETOOLONG) => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let folder = rustix::fs::open(dir, flags, Mode::empty())?;
                let path = PathBuf::from(format!("/proc/self/fd/{}/{CONTROL}", folder.as_raw_fd()));
                Ok(Self { unix: SocketAddrUnix::new(&path)?, path, _folder: Some(folder) })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The socket of this process, gone when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Listens in `dir`, whose journal this process holds: a socket that is there is a dead process's.
pub(super) fn listen(dir: &Path) -> io::Result<(Socket, UnixListener)> {
    let path = dir.join(CONTROL);
    match fs::symlink_metadata(&path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(&path)?,
        Ok(_) => return Err(io::Error::other("its name is taken by something that is not a socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let address = Address::of(dir)?;
    rustix::net::bind(&socket, &address.unix)?;
    let bound = Socket { path };
    // No client can connect before it listens, so none connects with other rights.
    fs::set_permissions(&address.path, fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&socket, BACKLOG)?;
    let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))?;
    Ok((bound, listener))
}

/// Connects to the process that listens in `dir`.
pub(super) async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let address = Address::of(dir)?;
    UnixStream::connect(&address.path).await
}
