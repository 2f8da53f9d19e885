//! Ports of switches and routers that announce themselves, and the merging of several stations that are one machine by
//! their announcements.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::host::HostId;
use crate::inventory::model::identity::{host_id, unit_id};
use crate::inventory::model::role::Neighbour;
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Segment, Timestamp};

/// Most stations that one host is merged of; a machine has fewer ports on one segment.
const STATIONS_MAX: usize = 256;

/// Ports that were first heard within this time of their host came with it.
const TOGETHER: Duration = Duration::from_secs(60);

impl Memory {
    /// A neighbour announced itself. An older message does not replace what a later one said.
    pub(crate) fn note_neighbour(&mut self, neighbour: Neighbour) {
        let key = neighbour.key();
        self.forget_expiry(&key);
        let history = self.history;
        let known = self.tables.neighbours.update(&key, |known, ()| {
            let at = neighbour.last_seen;
            // A capture file that is read again tells nothing new of the last moment that is known.
            let is_old = if history { at <= known.last_seen } else { at < known.last_seen };
            let mut mark = see(&mut known.first_seen, &mut known.last_seen, at);
            let renewed = Neighbour { first_seen: known.first_seen, last_seen: known.last_seen, ..neighbour.clone() };
            if !is_old && *known != renewed {
                *known = renewed;
                mark = RowChange::Changed;
            }
            (mark, ())
        });
        if known.is_none() {
            let over = self.tables.neighbours.make_room();
            self.drop_neighbours(over);
            self.tables.neighbours.insert(neighbour, ());
        }
        self.note_expiry(&key);
    }

    /// A neighbour withdrew its announcement.
    pub(crate) fn neighbour_left(&mut self, segment: Segment, id: u64, at: Timestamp) {
        let key = (segment, id);
        self.forget_expiry(&key);
        let history = self.history;
        self.tables.neighbours.update(&key, |known, ()| {
            let is_old = if history { at <= known.last_seen } else { at < known.last_seen };
            let seen = see(&mut known.first_seen, &mut known.last_seen, at);
            let mark = RowChange::changed_if(!is_old && !known.gone);
            known.gone |= !is_old;
            (mark.max(seen), ())
        });
        self.note_expiry(&key);
    }

    /// Neighbours whose announcement has expired are gone.
    pub(crate) fn expire_neighbours(&mut self, now: Timestamp) {
        while let Some(&(end, key)) = self.expiries.first().filter(|(end, _)| *end <= now) {
            self.expiries.remove(&(end, key));
            self.tables.neighbours.update(&key, |known, ()| {
                known.gone = true;
                (RowChange::Changed, ())
            });
        }
    }

