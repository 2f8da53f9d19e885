//! The interfaces that ask, as they come and go: one that was deleted and made anew has another number, and mostly another
//! MAC and other addresses. Pure but for [`find`]: how the interfaces look is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::capture::iface;
use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::link::Link;
use crate::capture::port_life::PortChange;
use crate::pipeline::speakers;
use crate::probe::prober::SegmentSpeaker;
use crate::probe::raw::Speaker;
use sensor_core::types::{Iface, Timestamp};

/// The interfaces that ask, as they were last seen.
#[derive(Debug)]
pub struct Speakers {
    all: Vec<SegmentSpeaker>,
    /// By the interface that sends.
    states: BTreeMap<Iface, SpeakerState>,
    changes: Vec<PortChange>,
}

/// Whether an interface that asks is there, and what was reported of that.
#[derive(Debug, Default)]
struct SpeakerState {
    is_lost: bool,
    /// Its loss was reported, and its return was not.
    is_loss_reported: bool,
    /// When its loss was last reported.
    reported_at: Option<Timestamp>,
}

/// The loss of one interface is reported at most this often.
const LINE_EVERY: Duration = Duration::from_secs(60);

impl Speakers {
    /// The interfaces as they are at the start.
    pub fn new(speakers: Vec<SegmentSpeaker>) -> Self {
        let states = speakers.iter().map(|speaker| (speaker.speaker.iface, SpeakerState::default())).collect();
        Self { all: speakers, states, changes: Vec::new() }
    }

    /// Looks at every interface that asks. Whether one of them has changed. `find` gives the speaker that takes the place of
    /// the one known before, and `None` when the interface is gone.
    pub fn look(&mut self, now: Timestamp, find: &mut dyn FnMut(&Speaker) -> Option<Speaker>) -> bool {
        let mut is_changed = false;
        for (iface, state) in &mut self.states {
            let known = self.all.iter().find(|speaker| speaker.speaker.iface == *iface);
            let found = known.and_then(|known| find(&known.speaker));
            is_changed |= found.is_some() && state.is_lost;
            self.changes.extend(state.note(*iface, found.is_none(), now));
            let Some(found) = found else { continue };
            for speaker in self.all.iter_mut().filter(|speaker| speaker.speaker.iface == *iface) {
                is_changed |= speaker.speaker != found;
                speaker.speaker = found.clone();
            }
        }
        is_changed
    }

    /// Whether every interface is there and has an address: one that was made anew gets its addresses a while later.
    pub fn are_ready(&self) -> bool {
        let is_ready = |speaker: &SegmentSpeaker| {
            !self.states[&speaker.speaker.iface].is_lost && !speaker.speaker.addresses.is_empty()
        };
        self.all.iter().all(is_ready)
    }

    /// The speakers, those whose interface is gone as they were last seen.
    pub fn all(&self) -> Vec<SegmentSpeaker> {
        self.all.clone()
    }

    /// What is to be reported since the last call: a loss once, and its end.
    pub fn take_changes(&mut self) -> Vec<PortChange> {
        std::mem::take(&mut self.changes)
    }
}

impl SpeakerState {
    fn note(&mut self, iface: Iface, is_lost: bool, now: Timestamp) -> Option<PortChange> {
        if std::mem::replace(&mut self.is_lost, is_lost) == is_lost {
            return None;
        }
        if is_lost {
            if self.reported_at.is_some_and(|at| now >= at && now.since(at) < LINE_EVERY) {
                return None;
            }
            self.reported_at = Some(now);
            self.is_loss_reported = true;
            return Some(PortChange::Warning(format!(
                "{iface} is gone: nothing is asked by ARP and NDP there until it is back"
            )));
        }
        std::mem::take(&mut self.is_loss_reported).then(|| PortChange::Info(format!("{iface} is back and asks again")))
    }
}

