//! The rule of each kind of event, in prose, and what it tells: the one place that says it. The sections of
//! `sensor/docs/events.md` are made of this, and a test keeps the two equal. Rules that are common to all kinds stand at the head of `event.rs`.

use crate::inventory::event::Kind;

impl Kind {
    /// When it is told and when not, with units, windows and limits, in prose for the operator.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Bogon => {
                "A sender foreign to the segment: the address of an ARP or NDP claim lies in none of the segment's \
                 prefixes (networks that the port is or, since the start, was attached to, and `[[network]]`), and there \
                 are some of its family; link-local addresses never, and link-local prefixes do not count. Once for (segment, address, MAC) while that is among the last 16,384 oddities. Binds nothing."
            }
            Self::ChangedMac => {
                "An address passed to a MAC that never held it, as far as remembered (the last 32 holders). `old_mac` is \
                 the holder before. `reason` is found in this order: a lease that has not ended names the new MAC \
                 (`dhcp`, info); both MACs are virtual routers', or one is and the other one's station is in a redundancy group or forwards (`failover`, info); either station is a sleep proxy's (`proxy-arp`, info; not of a gateway's address); else both stations are asked, where \
                 the sensor may ask, and the event waits at most 3 seconds for their answers (`conflict`, `proxy-arp`, \
                 `replaced`, `spoof-suspected`, `unknown`). Meanwhile the address stays with the old MAC; with \
                 `spoof-suspected` (alert) it goes on to. `previous_age_s`: whole seconds since the holder before was \
                 last heard with it, 0 when time went back; `dhcp_server`: with reason `dhcp`, where the ACK named it; \
                 where both were asked, `old_answered` and `new_answered` (`yes` or `no`), and `new_addresses`: how many \
                 IPv4 addresses the new MAC holds. Not told where one of the stations was joined to the other's host \
                 (`mac-rotated`); info with `failover` where both are one host otherwise. Alert when the address is a \
                 gateway's (`role`) and the reason neither `dhcp` nor `failover`."
            }
            Self::FlipFlop => {
                "An address passed back to the MAC before the present one, however long ago. Info with `failover`, \
                 `proxy-arp` (a sleep proxy's) or `conflict` (told of these stations within a day) as `reason`. Alert when it is a \
                 gateway's (`role`), unless the two stations were told of within the hour."
            }
            Self::Flood => {
                "A station sends so much news of one class that the kernel holds back its surplus, and nobody \
                 else's: after a burst of 8,192 messages of ARP or NDP, or 512 of any other class, 256 a second. \
                 Once for (segment, MAC, class) until ten minutes after the last surplus. With `reason` \
                 `dhcp-starvation` (alert), addresses are asked of DHCP servers (DISCOVER or REQUEST from 0.0.0.0, \
                 without `ciaddr` and `giaddr`) within 60 seconds by one frame MAC for more than 32 `clients` \
                 besides itself, or by more than 100 stations that were never heard before and of which nothing but \
                 DHCP was heard since (no `mac` then). Once for (segment, MAC) until ten minutes after the last; as \
                 long, hosts of which nothing but DHCP was heard are new at severity info."
            }
            Self::HostBack => {
                "A host that was gone was heard again, by any frame or answer. `gone_s`: seconds since `host-gone`."
            }
            Self::HostGone => {
                "A host is gone: nothing was heard of it, by any protocol, for `gone_after` (an hour, unless configured), \
                 and questions by at least two techniques stayed unanswered. Not while the sensor itself did not hear \
                 well for as long: since its start, since frames were lost, since the interface was down. Info where \
                 the host had not been here for 24 hours: what comes and goes is no news when it goes. Once, until it is \
                 back. `ip` is the address that was asked; `unheard_s`: seconds; `unanswered`: techniques."
            }
            Self::IpConflict => {
                "Two stations want one address: `mac` is the newcomer, `old_mac` who has it, where that is known. \
                 Once for (segment, address, both MACs) until a day after the last sign of it, whichever `reason` was first. `conflict`: both \
                 answered a conflict check (RFC 5227, section 2.1.1) after the address passed from `old_mac` to \
                 `mac`; while both go on, their claims neither move the address nor are told again, until one is \
                 silent for ten minutes; details as of `changed-mac`. `declined`: `mac` sent DHCPDECLINE for it. \
                 `defended`: `mac` asked everybody for it (ARP conflict check by broadcast, or DAD) and `old_mac` \
                 answered within 3 seconds (`after_ms`) by ARP reply, announcement or neighbour advertisement; told \
                 at once when `mac` has a lease of it, else after ten seconds, and not when `mac` only asks: it \
                 checked 4 addresses (16 of IPv6) within ten minutes, is a switch, access point or DHCP server, or \
                 had the address before. `leased`: a DHCP server gave it to `mac`, and `old_mac`, which has no \
                 lease of it as far as was heard, was heard with it by ARP in the half hour before and again in \
                 the five minutes after, or claims it then for the first time, while `mac` was not heard with it; \
                 not where both tell DHCP the same client id or name, nor where the lease of `old_mac` ended less \
                 than a minute before it was last heard. The last two not when `old_mac` answers for others (it \
                 forwards, or holds 4 IPv4 addresses), unless the address is a gateway's. Never between stations of \
                 one host or of one redundancy or balancing group, nor when one is virtual. Alert when the address \
                 is a gateway's (`role`)."
            }
            Self::MacMismatch => {
                "The ARP or ND payload's MAC (`mac`) is not the frame's (`frame_mac`); not for NDP where either is \
                 a virtual router's. Once for (segment, address, both MACs) while that is among the last 16,384 \
                 oddities. Binds nothing, and makes no host of the payload's MAC: `host` and `hostname` are the \
                 frame's. Alert when the address is a gateway's (`role`) and neither MAC is the gateway's."
            }
            Self::MacRotated => {
                "A known host is back with another locally administered MAC (`mac`; `old_mac` is the one before): not a \
                 new host. Told in place of `new-host` and of `new-address`, at the new station's first address, or 3 \
                 seconds after its first frame. `confidence` is what the `evidence` adds up to: `client-id`, `duid` and \
                 `ssdp-uuid` are made to tell machines apart; `hostname+dhcp-fingerprint`, `hostname+model`, `snmp`, \
                 `netbios-name+dhcp-fingerprint` and `interface-id` are likeness, and count only where one of the MACs is \
                 a changing one and the host fell silent before. Evidence that several hosts share, a vendor, and a name \
                 alone count for nothing. When both MACs turn out to speak in turns (three times within ten minutes each), \
                 they are parted again, and the newcomer is told as `new-host`."
            }
            Self::NameChanged => {
                "The name of a host changed at its own source: DHCP (the client's option 12, else the first label of 81), \
                 DHCPv6, mDNS (owner of an address record for the sender's own address, without `.local`), or another \
                 protocol by which a host names itself. Not for the first name of a source, nor for one that it gave \
                 before (the last 8 are remembered), compared without ASCII case. A goodbye changes nothing. `ip` is the \
                 host's best address."
            }
            Self::NewAddress => {
                "A host that was told holds an address that nobody held before; by claim or hint. Not for one more IPv6 \
                 address of a /64 in which the host holds one already. A station holds at most \
                 64 IPv6 addresses: the one unseen for longest is forgotten, and every one after a week unseen (IPv4: half \
                 a year)."
            }
            Self::NewDhcpServer => {
                "A DHCP server never seen before on this segment: OFFER, ACK or NAK; `ip` is option 54, else the IP \
                 source; `mac` is the frame's, so a relay's where there is one. `protocol`: `dhcpv6`, of such a server. \
                 Info inside the learning period."
            }
            Self::NewHost => {
                "A host never seen before on this segment: once per host, at its first IPv4 address at once, else when 3 \
                 seconds have passed since its first sighting, when the clock went back to more than one second before \
                 it, or when the input ends. `ip` is its best address then: IPv4, global IPv6, link-local. Info when it \
                 was first seen inside the learning period, and where its MAC is a changing one and hosts with other such \
                 MACs (`alike`: how many), which fell silent before, said the same of themselves, though not enough to \
                 tell which it is (a maker's name). `again`, of who is present and not on the owner's list of known hosts: \
                 how often it was told again (`renotify_h`)."
            }
            Self::NewRouter => {
                "A router never seen before on this segment: a router advertisement with a lifetime that is not 0; `mac` \
                 is the frame's. Info inside the learning period. `lifetime_s`: seconds."
            }
            Self::ReusedMac => {
                "An address passed back to a MAC that held it before the one before. Alert as `flip-flop`."
            }
            Self::RogueDhcpServer => {
                "As `new-dhcp-server`, of a server that is not on its segment's allow list (`unlisted`), where \
                 there is one (`allow_dhcp_servers`). Once for (segment, address, MAC) while that is among the last \
                 16,384 oddities, in place of `new-dhcp-server`. Where a relay or router stands between (`relay`: \
                 `giaddr`; or the frame's MAC, when the hop limit is not one that senders begin with), the frame's \
                 MAC is not the server's: then its address alone counts, and a list with MACs allows it."
            }
            Self::RogueRouter => {
                "A router advertisement that does not belong there; inside the learning period only with the first \
                 two reasons. `unlisted`: as `new-router`, of a router that is not on its segment's allow list, \
                 where there is one (`allow_routers`); once as `rogue-dhcp-server`, in place of `new-router`. \
                 `spoofed`: by the address of a router (`old_mac`) whose last advertisement has not run out, from a \
                 station that does not hold the address; it binds and changes nothing; not between stations of one \
                 host or redundancy group, nor when one is virtual; told again when it was not seen for an hour. \
                 `foreign-prefix`: a prefix outside the configured IPv6 prefixes, where there are any \
                 (`[[network]]`), once for (segment, prefix, MAC); else a new router (in place of `new-router`), on \
                 no allow list, all of whose prefixes are foreign to those of the routers known there; not \
                 withdrawn or deprecated prefixes, and not while one of the segment's is deprecated in the same \
                 message: it renumbers. `foreign-dns`: a known router, or one of lifetime 0 beside known ones, \
                 announces `name_servers` that no router on the segment announced before; not its own addresses, \
                 and none whose lower 64 bits are those of one that it announced last. `zero-lifetime` (warning; \
                 info inside the learning period): a default router says that it is none any more, as routers do \
                 that stop; not of redundancy groups; told again when it was not seen for an hour. `lifetime_s`: \
                 seconds."
            }
            Self::ScanDetected => {
                "A station asks for very many addresses or ports within 64 seconds, as `reason` says (distinct ones are \
                 estimated by linear counting with 64 bits). `arp-scan`: of neighbours, by ARP request (with or without a \
                 sender) or neighbour solicitation, to a group: 50 bits, about 97. `port-scan`: of ports below 32,768 of \
                 one destination (`target`), by TCP SYN: 40 bits, about 63; of stations in watched prefixes. Not of whoever \
                 asks for others: what forwards, routes or is a group's virtual station. Once for (segment, MAC, reason) \
                 until ten minutes after the last, also across restarts. `ip` is the station's best address."
            }
            Self::SensorBlind => {
                "A port has heard nothing at all for longer than a minute, because it is down, gone or not attached: told \
                 once, until it hears again. `cause` is `down`, `no carrier`, `removed` or `not attached: ...`; `deaf_s`: \
                 seconds."
            }
            Self::SensorLoss => {
                "Frames were lost: told at most once a minute, with how many of each class since the last time."
            }
            Self::SensorStarted => "The sensor started.",
            Self::SensorStopped => "The sensor stopped: what became of all frames, by outcome and class.",
            Self::ServiceClosed => {
                "A TCP port of a living host that was open was found closed, and two confirmations agreed."
            }
            Self::ServiceOpened => "A TCP port that was asked before and refused is open. `banner`: where it greeted.",
        }
    }

    /// What its record may have besides `id`, `at`, `kind`, `severity`, `segment`, `iface`, `vlan`, `vendor`, `old_vendor`,
    /// `hostname`, `host`, `details`, `message`, `arpwatch` and `sensor`, which are told of every kind where they are known.
    pub const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Bogon => &["ip", "mac"],
            Self::ChangedMac => &["ip", "mac", "old_mac", "reason", "confidence"],
            Self::FlipFlop => &["ip", "mac", "old_mac", "reason", "confidence"],
            Self::Flood => &["ip", "mac", "reason"],
            Self::HostBack => &["ip", "mac"],
            Self::HostGone => &["ip", "mac"],
            Self::IpConflict => &["ip", "mac", "old_mac", "reason", "confidence"],
            Self::MacMismatch => &["ip", "mac"],
            Self::MacRotated => &["ip", "mac", "old_mac", "confidence"],
            Self::NameChanged => &["ip", "mac"],
            Self::NewAddress => &["ip", "mac"],
            Self::NewDhcpServer => &["ip", "mac"],
            Self::NewHost => &["ip", "mac"],
            Self::NewRouter => &["ip", "mac"],
            Self::ReusedMac => &["ip", "mac", "old_mac", "reason", "confidence"],
            Self::RogueDhcpServer => &["ip", "mac", "reason"],
            Self::RogueRouter => &["ip", "mac", "old_mac", "reason"],
            Self::ScanDetected => &["ip", "mac", "reason"],
            Self::SensorBlind => &[],
            Self::SensorLoss => &[],
            Self::SensorStarted => &[],
            Self::SensorStopped => &[],
            Self::ServiceClosed => &["ip", "mac"],
            Self::ServiceOpened => &["ip", "mac"],
        }
    }

    /// The names of its details, sorted; `*` stands for the class of a frame.
    pub const fn details(self) -> &'static [&'static str] {
        match self {
            Self::Bogon => &[],
            Self::ChangedMac => {
                &["dhcp_server", "new_addresses", "new_answered", "old_answered", "previous_age_s", "role"]
            }
            Self::FlipFlop => &["previous_age_s", "role"],
            Self::Flood => &["class", "clients"],
            Self::HostBack => &["gone_s"],
            Self::HostGone => &["unanswered", "unheard_s"],
            Self::IpConflict => {
                &["after_ms", "dhcp_server", "new_addresses", "new_answered", "old_answered", "previous_age_s", "role"]
            }
            Self::MacMismatch => &["frame_mac", "role"],
            Self::MacRotated => &["evidence"],
            Self::NameChanged => &["new_name", "old_name", "source"],
            Self::NewAddress => &[],
            Self::NewDhcpServer => &["protocol"],
            Self::NewHost => &["again", "alike"],
            Self::NewRouter => &["lifetime_s", "prefixes"],
            Self::ReusedMac => &["previous_age_s", "role"],
            Self::RogueDhcpServer => &["protocol", "relay"],
            Self::RogueRouter => &["lifetime_s", "name_servers", "prefixes"],
            Self::ScanDetected => &["target"],
            Self::SensorBlind => &["cause", "deaf_s", "port", "since"],
            Self::SensorLoss => &["lost_*"],
            Self::SensorStarted => &["ports", "version"],
            Self::SensorStopped => &["cut_*", "gate_evictions", "gated_*", "lost_*", "passed_*", "policed_*", "seen_*"],
            Self::ServiceClosed => &["port"],
            Self::ServiceOpened => &["banner", "port"],
        }
    }

    /// Whether its record may have a detail of this name.
    pub fn has_detail(self, name: &str) -> bool {
        self.details().iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *known == name,
        })
    }
}
