//! The options of a TCP header in their order, as a fingerprint and in p0f's notation.

use std::fmt;

/// The kinds of TCP options in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Layout {
    kinds: [u8; OPTIONS_MAX],
    len: u8,
    /// Bytes after the end-of-options mark.
    pub eol_pad: u8,
}

/// Options that are kept, as many as p0f keeps (a TCP header has room for 40 of one byte).
pub const OPTIONS_MAX: usize = 24;

impl Layout {
    /// Option kinds (RFC 9293, section 3.2), in order.
    pub fn kinds(&self) -> &[u8] {
        &self.kinds[..usize::from(self.len)]
    }

    /// Appends a kind; `false` when there is no more room.
    pub fn push(&mut self, kind: u8) -> bool {
        let Some(at) = self.kinds.get_mut(usize::from(self.len)) else { return false };
        *at = kind;
        self.len += 1;
        true
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, &kind) in self.kinds().iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match (kind, OPTION_NAMES.iter().find(|(number, _)| *number == kind)) {
                (END, _) => write!(f, "eol+{}", self.eol_pad)?,
                (_, Some((_, name))) => f.write_str(name)?,
                (_, None) => write!(f, "?{kind}")?,
            }
        }
        Ok(())
    }
}

/// Option kinds with a name: RFC 9293, section 3.2; RFC 2018, section 2 and 3; RFC 7323, section 2.2 and 3.2.
pub const OPTION_NAMES: [(u8, &str); 6] =
    [(NOTHING, "nop"), (MSS, "mss"), (SCALE, "ws"), (SACK_PERMITTED, "sok"), (SACK, "sack"), (TIMESTAMPS, "ts")];
/// The end of the options.
pub const END: u8 = 0;
pub(super) const NOTHING: u8 = 1;
pub(super) const MSS: u8 = 2;
pub(super) const SCALE: u8 = 3;
pub(super) const SACK_PERMITTED: u8 = 4;
pub(super) const SACK: u8 = 5;
pub(super) const TIMESTAMPS: u8 = 8;
