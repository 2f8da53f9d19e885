//! Hosts that turn out to be one machine, and stations that turn out not to belong together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::inventory::memory::kinship;
use crate::inventory::memory::kinship::{JOIN_MIN, Key};
use crate::inventory::memory::table::{Mark, Row};
use crate::inventory::memory::{Memory, Returned};
use crate::inventory::model::host::{Host, HostId};
use crate::inventory::model::identity::{host_id, parted_host_id};
use crate::inventory::model::join::Join;
use crate::inventory::model::join::Kinship;
use crate::types::{Mac, MacKind, Segment, Timestamp};

/// Who shares what. Made of the hosts' rows alone, and so not saved.
#[derive(Debug, Default)]
pub(super) struct Kin {
    sharers: HashMap<(Segment, u64), BTreeSet<HostId>, RandomState>,
    keys: HashMap<HostId, Vec<Key>, RandomState>,
    /// Hosts whose rows changed since they were last looked at.
    changed: Vec<HostId>,
    /// Joins that are to be told, by their time.
    untold: BTreeSet<(Timestamp, Segment, Mac)>,
}

/// The earlier host may have been heard by so much after the later one's first word: frames cross.
const OVERLAP: Duration = Duration::from_secs(2);
/// Both are there at the same time.
const TOGETHER: Duration = Duration::from_secs(600);
/// Words that pass so often from one station to the other, each within [`TOGETHER`] of the last, are two machines'.
const TURNS_MAX: u8 = 3;
/// A newcomer's `new-host` that is this old does not go without saying.
const FRESH: Duration = Duration::from_secs(60);

impl Kin {
    /// A host's row changed.
    pub(super) fn touch(&mut self, id: HostId) {
        if self.changed.last() != Some(&id) {
            self.changed.push(id);
        }
    }

    /// A host is no more.
    pub(super) fn forget(&mut self, segment: Segment, id: HostId) {
        for key in self.keys.remove(&id).unwrap_or_default() {
            let place = (segment, key.hash);
            if let Some(sharers) = self.sharers.get_mut(&place) {
                sharers.remove(&id);
                if sharers.is_empty() {
                    self.sharers.remove(&place);
                }
            }
        }
    }

    fn know(&mut self, segment: Segment, id: HostId, keys: Vec<Key>) {
        if self.keys.get(&id).is_some_and(|known| *known == keys) || keys.is_empty() && !self.keys.contains_key(&id) {
            return;
        }
        self.forget(segment, id);
        for key in &keys {
            self.sharers.entry((segment, key.hash)).or_default().insert(id);
        }
        self.keys.insert(id, keys);
    }

    fn others(&self, segment: Segment, id: HostId, key: &Key) -> impl Iterator<Item = HostId> + '_ {
        self.sharers.get(&(segment, key.hash)).into_iter().flatten().copied().filter(move |other| *other != id)
    }
}

impl Memory {
    /// What every host shares, from the rows.
    pub(super) fn restore_kin(&mut self) {
        for id in self.hosts.keys() {
            self.index(id);
        }
        for join in self.joins.rows().into_iter().filter(|join| !join.told) {
            self.kin.untold.insert((join.at, join.segment, join.mac));
        }
    }

    fn index(&mut self, id: HostId) {
        if let (Some(host), Some(macs)) = (self.hosts.get(&id), self.hosts.note(&id)) {
            let (segment, keys) = (host.segment, kinship::keys(host, macs));
            self.kin.know(segment, id, keys);
        }
    }

    /// Joins the hosts that changed since the last call to those that they share enough with.
    pub(crate) fn recognise(&mut self) {
        while let Some(id) = self.kin.changed.pop() {
            self.index(id);
            if let Some((other, evidence)) = self.kindred(id) {
                self.join_kin(id, other, evidence);
            }
        }
    }

    /// The host that another is the same machine as, by what they share.
    fn kindred(&self, id: HostId) -> Option<(HostId, BTreeSet<Kinship>)> {
        let segment = self.hosts.get(&id)?.segment;
        let mut shared: BTreeMap<HostId, BTreeSet<Kinship>> = BTreeMap::new();
        for key in self.kin.keys.get(&id)? {
            let mut others = self.kin.others(segment, id, key);
            // What several bear tells none of them apart.
            if let (Some(kinship), Some(other), None) = (key.kinship, others.next(), others.next()) {
                shared.entry(other).or_default().insert(kinship);
            }
        }
        let mut found: Vec<_> =
            shared.into_iter().filter(|(_, evidence)| kinship::score(evidence) >= JOIN_MIN).collect();
        found.sort_by_key(|(other, evidence)| (std::cmp::Reverse(kinship::score(evidence)), *other));
        found.into_iter().find(|(other, evidence)| self.may_be_one(id, *other, evidence))
    }

