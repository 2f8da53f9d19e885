//! How well the sensor hears: frames that were lost are weighed against those that were heard. A few lost frames do not keep a
//! host from being gone, because a host that is there is asked by two techniques, three times each, over seconds: that all of
//! its answers are lost needs far heavier losses.

use std::collections::VecDeque;
use std::time::Duration;

use crate::types::Timestamp;

/// Frames of one way into the sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// That were heard.
    pub heard: u64,
    /// That were lost.
    pub lost: u64,
}

/// Frames of an interval, by the way on which they come. Each way is weighed by itself, so that one that is loud does not hide
/// the losses of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Records of the kernel's ring.
    pub ring: Tally,
    /// Of these ARP and NDP, by which hosts answer.
    pub neighbours: Tally,
    /// Frames of packet sockets.
    pub sockets: Tally,
}

/// Losses are weighed over this time. A presence round takes eight seconds.
const WINDOW: Duration = Duration::from_secs(60);
/// Readings that are kept; one comes each second.
const READINGS_MAX: usize = 128;
/// From one lost frame in so many on the sensor is deaf. Then six answers are all lost by chance once in 10^12 rounds.
const DEAF_FROM: u64 = 100;

/// What was heard and lost lately, and since when that is too much.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    readings: VecDeque<(Timestamp, Tallies)>,
    spell: Option<Spell>,
}

/// A time in which nobody can be judged to be gone.
#[derive(Clone, Copy, Debug)]
struct Spell {
    since: Timestamp,
    last: Timestamp,
    is_told: bool,
}

impl Hearing {
    /// Takes in a reading. Whether so much was lost that silence proves nothing.
    pub(super) fn weigh(&mut self, tallies: Tallies, now: Timestamp) -> bool {
        let is_lost = |of: Tally| of.lost > 0;
        let has_lost = is_lost(tallies.ring) || is_lost(tallies.sockets);
        // A clock that was set back makes what was read before worthless.
        self.readings.retain(|(at, _)| *at <= now && now.since(*at) < WINDOW);
        if self.readings.len() >= READINGS_MAX {
            self.readings.pop_front();
        }
        self.readings.push_back((now, tallies));
        let is_heavy = |way: fn(&Tallies) -> Tally| {
            let sum = self.readings.iter().map(|(_, tallies)| way(tallies)).fold(Tally::default(), |sum, one| Tally {
                heard: sum.heard.saturating_add(one.heard),
                lost: sum.lost.saturating_add(one.lost),
            });
            is_lost(sum) && sum.lost.saturating_mul(DEAF_FROM) >= sum.heard.saturating_add(sum.lost)
        };
        has_lost
            && [|of: &Tallies| of.ring, |of: &Tallies| of.neighbours, |of: &Tallies| of.sockets]
                .into_iter()
                .any(is_heavy)
    }

    /// Silence proves nothing at `now`. For how long nobody could be judged, where that is longer than `gone_after` and was not
    /// told yet: between two such moments lay no time as long as that.
    pub(super) fn deafen(&mut self, gone_after: Duration, now: Timestamp) -> Option<Duration> {
        let goes_on = |spell: &Spell| spell.last <= now && now.since(spell.last) <= gone_after;
        let spell = self.spell.filter(goes_on).unwrap_or(Spell { since: now, last: now, is_told: false });
        let span = now.since(spell.since);
        let is_news = !spell.is_told && span > gone_after;
        self.spell = Some(Spell { last: now, is_told: spell.is_told || is_news, ..spell });
        is_news.then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn ring(heard: u64, lost: u64) -> Tallies {
        Tallies { ring: Tally { heard, lost }, ..Tallies::default() }
    }

    #[test]
    fn what_was_lost_is_weighed_against_what_was_heard() {
        let check = |readings: &[(i64, Tallies)], expected: bool| {
            let mut hearing = Hearing::default();
            let last = readings.iter().map(|(seconds, tallies)| hearing.weigh(*tallies, at(*seconds))).last();
            assert_eq!(last, Some(expected), "{readings:?}");
        };
        check(&[(0, ring(9_999, 1))], false);
        check(&[(0, ring(99, 1))], true);
        check(&[(0, ring(0, 1))], true);
        check(&[(0, ring(0, 0))], false);
        // The minute counts, not the second.
        check(&[(0, ring(10_000, 0)), (1, ring(10, 1))], false);
        check(&[(0, ring(10_000, 0)), (61, ring(10, 1))], true);
        check(&[(0, ring(10_000, 5_000)), (59, ring(10_000, 0))], false);
        check(&[(0, ring(10_000, 5_000)), (59, ring(10_000, 1))], true);
        // After the clock was set back, what was read before does not count.
        check(&[(1000, ring(10_000, 0)), (10, ring(10, 1))], true);
    }

    #[test]
    fn each_way_is_weighed_by_itself() {
        let mut hearing = Hearing::default();
        let (much, answers) = (Tally { heard: 100_000, lost: 5 }, Tally { heard: 95, lost: 5 });
        assert!(!hearing.weigh(Tallies { ring: much, ..Tallies::default() }, at(0)));
        assert!(hearing.weigh(Tallies { ring: much, neighbours: answers, ..Tallies::default() }, at(1)));
        let sockets = Tallies { sockets: answers, ring: Tally { heard: 1_000_000, lost: 0 }, ..Tallies::default() };
        assert!(Hearing::default().weigh(sockets, at(0)));
    }

    #[test]
    fn a_long_spell_is_told_once() {
        let gone_after = Duration::from_secs(300);
        let mut hearing = Hearing::default();
        let mut told = Vec::new();
        for seconds in (0..2000).step_by(200) {
            told.extend(hearing.deafen(gone_after, at(seconds)).map(|span| (seconds, span.as_secs())));
        }
        assert_eq!(told, [(400, 400)]);
        // It heard well for long enough in between.
        assert_eq!(hearing.deafen(gone_after, at(2200)), None);
        assert_eq!(hearing.deafen(gone_after, at(2500)), None);
        assert_eq!(hearing.deafen(gone_after, at(2700)), Some(Duration::from_secs(500)));
    }

    #[test]
    fn readings_are_bounded() {
        let mut hearing = Hearing::default();
        let is_deaf = (0..10_000).any(|_| hearing.weigh(ring(1, 0), at(5)));
        assert!(!is_deaf && hearing.readings.len() <= READINGS_MAX);
    }
}
