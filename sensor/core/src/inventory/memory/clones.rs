//! Which stations tell DHCP servers the same client id, and whether two of them are there at the same time: then one machine is a
//! copy of the other, or gives itself out for it. A client id names one interface of one machine (RFC 2131, section 4.2;
//! RFC 4361, section 6.1, where it is a DUID with the interface's number), so a laptop's cable and Wi-Fi have two. Not saved:
//! clients tell it again with each renewal. Bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::inventory::model::identity::words_id;
use crate::types::{Mac, Segment, Timestamp};

/// Client ids that are remembered; the one that was told longest ago is forgotten first.
const IDS_MAX: usize = 1024;
/// Stations of one client id.
const STATIONS_MAX: usize = 4;
/// Pairs that are watched; the one that was quiet for longest is forgotten first.
const PAIRS_MAX: usize = 64;
/// Two messages within this time may be one, which a repeater sent on with its own MAC.
const REWRITTEN: Duration = Duration::from_secs(1);
/// Frames cross on their way: a change of speakers so soon after the last one says nothing.
const OVERLAP: Duration = Duration::from_secs(2);
/// Two stations that are heard by turns within this time are there at the same time.
const TOGETHER: Duration = Duration::from_secs(600);
/// A station that joins asks for an address within this time of its first frame.
const JOINING: Duration = Duration::from_secs(10);
/// The later, the earlier, the later, the earlier: a machine that changes its MAC does not go back and forth like that.
const TURNS_MIN: u8 = 3;
/// A client id is reported once in this time.
const AGAIN: Duration = Duration::from_hours(24);
/// Bytes of an identifier that may be unique; shorter ones are a maker's constant.
const ID_MIN: usize = 6;

/// Who told which client id, and pairs of stations that told the same.
#[derive(Debug, Default)]
pub(crate) struct Clones {
    ids: BTreeMap<(Segment, u64), Tellers>,
    pairs: Vec<Pair>,
}

#[derive(Debug, Default)]
struct Tellers {
    stations: Vec<(Mac, Timestamp)>,
    reported: Option<Timestamp>,
}

#[derive(Debug)]
struct Pair {
    id: (Segment, u64),
    macs: [Mac; 2],
    /// Which of the two spoke last.
    speaker: usize,
    turned_at: Timestamp,
    /// Whether that counts among the turns.
    is_counted: bool,
    turns: u8,
}

impl Clones {
    /// A station told a DHCP server its client id.
    pub(crate) fn note(&mut self, segment: Segment, id: &[u8], mac: Mac, at: Timestamp) {
        if !is_made_for_one(id) {
            return;
        }
        let key = (segment, words_id(&[b"client", id]));
        if self.ids.len() >= IDS_MAX && !self.ids.contains_key(&key) {
            let told = |tellers: &Tellers| tellers.stations.iter().map(|(_, at)| *at).max();
            let oldest = self.ids.iter().min_by_key(|(_, tellers)| told(tellers)).map(|(key, _)| *key);
            oldest.map(|oldest| self.ids.remove(&oldest));
        }
        let stations = &mut self.ids.entry(key).or_default().stations;
        stations.retain(|(other, _)| *other != mac);
        let others: Vec<Mac> =
            stations.iter().filter(|(_, told)| at.since(*told) > REWRITTEN).map(|(other, _)| *other).collect();
        if stations.len() >= STATIONS_MAX {
            stations.remove(0);
        }
        stations.push((mac, at));
        for pair in self.pairs.iter_mut().filter(|pair| pair.id == key) {
            if let Some(side) = pair.macs.iter().position(|known| *known == mac) {
                pair.join(side, at);
            }
        }
        for other in others {
            self.watch(key, [other, mac], at);
        }
    }

    fn watch(&mut self, id: (Segment, u64), macs: [Mac; 2], at: Timestamp) {
        if self.pairs.iter().any(|pair| pair.id == id && macs.iter().all(|mac| pair.macs.contains(mac))) {
            return;
        }
        if self.pairs.len() >= PAIRS_MAX
            && let Some(oldest) = (0..self.pairs.len()).min_by_key(|place| self.pairs[*place].turned_at)
        {
            self.pairs.swap_remove(oldest);
        }
        self.pairs.push(Pair { id, macs, speaker: 1, turned_at: at, is_counted: false, turns: 0 });
    }

