//! Echo request to all nodes of an IPv6 segment by multicast (RFC 4291, section 2.7.1).

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::probe::icmp::error::IcmpError;
use crate::probe::icmp::family::Family;
use crate::probe::icmp::socket::{destination, failed};
use crate::probe::icmp::sweep::{EchoReply, EchoSweep};
use crate::system::ifreq::number_of;

/// The multicast address of all nodes on the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Maximum number of neighbours taken from one request; more than any realistic segment has.
const NEIGHBOURS_MAX: usize = 16_384;

/// Sends one request to all nodes of the interface's segment, and returns the link-local addresses that answer within
/// `wait`, each once. This machine itself is not among them.
pub async fn all_nodes(iface: &str, wait: Duration) -> Result<Vec<EchoReply>, IcmpError> {
    let fail = |call| move |source| failed(Family::V6, call, source);
    let index = number_of(iface).map_err(|source| IcmpError::Iface { family: 6, iface: iface.to_owned(), source })?;
    let mut sweep = EchoSweep::open(Family::V6, Some(iface), wait)?;
    let socket = sweep.socket.as_socket();
    socket.set_multicast_if_v6(index).map_err(fail("IPV6_MULTICAST_IF"))?;
    socket.set_multicast_loop_v6(false).map_err(fail("IPV6_MULTICAST_LOOP"))?;
    let cookie = sweep.cookies.seal(ALL_NODES.into(), sweep.cookies.now());
    let question = (sweep.socket.question(ALL_NODES.into(), 1, &cookie), destination(ALL_NODES.into(), Some(index)));
    sweep.socket.send(&[question]).map_err(fail("send"))?;
    let deadline = Instant::now() + wait;
    let mut replies = Vec::new();
    while let Ok(ready) = timeout_at(deadline, sweep.readable()).await {
        ready.map_err(fail("poll"))?;
        sweep.drain_of(Some(ALL_NODES), &mut replies).map_err(fail("receive"))?;
        replies.retain(|reply| matches!(reply.ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        replies.truncate(NEIGHBOURS_MAX);
    }
    Ok(replies)
}
