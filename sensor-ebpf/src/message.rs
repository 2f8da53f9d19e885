//! Messages that are compared as a whole: announcements, hellos, retransmissions, and whatever a mirror port copies
//! twice. Of each station and protocol the gate remembers only the last message (of DNS, the last question and the last
//! answer). So when a station changes its message and later changes it back, each change passes.

use crate::abi::{Class, FLAG_IPV4, FRAME_MAX, SMALL_BODY};
use crate::classify::Harvest;
use crate::found::{Claim, kind};

/// Words of 8 bytes in the longest body.
pub const WORDS_MAX: usize = FRAME_MAX.div_ceil(8);

/// The hash of a body, built word by word (native byte order); the last word is filled up with zeros.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Hash {
    /// Starts the hash of a body of `len` bytes. The seed is secret, so that nobody outside can make two bodies with
    /// one hash.
    #[inline(always)]
    pub const fn new(seed: u64, len: u64) -> Self {
        Self(seed ^ len)
    }

    /// Adds the next word.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, word: u64) -> Self {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ mixed >> 29)
    }

    /// The finished hash, 48 bits.
    #[inline(always)]
    pub const fn end(self) -> u64 {
        self.0.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    }
}

/// The sender of a message, and its protocol.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// The class of the message.
    pub class: Class,
    /// The Ethernet source.
    pub frame_mac: u64,
    /// The IP source as two words ([`crate::found`]); zeros without an IP header.
    pub source: [u64; 2],
    /// The UDP ports, source and destination.
    pub ports: [u16; 2],
}

/// Whether a message of this class and length is compared as a whole. Messages that only claim an address are not: the
/// gate compares their claim.
#[inline(always)]
pub const fn is_compared(class: Class, body_len: u16) -> bool {
    match class {
        Class::Arp | Class::Redirect | Class::Traffic => false,
        Class::Ndp | Class::Served => body_len as usize > SMALL_BODY,
        _ => true,
    }
}

/// What the gate compares for a message: `opening` is the first word of its body, `hash` the [`Hash`] of the whole
/// body.
#[inline(always)]
pub fn claim(speaker: &Speaker, opening: u64, hash: u64) -> Claim {
    let is_dns = matches!(speaker.class, Class::Mdns | Class::Llmnr | Class::Nbns);
    // The bit that tells an answer from a question (RFC 1035, section 4.1.1).
    let turn = if is_dns { u64::from(opening.to_ne_bytes()[2] & 0x80) } else { 0 };
    let [from, to] = speaker.ports;
    let ports = u64::from(from) << 16 | u64::from(to);
    let source = speaker.source[0] ^ speaker.source[1].rotate_left(21) ^ turn << 40 ^ ports.rotate_left(16);
    let address = [speaker.frame_mac | (speaker.class as u64) << 48, source];
    Claim { kind: kind::MESSAGE, address, mac: hash, frame_mac: speaker.frame_mac }
}

/// The same for a classified frame with this body. `None` when the frame is compared by its claim, or not at all.
pub fn repeated(seed: u64, harvest: &Harvest, body: &[u8]) -> Option<Claim> {
    let header = &harvest.header;
    if harvest.claim.is_some() || !is_compared(harvest.class, header.body_len) {
        return None;
    }
    let [high, low] = *header.source.as_chunks::<8>().0 else { return None };
    let source = match header.flags & FLAG_IPV4 {
        0 => [u64::from_be_bytes(high), u64::from_be_bytes(low)],
        _ => [u64::from_be_bytes(high) >> 32, 0],
    };
    let words = body.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    });
    let hash = words.clone().fold(Hash::new(seed, body.len() as u64), Hash::and).end();
    let speaker = Speaker { class: harvest.class, frame_mac: harvest.frame_mac, source, ports: header.ports };
    Some(claim(&speaker, words.clone().next().unwrap_or(0), hash))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::gate;

    const SEED: u64 = 0x5eed;

    fn compared(class: Class, body: &[u8]) -> Option<Claim> {
        let header = crate::abi::Header { body_len: body.len() as u16, ports: [5353, 5353], ..Default::default() };
        let harvest =
            Harvest { class, header, body_at: 0, claim: None, sender: None, frame_mac: 0x0200_0000_000a, asked: None };
        repeated(SEED, &harvest, body)
    }

    /// Bodies that one station sends one after the other, and whether each passes the gate.
    #[track_caller]
    fn check(bodies: &[(&[u8], bool)]) {
        let mut buckets = std::vec![[0; 8]; gate::BUCKETS];
        for (n, (body, passes)) in bodies.iter().enumerate() {
            let mark = gate::mark(SEED, 2 << 32, &compared(Class::Mdns, body).expect("it is compared"));
            let decision = gate::decide(&mut buckets[mark.bucket as usize], &mark, 7, 900);
            assert_eq!(decision != gate::Decision::Gated, *passes, "message {n}");
        }
    }

    #[test]
    fn a_repeated_message_is_held_back() {
        check(&[(b"announcement", true), (b"announcement", false), (b"announcement", false)]);
    }

    #[test]
    fn a_message_that_changes_back_passes() {
        check(&[(b"a", true), (b"b", true), (b"a", true), (b"a", false)]);
        check(&[(b"name: a", true), (b"name: b", true), (b"name: a", true), (b"name: a", false)]);
    }

    #[test]
    fn dns_questions_and_answers_are_remembered_apart() {
        check(&[(b"\0\0\0\0who", true), (b"\0\0\x84\0me", true), (b"\0\0\0\0who", false), (b"\0\0\x84\0me", false)]);
    }

    #[test]
    fn a_body_longer_by_zeros_differs() {
        check(&[(b"", true), (b"\0", true), (b"\0\0", true), (&[0; 9], true), (&[0; 9], false)]);
    }

    #[test]
    fn messages_that_only_claim_an_address_are_not_compared() {
        assert_eq!(compared(Class::Arp, &[0; 28]), None);
        assert_eq!(compared(Class::Ndp, &[0; 24]), None);
        assert!(compared(Class::Ndp, &[0; 64]).is_some());
        assert!(compared(Class::Lldp, &[0; 20]).is_some());
    }
}
