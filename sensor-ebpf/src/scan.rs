//! Scan detection: a station that asks for very many addresses, or tries very many ports of one address, within a
//! minute. It is counted before the gate, because the gate compares only what a frame claims about its sender, not what
//! it asks for.
//!
//! A slot counts distinct targets by linear counting: each sets one of 64 bits, chosen by a secret hash.
//! - Neighbours are counted by (segment, station), and only in frames to a group. A station that checks whether a known
//!   neighbour is still there asks that neighbour alone (RFC 4861, section 7.3.3; Linux and Windows do the same for
//!   ARP), and a monitoring server does so all the time for hundreds of hosts.
//! - Ports are counted by (segment, station, destination, protocol), so that a scan of many hosts at once is counted for
//!   each host. Of TCP it is SYNs, and segments that no connection has (`classify::transport`); of UDP it is
//!   what [`counts_datagram`] says. Nothing else of a connection or a flow is counted, so that it costs nothing.
//!
//! The table is 4-way set-associative; a target that was counted before costs one look-up.
//!
//! Two CPUs that count for one station at the same time may lose a bit: a scan is then detected a few targets later.

use crate::classify::protocol;
use crate::found::Found;
use crate::packet::Packet;
use crate::presence::{self, Keys};

/// Buckets of the map. A power of two.
pub const BUCKETS: usize = 4_096;
/// One bucket: four slots of two words, one cache line. Word 0: 48 bits of the key's hash, and the tick in which its
/// window began (16 bits). Word 1: a bit for each target counted in the window; all bits once the scan was detected.
pub type Bucket = [u64; 8];

/// A scan of neighbours is detected at so many of 64 bits: after 97 neighbours on average. Among stations that ask for
/// 64 neighbours one in 4,000 sets as many bits; of 126 neighbours (a /25) 99 in 100 do, of 254 (a /24) all.
pub const BITS_NEIGHBORS: u32 = 50;
/// A scan of TCP ports is detected at so many of 64 bits: after 63 ports on average. No honest client uses half as many
/// services of one host.
pub const BITS_TCP: u32 = 40;
/// A scan of UDP ports is detected at so many of 64 bits: after 30 of the counted ports on average, never before 24. A
/// Windows domain's client uses eight of its server. It is less than for TCP, because hosts answer about one closed port a
/// second (RFC 1812, section 4.3.2.8; Linux's `icmp_ratelimit`), and scanners wait for that.
pub const BITS_UDP: u32 = 24;
/// How long targets are counted together, in ticks of 2^30 ns (1.07 s): 64 s from the first.
pub const WINDOW: u64 = 60;
/// Ports from this one on are not counted. Services that open ports as they need them (passive FTP, remote procedure
/// calls) take them from above, both in IANA's range (RFC 6335, section 6) and in Linux's.
pub const PORTS_END: u16 = 32_768;
/// Datagrams to ports below this one are counted. Client programs that need a privileged port take it from here on
/// (`IPPORT_RESERVED / 2` of rresvport(3) and bindresvport(3)), so that no server's answers go to many ports below.
pub const SERVICES_END: u16 = 512;

const TICK_BITS: u32 = 30;
const TIME_MASK: u64 = 0xffff;
/// The bits of a slot whose scan was detected in this window.
const DETECTED: u64 = u64::MAX;

/// A target that a frame asks for and that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The destination whose port is tried, as one word; 0 where a neighbour is asked for.
    pub of: u64,
    /// The address of the neighbour as one word, or the port.
    pub item: u64,
    /// At how many of 64 bits it is a scan.
    pub bits: u32,
}

/// Whether a datagram to a port counts as asking for it, `len` being UDP's length field. Others are left out, because flows
/// between two hosts may use any number of ports: answers of a name server to a resolver, RTP, games, remote procedure
/// calls.
/// - Datagrams to the ports of well-known services, but for those that much traffic goes to: DNS, NTP, SNMP, QUIC.
/// - Empty ones to any port: what a scanner sends where it does not know the protocol, and hardly anybody else.
#[inline(always)]
pub(crate) fn counts_datagram(port: u16, len: u16) -> bool {
    len <= 8 || port < SERVICES_END && !matches!(port, 53 | 123 | 161 | 443)
}

/// What a frame asks for, as the classifier found it. `None` when nothing is counted.
#[inline(always)]
pub fn asked<P: Packet>(packet: &P, found: &Found) -> Option<Asked> {
    if found.asks == 0 {
        return None;
    }
    let bits = match found.protocol {
        protocol::TCP => BITS_TCP,
        protocol::UDP => BITS_UDP,
        _ => return Some(Asked { of: 0, item: found.asks, bits: BITS_NEIGHBORS }),
    };
    // The protocol keeps the ports of TCP and UDP apart; no IPv4 address reaches these bits.
    let of = fold(found.destination(packet)?) ^ u64::from(found.protocol);
    Some(Asked { of, item: found.asks, bits })
}

