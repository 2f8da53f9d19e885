//! NetBIOS node status, asked of one host (RFC 1002, section 4.2.17).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::probe::cookie::random_id;
use sensor_core::types::{Mac, Text};
use sensor_core::wire::nbns::{node_status_request, parse_node_status};

/// Node status of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nbns {
    /// The computer's name.
    pub name: Option<Text>,
    /// Its domain or workgroup.
    pub group: Option<Text>,
    /// Its adapter's MAC, if it is given.
    pub mac: Option<Mac>,
}

const PORT: u16 = 137;
/// Number of requests; the second is sent after half the time.
const TRIES: u32 = 2;

/// Asks `ip` for its node status; `None` when there is no answer within `patience`.
pub async fn status(ip: Ipv4Addr, patience: Duration) -> Option<Nbns> {
    status_at(SocketAddr::new(ip.into(), PORT), patience).await.ok().flatten()
}

async fn status_at(server: SocketAddr, patience: Duration) -> io::Result<Option<Nbns>> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect(server).await?;
    let id = random_id();
    let begun = Instant::now();
    let mut buffer = [0; 2048];
    for turn in 1..=TRIES {
        socket.send(&node_status_request(id)).await?;
        let until = begun + patience * turn / TRIES;
        while let Ok(got) = timeout_at(until, socket.recv(&mut buffer)).await {
            // A closed port is reported here (ECONNREFUSED).
            if let Ok(Some(status)) = parse_node_status(id, &buffer[..got?]) {
                let (name, group) = (status.computer().cloned(), status.group().cloned());
                return Ok(Some(Nbns { name, group, mac: status.unit_id }));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    async fn check(replies: fn(&[u8]) -> Vec<Vec<u8>>, expected: Option<&[u8]>) {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (len, from) = server.recv_from(&mut buffer).await.unwrap();
                for reply in replies(&buffer[..len]) {
                    server.send_to(&reply, from).await.unwrap();
                }
            }
        });
        let got = status_at(address, Duration::from_millis(200)).await.unwrap();
        assert_eq!(got.and_then(|status| status.name), expected.map(Text::new));
    }

    fn answer(request: &[u8]) -> Vec<u8> {
        let head = [&request[..2], &[0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0], &request[12..46]].concat();
        [&head[..], &[0, 0x21, 0, 1, 0, 0, 0, 0, 0, 65, 1], b"NAS            \0\x04\0", &[0; 46]].concat()
    }

    #[tokio::test]
    async fn a_node_status_gives_the_hosts_name() {
        check(|request| vec![answer(request)], Some(b"NAS")).await;
        check(|request| vec![vec![1, 2, 3], answer(&[&[0, 0], &request[2..]].concat()), answer(request)], Some(b"NAS"))
            .await;
        check(|_| Vec::new(), None).await;
    }
}
