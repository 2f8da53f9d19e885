//! A socket beside the database that lives as long as the sensor: how the sensor listens there, and how commands connect.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use crate::terminal::failure::Failure;

/// A socket that a running sensor listens on. Dropping it removes its file.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Opens the socket at the path of the database `db` with `suffix` behind it, with these permissions. The caller must be
    /// the one process that writes the database, so a file that is there already was left by a sensor that was killed, and
    /// is replaced. Needs a tokio runtime with I/O.
    pub fn open(db: &Path, suffix: &str, mode: u32) -> io::Result<Self> {
        let path = path(db, suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        Ok(Self { listener, path })
    }

    /// The next connection. Cancel-safe.
    pub async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                // The process has too many open files for a moment.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that stays refuses connections, and the next start replaces it.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Connects to the running sensor's socket of this suffix; `None` when none runs.
pub(super) fn connect(db: &Path, suffix: &str) -> Result<Option<Connection>, Failure> {
    let path = path(db, suffix);
    match Connection::connect(&path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(Failure::system(format!("{} cannot be asked; try with sudo", path.display()))(error)),
    }
}

/// For `map_err`: the sensor took a connection and does not answer on it.
pub(super) fn no_answer(db: &Path, suffix: &str) -> impl FnOnce(io::Error) -> Failure {
    Failure::system(format!("the sensor at {} does not answer", path(db, suffix).display()))
}

fn path(db: &Path, suffix: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
