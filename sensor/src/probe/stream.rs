//! Reading and writing on a TCP connection until a deadline.

use std::io;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Maximum number of bytes read of a service that speaks first.
pub(super) const GREETING_MAX: usize = 1024;

/// Reads available bytes; `Some(0)` at the end of the stream, `None` on an error or when nothing arrives until the
/// deadline.
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

/// Writes all bytes; `None` on an error or at the deadline.
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
