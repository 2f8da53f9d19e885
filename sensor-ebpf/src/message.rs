//! Messages that their sender says again word for word: announcements, hellos, retransmissions, and whatever a mirror
//! port copies twice. The gate remembers the last one only of each station and protocol (of DNS, the last question and the last
//! answer): whoever changes what it says, and changes it back, is heard each time.

use crate::abi::{Class, FLAG_IPV4, FRAME_MAX, SMALL_BODY};
use crate::classify::{Claim, Harvest, kind};

/// Words of the longest body.
pub const WORDS_MAX: usize = FRAME_MAX.div_ceil(8);

/// A body's hash while it is read, word by word (the machine's order), the last word filled up with zeros.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Hash {
    /// Of a body of `len` bytes. With the secret `seed` nobody else can make two bodies that are taken for one.
    #[inline(always)]
    pub const fn new(seed: u64, len: u64) -> Self {
        Self(seed ^ len)
    }

    /// With one word more.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, word: u64) -> Self {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ mixed >> 29)
    }

    /// 48 bits of it.
    #[inline(always)]
    pub const fn end(self) -> u64 {
        self.0.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    }
}

/// Who speaks, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// The message's class.
    pub class: Class,
    /// The frame's source.
    pub frame_mac: u64,
    /// The IP source as two words in network order; zeros without an IP header.
    pub source: [u64; 2],
    /// UDP's ports.
    pub ports: [u16; 2],
}

/// Whether messages of this class and length are compared as a whole: those that say no more than an address are not.
#[inline(always)]
pub const fn is_compared(class: Class, body_len: u16) -> bool {
    match class {
        Class::Arp | Class::Traffic => false,
        Class::Ndp | Class::Served => body_len as usize > SMALL_BODY,
        _ => true,
    }
}

/// What the gate compares: `opening` is the body's first word, `hash` the [`Hash`] of all of it.
#[inline(always)]
pub fn claim(speaker: &Speaker, opening: u64, hash: u64) -> Claim {
    let is_dns = matches!(speaker.class, Class::Mdns | Class::Llmnr | Class::Nbns);
    // Whether it is an answer (RFC 1035, section 4.1.1).
    let turn = if is_dns { u64::from(opening.to_ne_bytes()[2] & 0x80) } else { 0 };
    let [from, to] = speaker.ports;
    let ports = u64::from(from) << 16 | u64::from(to);
    let source = speaker.source[0] ^ speaker.source[1].rotate_left(21) ^ turn << 40 ^ ports.rotate_left(16);
    let address = [speaker.frame_mac | (speaker.class as u64) << 48, source];
    Claim { kind: kind::MESSAGE, address, mac: hash, frame_mac: speaker.frame_mac }
}

/// The same of a classified frame with this body; `None` when it is compared by what it claims, or not at all.
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

    fn said(class: Class, body: &[u8]) -> Option<Claim> {
        let header = crate::abi::Header { body_len: body.len() as u16, ports: [5353, 5353], ..Default::default() };
        let harvest =
            Harvest { class, header, body_at: 0, claim: None, sender: None, frame_mac: 0x0200_0000_000a, asked: None };
        repeated(SEED, &harvest, body)
    }

    /// Bodies that one station says one after the other, and whether each is told.
    #[track_caller]
    fn check(bodies: &[(&[u8], bool)]) {
        let mut buckets = std::vec![[0; 8]; gate::BUCKETS];
        for (n, (body, is_told)) in bodies.iter().enumerate() {
            let mark = gate::mark(SEED, 2 << 32, &said(Class::Mdns, body).expect("it is compared"));
            let decision = gate::decide(&mut buckets[mark.bucket as usize], &mark, 7, 900);
            assert_eq!(decision != gate::Decision::Gated, *is_told, "message {n}");
        }
    }

    #[test]
    fn what_is_said_again_is_held_back() {
        check(&[(b"announcement", true), (b"announcement", false), (b"announcement", false)]);
    }

    #[test]
    fn whoever_changes_back_is_heard() {
        check(&[(b"a", true), (b"b", true), (b"a", true), (b"a", false)]);
        check(&[(b"name: a", true), (b"name: b", true), (b"name: a", true), (b"name: a", false)]);
    }

    #[test]
    fn questions_between_answers_do_not_make_them_news() {
        check(&[(b"\0\0\0\0who", true), (b"\0\0\x84\0me", true), (b"\0\0\0\0who", false), (b"\0\0\x84\0me", false)]);
    }

    #[test]
    fn a_longer_body_differs_even_by_zeros() {
        check(&[(b"", true), (b"\0", true), (b"\0\0", true), (&[0; 9], true), (&[0; 9], false)]);
    }

    #[test]
    fn what_only_names_an_address_is_not_compared() {
        assert_eq!(said(Class::Arp, &[0; 28]), None);
        assert_eq!(said(Class::Ndp, &[0; 24]), None);
        assert!(said(Class::Ndp, &[0; 64]).is_some());
        assert!(said(Class::Lldp, &[0; 20]).is_some());
    }
}