/// An address as one word. Two addresses may give the same word; they are then counted as one target.
#[inline(always)]
pub(crate) fn fold(address: [u64; 2]) -> u64 {
    address[0].rotate_left(32) ^ address[1]
}

/// A target in the form in which the table counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of the bucket, below [`BUCKETS`].
    pub bucket: u32,
    fingerprint: u64,
    item: u64,
    bits: u32,
}

impl Mark {
    /// The bit of the target, one of 64. It is computed where it is needed: in the kernel everything that is kept
    /// across a look-up goes through the stack.
    #[inline(always)]
    fn bit(&self) -> u64 {
        // Multiplied only once, consecutive addresses would fall on few bits for some secrets.
        let hash = self.item.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        1 << ((hash ^ hash >> 32).wrapping_mul(0x94d0_49bb_1331_11eb) >> 58)
    }
}

/// The mark of a target, hashed with secret keys. `place` is [`crate::gate::place`], `mac` the Ethernet source.
#[inline(always)]
pub fn mark(keys: &Keys, place: u64, mac: u64, asked: &Asked) -> Mark {
    let key = presence::hash(keys, place, [asked.of, 0], mac);
    let (item, bits) = (asked.item ^ keys[3], asked.bits);
    Mark { bucket: (key >> 48) as u32 & (BUCKETS as u32 - 1), fingerprint: key >> 16 | 1, item, bits }
}

/// Counts a target. Answers whether this one makes it a scan, which it does once a window. `now_ns` is in
/// nanoseconds of any clock.
#[inline(always)]
pub fn is_scan(bucket: &mut Bucket, mark: &Mark, now_ns: u64) -> bool {
    let now = now_ns >> TICK_BITS & TIME_MASK;
    let bit = mark.bit();
    let mut oldest = 0;
    let mut oldest_age = 0;
    for slot in 0..4 {
        let at = slot * 2;
        let known = bucket[at];
        let age = now.wrapping_sub(known) & TIME_MASK;
        if known >> 16 == mark.fingerprint {
            if age >= WINDOW {
                oldest = at;
                break;
            }
            let bits = bucket[at + 1];
            if bits & bit != 0 {
                return false;
            }
            let is_scan = ones(bits | bit) >= mark.bits;
            bucket[at + 1] = if is_scan { DETECTED } else { bits | bit };
            return is_scan;
        }
        // An empty slot counts as older than any other.
        let age = if known == 0 { TIME_MASK + 1 } else { age };
        if age >= oldest_age {
            oldest_age = age;
            oldest = at;
        }
    }
    bucket[oldest & 6] = mark.fingerprint << 16 | now;
    bucket[(oldest & 6) + 1] = bit;
    false
}

