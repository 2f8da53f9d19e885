//! Token buckets: of the whole sensor, of each network, of each host. A bucket is kept as the one moment at which it
//! will be full again (the generic cell rate algorithm of ITU-T I.371), so it needs no refilling and cannot overflow.

use std::collections::HashMap;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::cost::CONNECT;
use crate::types::Timestamp;

/// A bucket from which each packet that is sent takes a token.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Nanoseconds in which one packet's token flows in.
    packet_ns: i64,
    /// Tokens that fit: packets that may be sent at once.
    burst: u32,
    full_at: Timestamp,
}

impl Bucket {
    /// A full bucket for packets a second. It holds a quarter of a second's packets, and at least those of one
    /// TCP connection: in any second at most `rate_per_s` and that many are sent.
    pub fn per_second(rate_per_s: u32) -> Self {
        let rate = rate_per_s.max(1);
        Self { packet_ns: packet_ns(1_000_000_000, rate), burst: burst(rate), full_at: Timestamp::from_nanos(i64::MIN) }
    }

    /// A full bucket that holds `burst` packets, one at least.
    pub fn with_burst(rate_per_s: u32, burst: u32) -> Self {
        Self { burst: burst.max(1), ..Self::per_second(rate_per_s) }
    }

    /// Packets that may be sent at once from a full bucket.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// Packets that may be sent now.
    pub fn left(&self, now: Timestamp) -> u32 {
        let missing_ns = self.full_at.as_nanos().saturating_sub(now.as_nanos()).max(0);
        let missing = missing_ns / self.packet_ns + i64::from(missing_ns % self.packet_ns > 0);
        self.burst.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    /// When the bucket holds tokens for that many packets.
    pub fn ready_at(&self, packets: u32) -> Timestamp {
        ready_at(self.full_at, self.packet_ns, self.burst, packets)
    }

    /// Takes the tokens of packets out, whether they are there or not.
    pub fn take(&mut self, packets: u32, now: Timestamp) {
        self.full_at = taken(self.full_at, self.packet_ns, packets, now);
    }
}

/// Packets that may be sent at once at a rate.
pub(super) fn burst(rate_per_s: u32) -> u32 {
    (rate_per_s / 4).max(CONNECT)
}

/// The buckets of hosts. Those that are full again are dropped, so that only hosts asked within the last hour are kept.
/// A bucket outlives its target: an address that is forgotten and heard anew gets no second allowance.
#[derive(Debug)]
pub(super) struct HostBuckets {
    packet_ns: i64,
    burst: u32,
    full_at: HashMap<SegmentAddress, Timestamp>,
    /// No bucket was full when room was last looked for; it is not looked for again until then.
    crowded_until: Timestamp,
}

/// Hosts whose buckets are kept at most. When there are more, further hosts wait.
const HOSTS_MAX: usize = 131_072;
const HOUR_NS: i64 = 3_600_000_000_000;
const CROWDED: std::time::Duration = std::time::Duration::from_secs(10);

impl HostBuckets {
    /// For packets to one host in an hour: half of them fit in a bucket, the other half flows in, so that no hour sees
    /// more.
    pub fn per_hour(packets: u32) -> Self {
        let flow = (packets / 2).max(1);
        Self {
            packet_ns: packet_ns(HOUR_NS, flow),
            burst: packets.div_ceil(2),
            full_at: HashMap::new(),
            crowded_until: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// Packets that may be sent at once from a full bucket.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// When the host may get that many packets; `None`: never, they do not fit.
    pub fn ready_at(&mut self, address: SegmentAddress, packets: u32, now: Timestamp) -> Option<Timestamp> {
        if packets > self.burst {
            return None;
        }
        match self.full_at.get(&address).copied() {
            Some(full_at) => Some(ready_at(full_at, self.packet_ns, self.burst, packets)),
            None if self.has_room(now) => Some(now),
            None => Some(self.crowded_until),
        }
    }

    /// Whether the host was asked within the last hour, as far as is known.
    pub fn knows(&self, address: &SegmentAddress) -> bool {
        self.full_at.contains_key(address)
    }

    /// Takes packets out of the host's bucket.
    pub fn take(&mut self, address: SegmentAddress, packets: u32, now: Timestamp) {
        if packets > 0 {
            let full_at = self.full_at.entry(address).or_insert(now);
            *full_at = taken(*full_at, self.packet_ns, packets, now);
        }
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.full_at.len() < HOSTS_MAX {
            return true;
        }
        if now < self.crowded_until {
            return false;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        self.crowded_until = now.after(CROWDED);
        self.full_at.len() < HOSTS_MAX
    }
}

fn packet_ns(span_ns: i64, packets: u32) -> i64 {
    let packets = i64::from(packets.max(1));
    // Rounded up: never more than the rate.
    (span_ns + packets - 1) / packets
}

fn ready_at(full_at: Timestamp, packet_ns: i64, burst: u32, packets: u32) -> Timestamp {
    let spare = i64::from(burst) - i64::from(packets);
    Timestamp::from_nanos(full_at.as_nanos().saturating_sub(packet_ns.saturating_mul(spare)))
}

fn taken(full_at: Timestamp, packet_ns: i64, packets: u32, now: Timestamp) -> Timestamp {
    Timestamp::from_nanos(full_at.max(now).as_nanos().saturating_add(packet_ns.saturating_mul(i64::from(packets))))
}
