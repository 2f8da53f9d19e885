//! Hosts that turn out to be one machine, and stations that turn out not to belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::inventory::memory::host;
use crate::inventory::memory::merge_index::Turn;
use crate::inventory::memory::merge_keys;
use crate::inventory::memory::state::{Memory, Returned};
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::host::{Host, HostId};
use crate::inventory::model::identity::{host_id, parted_host_id};
use crate::inventory::model::join;
use crate::inventory::model::join::{JOIN_MIN, Join, JoinEvidence};
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, MacKind, Segment, Timestamp};

/// The earlier host may be heard until so long after the later one's first frame: frames cross on their way.
const OVERLAP: Duration = Duration::from_secs(2);
/// Two stations that are heard in turn within this time are there at the same time.
const TOGETHER: Duration = Duration::from_secs(600);
/// Stations that alternate so often, each time within [`TOGETHER`] of the last, are two machines.
const TURNS_MAX: u8 = 3;
/// A join is on trial for so long: when the earlier station is heard meanwhile, both are there, and are two machines.
const TRIAL: Duration = Duration::from_secs(120);
/// A host that was reported and seen for longer than this is no newcomer: its merge is not reported as a MAC rotation.
const FRESH: Duration = Duration::from_secs(60);

impl Memory {
    /// Builds the index from the rows.
    pub(super) fn restore_merge_index(&mut self) {
        for id in self.tables.hosts.keys() {
            self.index(id);
        }
        for join in self.tables.joins.rows().into_iter().filter(|join| !join.told) {
            self.merges.unreported.insert((join.at, join.segment, join.mac));
        }
    }

    /// Notes in the index what a host shares.
    fn index(&mut self, id: HostId) {
        if let (Some(host), Some(macs)) = (self.tables.hosts.get(&id), self.tables.hosts.note(&id)) {
            let (segment, keys) = (host.segment, merge_keys::keys(host, macs));
            self.merges.know(segment, id, keys);
        }
    }

    /// Merges the hosts that changed since the last call with those that they share enough evidence with.
    pub(crate) fn merge_changed(&mut self) {
        while let Some(id) = self.merges.next_changed() {
            self.index(id);
            if let Some((other, evidence)) = self.merge_candidate(id) {
                self.merge_hosts(id, other, evidence);
            }
        }
    }

    /// The host that is the same machine as this one, by the evidence that they share.
    fn merge_candidate(&self, id: HostId) -> Option<(HostId, BTreeSet<JoinEvidence>)> {
        let segment = self.tables.hosts.get(&id)?.segment;
        let mut shared: BTreeMap<HostId, BTreeSet<JoinEvidence>> = BTreeMap::new();
        for key in self.merges.keys(id) {
            let mut others = self.merges.others(segment, id, key);
            // Evidence that more than two hosts share tells none of them apart.
            if let (Some(evidence), Some(other), None) = (key.evidence, others.next(), others.next()) {
                shared.entry(other).or_default().insert(evidence);
            }
        }
        let mut found: Vec<_> = shared.into_iter().filter(|(_, evidence)| join::score(evidence) >= JOIN_MIN).collect();
        found.sort_by_key(|(other, evidence)| (std::cmp::Reverse(join::score(evidence)), *other));
        found.into_iter().find(|(other, evidence)| self.may_merge(id, *other, evidence))
    }

    /// Whether nothing speaks against two hosts being one machine.
    fn may_merge(&self, a: HostId, b: HostId, evidence: &BTreeSet<JoinEvidence>) -> bool {
        let (earlier, later) = self.by_age(a, b);
        let (Some(old), Some(new)) = (self.tables.hosts.get(&earlier), self.tables.hosts.get(&later)) else {
            return false;
        };
        let macs = |id| self.tables.hosts.note(&id).into_iter().flatten().copied();
        let was_split = |mac, host| {
            let join = self.tables.joins.get(&(old.segment, mac));
            join.is_some_and(|join| join.apart && join.host == host)
        };
        let is_apart = macs(earlier).any(|mac| was_split(mac, later)) || macs(later).any(|mac| was_split(mac, earlier));
        let is_shared = macs(earlier).chain(macs(later)).any(|mac| mac.kind() == MacKind::Virtual);
        if is_apart || is_shared || macs(later).next().is_none() || macs(earlier).next().is_none() {
            return false;
        }
        // Whoever repeats what another one said, or was copied from its disk, is there beside it.
        let took_turns = old.last_seen <= new.first_seen.after(OVERLAP);
        if evidence.iter().any(|piece| piece.is_hard()) {
            return took_turns && !is_named_otherwise(old, new);
        }
        let is_random = macs(later).any(Mac::is_random) || macs(earlier).any(Mac::is_random);
        took_turns && is_random
    }