/// How many bits are set. BPF has no instruction for it.
#[inline(always)]
const fn ones(bits: u64) -> u32 {
    let pairs = bits - (bits >> 1 & 0x5555_5555_5555_5555);
    let fours = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    let bytes = (fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    (bytes.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;

    const NOW: u64 = 1 << 50;
    const SECOND: u64 = 1_000_000_000;

    /// A table and its secret keys. Which bits targets set depends on the keys, so the tests try many seeds.
    struct Table(Vec<Bucket>, Keys);

    impl Table {
        fn new(seed: u64) -> Self {
            Self(vec![[0; 8]; BUCKETS], presence::keys(seed))
        }

        fn ask(&mut self, mac: u64, of: u64, item: u64, now_ns: u64) -> bool {
            let bits = if of == 0 { BITS_NEIGHBORS } else { BITS_TCP };
            let mark = mark(&self.1, 2 << 32, mac, &Asked { of, item, bits });
            is_scan(&mut self.0[mark.bucket as usize], &mark, now_ns)
        }

        /// How many scans are detected while one station asks for these neighbours, one every `apart_ns`.
        fn detected(&mut self, items: impl Iterator<Item = u64>, apart_ns: u64) -> usize {
            (0..).zip(items).filter(|&(n, item)| self.ask(7, 0, item, NOW + n * apart_ns)).count()
        }
    }

    fn address(n: u64) -> u64 {
        0x0a00_0700 + n
    }

    #[test]
    fn a_sweep_is_detected_once_in_any_order() {
        for seed in 10..210 {
            assert_eq!(Table::new(seed).detected((1..255).map(address), SECOND / 100), 1, "upwards, seed {seed}");
            assert_eq!(
                Table::new(seed).detected((1..255).rev().map(address), SECOND / 100),
                1,
                "downwards, seed {seed}"
            );
            let mixed = (0..256).map(|n| address((n * 77 + 5) & 0xff));
            assert_eq!(Table::new(seed).detected(mixed, SECOND / 100), 1, "mixed, seed {seed}");
        }
    }

    #[test]
    fn asking_for_a_few_neighbours_is_no_scan() {
        let alarms = |neighbours: u64| {
            (10..1_010).filter(move |&seed| {
                let rounds = (0..neighbours * 20).map(|n| address(n % neighbours));
                Table::new(seed).detected(rounds, SECOND / 50) > 0
            })
        };
        assert_eq!(alarms(40).count(), 0);
        let of_64 = alarms(64).count();
        assert!(of_64 <= 3, "{of_64} of 1000 seeds");
    }

    #[test]
    fn a_window_ends() {
        let mut table = Table::new(5);
        // Twelve neighbours a window, for an hour.
        assert_eq!(table.detected((0..700).map(address), 5 * SECOND), 0);
        let mut table = Table::new(5);
        assert_eq!(table.detected((0..254).map(address), 0), 1);
        assert_eq!(table.detected((0..254).map(address), 0), 0, "it was detected in this window already");
        let later = (0..254).filter(|&n| table.ask(7, 0, address(n), NOW + 70 * SECOND)).count();
        assert_eq!(later, 1);
    }

    #[test]
    fn a_clock_that_steps_back_starts_a_new_window() {
        let mut table = Table::new(5);
        assert_eq!(table.detected((0..40).map(address), 0), 0);
        assert_eq!((0..254).filter(|&n| table.ask(7, 0, address(n), NOW - 100 * SECOND)).count(), 1);
    }

    #[test]
    fn ports_are_counted_by_destination() {
        let mut table = Table::new(5);
        // A busy client: two ports of many hosts.
        for host in 0..2_000 {
            assert!(!table.ask(7, address(host), 80, NOW) && !table.ask(7, address(host), 443, NOW));
        }
        // A scan of four hosts, a port of each in turn.
        let detected: Vec<u64> = (1..1_001)
            .flat_map(|port| (0..4).map(move |host| (host, port)))
            .filter(|&(host, port)| table.ask(8, address(host), port, NOW))
            .map(|(host, _)| host)
            .collect();
        assert_eq!(
            {
                let mut hosts = detected.clone();
                hosts.sort_unstable();
                hosts
            },
            [0, 1, 2, 3]
        );
    }

    /// How many scans are detected while `count` ports of one host are asked for by UDP.
    fn by_datagrams(seed: u64, count: u64) -> usize {
        let Table(mut buckets, keys) = Table::new(seed);
        let asks = (1..=count).map(|port| Asked { of: 9, item: port, bits: BITS_UDP });
        asks.filter(|asked| {
            let mark = mark(&keys, 2 << 32, 7, asked);
            is_scan(&mut buckets[mark.bucket as usize], &mark, NOW)
        })
        .count()
    }

    #[test]
    fn fewer_ports_make_a_scan_of_udp() {
        for seed in 10..210 {
            assert_eq!((by_datagrams(seed, 23), by_datagrams(seed, 60)), (0, 1), "seed {seed}");
        }
    }

    #[test]
    fn datagrams_that_count() {
        for (port, len, counts) in [
            (69, 28, true),
            (511, 9, true),
            (512, 9, false),
            (443, 1250, false),
            (53, 40, false),
            (53, 8, true),
            (40_000, 8, true),
            (33_434, 40, false),
        ] {
            assert_eq!(counts_datagram(port, len), counts, "{port} {len}");
        }
    }

    #[test]
    fn stations_and_segments_are_counted_apart() {
        let mut table = Table::new(5);
        assert!((0..254).all(|n| !table.ask(n, 0, address(n), NOW)));
        let keys = presence::keys(5);
        let of = |place, mac| mark(&keys, place, mac, &Asked { of: 0, item: address(1), bits: BITS_NEIGHBORS });
        assert_ne!(of(1 << 32, 7), of(2 << 32, 7));
        assert_ne!(of(1 << 32, 7), of(1 << 32, 8));
    }

    #[test]
    fn ones_counts_the_bits() {
        for bits in [0, 1, u64::MAX, 0x8000_0000_0000_0001, 0xdead_beef_0bad_cafe] {
            assert_eq!(ones(bits), bits.count_ones());
        }
    }
}
