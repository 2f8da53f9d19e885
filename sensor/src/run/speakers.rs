//! The voices follow their interfaces: one that was deleted and made anew has another number, and mostly another station
//! and other addresses. Pure but for [`find`]: how the interfaces look is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::capture::iface;
use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::link::Link;
use crate::capture::port_life::News;
use crate::pipeline::speakers;
use crate::probe::prober::Voice;
use crate::probe::raw::Speaker;
use sensor_core::types::{Iface, Timestamp};

/// Who speaks, as last seen.
#[derive(Debug)]
pub struct Speakers {
    voices: Vec<Voice>,
    /// By the interface that speaks.
    states: BTreeMap<Iface, State>,
    news: Vec<News>,
}

/// How it goes with an interface that speaks.
#[derive(Debug, Default)]
struct State {
    is_lost: bool,
    /// Its loss was told, and its return was not.
    is_loss_told: bool,
    told_at: Option<Timestamp>,
}

/// The loss of a voice is told at most this often.
const LINE_EVERY: Duration = Duration::from_secs(60);

impl Speakers {
    /// As at the start.
    pub fn new(voices: Vec<Voice>) -> Self {
        let states = voices.iter().map(|voice| (voice.speaker.iface, State::default())).collect();
        Self { voices, states, news: Vec::new() }
    }

    /// Looks at every interface that speaks; whether any is another than it was. `find` tells who speaks now in the place of
    /// one who spoke, and nobody where the interface is gone.
    pub fn look(&mut self, now: Timestamp, find: &mut dyn FnMut(&Speaker) -> Option<Speaker>) -> bool {
        let mut is_changed = false;
        for (iface, state) in &mut self.states {
            let known = self.voices.iter().find(|voice| voice.speaker.iface == *iface);
            let found = known.and_then(|known| find(&known.speaker));
            is_changed |= found.is_some() && state.is_lost;
            self.news.extend(state.note(*iface, found.is_none(), now));
            let Some(found) = found else { continue };
            for voice in self.voices.iter_mut().filter(|voice| voice.speaker.iface == *iface) {
                is_changed |= voice.speaker != found;
                voice.speaker = found.clone();
            }
        }
        is_changed
    }

    /// Whether every voice is there and has an address: one that is made anew gets them a while later.
    pub fn are_sound(&self) -> bool {
        let is_sound =
            |voice: &Voice| !self.states[&voice.speaker.iface].is_lost && !voice.speaker.addresses.is_empty();
        self.voices.iter().all(is_sound)
    }

    /// Who speaks, those whose interface is gone as they were last.
    pub fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    /// For the operator, since the last call: a loss once, and its end.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }
}

impl State {
    fn note(&mut self, iface: Iface, is_lost: bool, now: Timestamp) -> Option<News> {
        if std::mem::replace(&mut self.is_lost, is_lost) == is_lost {
            return None;
        }
        if is_lost {
            if self.told_at.is_some_and(|at| now >= at && now.since(at) < LINE_EVERY) {
                return None;
            }
            self.told_at = Some(now);
            self.is_loss_told = true;
            return Some(News::Warning(format!(
                "{iface} is gone: nothing is asked by ARP and NDP there until it is back"
            )));
        }
        std::mem::take(&mut self.is_loss_told).then(|| News::Info(format!("{iface} is back and asks again")))
    }
}

/// Who speaks on the interface that bears the name now; where none does, or addresses cannot be listed, whoever spoke, if it
/// was only renamed.
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
        let voices = ["eth1", "mir1"].map(|iface| {
            let iface = Iface::new(iface).unwrap();
            Voice { iface, speaker: speaker(3, Some("10.0.0.1/24")) }
        });
        Speakers::new(voices.to_vec())
    }

    #[track_caller]
    fn check(speakers: &mut Speakers, s: i64, found: Option<Speaker>, expected: bool, lines: &[&str]) {
        assert_eq!(speakers.look(Timestamp::from_secs(s), &mut |_| found.clone()), expected);
        assert_eq!(said(speakers), lines);
    }

    fn addresses(speakers: &Speakers) -> Vec<String> {
        speakers.voices.iter().flat_map(|voice| &voice.speaker.addresses).map(ToString::to_string).collect()
    }

    fn said(speakers: &mut Speakers) -> Vec<String> {
        let words = |news| match news {
            News::Info(text) | News::Warning(text) => text,
            other => panic!("{other:?}"),
        };
        speakers.take_news().into_iter().map(words).collect()
    }

    const GONE: &str = "eth1 is gone: nothing is asked by ARP and NDP there until it is back";
    const BACK: &str = "eth1 is back and asks again";

    #[test]
    fn a_voice_that_comes_back_is_another_for_all_who_use_it() {
        let mut speakers = speakers();
        let new = |address| Some(speaker(4, address));
        check(&mut speakers, 1, Some(speaker(3, Some("10.0.0.1/24"))), false, &[]);
        assert!(speakers.are_sound());
        check(&mut speakers, 2, None, false, &[GONE]);
        check(&mut speakers, 3, None, false, &[]);
        assert!(!speakers.are_sound());
        assert_eq!(addresses(&speakers), ["10.0.0.1/24"; 2]);
        check(&mut speakers, 4, new(None), true, &[BACK]);
        assert!(!speakers.are_sound(), "its addresses come later");
        check(&mut speakers, 5, new(Some("10.0.0.2/24")), true, &[]);
        assert!(speakers.are_sound());
        assert_eq!(addresses(&speakers), ["10.0.0.2/24"; 2]);
        assert!(speakers.voices().iter().all(|voice| voice.speaker.index == 4));
    }

    #[test]
    fn the_same_interface_again_is_a_change_too() {
        let (mut speakers, old) = (speakers(), speaker(3, Some("10.0.0.1/24")));
        check(&mut speakers, 1, None, false, &[GONE]);
        check(&mut speakers, 2, Some(old.clone()), true, &[BACK]);
        check(&mut speakers, 3, Some(old), false, &[]);
    }

    #[test]
    fn a_flapping_voice_says_little() {
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