    fn may_be_one(&self, a: HostId, b: HostId, evidence: &BTreeSet<Kinship>) -> bool {
        let (earlier, later) = self.by_age(a, b);
        let (Some(old), Some(new)) = (self.hosts.get(&earlier), self.hosts.get(&later)) else { return false };
        let macs = |id| self.hosts.note(&id).into_iter().flatten().copied();
        let all = |holds: fn(Mac) -> bool| macs(earlier).chain(macs(later)).all(holds);
        let was_parted = |mac, host| {
            let join = self.joins.get(&(old.segment, mac));
            join.is_some_and(|join| join.apart && join.host == host)
        };
        let is_apart =
            macs(earlier).any(|mac| was_parted(mac, later)) || macs(later).any(|mac| was_parted(mac, earlier));
        let is_shared = macs(earlier).chain(macs(later)).any(|mac| mac.kind() == MacKind::Virtual);
        if is_apart || is_shared || macs(later).next().is_none() || macs(earlier).next().is_none() {
            return false;
        }
        let took_turns = old.last_seen <= new.first_seen.after(OVERLAP);
        if evidence.iter().any(|kinship| kinship.is_hard()) {
            // Copies of a virtual machine have its identifiers; so have copies of an image.
            return took_turns || !all(Mac::is_virtual_machine) && !is_named_otherwise(old, new);
        }
        let is_random = macs(later).any(Mac::is_random) || macs(earlier).any(Mac::is_random);
        took_turns && is_random
    }

    /// The one that was seen first comes first.
    fn by_age(&self, a: HostId, b: HostId) -> (HostId, HostId) {
        let age = |id| self.hosts.get(&id).map(|host| (host.first_seen, id));
        if age(a) <= age(b) { (a, b) } else { (b, a) }
    }

    /// Makes one host of two; the one that stays is the one that was seen first.
    pub(crate) fn join_kin(&mut self, a: HostId, b: HostId, evidence: BTreeSet<Kinship>) -> Option<HostId> {
        let (kept, gone) = self.by_age(a, b);
        let (first_seen, announced) = self.hosts.get(&gone).map(|host| (host.first_seen, host.announced))?;
        let last_seen = self.hosts.get(&gone)?.last_seen;
        let segment = self.hosts.get(&kept)?.segment;
        let old_mac = self.latest_mac(kept)?;
        let newcomers: Vec<Mac> = self.hosts.note(&gone)?.iter().copied().collect();
        // What is known by its address only is its row's host, and stays it.
        if newcomers.is_empty() {
            return None;
        }
        let is_known = self.hosts.get(&kept)?.announced;
        let is_news = is_known && (!announced || last_seen.since(first_seen) <= FRESH);
        let by_owner = evidence.contains(&Kinship::Owner);
        let gone_since = self.hosts.get(&kept)?.gone_since;
        self.unite(kept, gone)?;
        if let Some(gone_since) = gone_since {
            self.hosts.update(&kept, |host, _| {
                host.gone_since = None;
                host.here_since = first_seen;
                (Mark::Changed, ())
            });
            self.returned.push(Returned { host: kept, at: first_seen, gone_since });
        }
        for mac in newcomers {
            let told = by_owner || !is_news || !mac.is_random();
            let join = Join {
                segment,
                mac,
                host: kept,
                apart: false,
                old_mac,
                evidence: evidence.clone(),
                at: first_seen,
                told,
                here: true,
                turns: 0,
                turned_at: first_seen,
            };
            self.put_join(join);
        }
        self.index(kept);
        Some(kept)
    }

    /// The host's station that was heard last.
    fn latest_mac(&self, id: HostId) -> Option<Mac> {
        let segment = self.hosts.get(&id)?.segment;
        let latest = |mac: &&Mac| self.stations.get(&(segment, **mac)).map(|station| (station.last_seen, **mac));
        self.hosts.note(&id)?.iter().max_by_key(latest).copied()
    }

    fn put_join(&mut self, join: Join) {
        let key = join.key();
        if let Some((old, ())) = self.joins.remove(&key) {
            self.kin.untold.remove(&(old.at, old.segment, old.mac));
        }
        let over = self.joins.make_room();
        self.count(over.len());
        for (old, ()) in over {
            self.kin.untold.remove(&(old.at, old.segment, old.mac));
        }
        if !join.told {
            self.kin.untold.insert((join.at, join.segment, join.mac));
        }
        self.joins.insert(join, ());
    }

    /// How a station came to its host, or what it was parted from.
    pub(crate) fn join_of(&self, segment: Segment, mac: Mac) -> Option<&Join> {
        self.joins.get(&(segment, mac))
    }

    /// Joins that are to be told since `until` or before.
    pub(crate) fn untold(&self, until: Timestamp, after: Timestamp) -> Vec<(Segment, Mac)> {
        let due = self.kin.untold.iter().filter(|(at, ..)| *at <= until || *at > after);
        due.map(|&(_, segment, mac)| (segment, mac)).collect()
    }

    /// The earliest join that is to be told.
    pub(super) fn first_untold(&self) -> Option<Timestamp> {
        self.kin.untold.first().map(|(at, ..)| *at)
    }

