//! mDNS queries to one host by legacy unicast (RFC 6762, section 6.7), which does not load the whole network.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::probe::cookie::random_id;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::mdns::live_claims;
use sensor_core::types::Text;
use sensor_core::wire::dns;

const PORT: u16 = 5353;
/// Maximum number of responses read in one round; a host sends one or two.
const DATAGRAMS_MAX: usize = 16;
/// Maximum number of service types that are queried, and of claims that are kept.
const TYPES_MAX: usize = 8;
const CLAIMS_MAX: usize = 128;

/// Queries `ip` for its name and service types and, in a second round, for its services. `scope` is the interface's
/// index, for a link-local address. Empty when there is no response within `patience`.
pub async fn ask(ip: IpAddr, scope: Option<u32>, patience: Duration) -> Vec<MdnsClaim> {
    let host = match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, PORT),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, PORT, 0, scope.unwrap_or(0)).into(),
    };
    // An error is treated like no response.
    ask_at(host, ip, patience).await.unwrap_or_default()
}

async fn ask_at(host: SocketAddr, ip: IpAddr, patience: Duration) -> io::Result<Vec<MdnsClaim>> {
    let any: SocketAddr = if host.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse().map_err(io::Error::other)?;
    let socket = UdpSocket::bind(any).await?;
    socket.connect(host).await?;
    let reverse = dns::reverse_name(ip);
    let first = [dns::Question::pointer(&reverse), dns::Question::pointer(b"_services._dns-sd._udp.local")];
    let mut claims = round(&socket, &first, patience / 2).await?;
    let is_type = |claim: &MdnsClaim| if let MdnsClaim::Type { name } = claim { Some(name.clone()) } else { None };
    let types: Vec<Text> = claims.iter().filter_map(is_type).take(TYPES_MAX).collect();
    if !types.is_empty() {
        let questions: Vec<_> = types.iter().map(|name| dns::Question::pointer(name.as_bytes())).collect();
        claims.extend(round(&socket, &questions, patience / 2).await?);
    }
    claims.truncate(CLAIMS_MAX);
    Ok(claims)
}

async fn round(socket: &UdpSocket, questions: &[dns::Question<'_>], patience: Duration) -> io::Result<Vec<MdnsClaim>> {
    let id = random_id();
    let Some(query) = dns::query(id, questions) else { return Ok(Vec::new()) };
    socket.send(&query).await?;
    let until = Instant::now() + patience;
    let mut claims = Vec::new();
    let mut buffer = vec![0; 9000];
    for _ in 0..DATAGRAMS_MAX {
        let Ok(got) = timeout_at(until, socket.recv(&mut buffer)).await else { break };
        let datagram = &buffer[..got?];
        // A legacy response repeats the query's id; some responders set it to zero.
        let is_ours = datagram.first_chunk::<2>().is_some_and(|head| *head == id.to_be_bytes() || *head == [0, 0]);
        if let Some(message) = dns::parse(datagram).ok().filter(|message| is_ours && message.is_response) {
            claims.extend(live_claims(&message));
            // A host usually responds in one message; further ones are awaited for 50 ms only.
            if !claims.is_empty() && claims.len() >= questions.len() {
                let soon = until.min(Instant::now() + Duration::from_millis(50));
                while let Ok(got) = timeout_at(soon, socket.recv(&mut buffer)).await {
                    let Ok(message) = dns::parse(&buffer[..got?]) else { continue };
                    claims.extend(live_claims(&message));
                    if claims.len() >= CLAIMS_MAX {
                        break;
                    }
                }
                break;
            }
        }
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// Checks the claims read from a responder that answers each query with the first question's name and these bytes.
    async fn check(replies: &'static [&'static [u8]], expected: &[&str]) {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            for record in replies {
                let (_, from) = server.recv_from(&mut buffer).await.unwrap();
                let name_end = 12 + buffer[12..].iter().position(|&b| b == 0).unwrap() + 1;
                let head = [&buffer[..2], &[0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
                server.send_to(&[&head[..], &buffer[12..name_end], record].concat(), from).await.unwrap();
            }
        });
        let claims = ask_at(address, "10.0.0.5".parse().unwrap(), Duration::from_millis(400)).await.unwrap_or_default();
        let words: Vec<String> = claims.iter().map(|claim| format!("{claim:?}")).collect();
        assert_eq!(words, expected);
    }

    #[tokio::test]
    async fn a_response_gives_the_hosts_name() {
        let record: &[u8] = b"\0\x0c\0\x01\0\0\0\x78\0\x0b\x03nas\x05local\0";
        check(Box::leak(Box::new([record])), &[r#"Reverse { name: "5.0.0.10.in-addr.arpa", target: "nas.local" }"#])
            .await;
        check(&[], &[]).await;
    }
}
