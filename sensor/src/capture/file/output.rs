//! Destination of a capture file's frames, and the summary of what was read.

use sensor_ebpf::abi::Counters;

use crate::capture::file::error::FileError;
use crate::capture::file::link::{Cooked, LinkType};
use crate::capture::harvest::harvest;
use crate::capture::sieve::Sieve;
use sensor_core::types::{Frame, Iface, Timestamp};

/// Summary of a capture file that was read.
#[derive(Debug, Default)]
pub struct Summary {
    /// Number of frames of supported link types, harvested or not.
    pub frames: u64,
    /// What the classifier counted.
    pub counters: Counters,
    /// Number of packets of unsupported link types (a pcapng file may mix link types).
    pub unsupported: u64,
    /// The damage at which reading stopped; everything before it was delivered.
    pub warning: Option<FileError>,
    /// Timestamp of the last frame read.
    pub last_at: Option<Timestamp>,
}

/// Passes the packets of a file to the classifier and its frames to the sink.
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
            // A truncated cooked header is classified as a truncated Ethernet frame.
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

/// The name of the file's interface with this number: `file`, `file1`, `file2`, ...
pub(super) fn iface(number: u32) -> Iface {
    let name = if number == 0 { "file".to_owned() } else { format!("file{number}") };
    Iface::new(&name).expect("four letters and at most ten digits are a name")
}
