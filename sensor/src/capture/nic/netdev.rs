//! Whether a driver supports XDP, by the generic netlink family `netdev` (since Linux 6.3, `linux/netdev.h`).

use std::io;

use crate::system::netlink::{Netlink, attribute};

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
/// `NETDEV_XDP_ACT_BASIC`: the driver runs XDP programs and supports pass, drop, abort and tx.
const BASIC: u64 = 1;

/// Whether the driver of the interface with this number runs XDP programs.
pub(in crate::capture) fn has_xdp(index: u32) -> io::Result<bool> {
    let netlink = Netlink::open(libc::NETLINK_GENERIC, 0)?;
    let family = ask(&netlink, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, b"netdev\0")?;
    let id = attribute(&family, CTRL_ATTR_FAMILY_ID).and_then(|id| id.first_chunk()).copied();
    let id = u16::from_ne_bytes(id.ok_or(io::ErrorKind::InvalidData)?);
    let device = ask(&netlink, id, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &index.to_ne_bytes())?;
    let features = attribute(&device, NETDEV_A_DEV_XDP_FEATURES).and_then(|features| features.first_chunk()).copied();
    Ok(u64::from_ne_bytes(features.ok_or(io::ErrorKind::InvalidData)?) & BASIC != 0)
}

/// Sends a request with one attribute and returns the attributes of the reply.
fn ask(netlink: &Netlink, family: u16, command: u8, kind: u16, value: &[u8]) -> io::Result<Vec<u8>> {
    // `struct genlmsghdr` (command, version, two reserved bytes), then one attribute (length, type, value).
    let mut question = vec![command, 1, 0, 0];
    question.extend(u16::try_from(4 + value.len()).map_err(|_| io::ErrorKind::InvalidInput)?.to_ne_bytes());
    question.extend(kind.to_ne_bytes());
    question.extend(value);
    question.resize(question.len().next_multiple_of(4), 0);
    let mut answer = netlink.ask(family, &question)?;
    answer.drain(..answer.len().min(4));
    Ok(answer)
}
