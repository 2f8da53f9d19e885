//! Stations of which one frame of ordinary traffic was heard, and nothing else. Each has to be heard again before it is a host:
//! who is there is, and who was made up to fill a switch's tables is not. Not saved.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::types::{Mac, Segment, Timestamp};

/// Strangers within this time count together.
const WINDOW: Duration = Duration::from_secs(60);
/// So many within the window are a flood.
const MANY: usize = 1024;
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
    /// When strangers came lately, the oldest first.
    came: VecDeque<(Timestamp, Segment)>,
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
    /// Whether a station was heard once before, with this address, and not just now.
    pub(crate) fn is_back(&self, segment: Segment, mac: Mac, ip: IpAddr, at: Timestamp) -> bool {
        self.first.get(&(segment, mac, ip)).is_some_and(|first| at.since(*first) >= AGAIN)
    }

    /// An unknown station sent a frame from an address that nobody holds.
    pub(crate) fn hear(&mut self, segment: Segment, mac: Mac, ip: IpAddr, at: Timestamp) -> Stranger {
        let key = (segment, mac, ip);
        if self.first.contains_key(&key) {
            return if self.is_back(segment, mac, ip, at) { Stranger::Taken } else { Stranger::Waits };
        }
        let is_recent = |(then, _): &(Timestamp, Segment)| at.since(*then) < WINDOW;
        if self.order.len() >= REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
        self.first.insert(key, at);
        self.order.push_back(key);
        while self.came.len() > 4 * MANY || self.came.front().is_some_and(|oldest| !is_recent(oldest)) {
            self.came.pop_front();
        }
        self.came.push_back((at, segment));
        if self.came.len() <= MANY {
            return Stranger::Waits;
        }
        let count = self.came.iter().filter(|(_, on)| *on == segment).count();
        if count > MANY && self.is_new_flood(segment, at) { Stranger::Floods(count) } else { Stranger::Waits }
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
    fn who_is_heard_again_is_a_host() {
        let segment = Segment::untagged(Iface::new("eth1").expect("a name"));
        let mut strangers = Strangers::default();
        let mut hear = |number: u16, ms: i64| {
            let ([high, low], at) = (number.to_be_bytes(), Timestamp::from_nanos(ms * 1_000_000));
            strangers.hear(segment, Mac([2, 0, 0, 0, high, low]), IpAddr::from([10, 0, high, low]), at)
        };
        let first: Vec<Stranger> = (0..2000).map(|number| hear(number, i64::from(number))).collect();
        assert_eq!(first[MANY], Stranger::Floods(MANY + 1));
        let waits = |told: &&Stranger| **told == Stranger::Waits;
        assert_eq!(first.iter().filter(waits).count(), 2000 - 1, "a flood is told once");
        assert_eq!(hear(1900, 2000), Stranger::Waits, "that was a moment ago");
        assert_eq!(hear(1900, 2900), Stranger::Taken);
    }
}
