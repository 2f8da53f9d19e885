//! Multicast DNS that was heard: names, services, and the models of devices.

use crate::inventory::correlator::announced_roles;
use crate::inventory::correlator::names;
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::Event;
use crate::inventory::memory::host;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::{Host, HostId};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::mdns::MdnsClaim;

impl Correlator {
    pub(super) fn observe_mdns(&mut self, s: &Sighting, claim: &MdnsClaim, events: &mut Vec<Event>) {
        if !s.mac.is_station() {
            return;
        }
        let id = self.memory.hear(s.segment, s.mac, Source::Mdns, s.at);
        if self.may_be_forwarded(s) {
            return;
        }
        // What a reflector repeats says of the reflector only that it speaks mDNS.
        let (claim, is_own) = match claim {
            MdnsClaim::OfAnother { record, addresses } => {
                (record.as_ref(), addresses.iter().any(|addr| self.memory.holds(id, *addr, s.at)))
            }
            claim => (claim, true),
        };
        // Only a responder sends records; a goodbye is one too, but its service ends.
        if !matches!(claim, MdnsClaim::Query { .. } | MdnsClaim::Goodbye { .. }) {
            self.hear_service(s, id, names::MDNS_PORT, Source::Mdns);
        }
        if let MdnsClaim::Query { name } = claim {
            self.note_name_query(s, name, Source::Mdns);
        }
        if is_own {
            self.learn_announced(s, id, claim, events);
        }
        // Last, so that a host that is reported because it has an address is reported with its name.
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Mdns, events);
        }
    }

    /// Takes in a record of a host's own.
    fn learn_announced(&mut self, s: &Sighting, id: HostId, claim: &MdnsClaim, events: &mut Vec<Event>) {
        match claim {
            MdnsClaim::Address { name, addr } => {
                if (s.ip == Some(*addr) || self.memory.holds(id, *addr, s.at))
                    && !self.is_false_answer(s, (id, *addr), name, Source::Mdns, events)
                    && let Some(name) = host::mdns_name(name)
                {
                    self.learn_name(s, id, name, Source::Mdns, events);
                }
            }
            MdnsClaim::Goodbye { record } => {
                if let MdnsClaim::Srv { name, .. } = record.as_ref() {
                    self.memory.update_host(id, |host| (host::close_service(host, name), ()));
                }
            }
            MdnsClaim::Srv { name, target, port } => {
                let services_max = self.limits.services_max;
                self.memory
                    .update_host(id, |host| (host::open_service(host, name, target, *port, s.at, services_max), ()));
                // Not for a service of another host.
                let instance = name.escaped();
                let is_own = |host: &Host| host.services.iter().any(|own| own.instance == instance);
                if self.memory.host(id).is_some_and(is_own) {
                    self.learn_announced_role(id, announced_roles::of_mdns(name));
                }
            }
            MdnsClaim::Txt { name, txt } => {
                let prints_max = self.limits.prints_max;
                if let Some(model) = host::model(name, txt) {
                    let learn = |host: &mut _| (host::learn_print(host, Evidence::MdnsModel, model, prints_max), ());
                    self.memory.update_host(id, learn);
                }
            }
            MdnsClaim::OfAnother { .. }
            | MdnsClaim::Query { .. }
            | MdnsClaim::Reverse { .. }
            | MdnsClaim::Service { .. }
            | MdnsClaim::Type { .. } => {}
        }
    }
}
