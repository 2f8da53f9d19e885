//! What frames of any kind tell of their sender.

use crate::types::is_forwarded;

/// A station sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficClaim {
    /// Time to live or hop limit of the first frame; absent when it was only counted.
    pub hop_limit: Option<u8>,
    /// Frames that were counted since the last time, at least.
    pub frames: u64,
    /// Their bytes, at least.
    pub bytes: u64,
}

impl TrafficClaim {
    /// One frame that was heard.
    pub(super) fn one_frame(hop_limit: u8) -> Self {
        Self { hop_limit: Some(hop_limit), frames: 1, bytes: 0 }
    }

    /// Whether a router sent it on.
    pub fn is_forwarded(&self) -> bool {
        self.hop_limit.is_some_and(is_forwarded)
    }
}

/// A port was heard to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedClaim {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Its number.
    pub port: u16,
    /// As in [`TrafficClaim`].
    pub hop_limit: Option<u8>,
}
