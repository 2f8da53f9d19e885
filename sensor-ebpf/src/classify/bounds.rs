//! How far the classifier reads into a frame. The verifier wants every loop and offset bounded; a frame that goes
//! beyond these bounds is told as [`crate::abi::Class::Deep`], unless a comment says otherwise, and user space reads on
//! in it ([`crate::classify::read_on`]).

use crate::abi::{FRAME_MAX, SMALL_BODY};

/// How many headers a reader looks through.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// VLAN tags, priority tags among them.
    pub tags: usize,
    /// IPv6 extension headers.
    pub extensions: usize,
    /// The transport header starts at most so many bytes behind the Ethernet header.
    pub headers: usize,
    /// Whether IP and tags behind LLC and SNAP headers are looked into.
    pub snap: bool,
}

/// How far the kernel reads. 802.1ad makes two tags of a customer's tag, and honest hosts send one or two extension
/// headers.
pub const NEAR: Reach = Reach { tags: 2, extensions: 6, headers: HEADERS_MAX, snap: false };
/// How far user space reads on: Linux takes off any number of priority tags and extension headers. No harvested frame
/// has room for more extension headers than that; a VLAN within a VLAN within a VLAN is no segment, and stays deep.
pub const FAR: Reach = Reach { tags: 64, extensions: FRAME_MAX / 8, headers: FRAME_MAX, snap: true };

/// As [`Reach::headers`], in the kernel.
pub const HEADERS_MAX: usize = 256;
/// A carried frame starts before this offset; one that starts later is not opened, and the frame is classified as it
/// is. A power of two.
pub const INNER_MAX: usize = 256;
/// Options of a neighbour message that are searched for a link-layer address: as many as fit into a small record.
pub const OPTIONS_MAX: usize = (SMALL_BODY - 8) / 8;
