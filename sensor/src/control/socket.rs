//! Sockets beside the database, which live as long as the sensor: where it listens, and how the commands find it.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use crate::terminal::failure::Failure;

/// A socket that a running sensor listens on.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Opens the socket of this suffix and mode beside the database at `db`, of which the caller is the one writer: one that
    /// lies there is of a sensor that was killed. To be called inside a tokio runtime with its I/O driver.
    pub(crate) fn open(db: &Path, suffix: &str, mode: u32) -> io::Result<Self> {
        let path = beside(db, suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        Ok(Self { listener, path })
    }

    /// The next who comes. Cancelling it loses nobody.
    pub(crate) async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                // Too many descriptors, for a moment.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // At worst it lies there and answers nobody.
        drop(std::fs::remove_file(&self.path));
    }
}

/// The running sensor's socket of this suffix; `None` when none runs.
pub(crate) fn connect(db: &Path, suffix: &str) -> Result<Option<Connection>, Failure> {
    let path = beside(db, suffix);
    match Connection::connect(&path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(Failure::system(format!("{} cannot be asked; try with sudo", path.display()))(error)),
    }
}

/// What to say of a sensor that took a question and does not answer it.
pub(crate) fn silent(db: &Path, suffix: &str) -> impl FnOnce(io::Error) -> Failure {
    Failure::system(format!("the sensor at {} does not answer", beside(db, suffix).display()))
}

pub(crate) fn beside(db: &Path, suffix: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