    /// A join is told now; what it was, unless it was told before.
    pub(crate) fn take_untold(&mut self, segment: Segment, mac: Mac) -> Option<Join> {
        let join = self.joins.get(&(segment, mac)).filter(|join| !join.told)?.clone();
        self.kin.untold.remove(&(join.at, segment, mac));
        self.joins.update(&(segment, mac), |join, ()| {
            join.told = true;
            (Mark::Changed, ())
        });
        Some(join)
    }

    /// A station of a host that was joined by likeness was heard. When both speak in turns they are two machines: whether
    /// this word shows it, and whom to part.
    pub(crate) fn takes_turns(&mut self, segment: Segment, mac: Mac, at: Timestamp) -> Option<Mac> {
        let id = self.stations.get(&(segment, mac))?.host;
        if self.hosts.note(&id).is_none_or(|macs| macs.len() < 2) {
            return None;
        }
        let macs: Vec<Mac> = self.hosts.note(&id)?.iter().copied().collect();
        for joined in macs {
            let turned = self.joins.update(&(segment, joined), |join, ()| {
                let is_side = join.mac == mac || join.old_mac == mac;
                let is_soft = !join.apart && !join.evidence.iter().any(|kinship| kinship.is_hard());
                let is_here = join.mac == mac;
                if !is_soft || !is_side || is_here == join.here || at <= join.turned_at.after(OVERLAP) {
                    return (Mark::Same, false);
                }
                join.turns = if at.since(join.turned_at) <= TOGETHER { join.turns + 1 } else { 1 };
                join.here = is_here;
                join.turned_at = at;
                (Mark::Changed, join.turns >= TURNS_MAX)
            });
            if turned == Some(true) {
                return Some(joined);
            }
        }
        None
    }

    /// Takes a station out of its host, as a host of its own, and remembers it. Who said what is not kept: what is known of
    /// the whole is known of both.
    pub(crate) fn part_kin(&mut self, segment: Segment, mac: Mac, announced: bool) -> Option<HostId> {
        let station = self.stations.get(&(segment, mac))?.clone();
        let whole = station.host;
        if self.hosts.note(&whole)?.len() < 2 {
            return None;
        }
        let join = self.joins.get(&(segment, mac)).cloned();
        let over = self.hosts.make_room();
        self.drop_hosts(over);
        // Eviction may have taken this very host.
        self.hosts.note_mut(&whole)?.remove(&mac);
        let own = host_id(segment, mac);
        let id = if self.hosts.get(&own).is_some() { parted_host_id(segment, mac) } else { own };
        let old_mac = self.latest_mac(whole)?;
        let (first_seen, last_seen) = (station.first_seen, station.last_seen);
        let facts = self.hosts.get(&whole)?.clone();
        let (here_since, gone_since) = (first_seen, None);
        let host = Host { id, segment, first_seen, last_seen, announced, here_since, gone_since, ..facts };
        self.hosts.insert(host, [mac].into());
        if !announced {
            self.pending.insert((first_seen, id));
        }
        self.stations.update(&(segment, mac), |station, _| {
            station.host = id;
            (Mark::Changed, ())
        });
        let evidence = join.map(|join| join.evidence).unwrap_or_default();
        self.put_join(Join {
            segment,
            mac,
            host: whole,
            apart: true,
            old_mac,
            evidence,
            at: last_seen,
            told: true,
            here: true,
            turns: 0,
            turned_at: last_seen,
        });
        self.index(whole);
        self.index(id);
        Some(id)
    }

    /// Hosts with changing MACs that went before this one came, and look like it as far as can be said.
    pub(crate) fn alike(&self, id: HostId) -> usize {
        let Some(host) = self.hosts.get(&id) else { return 0 };
        let is_random =
            |id| self.hosts.note(&id).is_some_and(|macs| !macs.is_empty() && macs.iter().all(|m| m.is_random()));
        if !is_random(id) {
            return 0;
        }
        let went_before = |other: &HostId| {
            let other_host = self.hosts.get(other);
            is_random(*other) && other_host.is_some_and(|other| other.last_seen <= host.first_seen.after(OVERLAP))
        };
        let keys = self.kin.keys.get(&id).into_iter().flatten();
        let likes: BTreeSet<HostId> = keys.flat_map(|key| self.kin.others(host.segment, id, key)).collect();
        likes.iter().filter(|other| went_before(other)).count()
    }

    /// Drops what was remembered of how a station came to its host.
    pub(super) fn forget_join(&mut self, segment: Segment, mac: Mac) {
        if let Some((join, ())) = self.joins.remove(&(segment, mac)) {
            self.kin.untold.remove(&(join.at, join.segment, join.mac));
        }
    }
}

fn is_named_otherwise(a: &Host, b: &Host) -> bool {
    let name = |host: &Host| host.dhcp.as_ref().and_then(|dhcp| dhcp.hostname.clone());
    match (name(a), name(b)) {
        (Some(a), Some(b)) => !a.eq_ignore_ascii_case(&b),
        _ => false,
    }
}

impl Row for Join {
    type Key = (Segment, Mac);
    const HAS_PRESENCE: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.mac)
    }

    fn last_seen(&self) -> Timestamp {
        self.turned_at
    }
}
