//! Reading and writing on a connection, with limits.

use std::io;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// What is read of a service that speaks first, in bytes.
pub(super) const GREETING_MAX: usize = 1024;

/// Reads what comes first until the deadline: `Some(0)` is the end of the stream, `None` is nothing or an error.
pub(crate) async fn read(stream: &TcpStream, buffer: &mut [u8], deadline: Instant) -> Option<usize> {
    loop {
        match stream.try_read(buffer) {
            Ok(len) => return Some(len),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        }
        timeout_at(deadline, stream.readable()).await.ok()?.ok()?;
    }
}

/// Writes all of it until the deadline; `None`: it could not.
pub(crate) async fn write(stream: &TcpStream, mut bytes: &[u8], deadline: Instant) -> Option<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                timeout_at(deadline, stream.writable()).await.ok()?.ok()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(())
}
