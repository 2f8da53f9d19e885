//! How the hosts of a crowd behave.

/// How a host behaves. Who answers ICMP and TCP answers ARP as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ARP and nothing else.
    ArpOnly,
    /// ARP, ICMP, and [`PORT`] is open.
    Full,
    /// Neighbour solicitations for its IPv6 address, and nothing else.
    NdpOnly,
    /// [`PORT`] is open, and ICMP is dropped.
    NoIcmp,
    /// ARP and ICMP, together at most so many answers a second.
    RateLimited(u32),
    /// ARP and ICMP, after two seconds.
    Slow,
}

/// The TCP port that is open.
pub const PORT: u16 = 80;
/// What a host on the switch says on it to whoever says something.
pub const PAGE: &str = "HTTP/1.0 200 OK\r\nServer: crowd\r\nContent-Type: text/html\r\n\r\n<html><head><title>One of many</title></head></html>";
