//! Frames of any kind: that their sender is there, and by which port it answers.

use crate::types::is_forwarded;

/// A station sent frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficClaim {
    /// Time to live or hop limit of the first frame; `None` where frames were only counted.
    pub hop_limit: Option<u8>,
    /// At least this many frames since the last sighting.
    pub frames: u64,
    /// At least this many bytes in them.
    pub bytes: u64,
}

impl TrafficClaim {
    /// One frame that was heard.
    pub(super) fn one_frame(hop_limit: u8) -> Self {
        Self { hop_limit: Some(hop_limit), frames: 1, bytes: 0 }
    }

    /// Whether a router forwarded it.
    pub fn is_forwarded(&self) -> bool {
        self.hop_limit.is_some_and(is_forwarded)
    }
}

/// A port answered some host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedClaim {
    /// The transport protocol: `tcp` or `udp`.
    pub protocol: &'static str,
    /// The port's number.
    pub port: u16,
    /// As in [`TrafficClaim`].
    pub hop_limit: Option<u8>,
}
