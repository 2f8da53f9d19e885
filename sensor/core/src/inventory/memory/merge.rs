//! Hosts that turn out to be one machine, and stations that turn out not to belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::inventory::memory::host;
use crate::inventory::memory::merge_keys;
use crate::inventory::memory::state::{Memory, Returned};
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::host::{Host, HostId};
use crate::inventory::model::identity::{host_id, parted_host_id};
use crate::inventory::model::join;
use crate::inventory::model::join::{JOIN_MIN, Join, JoinEvidence};
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, MacKind, Segment, Timestamp};

/// The earlier host may have been heard by so much after the later one's first word: frames cross.
const OVERLAP: Duration = Duration::from_secs(2);
/// Both are there at the same time.
const TOGETHER: Duration = Duration::from_secs(600);
/// Words that pass so often from one station to the other, each within [`TOGETHER`] of the last, are two machines'.
const TURNS_MAX: u8 = 3;
/// A newcomer's `new-host` that is this old does not go without saying.
const FRESH: Duration = Duration::from_secs(60);

impl Memory {
    /// What every host shares, from the rows.
    pub(super) fn restore_merge_index(&mut self) {
        for id in self.tables.hosts.keys() {
            self.index(id);
        }
        for join in self.tables.joins.rows().into_iter().filter(|join| !join.told) {
            self.merges.untold.insert((join.at, join.segment, join.mac));
        }
    }

    fn index(&mut self, id: HostId) {
        if let (Some(host), Some(macs)) = (self.tables.hosts.get(&id), self.tables.hosts.note(&id)) {
            let (segment, keys) = (host.segment, merge_keys::keys(host, macs));
            self.merges.know(segment, id, keys);
        }
    }

    /// Joins the hosts that changed since the last call to those that they share enough with.
    pub(crate) fn recognise(&mut self) {
        while let Some(id) = self.merges.next_changed() {
            self.index(id);
            if let Some((other, evidence)) = self.kindred(id) {
                self.join_kin(id, other, evidence);
            }
        }
    }

    /// The host that another is the same machine as, by what they share.
    fn kindred(&self, id: HostId) -> Option<(HostId, BTreeSet<JoinEvidence>)> {
        let segment = self.tables.hosts.get(&id)?.segment;
        let mut shared: BTreeMap<HostId, BTreeSet<JoinEvidence>> = BTreeMap::new();
        for key in self.merges.keys(id) {
            let mut others = self.merges.others(segment, id, key);
            // What several bear tells none of them apart.
            if let (Some(kinship), Some(other), None) = (key.kinship, others.next(), others.next()) {
                shared.entry(other).or_default().insert(kinship);
            }
        }
        let mut found: Vec<_> = shared.into_iter().filter(|(_, evidence)| join::score(evidence) >= JOIN_MIN).collect();
        found.sort_by_key(|(other, evidence)| (std::cmp::Reverse(join::score(evidence)), *other));
        found.into_iter().find(|(other, evidence)| self.may_be_one(id, *other, evidence))
    }