    /// The two, the one that was seen first in front.
    fn by_age(&self, a: HostId, b: HostId) -> (HostId, HostId) {
        let age = |id| self.tables.hosts.get(&id).map(|host| (host.first_seen, id));
        if age(a) <= age(b) { (a, b) } else { (b, a) }
    }

    /// Makes one host of two. The one that was seen first stays, and is returned.
    pub(crate) fn merge_hosts(&mut self, a: HostId, b: HostId, evidence: BTreeSet<JoinEvidence>) -> Option<HostId> {
        let (kept, gone) = self.by_age(a, b);
        let (first_seen, announced) = self.tables.hosts.get(&gone).map(|host| (host.first_seen, host.announced))?;
        let last_seen = self.tables.hosts.get(&gone)?.last_seen;
        let segment = self.tables.hosts.get(&kept)?.segment;
        let old_mac = self.latest_mac(kept)?;
        let newcomers: Vec<Mac> = self.tables.hosts.note(&gone)?.iter().copied().collect();
        // A host that is known by its address only has no station to join.
        if newcomers.is_empty() {
            return None;
        }
        let is_known = self.tables.hosts.get(&kept)?.announced;
        let is_news = is_known && (!announced || last_seen.since(first_seen) <= FRESH);
        let by_owner = evidence.contains(&JoinEvidence::Owner);
        let gone_since = self.tables.hosts.get(&kept)?.gone_since;
        self.absorb(kept, gone)?;
        if let Some(gone_since) = gone_since {
            self.tables.hosts.update(&kept, |host, _| {
                host.gone_since = None;
                host.here_since = first_seen;
                (RowChange::Changed, ())
            });
            self.returned.push(Returned { host: kept, at: first_seen, gone_since });
        }
        for mac in newcomers {
            let told = by_owner || !is_news;
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
            if !by_owner {
                self.merges.turns.push(Turn { segment, joined: mac, silent: old_mac, speaking: mac });
            }
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

    /// Saves a join in place of the station's last one.
    fn put_join(&mut self, join: Join) {
        let key = join.key();
        if let Some((old, ())) = self.tables.joins.remove(&key) {
            self.merges.forget_join(&old);
        }
        let over = self.tables.joins.make_room();
        self.count(over.len());
        for (old, ()) in over {
            self.merges.forget_join(&old);
        }
        if !join.told {
            self.merges.unreported.insert((join.at, join.segment, join.mac));
        }
        self.tables.joins.insert(join, ());
    }

    /// How a station came to its host, or what it was split from.
    pub(crate) fn join_of(&self, segment: Segment, mac: Mac) -> Option<&Join> {
        self.tables.joins.get(&(segment, mac))
    }

    /// Joins that are to be reported: those until `until`, or after `after`.
    pub(crate) fn unreported_joins(&self, until: Timestamp, after: Timestamp) -> Vec<(Segment, Mac)> {
        let due = self.merges.unreported.iter().filter(|(at, ..)| *at <= until || *at > after);
        due.map(|&(_, segment, mac)| (segment, mac)).collect()
    }

    /// The time of the earliest join that is to be reported.
    pub(super) fn first_unreported_join(&self) -> Option<Timestamp> {
        self.merges.unreported.first().map(|(at, ..)| *at)
    }

    /// Marks a join as reported; the join, unless it was reported before.
    pub(crate) fn take_unreported_join(&mut self, segment: Segment, mac: Mac) -> Option<Join> {
        let join = self.tables.joins.get(&(segment, mac)).filter(|join| !join.told)?.clone();
        self.merges.unreported.remove(&(join.at, segment, mac));
        self.tables.joins.update(&(segment, mac), |join, ()| {
            join.told = true;
            (RowChange::Changed, ())
        });
        Some(join)
    }

    /// Stations that fell silent since the last call, while others of their hosts speak.
    pub(crate) fn take_turns(&mut self) -> Vec<Turn> {
        std::mem::take(&mut self.merges.turns)
    }

    /// A host's earlier station did not answer: the join stands, and whoever took turns begins anew.
    pub(crate) fn confirm_join(&mut self, segment: Segment, mac: Mac) {
        let confirmed = self.tables.joins.update(&(segment, mac), |join, ()| {
            let mark = RowChange::changed_if(!join.apart && join.turns != 0);
            if !join.apart {
                join.turns = 0;
            }
            (mark, !join.apart)
        });
        if confirmed == Some(true) {
            self.merges.confirmed.insert((segment, mac));
        }
    }

    /// Whether a station's join stands: the earlier station did not answer, or has been silent for longer than it usually is,
    /// or the owner made it.
    pub(crate) fn has_stood(&self, segment: Segment, mac: Mac, at: Timestamp) -> bool {
        let join = self.tables.joins.get(&(segment, mac)).filter(|join| !join.apart);
        self.merges.confirmed.contains(&(segment, mac))
            || join.is_some_and(|join| self.trial_end(join).is_none_or(|end| end <= at))
    }

    /// When a join has stood its trial, counted from it or from the earlier station's last frame; `None` when it is the owner's.
    fn trial_end(&self, join: &Join) -> Option<Timestamp> {
        let last = self.tables.stations.get(&(join.segment, join.old_mac)).map(|station| station.last_seen);
        (!join.evidence.contains(&JoinEvidence::Owner))
            .then(|| last.map_or(join.at, |last| last.max(join.at)).after(TRIAL))
    }

    /// A station was heard whose host was merged. When both stations are there, by turns or at once, they are two machines:
    /// the stations to split off, where this shows it.
    pub(crate) fn alternating_stations(&mut self, segment: Segment, mac: Mac, at: Timestamp) -> Vec<Mac> {
        let mut apart = Vec::new();
        let Some(id) = self.tables.stations.get(&(segment, mac)).map(|station| station.host) else { return apart };
        let Some(macs) = self.tables.hosts.note(&id).filter(|macs| macs.len() > 1) else { return apart };
        let macs: Vec<Mac> = macs.iter().copied().collect();
        for joined in macs {
            let is_confirmed = self.merges.confirmed.contains(&(segment, joined));
            let turned = self.tables.joins.update(&(segment, joined), |join, ()| {
                let is_judged = !join.apart && !join.evidence.contains(&JoinEvidence::Owner);
                let is_here = join.mac == mac;
                if !is_judged || is_here == join.here || at <= join.turned_at.after(OVERLAP) {
                    return (RowChange::Same, (false, None));
                }
                if join.turns == 0 && !is_here && at.since(join.at) < TRIAL && !is_confirmed {
                    return (RowChange::Same, (true, None));
                }
                join.turns = if at.since(join.turned_at) <= TOGETHER { join.turns + 1 } else { 1 };
                join.here = is_here;
                join.turned_at = at;
                let silent = if is_here { join.old_mac } else { joined };
                (RowChange::Changed, (join.turns >= TURNS_MAX, Some(silent)))
            });
            match turned {
                Some((true, _)) => apart.push(joined),
                Some((false, Some(silent))) if silent != mac => {
                    self.merges.turns.push(Turn { segment, joined, silent, speaking: mac });
                }
                _ => {}
            }
        }
        apart
    }

    /// Takes a station out of its host, as a host of its own, and remembers that. Which station showed what is not known, so
    /// both hosts keep all that was known of the one.
    pub(crate) fn split_station(&mut self, segment: Segment, mac: Mac, announced: bool) -> Option<HostId> {
        let station = self.tables.stations.get(&(segment, mac))?.clone();
        let whole = station.host;
        if self.tables.hosts.note(&whole)?.len() < 2 {
            return None;
        }
        let join = self.tables.joins.get(&(segment, mac)).cloned();
        let over = self.tables.hosts.make_room();
        self.drop_hosts(over);
        // Making room may have evicted this very host.
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

    /// How many hosts with random MACs that were first seen at such a time fell silent before this one came, and share evidence
    /// with it.
    pub(crate) fn similar_predecessors(&self, id: HostId, is_old: impl Fn(Timestamp) -> bool) -> usize {
        let Some(host) = self.tables.hosts.get(&id) else { return 0 };
        let is_random =
            |id| self.tables.hosts.note(&id).is_some_and(|macs| !macs.is_empty() && macs.iter().all(|m| m.is_random()));
        if !is_random(id) {
            return 0;
        }
        let went_before = |other: &HostId| {
            let other_host = self.tables.hosts.get(other);
            let is_silent = |other: &Host| other.last_seen <= host.first_seen.after(OVERLAP);
            is_random(*other) && other_host.is_some_and(|other| is_silent(other) && is_old(other.first_seen))
        };
        let keys = self.merges.keys(id).iter();
        let likes: BTreeSet<HostId> = keys.flat_map(|key| self.merges.others(host.segment, id, key)).collect();
        likes.iter().filter(|other| went_before(other)).count()
    }

    /// Drops how a station came to its host.
    pub(super) fn drop_join(&mut self, segment: Segment, mac: Mac) {
        if let Some((join, ())) = self.tables.joins.remove(&(segment, mac)) {
            self.merges.forget_join(&join);
        }
    }

    /// Makes `gone` a part of `kept`, which is returned; `None` when one of them does not exist.
    pub(super) fn absorb(&mut self, kept: HostId, gone: HostId) -> Option<HostId> {
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
