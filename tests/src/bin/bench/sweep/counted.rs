//! What a program sent, counted on the wire: to which addresses, and how fast.

use std::net::Ipv4Addr;

use sensor_tests::lab::crowd::Crowd;
use sensor_tests::lab::tap::Heard;

use super::tools::Family;

/// Packets that left the prober in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// To addresses of the prefix without a host.
    pub(super) silent: u64,
    /// To addresses with a host.
    pub(super) answering: u64,
    /// To others: the router, the broadcast address, or something else.
    pub(super) other: u64,
    /// The most within any second.
    pub(super) peak_per_s: u64,
}

/// Sorts frames by their target. ARP counts only in sweeps by ARP.
pub(super) fn count(frames: &[Heard], family: Family, crowd: &Crowd) -> anyhow::Result<Counted> {
    let mut counted = Counted::default();
    let mut times = Vec::with_capacity(frames.len());
    for frame in frames {
        match target(&frame.bytes, family) {
            Some(ip) if crowd.members.contains_key(&ip) => counted.answering += 1,
            Some(ip) if is_silent(ip, crowd) => counted.silent += 1,
            _ => {
                counted.other += 1;
                continue;
            }
        }
        times.push(frame.at);
    }
    let mut first = 0;
    for (at, time) in times.iter().enumerate() {
        while time.as_secs_f64() - times[first].as_secs_f64() >= 1.0 {
            first += 1;
        }
        counted.peak_per_s = counted.peak_per_s.max((at - first + 1) as u64);
    }
    Ok(counted)
}

/// Whether a host could have the address. Some programs also ask the network's and the broadcast address.
fn is_silent(ip: Ipv4Addr, crowd: &Crowd) -> bool {
    let prefix = crowd.prefix;
    prefix.contains(&ip) && ip != prefix.network() && ip != prefix.broadcast() && ip != crowd.prober_address()
}

/// The address that is asked about, or spoken to.
fn target(frame: &[u8], family: Family) -> Option<Ipv4Addr> {
    let at = match (frame.get(12..14)?, family) {
        ([0x08, 0x06], Family::Arp) => 38,
        ([0x08, 0x00], _) => 30,
        _ => return None,
    };
    Some(<[u8; 4]>::try_from(frame.get(at..at + 4)?).ok()?.into())
}
