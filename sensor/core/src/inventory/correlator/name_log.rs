//! Names of the local link as they are asked for and answered: who asked for a name lately, which names each station announced
//! without being asked, and which it answered for. Only keeps and counts; every list is bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// Names that were asked for and answered within this time count together.
pub(super) const WINDOW: Duration = Duration::from_hours(1);
/// A question is remembered for so long: the kernel holds back its repeats for a minute.
const ASKED: Duration = Duration::from_secs(120);
/// Questions that are kept of one station, so that a talkative one does not push out what others asked; and of all.
const ASKED_BY_ONE_MAX: usize = 64;
const ASKED_MAX: usize = 2048;
/// Stations that answer; of each, the names that it announced and those that it answered for.
const STATIONS_MAX: usize = 512;
const ANNOUNCED_MAX: usize = 64;
const ANSWERED_MAX: usize = 64;
/// Askers that are counted of one name.
const ASKERS_MAX: usize = 8;

/// What was asked, announced and answered.
#[derive(Debug, Default)]
pub(super) struct NameLog {
    asked: VecDeque<Asked>,
    stations: BTreeMap<(Segment, Mac), Answerer>,
    /// Until when the names of hosts were heard before a restart: their announcements are not known any more.
    pub(super) restored_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Asked {
    segment: Segment,
    by: Mac,
    name: String,
    at: Timestamp,
}

/// A station that answers for names.
#[derive(Debug, Default)]
pub(super) struct Answerer {
    announced: VecDeque<String>,
    pub(super) answered: Vec<Answered>,
}

/// A name that a station answered for with an address of its own.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) name: String,
    pub(super) last: Timestamp,
    /// Some of those that asked.
    pub(super) askers: BTreeSet<Mac>,
    /// By a protocol in which a host answers for few names: LLMNR or NetBIOS, not only mDNS.
    pub(super) is_unicast: bool,
    /// It announced the name before.
    pub(super) is_own: bool,
    /// The other host whose name it is.
    pub(super) owner: Option<HostId>,
}

impl NameLog {
    /// After a restart; hosts were last heard at `until`.
    pub(super) fn restored(until: Option<Timestamp>) -> Self {
        Self { restored_until: until, ..Self::default() }
    }

    /// A station asks for a name.
    pub(super) fn ask(&mut self, segment: Segment, by: Mac, name: String, at: Timestamp) {
        let is_same = |asked: &Asked| (asked.segment, asked.by) == (segment, by) && asked.name == name;
        self.asked.retain(|asked| !is_same(asked) && is_within(asked.at, at, ASKED));
        let is_his = |asked: &Asked| (asked.segment, asked.by) == (segment, by);
        if self.asked.iter().filter(|asked| is_his(asked)).count() >= ASKED_BY_ONE_MAX
            && let Some(oldest) = self.asked.iter().position(is_his)
        {
            self.asked.remove(oldest);
        }
        if self.asked.len() >= ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { segment, by, name, at });
    }

    /// The other stations that asked for the name lately.
    pub(super) fn askers(&self, segment: Segment, name: &str, not: Mac, at: Timestamp) -> BTreeSet<Mac> {
        let asked = self.asked.iter().filter(|asked| asked.segment == segment && asked.name == name && asked.by != not);
        asked.filter(|asked| is_within(asked.at, at, ASKED)).map(|asked| asked.by).take(ASKERS_MAX).collect()
    }

    /// A station announces a name without being asked.
    pub(super) fn announce(&mut self, segment: Segment, mac: Mac, name: String) {
        let station = self.station((segment, mac));
        station.announced.retain(|announced| *announced != name);
        if station.announced.len() >= ANNOUNCED_MAX {
            station.announced.pop_front();
        }
        station.announced.push_back(name);
    }

    /// Whether a station announced the name.
    pub(super) fn has_announced(&self, segment: Segment, mac: Mac, name: &str) -> bool {
        let station = self.stations.get(&(segment, mac));
        station.is_some_and(|station| station.announced.iter().any(|announced| announced == name))
    }

    /// The names that a station announced.
    pub(super) fn announced(&self, segment: Segment, mac: Mac) -> impl Iterator<Item = &str> {
        self.stations.get(&(segment, mac)).into_iter().flat_map(|station| &station.announced).map(String::as_str)
    }

    /// A station answers for a name. `whose` is asked once for each name: whether it is the station's own, and which other
    /// host's. All that it answered for within the window, oldest first.
    pub(super) fn answer(
        &mut self,
        (segment, mac): (Segment, Mac),
        name: &str,
        is_unicast: bool,
        at: Timestamp,
        whose: impl FnOnce(bool) -> (bool, Option<HostId>),
    ) -> &[Answered] {
        let askers = self.askers(segment, name, mac, at);
        let is_announced = self.has_announced(segment, mac, name);
        let station = self.station((segment, mac));
        station.answered.retain(|answered| is_within(answered.last, at, WINDOW));
        if let Some(known) = station.answered.iter_mut().find(|known| known.name == name) {
            known.last = known.last.max(at);
            known.is_unicast |= is_unicast;
            known.askers.extend(askers);
            while known.askers.len() > ASKERS_MAX {
                known.askers.pop_last();
            }
        } else {
            let (is_own, owner) = whose(is_announced);
            // Its own names, of which it can announce any number, make room for others.
            let own = station.answered.iter().position(|answered| answered.is_own && answered.owner.is_none());
            if station.answered.len() >= ANSWERED_MAX
                && let Some(own) = own
            {
                station.answered.remove(own);
            }
            if station.answered.len() < ANSWERED_MAX {
                station.answered.push(Answered { name: name.to_owned(), last: at, askers, is_unicast, is_own, owner });
            }
        }
        &station.answered
    }

    /// A station's place. Where there is none, the one that answered for the fewest names makes room, the longest silent of
    /// those: it is not a station that answers for everything.
    fn station(&mut self, key: (Segment, Mac)) -> &mut Answerer {
        if !self.stations.contains_key(&key) && self.stations.len() >= STATIONS_MAX {
            let last = |station: &Answerer| station.answered.iter().map(|answered| answered.last).max();
            let false_ones = |station: &Answerer| station.answered.iter().filter(|answered| !answered.is_own).count();
            let least = self.stations.iter().min_by_key(|(_, station)| (false_ones(station), last(station)));
            let least = least.map(|(key, _)| *key);
            least.map(|least| self.stations.remove(&least));
        }
        self.stations.entry(key).or_default()
    }
}

/// Whether two moments are no further apart than `span`.
fn is_within(one: Timestamp, other: Timestamp, span: Duration) -> bool {
    one.since(other) <= span && other.since(one) <= span
}
