//! What a running sensor may be told to do: a socket beside the database that only its user and root may open. One line of
//! JSON is asked, one is answered, and the answer means that it is on disk.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::time::Sleep;

use crate::control::socket::Socket;
use crate::terminal::failure::Failure;

/// Sockets beside the database.
pub mod socket;

/// Changes that the owner makes to a host.
pub mod host;
/// Mutes and unmutes at the judge, for a running sensor and without one.
pub mod mute;
/// The socket at which `sensor status` asks a running sensor.
pub mod status;

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Two hosts are one.
    Join {
        /// The one's id, hexadecimal.
        host: String,
        /// The other's.
        other: String,
    },
    /// A station is not its host's.
    Split {
        /// The host's id, hexadecimal.
        host: String,
        /// The station.
        mac: String,
    },
    /// A mute is to end.
    End {
        /// Its number.
        id: u64,
    },
    /// Something is not to be told for a while.
    Mute {
        /// What, as written.
        target: String,
        /// For how long, seconds.
        for_s: u64,
        /// Why.
        reason: Option<String>,
    },
}

/// What came of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The mute of this number has ended.
    Ended {
        /// Its number.
        id: u64,
    },
    /// This is the host now.
    Host {
        /// Its id, hexadecimal.
        id: String,
    },
    /// It is muted.
    Muted {
        /// The mute's number.
        id: u64,
        /// Until when, RFC 3339.
        until: String,
    },
    /// It cannot be done.
    Refused {
        /// Why, one line.
        why: String,
    },
}

/// The socket.
pub struct Control {
    socket: Socket,
    caller: Option<Caller>,
}

/// Who has come, and what was heard of the request.
struct Caller {
    stream: UnixStream,
    heard: Vec<u8>,
    patience: Pin<Box<Sleep>>,
}

/// Of the socket's path, behind the database's.
const SUFFIX: &str = ".control";
/// A request is a line of a few hundred bytes.
const REQUEST_MAX: usize = 4096;
/// Who connects and says nothing keeps others waiting for so long.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// How long an answer may take: the database may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

impl Control {
    /// Opens the socket of the database at `db`, of which the caller is the one writer. To be called inside a tokio runtime
    /// with its I/O driver.
    pub fn open(db: &Path) -> io::Result<Self> {
        Ok(Self { socket: Socket::open(db, SUFFIX, 0o600)?, caller: None })
    }

    /// The next request, and where to answer. Cancelling it loses nothing.
    pub async fn request(&mut self) -> (UnixStream, String) {
        loop {
            let Some(caller) = &mut self.caller else {
                let stream = self.socket.accept().await;
                let patience = Box::pin(tokio::time::sleep(SILENCE_MAX));
                self.caller = Some(Caller { stream, heard: Vec::new(), patience });
                continue;
            };
            let is_over = tokio::select! {
                () = caller.patience.as_mut() => true,
                ready = caller.stream.readable() => ready.is_err() || caller.hear(),
            };
            if is_over && let Some(Caller { stream, heard, .. }) = self.caller.take() {
                return (stream, String::from_utf8_lossy(&heard).into_owned());
            }
        }
    }
}

impl Caller {
    /// Takes what is there; true when there will be no more.
    fn hear(&mut self) -> bool {
        let mut part = [0; 1024];
        match self.stream.try_read(&mut part) {
            Ok(0) => true,
            Ok(len) => {
                self.heard.extend_from_slice(&part[..len]);
                self.heard.contains(&b'\n') || self.heard.len() > REQUEST_MAX
            }
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// Answers; who has gone meanwhile does without.
pub fn answer(stream: UnixStream, answer: &Answer) {
    let Ok(json) = serde_json::to_string(answer) else { return };
    drop(stream.into_std().and_then(|mut stream| stream.write_all(format!("{json}\n").as_bytes())));
}

/// Asks the sensor of the database at `db`; `None` when none runs.
pub fn ask(db: &Path, request: &Request) -> Result<Option<Answer>, Failure> {
    let Some(mut stream) = socket::connect(db, SUFFIX)? else { return Ok(None) };
    let mut talk = || {
        stream.set_read_timeout(Some(PATIENCE))?;
        let json = serde_json::to_string(request)?;
        stream.write_all(format!("{json}\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    talk().map(Some).map_err(socket::silent(db, SUFFIX))
}
