//! The socket at which a running sensor tells its figures: who connects gets one line of JSON, and sends nothing. It costs
//! nothing until somebody connects.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

use crate::control::socket::{self, Socket};
use crate::terminal::failure::Failure;

/// The running sensor's end.
pub struct StatusSocket(Socket);

/// The socket's path is the database's and this.
const SUFFIX: &str = ".status";
/// How long a command waits for a sensor that is very busy.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read; real ones have a few thousand.
const ANSWER_MAX: u64 = 1 << 20;

impl StatusSocket {
    /// Opens the socket beside the database at `db`; the caller must be the one process that writes that database. Needs a
    /// tokio runtime with I/O.
    pub fn open(db: &Path) -> io::Result<Self> {
        // Whoever may enter the folder may read the figures, as they may read the database.
        Socket::open(db, SUFFIX, 0o666).map(Self)
    }

    /// The next who wants to know the figures. Cancel-safe.
    pub async fn asked(&self) -> UnixStream {
        self.0.accept().await
    }
}

/// Sends the figures. A reader that does not take what fits the socket's buffer gets no more, so that it delays nobody.
pub fn send(stream: UnixStream, line: &str) {
    drop(stream.into_std().and_then(|mut stream| stream.write_all(format!("{line}\n").as_bytes())));
}

/// The figures of the running sensor of the database at `db`.
pub fn read(db: &Path) -> Result<String, Failure> {
    let stream = socket::connect(db, SUFFIX)?.ok_or_else(|| Failure::NotRunning(db.to_owned()))?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(socket::no_answer(db, SUFFIX))?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer).map_err(socket::no_answer(db, SUFFIX))?;
    if answer.is_empty() {
        return Err(Failure::NotRunning(db.to_owned()));
    }
    Ok(answer)
}
