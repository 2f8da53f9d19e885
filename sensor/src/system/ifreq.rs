//! Requests about an interface by ioctl(2): its number, name, type, flags, and the card's features (netdevice(7)).

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::netdevice;

use crate::system::socket::socket;
use sensor_core::types::Iface;

/// `linux/sockios.h`: the request's data is a pointer to the words of `linux/ethtool.h`.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

const _: () = assert!(mem::size_of::<libc::ifreq>() <= 40);

/// The number of an interface; an error of kind `NotFound` or `ENODEV` when there is none of that name.
pub(crate) fn number_of(name: &str) -> io::Result<u32> {
    Ok(netdevice::name_to_index(&any_socket()?, name)?)
}

/// The name of the interface of this number; `None` when there is none.
pub(crate) fn name_of(index: u32) -> Option<Iface> {
    netdevice::index_to_name(&any_socket().ok()?, index).ok().as_deref().and_then(Iface::new)
}

/// What the interface's frames begin with (`SIOCGIFHWADDR`), one of `ARPHRD_*`.
pub(crate) fn link_type(iface: Iface) -> io::Result<u16> {
    IfRequest::new(iface).call(libc::SIOCGIFHWADDR as libc::Ioctl).map(|request| u16::from_ne_bytes(request.value()))
}

/// The interface's flags (`SIOCGIFFLAGS`), of `IFF_*`.
pub(crate) fn flags(iface: Iface) -> io::Result<i32> {
    let request = IfRequest::new(iface).call(libc::SIOCGIFFLAGS as libc::Ioctl)?;
    Ok(i32::from(i16::from_ne_bytes(request.value())))
}

/// Asks the card's driver (`linux/ethtool.h`): `words` begin with the command, and hold the answer afterwards.
pub(crate) fn ethtool(iface: Iface, words: &mut [u32]) -> io::Result<()> {
    let mut request = IfRequest::new(iface);
    let address = (words.as_mut_ptr() as usize).to_ne_bytes();
    request.0[16..16 + address.len()].copy_from_slice(&address);
    request.call(SIOCETHTOOL)?;
    // The kernel wrote behind the compiler's back.
    std::hint::black_box(words);
    Ok(())
}

/// `struct ifreq` as bytes: a name and a union that each request reads its own way.
#[repr(C, align(8))]
struct IfRequest([u8; 40]);

impl IfRequest {
    fn new(iface: Iface) -> Self {
        let mut bytes = [0; 40];
        let name = iface.as_str().as_bytes();
        bytes[..name.len()].copy_from_slice(name);
        Self(bytes)
    }

    fn call(mut self, request: libc::Ioctl) -> io::Result<Self> {
        let socket = any_socket()?;
        // SAFETY: the kernel reads and writes at most a `struct ifreq`, which is not larger than these bytes; the
        // one request with a pointer in it has it to memory that outlives the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, self.0.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(self) }
    }

    fn value<const N: usize>(&self) -> [u8; N] {
        let mut value = [0; N];
        value.copy_from_slice(&self.0[16..16 + N]);
        value
    }
}

/// A socket to send requests through: a kernel without IPv4 has IPv6.
fn any_socket() -> io::Result<OwnedFd> {
    socket(libc::AF_INET, libc::SOCK_DGRAM, 0).or_else(|_| socket(libc::AF_INET6, libc::SOCK_DGRAM, 0))
}
