//! Why a message could not be read.

/// Why a message could not be read. Small and without strings: the frame itself is the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A DNS compression pointer that does not point strictly backwards, or a name over its limits.
    #[error("bad name")]
    BadName,
    /// A number in the message breaks the protocol's rules.
    #[error("bad value")]
    BadValue,
    /// More VLAN tags or extension headers than are read.
    #[error("too many headers")]
    Deep,
    /// NDP: the hop limit is not 255, so the message came from beyond the link (RFC 4861, section 6.1).
    #[error("hop limit is not 255")]
    HopLimit,
    /// The message ends before its fixed part does.
    #[error("truncated")]
    Truncated,
}
