//! What a probe costs, in packets.

/// Packets that a question makes the sensor send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// To the host that is asked, and so through its network.
    pub host: u32,
    /// Altogether, those to a name server included.
    pub sensor: u32,
}

/// Packets of a TCP connection that is opened and closed: SYN, ACK, FIN, and the ACK of the other side's FIN.
pub const CONNECT: u32 = 4;

impl Cost {
    /// Packets that all go to the host.
    pub(super) const fn both(packets: u32) -> Self {
        Self { host: packets, sensor: packets }
    }

    /// So many times as much.
    pub(super) fn times(self, times: usize) -> Self {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        Self { host: self.host.saturating_mul(times), sensor: self.sensor.saturating_mul(times) }
    }
}
