//! Where the frames of a capture file go, and what was read of it.

use sensor_ebpf::abi::Counters;

use crate::capture::file::error::FileError;
use crate::capture::file::link::{Cooked, LinkType};
use crate::capture::harvest::harvest;
use crate::capture::sieve::Sieve;
use sensor_core::types::{Frame, Iface, Timestamp};

/// What was read of a capture file.
#[derive(Debug, Default)]
pub struct Summary {
    /// Frames of link types that are read, harvested or not.
    pub frames: u64,
    /// The classifier's verdicts on them.
    pub counters: Counters,
    /// Packets of link types that are not read (a pcapng file may mix them).
    pub unsupported: u64,
    /// The first damage that was met; what was whole has been delivered.
    pub warning: Option<FileError>,
    /// The time of the last frame read.
    pub last_at: Option<Timestamp>,
}

/// Where frames go.
pub(super) struct Output<F> {
    pub(super) path: String,
    pub(super) sink: F,
    pub(super) summary: Summary,
    pub(super) cooked: Cooked,
    pub(super) sieve: Sieve,
}

impl<F: FnMut(Frame<'_>)> Output<F> {
    #[inline]
    pub(super) fn packet(&mut self, link: LinkType, bytes: &[u8], wire_len: usize, at: Timestamp, iface: Iface) {
        let Some((bytes, wire_len)) = (match link {
            LinkType::Ethernet => Some((bytes, wire_len)),
            LinkType::CookedV1 => self.cooked.v1(bytes, wire_len),
            LinkType::CookedV2 => self.cooked.v2(bytes, wire_len),
            LinkType::Other(_) => {
                self.summary.unsupported += 1;
                return;
            }
        }) else {
            // Too short for its cooked header: as an Ethernet frame it would be too short as well.
            self.summary.frames += 1;
            self.summary.last_at = Some(at);
            self.sieve.counters.seen[sensor_ebpf::abi::Class::Malformed as usize] += 1;
            return;
        };
        self.summary.frames += 1;
        self.summary.last_at = Some(at);
        harvest(bytes, wire_len, at, iface, &mut self.sieve, &mut self.sink);
    }
}

/// The name of a file's interface `number`: `file`, `file1`, `file2`, ...
pub(super) fn iface(number: u32) -> Iface {
    let name = if number == 0 { "file".to_owned() } else { format!("file{number}") };
    Iface::new(&name).expect("four letters and at most ten digits are a name")
}
