//! A DHCP DISCOVER (RFC 2131, section 4.4.1) that finds servers and takes no lease: nothing follows it. Servers are asked to
//! answer by broadcast; those that answer by unicast are heard as well.

use std::net::Ipv4Addr;

use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::udp::MutableUdpPacket;
use sensor_core::types::Mac;

/// Length of the packet: IPv4 and UDP headers, and the shortest message that old relays forward (RFC 1542, section 2.1).
pub(crate) const DISCOVER_LEN: usize = IP_LEN + UDP_LEN + BOOTP_LEN;

const IP_LEN: usize = 20;
const UDP_LEN: usize = 8;
const BOOTP_LEN: usize = 300;
/// Ports of the client and of the server (RFC 2131, section 4.1).
const CLIENT: u16 = 68;
const SERVER: u16 = 67;
/// The flag that asks for answers by broadcast (RFC 2131, section 2).
const BROADCAST_FLAG: u8 = 0x80;
/// What the message says from its cookie on: a DISCOVER of the vendor class `sensor`, which wants to know the mask, the router,
/// the name servers, the lease time and the server.
const OPTIONS: [u8; 23] = [
    0x63, 0x82, 0x53, 0x63, // the cookie
    53, 1, 1, // the message's type
    55, 5, 1, 3, 6, 51, 54, // the options asked for
    60, 6, b's', b'e', b'n', b's', b'o', b'r', // the vendor class
    255,  // the end
];

/// Writes the packet of a client with this MAC; `None` where it does not fit.
pub(crate) fn write(bytes: &mut [u8], mac: Mac) -> Option<()> {
    let mut ip = MutableIpv4Packet::new(bytes.get_mut(..DISCOVER_LEN)?)?;
    ip.set_version(4);
    ip.set_header_length(5);
    ip.set_total_length(u16::try_from(DISCOVER_LEN).ok()?);
    ip.set_ttl(64);
    ip.set_next_level_protocol(IpNextHeaderProtocols::Udp);
    ip.set_source(Ipv4Addr::UNSPECIFIED);
    ip.set_destination(Ipv4Addr::BROADCAST);
    ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
    // Without a checksum, as UDP over IPv4 allows (RFC 768).
    let mut udp = MutableUdpPacket::new(&mut bytes[IP_LEN..DISCOVER_LEN])?;
    udp.set_source(CLIENT);
    udp.set_destination(SERVER);
    udp.set_length(u16::try_from(UDP_LEN + BOOTP_LEN).ok()?);
    let message = &mut bytes[IP_LEN + UDP_LEN..DISCOVER_LEN];
    // A request of an Ethernet client.
    message[..3].copy_from_slice(&[1, 1, 6]);
    // The transaction is the sensor's own: another client of this machine has a number by chance.
    message[4..8].copy_from_slice(&mac.0[2..]);
    message[10] = BROADCAST_FLAG;
    message[28..34].copy_from_slice(&mac.0);
    message[236..236 + OPTIONS.len()].copy_from_slice(&OPTIONS);
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use sensor_core::wire::dhcp;

    #[test]
    fn it_is_a_discover_and_nothing_else() {
        let mac = Mac([2, 0, 0, 0xaa, 0xbb, 0xcc]);
        let mut bytes = [0; DISCOVER_LEN];
        write(&mut bytes, mac).unwrap();
        assert_eq!(bytes[..20], [0x45, 0, 1, 0x48, 0, 0, 0, 0, 64, 17, 0x79, 0xa6, 0, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!(bytes[20..28], [0, 68, 0, 67, 1, 0x34, 0, 0]);
        assert_eq!(bytes[38], 0x80);
        let message = dhcp::parse(&bytes[28..]).unwrap().unwrap();
        assert_eq!((message.from_server, message.client, message.is_truncated), (false, Some(mac), false));
        assert!(message.ciaddr.is_unspecified() && message.yiaddr.is_unspecified() && message.giaddr.is_unspecified());
        assert_eq!(message.option(53), Some(&[1][..]));
        assert_eq!(message.option(55), Some(&[1, 3, 6, 51, 54][..]));
        assert_eq!(message.option(60), Some(&b"sensor"[..]));
        assert_eq!(message.numbers(), [53, 55, 60]);
        assert_eq!(write(&mut [0; DISCOVER_LEN - 1], mac), None);
    }
}
