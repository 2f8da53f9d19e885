//! The control socket, which only the sensor's user and root may open. The caller writes one line of JSON, a [`Request`],
//! and reads one line, a [`Response`].

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::Sleep;

use crate::control::request::{Request, Response};
use crate::control::socket::{self, Socket};
use crate::terminal::failure::Failure;

/// The running sensor's end. It serves one caller at a time.
pub struct ControlSocket {
    socket: Socket,
    caller: Option<Caller>,
}

/// A caller whose request is being read.
struct Caller {
    stream: UnixStream,
    received: Vec<u8>,
    /// When the request is taken as it is.
    timeout: Pin<Box<Sleep>>,
}

/// The socket's path is the database's and this.
const SUFFIX: &str = ".control";
/// Bytes of a request that are read; real ones have a few hundred.
const REQUEST_MAX: usize = 4096;
/// How long a caller may take to send its request: others wait for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a command waits for the answer: the database may be busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

impl ControlSocket {
    /// Opens the socket beside the database at `db`; the caller must be the one process that writes that database. Needs a
    /// tokio runtime with I/O.
    pub fn open(db: &Path) -> io::Result<Self> {
        Ok(Self { socket: Socket::open(db, SUFFIX, 0o600)?, caller: None })
    }

    /// The next request, and the stream on which to [`answer`] it. Cancel-safe.
    pub async fn request(&mut self) -> (UnixStream, String) {
        loop {
            let Some(caller) = &mut self.caller else {
                let stream = self.socket.accept().await;
                let timeout = Box::pin(tokio::time::sleep(REQUEST_TIMEOUT));
                self.caller = Some(Caller { stream, received: Vec::new(), timeout });
                continue;
            };
            let is_complete = tokio::select! {
                () = caller.timeout.as_mut() => true,
                ready = caller.stream.readable() => ready.is_err() || caller.read(),
            };
            if is_complete && let Some(Caller { stream, received, .. }) = self.caller.take() {
                return (stream, String::from_utf8_lossy(&received).into_owned());
            }
        }
    }
}

impl Caller {
    /// Reads what has arrived. Whether the request is complete.
    fn read(&mut self) -> bool {
        let mut part = [0; 1024];
        match self.stream.try_read(&mut part) {
            Ok(0) => true,
            Ok(len) => {
                self.received.extend_from_slice(&part[..len]);
                self.received.contains(&b'\n') || self.received.len() > REQUEST_MAX
            }
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// Answers a request. A caller that has gone meanwhile gets no answer, which is no error.
pub fn answer(stream: UnixStream, answer: &Response) {
    let Ok(json) = serde_json::to_string(answer) else { return };
    drop(stream.into_std().and_then(|mut stream| stream.write_all(format!("{json}\n").as_bytes())));
}

/// Sends a request to the running sensor of the database at `db`, and waits for the answer; `None` when none runs.
pub fn ask(db: &Path, request: &Request) -> Result<Option<Response>, Failure> {
    let Some(mut stream) = socket::connect(db, SUFFIX)? else { return Ok(None) };
    let mut exchange = || {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let json = serde_json::to_string(request)?;
        stream.write_all(format!("{json}\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    exchange().map(Some).map_err(socket::no_answer(db, SUFFIX))
}
