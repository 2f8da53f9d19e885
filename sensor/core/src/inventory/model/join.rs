//! Which station belongs to which host, and on what evidence.

use crate::inventory::model::host::HostId;
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Segment, Timestamp};
use std::collections::BTreeSet;

/// That a station belongs to a host that it did not begin as, or that it must not belong to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The segment.
    pub segment: Segment,
    /// The station.
    pub mac: Mac,
    /// The host that it was joined to, or split from.
    pub host: HostId,
    /// Whether it was split from the host: then only the owner joins it again.
    pub apart: bool,
    /// The host's station before this one.
    pub old_mac: Mac,
    /// The evidence for it.
    pub evidence: BTreeSet<JoinEvidence>,
    /// When it was joined or split.
    pub at: Timestamp,
    /// Whether `mac-rotated` was reported, or need not be.
    pub told: bool,
    /// Whether this station was heard last, not the earlier one (`old_mac`).
    pub here: bool,
    /// How often the two alternated, each time shortly after the last.
    pub turns: u8,
    /// When they alternated last.
    pub turned_at: Timestamp,
}

impl TableRow for Join {
    type Key = (Segment, Mac);
    type Note = ();

    fn key(&self) -> Self::Key {
        (self.segment, self.mac)
    }

    fn last_seen(&self) -> Timestamp {
        self.turned_at
    }
}

/// A piece of evidence that two stations belong to one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JoinEvidence {
    /// DHCP option 61, where it is not the MAC.
    ClientId,
    /// A DUID, of DHCPv6 or in option 61 (RFC 4361).
    Duid,
    /// DHCP host name, option 55 and option 60.
    HostnameAndDhcp,
    /// mDNS name and the model in `_device-info`.
    HostnameAndModel,
    /// A link-local IPv6 address that is not made of a MAC, and that its earlier holder does not defend any more.
    InterfaceId,
    /// NetBIOS name, option 55 and option 60.
    NetbiosAndDhcp,
    /// The owner said so.
    Owner,
    /// SNMP's `sysName`, `sysObjectID` and `sysDescr`.
    Snmp,
    /// The uuid of an SSDP device.
    SsdpUuid,
}

impl JoinEvidence {
    /// Every piece of evidence, in alphabetical order of its written name.
    pub const ALL: [Self; 9] = [
        Self::ClientId,
        Self::Duid,
        Self::HostnameAndDhcp,
        Self::HostnameAndModel,
        Self::InterfaceId,
        Self::NetbiosAndDhcp,
        Self::Owner,
        Self::Snmp,
        Self::SsdpUuid,
    ];

    /// The evidence in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientId => "client-id",
            Self::Duid => "duid",
            Self::HostnameAndDhcp => "hostname+dhcp-fingerprint",
            Self::HostnameAndModel => "hostname+model",
            Self::InterfaceId => "interface-id",
            Self::NetbiosAndDhcp => "netbios-name+dhcp-fingerprint",
            Self::Owner => "owner",
            Self::Snmp => "snmp",
            Self::SsdpUuid => "ssdp-uuid",
        }
    }

    /// The reverse of [`JoinEvidence::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|evidence| evidence.name() == name)
    }

    /// What it is worth, percent; from [`JOIN_MIN`] on two hosts are joined.
    const fn weight(self) -> u8 {
        match self {
            Self::Owner => 100,
            Self::ClientId | Self::Duid => 95,
            Self::InterfaceId | Self::SsdpUuid => 90,
            Self::HostnameAndDhcp | Self::HostnameAndModel | Self::NetbiosAndDhcp | Self::Snmp => 85,
        }
    }

    /// Whether it is made to identify machines, and not only a likeness.
    pub(crate) const fn is_hard(self) -> bool {
        matches!(self, Self::ClientId | Self::Duid | Self::Owner)
    }
}

/// What the evidence must be worth to join two hosts, percent.
pub(crate) const JOIN_MIN: u8 = 80;

/// What several pieces of evidence are worth together: each takes its share of the doubt that the others leave.
pub fn score(evidence: &BTreeSet<JoinEvidence>) -> u8 {
    let doubt = evidence.iter().fold(100, |doubt, piece| doubt * (100 - u32::from(piece.weight())) / 100);
    u8::try_from(100 - doubt).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for evidence in JoinEvidence::ALL {
            assert_eq!(JoinEvidence::parse(evidence.name()), Some(evidence));
        }
        assert!(JoinEvidence::ALL.is_sorted_by_key(|evidence| evidence.name()));
    }

    #[test]
    fn pieces_of_evidence_add_up() {
        let check =
            |evidence: &[JoinEvidence], expected| assert_eq!(score(&evidence.iter().copied().collect()), expected);
        check(&[], 0);
        check(&[JoinEvidence::HostnameAndDhcp], 85);
        check(&[JoinEvidence::HostnameAndDhcp, JoinEvidence::HostnameAndModel], 98);
        check(&[JoinEvidence::Owner], 100);
    }
}
