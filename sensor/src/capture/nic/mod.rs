//! Offloads of a network card that change the captured frames: read, reported with the command that switches them off,
//! and switched off while a capture runs if that is configured (`linux/ethtool.h`, the ioctls of `ethtool -k` and
//! `-K`).

use std::io;

use crate::capture::options::{Mode, Options};
use crate::system::ifreq::{ethtool, name_of};
use sensor_core::types::Iface;

pub(super) mod netdev;

/// An offload that changes frames before they are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// The kernel's name of the feature, which `ethtool -K` accepts too.
    feature: &'static str,
    /// The usual name in `ethtool -K`.
    word: &'static str,
    /// What it does, for messages.
    pub effect: &'static str,
    /// Packet sockets are not affected: the kernel passes the removed tag as auxiliary data.
    spares_sockets: bool,
}

/// The offloads that change captured frames.
const OFFLOADS: [Offload; 4] = [
    Offload {
        feature: "rx-vlan-hw-parse",
        word: "rxvlan",
        effect: "the interface may take VLAN tags off before they are seen",
        spares_sockets: true,
    },
    Offload {
        feature: "rx-vlan-stag-hw-parse",
        word: "rx-vlan-stag-hw-parse",
        effect: "the interface may take outer VLAN tags (802.1ad) off before they are seen",
        spares_sockets: true,
    },
    Offload { feature: "rx-lro", word: "lro", effect: "the interface merges frames (LRO)", spares_sockets: false },
    Offload {
        feature: "rx-gro-hw",
        word: "rx-gro-hw",
        effect: "the interface merges frames (GRO in hardware)",
        spares_sockets: false,
    },
];

impl Offload {
    /// The command that switches it off.
    pub fn fix_command(&self, iface: Iface) -> String {
        format!("ethtool -K {iface} {} off", self.word)
    }

    /// Whether it changes the frames of a packet socket.
    pub fn matters_to_sockets(&self) -> bool {
        !self.spares_sockets
    }
}

/// The offloads that are on; none when the driver does not support ethtool.
pub fn active(iface: Iface) -> Vec<Offload> {
    let Ok(features) = Features::read(iface) else { return Vec::new() };
    OFFLOADS.into_iter().filter(|offload| features.is_active(offload.feature)).collect()
}

/// Finds the offloads that change the captured frames, and switches them off when `options.fix_nic` is set. `notes`
/// gets a line for each.
pub(super) fn offloads(
    iface: Iface,
    index: u32,
    mode: Mode,
    options: &Options,
    notes: &mut Vec<String>,
) -> Option<DisabledOffloads> {
    let matters = |offload: &Offload| mode != Mode::Packet || offload.matters_to_sockets();
    let mut active: Vec<_> = active(iface).into_iter().filter(matters).collect();
    let mut disabled = None;
    if options.fix_nic && !active.is_empty() {
        match DisabledOffloads::new(iface, index, &active) {
            Ok((fixed, stuck)) => {
                let switched_off: Vec<_> = active.iter().filter(|offload| !stuck.contains(offload)).collect();
                notes.extend(
                    switched_off.iter().map(|offload| {
                        format!("{iface}: done while the sensor runs: `{}`", offload.fix_command(iface))
                    }),
                );
                disabled = Some(fixed);
                active = stuck;
            }
            Err(error) => notes.push(format!("{iface}: offloads cannot be switched: {error}")),
        }
    }
    notes.extend(
        active
            .iter()
            .map(|offload| format!("{iface}: {}; `{}` switches that off", offload.effect, offload.fix_command(iface))),
    );
    disabled
}

/// Offloads that were switched off; dropping this switches them on again.
#[derive(Debug)]
pub(super) struct DisabledOffloads {
    /// The interface's number: its name may change.
    index: u32,
    bits: Vec<usize>,
}

impl DisabledOffloads {
    /// Switches offloads off. Returns also those that could not be switched off.
    pub(super) fn new(iface: Iface, index: u32, offloads: &[Offload]) -> io::Result<(Self, Vec<Offload>)> {
        let features = Features::read(iface)?;
        let bits: Vec<_> = offloads.iter().filter_map(|offload| features.place(offload.feature)).collect();
        features.set(iface, &bits, false)?;
        let after = Features::read(iface)?;
        let (stuck, fixed): (Vec<Offload>, Vec<Offload>) =
            offloads.iter().partition(|offload| after.is_active(offload.feature));
        let bits = fixed.iter().filter_map(|offload| features.place(offload.feature)).collect();
        Ok((Self { index, bits }, stuck))
    }
}

