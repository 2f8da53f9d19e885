//! Stations of which one frame of ordinary traffic was heard, and nothing else. A few within a minute are taken for hosts at
//! once. When more come, as where somebody sends from made-up addresses to fill a switch's tables, each has to be heard again:
//! who is there is, and who is made up is not. Not saved.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::types::{Mac, Segment, Timestamp};

/// Strangers within this time count together.
const WINDOW: Duration = Duration::from_secs(60);
/// So many within the window are taken at their first frame.
const FEW: usize = 4;
/// So many within the window that have to be heard again are a flood.
const MANY: usize = 64;
/// A second frame is one that comes so long after the first.
const AGAIN: Duration = Duration::from_millis(500);
/// Most strangers that are remembered; the oldest are forgotten.
const REMEMBERED_MAX: usize = 16_384;
/// A flood is over when there was no stranger for this long.
const OVER: Duration = Duration::from_secs(600);
/// Most segments of which a flood is remembered.
const SEGMENTS_MAX: usize = 256;

/// Who was heard once, and when.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    first: HashMap<(Segment, Mac, IpAddr), Timestamp>,
    /// The same, the oldest first.
    order: VecDeque<(Segment, Mac, IpAddr)>,
    /// When strangers were taken at their first frame.
    taken: VecDeque<(Timestamp, Segment)>,
    /// When others were not.
    waiting: VecDeque<(Timestamp, Segment)>,
    /// The floods, and when each was last seen.
    floods: Vec<(Segment, Timestamp)>,
}

/// What follows from a stranger's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It is a host.
    Taken,
    /// It has to be heard again.
    Waits,
    /// The same, and with it a flood of so many strangers within a minute has begun.
    Floods(usize),
}

impl Strangers {
    /// Whether a station was heard once before, with this address.
    pub(crate) fn knows(&self, segment: Segment, mac: Mac, ip: IpAddr) -> bool {
        self.first.contains_key(&(segment, mac, ip))
    }

    /// An unknown station sent a frame from an address that nobody holds.
    pub(crate) fn hear(&mut self, segment: Segment, mac: Mac, ip: IpAddr, at: Timestamp) -> Stranger {
        let key = (segment, mac, ip);
        if let Some(first) = self.first.get(&key) {
            return if at.since(*first) >= AGAIN { Stranger::Taken } else { Stranger::Waits };
        }
        let is_recent = |(then, _): &(Timestamp, Segment)| at.since(*then) < WINDOW;
        let count = |times: &VecDeque<(Timestamp, Segment)>| times.iter().filter(|(_, on)| *on == segment).count();
        self.taken.retain(is_recent);
        if count(&self.taken) < FEW {
            self.taken.push_back((at, segment));
            return Stranger::Taken;
        }
        if self.order.len() >= REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
        self.first.insert(key, at);
        self.order.push_back(key);
        while self.waiting.len() > 4 * MANY || self.waiting.front().is_some_and(|oldest| !is_recent(oldest)) {
            self.waiting.pop_front();
        }
        self.waiting.push_back((at, segment));
        let strangers = count(&self.waiting);
        if strangers > MANY && self.is_new_flood(segment, at) { Stranger::Floods(strangers) } else { Stranger::Waits }
    }

    fn is_new_flood(&mut self, segment: Segment, at: Timestamp) -> bool {
        self.floods.retain(|(_, last)| at.since(*last) < OVER);
        if let Some((_, last)) = self.floods.iter_mut().find(|(known, _)| *known == segment) {
            *last = at.max(*last);
            return false;
        }
        if self.floods.len() >= SEGMENTS_MAX {
            return false;
        }
        self.floods.push((segment, at));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Iface;

    #[test]
    fn a_few_are_taken_and_many_have_to_be_heard_again() {
        let segment = Segment::untagged(Iface::new("eth1").expect("a name"));
        let mut strangers = Strangers::default();
        let mut hear = |number: u8, ms: i64| {
            let at = Timestamp::from_nanos(ms * 1_000_000);
            strangers.hear(segment, Mac([2, 0, 0, 0, 0, number]), IpAddr::from([10, 0, 0, number]), at)
        };
        let first: Vec<Stranger> = (0..200).map(|number| hear(number, i64::from(number))).collect();
        assert_eq!(first[..FEW], [Stranger::Taken; FEW]);
        assert_eq!(first[FEW + MANY], Stranger::Floods(MANY + 1));
        let waits = |told: &&Stranger| **told == Stranger::Waits;
        assert_eq!(first.iter().filter(waits).count(), 200 - FEW - 1, "a flood is told once");
        assert_eq!(hear(150, 300), Stranger::Waits, "that was a moment ago");
        assert_eq!(hear(150, 900), Stranger::Taken);
        assert_eq!(hear(201, 61_000), Stranger::Taken, "a minute later it begins anew");
    }
}