    /// A station sent a frame. The two stations of a client id that turn out to be there at the same time.
    pub(crate) fn hear(&mut self, segment: Segment, mac: Mac, at: Timestamp) -> Option<[Mac; 2]> {
        let mut found = None;
        for (place, pair) in self.pairs.iter_mut().enumerate().filter(|(_, pair)| pair.id.0 == segment) {
            let Some(side) = pair.macs.iter().position(|known| *known == mac) else { continue };
            if side == pair.speaker || at <= pair.turned_at.after(OVERLAP) {
                continue;
            }
            pair.turns = if at.since(pair.turned_at) <= TOGETHER { pair.turns + 1 } else { 1 };
            (pair.speaker, pair.turned_at, pair.is_counted) = (side, at, true);
            if pair.turns >= TURNS_MIN {
                found = Some(place);
                break;
            }
        }
        let Pair { id, macs, .. } = self.pairs.swap_remove(found?);
        let tellers = self.ids.get_mut(&id)?;
        let is_news = tellers.reported.is_none_or(|reported| at.since(reported) >= AGAIN);
        tellers.reported = Some(at);
        is_news.then_some(macs)
    }
}

impl Pair {
    /// One of the two asks for an address: that it speaks now is no sign that both are there, for a laptop that is docked and
    /// undocked does so each time. Some of its frames may come before its question.
    fn join(&mut self, side: usize, at: Timestamp) {
        if self.speaker == side && self.is_counted && at.since(self.turned_at) <= JOINING {
            self.turns = self.turns.saturating_sub(1);
        }
        if self.speaker != side || self.is_counted {
            (self.speaker, self.turned_at, self.is_counted) = (side, at, false);
        }
    }
}

/// Whether an identifier is made for one machine: not a constant, and not a MAC, which a repeater leaves in its clients' messages.
fn is_made_for_one(id: &[u8]) -> bool {
    let is_void = id.iter().skip(1).all(|&byte| byte == 0 || byte == 0xff);
    id.len() > ID_MIN && id[0] != 1 && !is_void
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Iface;

    fn mac(last: u8) -> Mac {
        Mac([2, 0, 0, 0, 0, last])
    }

    fn segment() -> Segment {
        Segment::untagged(Iface::new("eth1").expect("a name"))
    }

    #[test]
    fn identifiers_that_are_made_for_one_machine() {
        for (id, expected) in [
            (&b"\xff\0\0\0\x01\0\x04\x01\x02\x03\x04\x05"[..], true),
            (b"\0station-7", true),
            (b"\x01\x02\0\0\0\0\x09", false),
            (b"\0\0\0\0\0\0\0\0", false),
            (b"RAS ", false),
            (b"", false),
        ] {
            assert_eq!(is_made_for_one(id), expected, "{id:?}");
        }
    }

    #[test]
    fn tables_are_bounded() {
        let mut clones = Clones::default();
        for n in 0..20_000_u32 {
            let id = [b"\0station", &(n / 5).to_be_bytes()[..]].concat();
            let mac = Mac([2, 0, n.to_be_bytes()[0], n.to_be_bytes()[1], n.to_be_bytes()[2], n.to_be_bytes()[3]]);
            clones.note(segment(), &id, mac, Timestamp::from_secs(i64::from(n) * 2));
            assert!(clones.ids.len() <= IDS_MAX && clones.pairs.len() <= PAIRS_MAX);
        }
        assert!(clones.ids.values().all(|tellers| tellers.stations.len() <= STATIONS_MAX));
    }

    #[test]
    fn an_identifier_of_many_is_reported_once_a_day() {
        let mut clones = Clones::default();
        let mut found = Vec::new();
        for round in 0..100 {
            for last in 1..=10 {
                let at = Timestamp::from_secs(round * 60 + i64::from(last) * 3);
                // With each renewal.
                if round % 20 == 0 {
                    clones.note(segment(), b"\0constant", mac(last), at);
                }
                found.extend(clones.hear(segment(), mac(last), at));
            }
        }
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