    /// When the first announcement expires.
    pub(crate) fn first_neighbour_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(end, _)| *end)
    }

    pub(super) fn restore_neighbour(&mut self, neighbour: Neighbour) {
        let key = neighbour.key();
        self.tables.neighbours.restore(neighbour, ());
        self.note_expiry(&key);
    }

    pub(super) fn drop_neighbours(&mut self, neighbours: Vec<(Neighbour, ())>) {
        self.count(neighbours.len());
        for (neighbour, ()) in neighbours {
            if let Some(end) = end(&neighbour) {
                self.expiries.remove(&(end, neighbour.key()));
            }
        }
    }

    /// Adds a neighbour to the queue of expiries.
    fn note_expiry(&mut self, key: &(Segment, u64)) {
        self.expiries.extend(self.tables.neighbours.get(key).and_then(end).map(|end| (end, *key)));
    }

    /// Takes a neighbour out of the queue of expiries.
    fn forget_expiry(&mut self, key: &(Segment, u64)) {
        if let Some(end) = self.tables.neighbours.get(key).and_then(end) {
            self.expiries.remove(&(end, *key));
        }
    }

    /// A station is a port of the machine that `unit` identifies and that may have `base` as its own station: all of them
    /// are one host. Returns the host that the station belongs to now.
    pub(crate) fn join_unit(&mut self, segment: Segment, mac: Mac, unit: u64, base: Option<Mac>) -> Option<HostId> {
        let own = self.host_of(segment, mac)?.id;
        let base = base.filter(|base| self.confirms_unit(segment, *base, unit) || is_next_to(*base, mac));
        let others = [self.port_of(segment, mac, unit, own), base];
        let mut joined = own;
        for other in others.into_iter().flatten() {
            if let Some(other) = self.host_of(segment, other).map(|host| host.id).filter(|id| *id != joined) {
                joined = self.merge(joined, other);
            }
        }
        Some(joined)
    }

    /// A new station belongs to the machine that announced it as its own. Returns the host that it belongs to now.
    pub(super) fn join_base_station(&mut self, segment: Segment, mac: Mac, own: HostId) -> HostId {
        let unit = unit_id(mac);
        let port = self.port_of(segment, mac, unit, own);
        let machine = port.and_then(|port| self.host_of(segment, port)).map(|host| host.id);
        machine.map_or(own, |machine| self.merge(own, machine))
    }

    /// Whether a station counts to its host by nothing but announcements, its own or of a port that came later than the host: those
    /// of ports that were there with the host are the host's word.
    pub(crate) fn is_announced_part(&self, segment: Segment, mac: Mac) -> bool {
        let Some(host) = self.host_of(segment, mac) else { return false };
        let is_own =
            |mac: Mac| self.known_since(segment, mac).is_some_and(|since| since <= host.first_seen.after(TOGETHER));
        let unit = unit_id(mac);
        let vouches = |n: &Neighbour| {
            let is_port = n.segment == segment && n.unit == Some(unit) && n.mac != mac && is_own(n.mac);
            is_port && self.host_of(segment, n.mac).is_some_and(|other| other.id == host.id)
        };
        host.id != host_id(segment, mac)
            && self.join_of(segment, mac).is_none()
            && self.tables.neighbours.find(vouches).is_none()
    }

    /// Another station that announces itself as a part of the unit, has a number in the same row, and is not the host's own.
    fn port_of(&self, segment: Segment, mac: Mac, unit: u64, own: HostId) -> Option<Mac> {
        let is_part =
            |n: &Neighbour| n.segment == segment && n.unit == Some(unit) && n.mac != mac && is_next_to(n.mac, mac);
        let is_elses = |n: &Neighbour| self.host_of(segment, n.mac).is_some_and(|host| host.id != own);
        self.tables.neighbours.find(|n| is_part(n) && is_elses(n)).map(|neighbour| neighbour.mac)
    }

    /// Whether a station announces itself as a part of the unit.
    fn confirms_unit(&self, segment: Segment, mac: Mac, unit: u64) -> bool {
        self.tables.neighbours.find(|n| n.segment == segment && n.unit == Some(unit) && n.mac == mac).is_some()
    }

    /// Makes one host of two, unless both hold addresses: then one announcement may be forged, and both stay as they are.
    /// The host with addresses stays, else the one that was seen first.
    fn merge(&mut self, own: HostId, other: HostId) -> HostId {
        let [own_holds, other_holds] = [own, other].map(|id| self.best_address(id).is_some());
        let age = |id| self.tables.hosts.get(&id).map(|host| (host.first_seen, id));
        let stations = [own, other].map(|id| self.tables.hosts.note(&id).map_or(0, BTreeSet::len));
        if own_holds && other_holds || stations.iter().sum::<usize>() > STATIONS_MAX {
            return own;
        }
        let keeps_own = own_holds || !other_holds && age(own) <= age(other);
        let (kept, gone) = if keeps_own { (own, other) } else { (other, own) };
        self.absorb(kept, gone).unwrap_or(own)
    }
}

/// Whether two MACs may be of one machine by their numbers: a maker gives a switch's ports numbers in a row, and some set a bit
/// of the first byte for their locally administered ones. Anybody can name another one's MAC as the base of its own.
fn is_next_to(one: Mac, other: Mac) -> bool {
    let number = |mac: Mac| mac.0[3..].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    one.0[1..3] == other.0[1..3] && number(one).abs_diff(number(other)) <= ROW_MAX
}

/// How far apart the numbers of a machine's first and last port may be.
const ROW_MAX: u32 = 1024;

/// When a neighbour's announcement expires, if it does.
fn end(neighbour: &Neighbour) -> Option<Timestamp> {
    let ends = !neighbour.gone && neighbour.ttl_s > 0;
    ends.then(|| neighbour.last_seen.after(Duration::from_secs(neighbour.ttl_s.into())))
}