    fn may_be_one(&self, a: HostId, b: HostId, evidence: &BTreeSet<JoinEvidence>) -> bool {
        let (earlier, later) = self.by_age(a, b);
        let (Some(old), Some(new)) = (self.tables.hosts.get(&earlier), self.tables.hosts.get(&later)) else {
            return false;
        };
        let macs = |id| self.tables.hosts.note(&id).into_iter().flatten().copied();
        let all = |holds: fn(Mac) -> bool| macs(earlier).chain(macs(later)).all(holds);
        let was_parted = |mac, host| {
            let join = self.tables.joins.get(&(old.segment, mac));
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
        let age = |id| self.tables.hosts.get(&id).map(|host| (host.first_seen, id));
        if age(a) <= age(b) { (a, b) } else { (b, a) }
    }

    /// Makes one host of two; the one that stays is the one that was seen first.
    pub(crate) fn join_kin(&mut self, a: HostId, b: HostId, evidence: BTreeSet<JoinEvidence>) -> Option<HostId> {
        let (kept, gone) = self.by_age(a, b);
        let (first_seen, announced) = self.tables.hosts.get(&gone).map(|host| (host.first_seen, host.announced))?;
        let last_seen = self.tables.hosts.get(&gone)?.last_seen;
        let segment = self.tables.hosts.get(&kept)?.segment;
        let old_mac = self.latest_mac(kept)?;
        let newcomers: Vec<Mac> = self.tables.hosts.note(&gone)?.iter().copied().collect();
        // What is known by its address only is its row's host, and stays it.
        if newcomers.is_empty() {
            return None;
        }
        let is_known = self.tables.hosts.get(&kept)?.announced;
        let is_news = is_known && (!announced || last_seen.since(first_seen) <= FRESH);
        let by_owner = evidence.contains(&JoinEvidence::Owner);
        let gone_since = self.tables.hosts.get(&kept)?.gone_since;
        self.unite(kept, gone)?;
        if let Some(gone_since) = gone_since {
            self.tables.hosts.update(&kept, |host, _| {
                host.gone_since = None;
                host.here_since = first_seen;
                (RowChange::Changed, ())
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
        let segment = self.tables.hosts.get(&id)?.segment;
        let latest = |mac: &&Mac| self.tables.stations.get(&(segment, **mac)).map(|station| (station.last_seen, **mac));
        self.tables.hosts.note(&id)?.iter().max_by_key(latest).copied()
    }

    fn put_join(&mut self, join: Join) {
        let key = join.key();
        if let Some((old, ())) = self.tables.joins.remove(&key) {
            self.merges.untold.remove(&(old.at, old.segment, old.mac));
        }
        let over = self.tables.joins.make_room();
        self.count(over.len());
        for (old, ()) in over {
            self.merges.untold.remove(&(old.at, old.segment, old.mac));
        }
        if !join.told {
            self.merges.untold.insert((join.at, join.segment, join.mac));
        }
        self.tables.joins.insert(join, ());
    }

    /// How a station came to its host, or what it was parted from.
    pub(crate) fn join_of(&self, segment: Segment, mac: Mac) -> Option<&Join> {
        self.tables.joins.get(&(segment, mac))
    }

    /// Joins that are to be told since `until` or before.
    pub(crate) fn untold(&self, until: Timestamp, after: Timestamp) -> Vec<(Segment, Mac)> {
        let due = self.merges.untold.iter().filter(|(at, ..)| *at <= until || *at > after);
        due.map(|&(_, segment, mac)| (segment, mac)).collect()
    }

    /// The earliest join that is to be told.
    pub(super) fn first_untold(&self) -> Option<Timestamp> {
        self.merges.untold.first().map(|(at, ..)| *at)
    }

    /// A join is told now; what it was, unless it was told before.
    pub(crate) fn take_untold(&mut self, segment: Segment, mac: Mac) -> Option<Join> {
        let join = self.tables.joins.get(&(segment, mac)).filter(|join| !join.told)?.clone();
        self.merges.untold.remove(&(join.at, segment, mac));
        self.tables.joins.update(&(segment, mac), |join, ()| {
            join.told = true;
            (RowChange::Changed, ())
        });
        Some(join)
    }

    /// A station of a host that was joined by likeness was heard. When both speak in turns they are two machines: whether
    /// this word shows it, and whom to part.
    pub(crate) fn takes_turns(&mut self, segment: Segment, mac: Mac, at: Timestamp) -> Option<Mac> {
        let id = self.tables.stations.get(&(segment, mac))?.host;
        if self.tables.hosts.note(&id).is_none_or(|macs| macs.len() < 2) {
            return None;
        }
        let macs: Vec<Mac> = self.tables.hosts.note(&id)?.iter().copied().collect();
        for joined in macs {
            let turned = self.tables.joins.update(&(segment, joined), |join, ()| {
                let is_side = join.mac == mac || join.old_mac == mac;
                let is_soft = !join.apart && !join.evidence.iter().any(|kinship| kinship.is_hard());
                let is_here = join.mac == mac;
                if !is_soft || !is_side || is_here == join.here || at <= join.turned_at.after(OVERLAP) {
                    return (RowChange::Same, false);
                }
                join.turns = if at.since(join.turned_at) <= TOGETHER { join.turns + 1 } else { 1 };
                join.here = is_here;
                join.turned_at = at;
                (RowChange::Changed, join.turns >= TURNS_MAX)
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
        let station = self.tables.stations.get(&(segment, mac))?.clone();
        let whole = station.host;
        if self.tables.hosts.note(&whole)?.len() < 2 {
            return None;
        }
        let join = self.tables.joins.get(&(segment, mac)).cloned();
        let over = self.tables.hosts.make_room();
        self.drop_hosts(over);
        // Eviction may have taken this very host.
        self.tables.hosts.note_mut(&whole)?.remove(&mac);
        let own = host_id(segment, mac);
        let id = if self.tables.hosts.get(&own).is_some() { parted_host_id(segment, mac) } else { own };
        let old_mac = self.latest_mac(whole)?;
        let (first_seen, last_seen) = (station.first_seen, station.last_seen);
        let facts = self.tables.hosts.get(&whole)?.clone();
        let (here_since, gone_since) = (first_seen, None);
        let host = Host { id, segment, first_seen, last_seen, announced, here_since, gone_since, ..facts };
        self.tables.hosts.insert(host, [mac].into());
        if !announced {
            self.pending.insert((first_seen, id));
        }
        self.tables.stations.update(&(segment, mac), |station, _| {
            station.host = id;
            (RowChange::Changed, ())
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
        let Some(host) = self.tables.hosts.get(&id) else { return 0 };
        let is_random =
            |id| self.tables.hosts.note(&id).is_some_and(|macs| !macs.is_empty() && macs.iter().all(|m| m.is_random()));
        if !is_random(id) {
            return 0;
        }
        let went_before = |other: &HostId| {
            let other_host = self.tables.hosts.get(other);
            is_random(*other) && other_host.is_some_and(|other| other.last_seen <= host.first_seen.after(OVERLAP))
        };
        let keys = self.merges.keys(id).iter();
        let likes: BTreeSet<HostId> = keys.flat_map(|key| self.merges.others(host.segment, id, key)).collect();
        likes.iter().filter(|other| went_before(other)).count()
    }

    /// Drops what was remembered of how a station came to its host.
    pub(super) fn forget_join(&mut self, segment: Segment, mac: Mac) {
        if let Some((join, ())) = self.tables.joins.remove(&(segment, mac)) {
            self.merges.untold.remove(&(join.at, join.segment, join.mac));
        }
    }

    /// Makes one host of two: `gone` becomes a part of `kept`, which is returned; `None` when there is no such host.
    pub(super) fn unite(&mut self, kept: HostId, gone: HostId) -> Option<HostId> {
        self.tables.hosts.get(&kept)?;
        let (lost, macs) = self.tables.hosts.remove(&gone)?;
        self.pending.remove(&(lost.first_seen, gone));
        self.merges.forget(lost.segment, gone);
        let until = self.known_until.remove(&gone);
        if let (Some(until), Some(known)) = (until, self.known_until.get_mut(&kept)) {
            *known = until.max(*known);
        }
        for mac in &macs {
            self.tables.stations.update(&(lost.segment, *mac), |station, _| {
                station.host = kept;
                (RowChange::Changed, ())
            });
        }
        let limits = self.limits;
        let waited = self.tables.hosts.update(&kept, |host, stations| {
            let waited = (!host.announced).then_some(host.first_seen);
            host::merge(host, lost, &limits);
            stations.extend(macs);
            (RowChange::Changed, (waited, (!host.announced).then_some(host.first_seen)))
        });
        if let Some((before, after)) = waited {
            self.pending.extend(after.map(|first_seen| (first_seen, kept)));
            if let Some(before) = before.filter(|before| after != Some(*before)) {
                self.pending.remove(&(before, kept));
            }
        }
        self.merges.touch(kept);
        Some(kept)
    }
}

fn is_named_otherwise(a: &Host, b: &Host) -> bool {
    let name = |host: &Host| host.dhcp.as_ref().and_then(|dhcp| dhcp.hostname.clone());
    match (name(a), name(b)) {
        (Some(a), Some(b)) => !a.eq_ignore_ascii_case(&b),
        _ => false,
    }
}
