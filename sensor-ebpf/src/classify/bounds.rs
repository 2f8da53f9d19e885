//! How far the classifier reads into a frame. The verifier wants every loop and offset bounded; a frame that goes
//! beyond these bounds is counted as `Deep`, unless a comment says otherwise.

use crate::abi::SMALL_BODY;
use crate::packet::READ_MAX;

/// VLAN tags that are read. 802.1ad makes two of a customer's tag.
pub const TAGS_MAX: usize = 2;
/// IPv6 extension headers that are read. Honest hosts send one or two.
pub const EXTENSIONS_MAX: usize = 6;
/// The transport header starts at most so many bytes behind the Ethernet header.
pub const HEADERS_MAX: usize = 256;
/// A carried frame starts before this offset; one that starts later is not opened, and the frame is classified as it
/// is. A power of two.
pub const INNER_MAX: usize = 256;
const _: () = assert!(INNER_MAX + HEADERS_MAX + SMALL_BODY + 8 <= READ_MAX);
/// Options of a neighbour message that are searched for a link-layer address; later ones are not looked at.
pub const OPTIONS_MAX: usize = 4;
