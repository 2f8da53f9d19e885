//! Sockets of any family, closed on exec, and options that no library sets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use libc::c_int;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with};

/// A socket that is closed on exec. Family and kind are the numbers of socket(2) (`AF_PACKET`, `SOCK_RAW`, `SOCK_NONBLOCK`).
pub(crate) fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    let family = u16::try_from(family).map_err(|_| io::ErrorKind::InvalidInput)?;
    let flags = SocketFlags::from_bits_retain((kind & libc::SOCK_NONBLOCK).cast_unsigned()) | SocketFlags::CLOEXEC;
    let kind = SocketType::from_raw((kind & !libc::SOCK_NONBLOCK).cast_unsigned());
    let protocol = std::num::NonZeroU32::new(protocol.cast_unsigned()).map(Protocol::from_raw);
    Ok(socket_with(AddressFamily::from_raw(family), kind, flags, protocol)?)
}

/// Sets a socket option to a plain value: an integer, or a struct of integers as the option wants it.
pub(crate) fn set_option<T: Copy>(socket: &impl AsFd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads `len` bytes from a reference to a value of that size.
    let result = unsafe { libc::setsockopt(fd, level, name, std::ptr::from_ref(value).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