impl Drop for DisabledOffloads {
    fn drop(&mut self) {
        // A removed interface has nothing to restore.
        let Some(iface) = name_of(self.index).filter(|_| !self.bits.is_empty()) else { return };
        drop(Features::read(iface).and_then(|features| features.set(iface, &self.bits, true)));
    }
}

const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
const ETHTOOL_SFEATURES: u32 = 0x3b;
const ETH_SS_FEATURES: u32 = 4;
const NAME_LEN: usize = 32;
/// Plausibility limit on the number of features; Linux 6.18 has 63.
const FEATURES_MAX: usize = 1024;

/// The features of an interface.
struct Features {
    /// In the order of their bits.
    names: Vec<String>,
    /// Bit set of the active features, 32 in a word.
    active: Vec<u32>,
}

impl Features {
    fn read(iface: Iface) -> io::Result<Self> {
        // `struct ethtool_sset_info`: cmd, reserved, mask (8 bytes), one count.
        let mut info = [ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_FEATURES, 0, 0];
        ethtool(iface, &mut info)?;
        let count = info[4] as usize;
        if info[2] == 0 || count == 0 || count > FEATURES_MAX {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // `struct ethtool_gstrings`: cmd, set, count, names.
        let mut strings = vec![0_u32; 3 + count * NAME_LEN / 4];
        strings[..3].copy_from_slice(&[ETHTOOL_GSTRINGS, ETH_SS_FEATURES, info[4]]);
        ethtool(iface, &mut strings)?;
        let bytes: Vec<u8> = strings[3..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let name = |name: &[u8]| {
            String::from_utf8_lossy(name.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
        };
        // `struct ethtool_gfeatures`: cmd, words, then available, requested, active and never changed of each word.
        let words = count.div_ceil(32);
        let mut blocks = vec![0_u32; 2 + words * 4];
        blocks[0] = ETHTOOL_GFEATURES;
        blocks[1] = info[4].div_ceil(32);
        ethtool(iface, &mut blocks)?;
        Ok(Self {
            names: bytes.chunks(NAME_LEN).map(name).collect(),
            active: blocks[2..].chunks(4).map(|block| block[2]).collect(),
        })
    }

    fn place(&self, feature: &str) -> Option<usize> {
        self.names.iter().position(|name| name == feature)
    }

    fn is_active(&self, feature: &str) -> bool {
        self.place(feature).is_some_and(|bit| self.active[bit / 32] & (1 << (bit % 32)) != 0)
    }

    fn set(&self, iface: Iface, bits: &[usize], on: bool) -> io::Result<()> {
        // `struct ethtool_sfeatures`: cmd, words, then valid and requested of each word.
        let mut blocks = vec![0_u32; 2 + self.active.len() * 2];
        blocks[0] = ETHTOOL_SFEATURES;
        blocks[1] = u32::try_from(self.active.len()).unwrap_or(0);
        for &bit in bits {
            let block = 2 + bit / 32 * 2;
            blocks[block] |= 1 << (bit % 32);
            blocks[block + 1] |= u32::from(on) << (bit % 32);
        }
        ethtool(iface, &mut blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offload_has_the_command_that_switches_it_off() {
        let iface = Iface::new("eth1").expect("a name");
        let commands: Vec<_> = OFFLOADS.iter().map(|offload| offload.fix_command(iface)).collect();
        assert_eq!(
            commands,
            [
                "ethtool -K eth1 rxvlan off",
                "ethtool -K eth1 rx-vlan-stag-hw-parse off",
                "ethtool -K eth1 lro off",
                "ethtool -K eth1 rx-gro-hw off"
            ]
        );
    }

    #[test]
    fn a_bit_is_found_by_its_name() {
        let mut names = vec![String::new(); 40];
        names[33] = "rx-lro".to_owned();
        let features = Features { names, active: vec![0, 2] };
        assert!(features.is_active("rx-lro") && !features.is_active("rx-gro-hw"));
        assert_eq!(features.place("rx-lro"), Some(33));
    }
}
