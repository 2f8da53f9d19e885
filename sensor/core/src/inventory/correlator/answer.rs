//! Answers to probes that came through sockets, and answers that did not come: what they show of addresses, services and
//! hosts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::correlator::report::bare;
use crate::inventory::correlator::state::{Correlator, PortDoubt};
use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::memory::asked;
use crate::inventory::memory::asked::PortNews;
use crate::inventory::memory::host;
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::address::SnmpFacts;
use crate::inventory::model::host::{HostId, best_name};
use crate::inventory::model::source::Source;
use crate::inventory::planner::probe::Technique;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::types::{Segment, Text, Timestamp};
use crate::wire::dns;

/// A round of probes to an address that nothing answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed<'a> {
    /// The segment.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// The techniques that it was asked by.
    pub techniques: &'a BTreeSet<Technique>,
    /// When the first probe was sent.
    pub since: Timestamp,
    /// How long a host of the network must be silent to be gone.
    pub gone_after: Duration,
}

/// A host is gone only when this many techniques went unanswered.
const TECHNIQUES_MIN: usize = 2;
/// A host that was here for this long without a break usually stays: that it is gone is `notice`. Of hosts that come and go
/// it is `info`.
const STEADY: Duration = Duration::from_hours(24);

impl Correlator {
    /// Takes in that a round of probes stayed unanswered.
    pub fn miss(&mut self, missed: &Missed<'_>, now: Timestamp, events: &mut Vec<Event>) {
        let Missed { segment, ip, .. } = *missed;
        let host = self.memory.host_at(segment, ip).map(|host| (host.id, host.announced, host.last_seen));
        let Some((id, announced, last_seen)) = host else { return };
        if last_seen > missed.since || missed.techniques.len() < TECHNIQUES_MIN {
            return;
        }
        self.memory.update_asked(segment, ip, now, |asked| {
            let is_new = asked.silent_at.is_none();
            asked.silent_at = Some(now);
            (RowChange::changed_if(is_new), ())
        });
        let unheard = now.since(last_seen.max(self.deaf_until.unwrap_or(last_seen)));
        if !announced || unheard < missed.gone_after || !self.memory.mark_gone(id, now) {
            return;
        }
        let mut event = self.about(Kind::HostGone, now, segment, ip, id);
        // One of its addresses was asked; it is known by the best.
        event.ip = self.memory.best_address(id).or(event.ip);
        let here_since = self.memory.host(id).map_or(now, |host| host.here_since);
        if last_seen.since(here_since) < STEADY {
            event.severity = Severity::Info;
        }
        let unanswered = missed.techniques.iter().map(|technique| technique.name().to_owned()).collect();
        event.details = vec![
            ("unanswered", Detail::Texts(unanswered)),
            ("unheard_s", Detail::Number(now.since(last_seen).as_secs())),
        ];
        self.push(event, events);
    }

