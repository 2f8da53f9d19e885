//! Small helpers for sockets and ioctl requests.

use libc::{c_int, c_void};
use sensor_core::types::Iface;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `struct ifreq` as bytes: a name and a union that each request reads its own way.
#[repr(C, align(8))]
pub(crate) struct Request([u8; 40]);

impl Request {
    pub(crate) fn new(iface: Iface) -> Self {
        let mut bytes = [0; 40];
        let name = iface.as_str().as_bytes();
        bytes[..name.len()].copy_from_slice(name);
        Self(bytes)
    }

    pub(crate) fn point_to(&mut self, data: *mut c_void) {
        let address = (data as usize).to_ne_bytes();
        self.0[16..16 + address.len()].copy_from_slice(&address);
    }

    pub(crate) fn call(&mut self, socket: &OwnedFd, request: libc::Ioctl) -> io::Result<()> {
        // SAFETY: the kernel reads and writes at most a `struct ifreq`, which is not larger than these bytes; the
        // one request with a pointer in it has it to memory that outlives the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, self.0.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    pub(crate) fn value<const N: usize>(&self) -> [u8; N] {
        let mut value = [0; N];
        value.copy_from_slice(&self.0[16..16 + N]);
        value
    }
}

pub(crate) fn control_socket() -> io::Result<OwnedFd> {
    socket(libc::AF_INET, libc::SOCK_DGRAM, 0).or_else(|_| socket(libc::AF_INET6, libc::SOCK_DGRAM, 0))
}

/// A socket that is closed on exec.
pub(crate) fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets a socket option to a plain value.
pub(crate) fn set_option<T: Copy>(socket: &OwnedFd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let len = mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes from a reference to a value of that size.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
