//! What is unusual about an opening segment: p0f's quirks.

use std::fmt;

/// A set of quirks, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quirks(u32);

impl Quirks {
    /// `df`: do not fragment.
    pub const DF: Self = Self(1);
    /// `id+`: do not fragment, and still an IP id.
    pub const ID_SET: Self = Self(1 << 1);
    /// `id-`: may be fragmented, and has no IP id.
    pub const ID_ZERO: Self = Self(1 << 2);
    /// `ecn`: explicit congestion notification (RFC 3168).
    pub const ECN: Self = Self(1 << 3);
    /// `0+`: the IP flag that must be zero is not.
    pub const MUST_BE_ZERO: Self = Self(1 << 4);
    /// `flow`: an IPv6 flow label is set.
    pub const FLOW: Self = Self(1 << 5);
    /// `seq-`: the sequence number is zero.
    pub const SEQ_ZERO: Self = Self(1 << 6);
    /// `ack+`: an acknowledgement number without the ACK flag.
    pub const ACK_SET: Self = Self(1 << 7);
    /// `ack-`: the ACK flag without a number.
    pub const ACK_ZERO: Self = Self(1 << 8);
    /// `uptr+`: an urgent pointer without the urgent flag.
    pub const URG_POINTER: Self = Self(1 << 9);
    /// `urgf+`: the urgent flag is set.
    pub const URG: Self = Self(1 << 10);
    /// `pushf+`: the push flag is set.
    pub const PUSH: Self = Self(1 << 11);
    /// `ts1-`: the sender's own timestamp is zero.
    pub const TS1_ZERO: Self = Self(1 << 12);
    /// `ts2+`: a timestamp of the peer in a SYN, before the peer sent any.
    pub const TS2_SET: Self = Self(1 << 13);
    /// `opt+`: something after the end of the options.
    pub const TRAILING: Self = Self(1 << 14);
    /// `exws`: window scale above 14 (RFC 7323, section 2.3).
    pub const SCALE_EXCESSIVE: Self = Self(1 << 15);
    /// `bad`: options that cannot be read.
    pub const OPTIONS_BAD: Self = Self(1 << 16);

    /// Every quirk and how p0f writes it, in p0f's order.
    pub const NAMES: [(Self, &'static str); 17] = [
        (Self::DF, "df"),
        (Self::ID_SET, "id+"),
        (Self::ID_ZERO, "id-"),
        (Self::ECN, "ecn"),
        (Self::MUST_BE_ZERO, "0+"),
        (Self::FLOW, "flow"),
        (Self::SEQ_ZERO, "seq-"),
        (Self::ACK_SET, "ack+"),
        (Self::ACK_ZERO, "ack-"),
        (Self::URG_POINTER, "uptr+"),
        (Self::URG, "urgf+"),
        (Self::PUSH, "pushf+"),
        (Self::TS1_ZERO, "ts1-"),
        (Self::TS2_SET, "ts2+"),
        (Self::TRAILING, "opt+"),
        (Self::SCALE_EXCESSIVE, "exws"),
        (Self::OPTIONS_BAD, "bad"),
    ];

    /// Whether any of `quirks` is among these.
    pub fn has(self, quirks: Self) -> bool {
        self.0 & quirks.0 != 0
    }

    /// Adds `quirks` to these.
    pub fn add(&mut self, quirks: Self) {
        self.0 |= quirks.0;
    }

    /// These without `quirks`.
    pub fn without(self, quirks: Self) -> Self {
        Self(self.0 & !quirks.0)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds `quirks` where `holds`.
    pub(super) fn add_if(&mut self, quirks: Self, holds: bool) {
        if holds {
            self.add(quirks);
        }
    }
}

impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (_, name) in Self::NAMES.iter().filter(|(quirk, _)| self.has(*quirk)) {
            write!(f, "{comma}{name}")?;
            comma = ",";
        }
        Ok(())
    }
}