/// The speaker of the interface that has the name now. Where no interface has it, or addresses cannot be read, the known
/// speaker, if its interface is still there under another name.
pub fn find(known: &Speaker, here: Option<&Addresses>) -> Option<Speaker> {
    match here.and_then(|here| Link::of(known.iface, here).ok()) {
        Some(link) => speakers::speaker(known.iface, link),
        None => iface::is_there(known.index).then(|| known.clone()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use sensor_core::types::Mac;

    fn speaker(index: u32, address: Option<&str>) -> Speaker {
        let addresses = address.map(|net| net.parse().unwrap()).into_iter().collect();
        let mac = Mac([2, 0, 0, 0, 0, u8::try_from(index).unwrap()]);
        Speaker { iface: Iface::new("eth1").unwrap(), index, mac, addresses }
    }

    fn speakers() -> Speakers {
        let speakers = ["eth1", "mir1"].map(|iface| {
            let iface = Iface::new(iface).unwrap();
            SegmentSpeaker { iface, speaker: speaker(3, Some("10.0.0.1/24")) }
        });
        Speakers::new(speakers.to_vec())
    }

    #[track_caller]
    fn check(speakers: &mut Speakers, s: i64, found: Option<Speaker>, expected: bool, lines: &[&str]) {
        assert_eq!(speakers.look(Timestamp::from_secs(s), &mut |_| found.clone()), expected);
        assert_eq!(said(speakers), lines);
    }

    fn addresses(speakers: &Speakers) -> Vec<String> {
        speakers.all.iter().flat_map(|speaker| &speaker.speaker.addresses).map(ToString::to_string).collect()
    }

    fn said(speakers: &mut Speakers) -> Vec<String> {
        let words = |change| match change {
            PortChange::Info(text) | PortChange::Warning(text) => text,
            other => panic!("{other:?}"),
        };
        speakers.take_changes().into_iter().map(words).collect()
    }

    const GONE: &str = "eth1 is gone: nothing is asked by ARP and NDP there until it is back";
    const BACK: &str = "eth1 is back and asks again";

    #[test]
    fn a_voice_that_comes_back_is_another_for_all_who_use_it() {
        let mut speakers = speakers();
        let new = |address| Some(speaker(4, address));
        check(&mut speakers, 1, Some(speaker(3, Some("10.0.0.1/24"))), false, &[]);
        assert!(speakers.are_ready());
        check(&mut speakers, 2, None, false, &[GONE]);
        check(&mut speakers, 3, None, false, &[]);
        assert!(!speakers.are_ready());
        assert_eq!(addresses(&speakers), ["10.0.0.1/24"; 2]);
        check(&mut speakers, 4, new(None), true, &[BACK]);
        assert!(!speakers.are_ready(), "its addresses come later");
        check(&mut speakers, 5, new(Some("10.0.0.2/24")), true, &[]);
        assert!(speakers.are_ready());
        assert_eq!(addresses(&speakers), ["10.0.0.2/24"; 2]);
        assert!(speakers.all().iter().all(|speaker| speaker.speaker.index == 4));
    }

    #[test]
    fn the_same_interface_again_is_a_change_too() {
        let (mut speakers, old) = (speakers(), speaker(3, Some("10.0.0.1/24")));
        check(&mut speakers, 1, None, false, &[GONE]);
        check(&mut speakers, 2, Some(old.clone()), true, &[BACK]);
        check(&mut speakers, 3, Some(old), false, &[]);
    }

    #[test]
    fn a_flapping_interface_is_reported_seldom() {
        let (mut speakers, old) = (speakers(), speaker(3, Some("10.0.0.1/24")));
        let mut lines = Vec::new();
        for s in 0..100 {
            let found = (s % 2 == 1).then(|| old.clone());
            speakers.look(Timestamp::from_secs(s), &mut |_| found.clone());
            lines.append(&mut said(&mut speakers));
        }
        assert_eq!(lines, [GONE, BACK, GONE, BACK]);
    }
}
