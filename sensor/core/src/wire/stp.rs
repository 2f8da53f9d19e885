//! Spanning tree (IEEE 802.1Q, clause 14): the bridge protocol data unit of STP, RSTP, MSTP and PVST+, after the
//! LLC or SNAP header. Of MSTP the common tree is read; the instances that follow it are not.

use std::fmt;

use crate::types::Mac;
use crate::wire::error::WireError;

/// A bridge protocol data unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Protocol version: 0 STP, 2 RSTP, 3 MSTP.
    pub version: u8,
    /// The configuration; `None` in a message that says only that the topology changed (section 14.4.2).
    pub configuration: Option<Configuration>,
}

/// A configuration message (sections 14.4.1 and 14.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The flags' octet; its lowest bit is [`TOPOLOGY_CHANGE`].
    pub flags: u8,
    /// The root of the tree.
    pub root: BridgeId,
    /// The path's cost from the sender to the root.
    pub root_cost: u32,
    /// The bridge that sent it.
    pub bridge: BridgeId,
    /// The sender's port: priority and number.
    pub port: u16,
}

impl Message {
    /// Whether the topology is changing.
    pub fn is_topology_change(&self) -> bool {
        self.configuration.is_none_or(|configuration| configuration.flags & TOPOLOGY_CHANGE != 0)
    }
}

/// A bridge's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeId {
    /// Four bits of priority and twelve that tell the tree (a VLAN's number).
    pub priority: u16,
    /// Its base address.
    pub mac: Mac,
}

impl fmt::Display for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}.{}", self.priority, self.mac)
    }
}

/// `Configuration::flags`: the topology is changing.
pub const TOPOLOGY_CHANGE: u8 = 1;

/// Reads the data unit. `Ok(None)`: another protocol's, or of a type that is not known.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let &[protocol_high, protocol_low, version, kind] = body.first_chunk().ok_or(WireError::Truncated)?;
    if [protocol_high, protocol_low] != [0, 0] {
        return Ok(None);
    }
    match kind {
        TOPOLOGY_CHANGED => Ok(Some(Message { version, configuration: None })),
        STP | RAPID => {
            let fields: &[u8; CONFIGURATION_LEN] = body.first_chunk().ok_or(WireError::Truncated)?;
            let mut bridge = bridge_id(&fields[17..25]);
            // Within a region MSTP gives the sender further back (section 14.4.3, octets 94 to 101).
            if version >= 3
                && let Some(sender) = body.get(93..101)
            {
                bridge = bridge_id(sender);
            }
            let configuration = Configuration {
                flags: fields[4],
                root: bridge_id(&fields[5..13]),
                root_cost: u32::from_be_bytes([fields[13], fields[14], fields[15], fields[16]]),
                bridge,
                port: u16::from_be_bytes([fields[25], fields[26]]),
            };
            Ok(Some(Message { version, configuration: Some(configuration) }))
        }
        _ => Ok(None),
    }
}

const STP: u8 = 0;
const RAPID: u8 = 2;
const TOPOLOGY_CHANGED: u8 = 0x80;
const CONFIGURATION_LEN: usize = 35;

fn bridge_id(bytes: &[u8]) -> BridgeId {
    let octets: [u8; 8] = bytes.try_into().unwrap_or_default();
    let [high, low, mac @ ..] = octets;
    BridgeId { priority: u16::from_be_bytes([high, low]), mac: Mac(mac) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: [u8; 8] = [0x10, 0, 2, 0, 0, 0, 0, 1];
    const SENDER: [u8; 8] = [0x80, 30, 2, 0, 0, 0, 0, 2];

    fn unit(version: u8, kind: u8) -> Vec<u8> {
        [&[0, 0, version, kind, 0x3d][..], &ROOT, &[0, 0, 0x4e, 0x20], &SENDER, &[0x80, 7], &[0; 8]].concat()
    }

    fn check(bytes: &[u8], expected: &str) {
        let message = parse(bytes).expect("sound").expect("ours");
        let told = message.configuration.map_or_else(String::new, |c| {
            format!("{} cost {} from {} port {:04x} ", c.root, c.root_cost, c.bridge, c.port)
        });
        assert_eq!(format!("{told}change {}", message.is_topology_change()), expected);
    }

    #[test]
    fn versions() {
        let told = "1000.02:00:00:00:00:01 cost 20000 from 801e.02:00:00:00:00:02 port 8007 change true";
        check(&unit(0, 0), told);
        check(&unit(2, 2), told);
        check(&[0, 0, 0, 0x80], "change true");
        let mut quiet = unit(2, 2);
        quiet[4] = 0x3c;
        check(&quiet, &told.replace("true", "false"));
    }

    #[test]
    fn the_sender_in_a_region() {
        let region = [&unit(3, 2)[..], &[0; 58], &[0x90, 0, 2, 0, 0, 0, 0, 9], &[20]].concat();
        check(&region, "1000.02:00:00:00:00:01 cost 20000 from 9000.02:00:00:00:00:09 port 8007 change true");
        check(&region[..100], "1000.02:00:00:00:00:01 cost 20000 from 801e.02:00:00:00:00:02 port 8007 change true");
    }

    #[test]
    fn every_truncation_is_told() {
        let bytes = unit(2, 2);
        for len in 0..bytes.len() {
            assert_eq!(parse(&bytes[..len]).is_err(), len < CONFIGURATION_LEN, "{len}");
        }
    }

    #[test]
    fn others_are_not_ours() {
        assert_eq!(parse(&[0, 1, 0, 0]), Ok(None));
        assert_eq!(parse(&[0, 0, 0, 0x40, 0]), Ok(None));
    }
}
