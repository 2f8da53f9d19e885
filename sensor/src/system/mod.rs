//! What the kernel offers below files and streams: sockets and their options, interface requests, netlink. One helper each,
//! safe to call; the few `unsafe` lines that are left stand here and not where they are used.

/// Requests about an interface by ioctl(2).
pub mod ifreq;
/// Questions by netlink, and what the kernel tells unasked.
pub mod netlink;
/// Sockets and their options.
pub mod socket;
