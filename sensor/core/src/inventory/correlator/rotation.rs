//! Stations that turn out to belong to a known host, and what is reported of that; and the owner's decisions on which
//! stations are one host.

use std::net::IpAddr;

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::memory::host;
use crate::inventory::memory::merge_keys;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::HostId;
use crate::inventory::model::join;
use crate::inventory::model::join::{Join, JoinEvidence};
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, Segment, Text, Timestamp, hex};
use crate::wire::dhcpv6;
use crate::wire::ssdp;

impl Correlator {
    /// The owner says that two hosts are one. Returns the host that stays, or why they cannot be joined.
    pub fn join(&mut self, a: HostId, b: HostId) -> Result<HostId, &'static str> {
        let segment = |id| self.memory.host(id).map(|host| host.segment);
        match (segment(a), segment(b)) {
            _ if a == b => Err("they are one host already"),
            (None, _) | (_, None) => Err("no such host"),
            (Some(x), Some(y)) if x != y => Err("they live on different segments"),
            _ => self.memory.merge_hosts(a, b, [JoinEvidence::Owner].into()).ok_or("one of them has no station"),
        }
    }

    /// The owner says that a station does not belong to its host. Returns the station's new host, or why it cannot be split.
    pub fn split(&mut self, id: HostId, mac: Mac) -> Result<HostId, &'static str> {
        let segment = self.memory.host(id).map(|host| host.segment).ok_or("no such host")?;
        match self.memory.host_of(segment, mac) {
            Some(host) if host.id == id => {
                self.memory.split_station(segment, mac, true).ok_or("it is the host's only station")
            }
            _ => Err("the host has no such station"),
        }
    }

    /// Checks whether what was just learned shows that two hosts are one, or that one is two.
    pub(super) fn recognise(&mut self, s: &Sighting, events: &mut Vec<Event>) {
        self.memory.merge_changed();
        for mac in [s.frame_mac, s.mac] {
            for other in self.memory.alternating_stations(s.segment, mac, s.at) {
                self.memory.split_station(s.segment, other, false);
            }
        }
        self.hear_joined(s);
        self.check_joins(s);
        // The station has an address already: evidence that came later has nothing more to wait for.
        let has_address = self.memory.join_of(s.segment, s.mac).is_some_and(|join| !join.told)
            && self.memory.ipv4_count(s.segment, s.mac) > 0;
        if has_address {
            self.emit_rotation(s.segment, s.mac, s.at, events);
        }
    }

    /// Takes in the DUID, which a DHCPv6 client keeps when its MAC changes (RFC 8415, section 11).
    pub(super) fn learn_duid(&mut self, id: HostId, message: &dhcpv6::Message) {
        let Some(duid) = message.client_duid.as_ref().filter(|duid| duid.as_bytes().len() >= 6) else { return };
        self.learn_mark(id, Evidence::Duid, hex(duid.as_bytes()));
    }

    /// Takes in the uuid of the device that sent the message (UPnP Device Architecture, section 1.2.2).
    pub(super) fn learn_uuid(&mut self, id: HostId, message: &ssdp::Message) {
        let Some(usn) = message.usn.as_ref().and_then(|usn| usn.as_bytes().strip_prefix(b"uuid:")) else { return };
        let uuid = usn.split(|&byte| byte == b':').next().unwrap_or_default().to_ascii_lowercase();
        // Shorter ones are a maker's constant, the same in all its devices.
        if uuid.len() >= 32 {
            self.learn_mark(id, Evidence::SsdpUuid, Text::new(&uuid).escaped());
        }
    }

    /// Takes in what SNMP says of a machine that its administrator gave a name.
    pub(super) fn learn_system(&mut self, s: &Sighting, ip: IpAddr, words: [&Option<Text>; 3]) {
        let words = words.map(|word| word.as_ref().map(Text::escaped).unwrap_or_default());
        let holder = self.memory.holder(s.segment, ip).map(|holder| holder.mac);
        let id = holder.and_then(|mac| self.memory.host_of(s.segment, mac)).map(|host| host.id);
        if let Some(id) = id.filter(|_| !merge_keys::is_generic(&words[0].to_ascii_lowercase())) {
            self.learn_mark(id, Evidence::SnmpSystem, words.join(" "));
        }
    }

    fn learn_mark(&mut self, id: HostId, evidence: Evidence, value: String) {
        let prints_max = self.limits.prints_max;
        self.memory.update_host(id, |host| (host::learn_print(host, evidence, value, prints_max), ()));
    }

    /// Reports joins that have waited long enough for an address.
    pub(super) fn settle_rotations(&mut self, settled: Option<Timestamp>, after: Timestamp, events: &mut Vec<Event>) {
        let until = settled.unwrap_or(Timestamp::from_nanos(i64::MIN));
        for (segment, mac) in self.memory.unreported_joins(until, after) {
            let at = self.memory.join_of(segment, mac).map(|join| join.at);
            if let Some(at) = at {
                self.emit_rotation(segment, mac, at, events);
            }
        }
    }

    /// Reports that a known host has a new MAC, unless that is reported already or need not be.
    pub(super) fn emit_rotation(&mut self, segment: Segment, mac: Mac, at: Timestamp, events: &mut Vec<Event>) {
        let Some(join) = self.memory.take_unreported_join(segment, mac) else { return };
        let Join { old_mac, evidence, .. } = join;
        let mut event = self.about_host(Kind::MacRotated, at, segment, mac);
        event.ip = self.memory.best_address_of(segment, mac);
        event.old_mac = Some(old_mac);
        event.confidence = Some(join::score(&evidence));
        let words = evidence.iter().map(|kinship| kinship.name().to_owned()).collect();
        event.details = vec![("evidence", Detail::Texts(words))];
        self.push(event, events);
    }

    /// Reports a move between stations of one host as `info`, and not at all where one replaced the other.
    pub(super) fn emit_move_within(&mut self, s: &Sighting, old: Mac, mut event: Event, events: &mut Vec<Event>) {
        let rotated = |mac| self.memory.join_of(s.segment, mac).is_some_and(|join| !join.apart);
        if rotated(s.mac) || rotated(old) {
            return;
        }
        self.give_reason(&mut event, Reason::Failover);
        event.severity = Severity::Info;
        self.push(event, events);
    }

    /// A station with a random MAC took over a link-local address that is not made of a MAC and that nobody defends: it is the
    /// machine that had the address (RFC 7217: the interface identifier stays while the MAC changes).
    pub(super) fn join_by_address(&mut self, segment: Segment, ip: IpAddr, old: Mac, new: Mac) {
        let IpAddr::V6(six) = ip else { return };
        let is_made_of_mac = six.octets()[11..13] == [0xff, 0xfe];
        // Nobody becomes a gateway by taking its address.
        let is_dear = self.memory.held_by(segment, old).any(|held| self.is_dear(segment, held));
        let is_kept = !is_dear
            && six.is_unicast_link_local()
            && !is_made_of_mac
            && new.is_random()
            && !self.is_one_host(segment, old, new);
        let of = |mac| self.memory.host_of(segment, mac).map(|host| host.id);
        if let (true, Some(old), Some(new)) = (is_kept, of(old), of(new)) {
            self.memory.merge_hosts(old, new, [JoinEvidence::InterfaceId].into());
        }
    }

    /// Whether the host has another address in the same IPv6 prefix: temporary addresses (RFC 8981) come and go.
    pub(super) fn is_one_more(&self, id: HostId, ip: IpAddr) -> bool {
        let IpAddr::V6(ip) = ip else { return false };
        let prefix = |ip: u128| ip >> 64;
        self.memory.addresses_of(id).any(|known| match known {
            IpAddr::V6(known) => known != ip && prefix(known.to_bits()) == prefix(ip.to_bits()),
            IpAddr::V4(_) => false,
        })
    }
}
