//! Whether a driver has XDP: the generic netlink family `netdev` (Linux 6.3, `linux/netdev.h`).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::capture::iface::netlink::attribute;
use crate::capture::iface::socket::socket;

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
/// `NETDEV_XDP_ACT_BASIC`: the driver runs XDP programs and knows pass, drop, abort and tx.
const BASIC: u64 = 1;

/// Whether the driver of the interface of this number runs XDP programs.
pub(in crate::capture) fn has_xdp(index: u32) -> io::Result<bool> {
    let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC)?;
    let family = ask(&socket, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, b"netdev\0")?;
    let id = attribute(&family, CTRL_ATTR_FAMILY_ID).and_then(|id| id.first_chunk()).copied();
    let id = u16::from_ne_bytes(id.ok_or(io::ErrorKind::InvalidData)?);
    let device = ask(&socket, id, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &index.to_ne_bytes())?;
    let features = attribute(&device, NETDEV_A_DEV_XDP_FEATURES).and_then(|features| features.first_chunk()).copied();
    Ok(u64::from_ne_bytes(features.ok_or(io::ErrorKind::InvalidData)?) & BASIC != 0)
}

/// Asks with one attribute; gives the answer's attributes.
fn ask(socket: &OwnedFd, family: u16, command: u8, kind: u16, value: &[u8]) -> io::Result<Vec<u8>> {
    // `struct nlmsghdr` (16 bytes), `struct genlmsghdr` (4), one attribute (4 and its value).
    let attribute_len = 4 + value.len();
    let mut request = vec![0_u8; 20 + attribute_len.next_multiple_of(4)];
    let len = u32::try_from(request.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    request[0..4].copy_from_slice(&len.to_ne_bytes());
    request[4..6].copy_from_slice(&family.to_ne_bytes());
    request[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    request[16..18].copy_from_slice(&[command, 1]);
    request[20..22].copy_from_slice(&u16::try_from(attribute_len).unwrap_or(0).to_ne_bytes());
    request[22..24].copy_from_slice(&kind.to_ne_bytes());
    request[24..24 + value.len()].copy_from_slice(value);
    // SAFETY: the kernel reads as many bytes as the vector has.
    if unsafe { libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut answer = vec![0_u8; 16 << 10];
    // The kernel has queued its answer when `send` returns.
    // SAFETY: the kernel writes at most as many bytes as the buffer has.
    let got = unsafe { libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), libc::MSG_DONTWAIT) };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    match answer.get(4..6) {
        Some(kind) if kind != (libc::NLMSG_ERROR as u16).to_ne_bytes() => {
            Ok(answer.get(20..got).unwrap_or_default().to_vec())
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
