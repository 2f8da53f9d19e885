//! The socket at which `sensor status` asks a running sensor.

use crate::commands::status::SUFFIX;
use crate::control::socket::Socket;
use std::io::{self};
use std::path::Path;
use tokio::net::UnixStream;

/// The socket.
pub struct Inquiry(Socket);

impl Inquiry {
    /// Opens the socket of the database at `db`, of which the caller is the one writer. To be called inside a tokio runtime
    /// with its I/O driver.
    pub fn open(db: &Path) -> io::Result<Self> {
        // Whoever may look into the folder may ask, as with the database.
        Socket::open(db, SUFFIX, 0o666).map(Self)
    }

    /// The next who asks. Cancelling it loses nobody.
    pub async fn asked(&mut self) -> UnixStream {
        self.0.accept().await
    }
}