    pub(super) fn observe_answer(&mut self, s: &Sighting, answer: &Answer, events: &mut Vec<Event>) {
        let Some(ip) = s.ip else { return };
        let (segment, at, source) = (s.segment, s.at, asked::source(answer));
        match answer {
            Answer::Echo { rtt, .. } => {
                let rtt_us = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
                self.memory.answer(segment, ip, source, at, |asked| {
                    let is_first = asked.rtt_us.replace(rtt_us).is_none();
                    (RowChange::changed_if(is_first), ())
                });
            }
            Answer::Nbns { name, .. } => {
                self.memory.answer(segment, ip, source, at, |_| (RowChange::Same, ()));
                self.learn_asked_name(s, ip, name.as_ref(), source, events);
            }
            Answer::Port { port, state, banner, rtt } => {
                self.observe_port(s, ip, *port, *state, banner.as_ref(), *rtt, events);
            }
            Answer::Ptr { name, .. } => {
                // The name server answered, not the host.
                let name = name.as_ref().filter(|name| !name.as_bytes().is_empty());
                if name.is_none() && self.memory.asked(segment, ip).is_none() {
                    return;
                }
                self.memory.update_asked(segment, ip, at, |asked| {
                    let new = name.map(Text::escaped);
                    let changed = asked.reverse_dns != new;
                    asked.reverse_dns = new;
                    (RowChange::changed_if(changed), ())
                });
                self.learn_asked_name(s, ip, name, source, events);
            }
            Answer::Snmp { name, description, object_id } => {
                let text = |text: &Option<Text>| text.as_ref().map(Text::escaped);
                let facts = SnmpFacts { name: text(name), description: text(description), object_id: text(object_id) };
                self.memory.answer(segment, ip, source, at, |asked| {
                    let changed = asked.snmp.as_deref() != Some(&facts);
                    asked.snmp = Some(Box::new(facts));
                    (RowChange::changed_if(changed), ())
                });
                self.learn_asked_name(s, ip, name.as_ref(), source, events);
                self.learn_system(s, ip, [name, object_id, description]);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the members of one answer")]
    fn observe_port(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        port: u16,
        state: PortState,
        banner: Option<&Text>,
        rtt: Duration,
        events: &mut Vec<Event>,
    ) {
        let (segment, at, ports_max) = (s.segment, s.at, self.limits.ports_max);
        let heard = self.memory.host_at(segment, ip).map(|host| host.last_seen);
        let heard_ago = heard.map(|heard| at.since(heard));
        let banner = banner.map(Text::escaped).filter(|banner| !banner.is_empty());
        let greeting = banner.clone();
        let learn = |asked: &mut _| asked::hear_port(asked, port, state, greeting, at, heard_ago, ports_max);
        let news = match state {
            // Nothing answered, and nothing ever did from this address: there is nothing to remember.
            PortState::Silent if self.memory.asked(segment, ip).is_none() => None,
            PortState::Silent => self.memory.update_asked(segment, ip, at, learn),
            PortState::Closed | PortState::Open => self.memory.answer(segment, ip, Source::Tcp, at, |asked| {
                if asked.rtt_us.is_none() {
                    asked.rtt_us = Some(u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX));
                }
                learn(asked)
            }),
        };
        let kind = match news {
            Some(PortNews::Closed) => Kind::ServiceClosed,
            Some(PortNews::Opened) => Kind::ServiceOpened,
            Some(PortNews::Doubt) => {
                self.doubts.push(PortDoubt { segment, ip, port, seen_open: false });
                return;
            }
            Some(PortNews::Same) | None => return,
        };
        let Some(id) = self.memory.host_at(segment, ip).map(|host| host.id) else { return };
        let mut event = self.about(kind, at, segment, ip, id);
        event.details.push(("port", Detail::Number(u64::from(port))));
        if kind == Kind::ServiceOpened {
            event.details.extend(banner.map(|banner| ("banner", Detail::Text(banner))));
        }
        self.push(event, events);
    }

    /// An mDNS answer to a probe that was sent to one address: it names the address, whoever holds it.
    pub(super) fn observe_mdns_answer(&mut self, s: &Sighting, claim: &MdnsClaim, events: &mut Vec<Event>) {
        let Some(ip) = s.ip else { return };
        self.memory.answer(s.segment, ip, Source::Mdns, s.at, |_| (RowChange::Same, ()));
        match claim {
            MdnsClaim::Address { name, addr } if *addr == ip => {
                self.learn_asked_name(s, ip, Some(name), Source::Mdns, events);
            }
            MdnsClaim::Reverse { name, target } if is_reverse_of(name, ip) => {
                self.learn_asked_name(s, ip, Some(target), Source::Mdns, events);
            }
            MdnsClaim::Srv { name, target, port } => {
                let services_max = self.limits.services_max;
                if let Some(id) = self.memory.host_at(s.segment, ip).map(|host| host.id) {
                    self.memory.update_host(id, |host| {
                        (host::open_service(host, name, target, *port, s.at, services_max), ())
                    });
                }
            }
            _ => {}
        }
    }

    fn learn_asked_name(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        name: Option<&Text>,
        source: Source,
        events: &mut Vec<Event>,
    ) {
        let Some(name) = name.and_then(host::mdns_name) else { return };
        let names_max = self.limits.names_max;
        let renamed = self.memory.update_asked(s.segment, ip, s.at, |asked| {
            host::learn_name(&mut asked.names, name.clone(), source, s.at, names_max)
        });
        let Some(host::Renamed::From(old_name)) = renamed else { return };
        let Some(host) = self.memory.host_at(s.segment, ip) else { return };
        // The answer's frame was heard as well, and the change was reported.
        if host.names.iter().any(|known| known.source == source && known.name.eq_ignore_ascii_case(&name)) {
            return;
        }
        let id = host.id;
        let mut event = self.about(Kind::NameChanged, s.at, s.segment, ip, id);
        event.details = vec![
            ("new_name", Detail::Text(name)),
            ("old_name", Detail::Text(old_name)),
            ("source", Detail::Text(source.name().to_owned())),
        ];
        self.push(event, events);
    }

    /// Reports addresses that answered and whose station stays unknown, as hosts.
    pub(super) fn settle_answers(&mut self, settled: Option<Timestamp>, events: &mut Vec<Event>) {
        let Some(until) = settled else { return };
        for (first_seen, segment, ip, id) in self.memory.settle_homeless(until) {
            if self.is_silent {
                continue;
            }
            let mut event = self.about(Kind::NewHost, first_seen, segment, ip, id);
            event.severity = self.severity_of_new(Kind::NewHost, first_seen);
            self.push(event, events);
        }
    }

    /// Reports hosts that were gone and were heard again.
    pub(super) fn emit_returned(&mut self, events: &mut Vec<Event>) {
        for returned in self.memory.take_returned() {
            self.memory.break_silence(returned.host);
            let Some(segment) = self.memory.host(returned.host).map(|host| host.segment) else { continue };
            let mut event = match self.memory.first_mac(returned.host) {
                Some(mac) => self.about_host(Kind::HostBack, returned.at, segment, mac),
                None => {
                    Event { host: Some(returned.host), segment: Some(segment), ..bare(Kind::HostBack, returned.at) }
                }
            };
            event.ip = self.memory.best_address(returned.host);
            event.details.push(("gone_s", Detail::Number(returned.at.since(returned.gone_since).as_secs())));
            self.push(event, events);
        }
    }

    /// An event about an address that was asked.
    fn about(&self, kind: Kind, at: Timestamp, segment: Segment, ip: IpAddr, id: HostId) -> Event {
        let asked = self.memory.asked(segment, ip);
        let of_host = self.memory.host(id);
        let names = of_host.into_iter().flat_map(|host| &host.names).chain(asked.into_iter().flat_map(|a| &a.names));
        Event {
            segment: Some(segment),
            ip: Some(ip),
            mac: self.memory.holder(segment, ip).map(|holder| holder.mac),
            hostname: best_name(names),
            host: Some(id),
            ..bare(kind, at)
        }
    }
}

/// Whether a name is the reverse name of the address, below `in-addr.arpa` or `ip6.arpa`.
fn is_reverse_of(name: &Text, ip: IpAddr) -> bool {
    name.as_bytes().eq_ignore_ascii_case(dns::reverse_name(ip).as_bytes())
}
