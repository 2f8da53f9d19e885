//! What a probe costs, in packets.

use crate::inventory::planner::probe::Question;

/// What a question costs, in packets that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// To the host, and through its network.
    pub host: u32,
    /// Of the sensor.
    pub sensor: u32,
}

/// Packets of a TCP connection that is opened and closed: SYN, ACK, FIN, and the ACK of the other side's FIN.
pub const CONNECT: u32 = 4;

impl Cost {
    /// What a question costs.
    pub fn of(question: &Question) -> Self {
        let both = |packets| Self { host: packets, sensor: packets };
        match question {
            Question::AllNodes
            | Question::Arp { .. }
            | Question::ConflictCheck { .. }
            | Question::Echo
            | Question::Ndp { .. } => both(1),
            Question::Connect { ports } | Question::Knock { ports } => {
                both(CONNECT.saturating_mul(u32::try_from(ports.len()).unwrap_or(u32::MAX)))
            }
            // Asked once, and once more when nothing comes back.
            Question::Mdns | Question::Nbns => both(2),
            // The name server is asked, not the host: the name, and the name's address; one that is silent hears the first
            // question three times.
            Question::Ptr => Self { host: 0, sensor: 3 },
            // Version 3 asks for the engine first.
            Question::Snmp => both(2),
        }
    }
}
