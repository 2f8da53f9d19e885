//! The script of a seed: which stories happen, and the losses and restarts between them. Stories share a segment, but
//! no address and no station.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use sensor_core::inventory::planner::policy::Policy;

use super::common::{OWN_IP, networks};
use super::script::{Happening, Script, Story};
use super::teller::{MARGIN, MINUTE, SECOND, Teller};
use crate::simulation::rng::Rng;

/// The last changes come before this, so that what follows from them is reported before the end.
const CHANGES_UNTIL: u64 = 100 * MINUTE;

/// The script of a seed.
pub fn script(seed: u64) -> Script {
    let mut rng = Rng::new(seed);
    let is_swept = rng.one_in(2);
    let mut teller = Teller {
        rng,
        is_swept,
        machines: Vec::new(),
        happenings: Vec::new(),
        stories: Vec::new(),
        delicate: Vec::new(),
        number: 10,
        now_ms: 0,
    };
    for _ in 0..6 + teller.rng.below(10) {
        teller.story();
    }
    let starts = 1 + teller.mishaps();
    let Teller { mut rng, machines, mut happenings, mut stories, .. } = teller;
    for described in stories.iter_mut().flat_map(|story| story.described.values_mut()) {
        // After a start hosts are described again, spread over the interval.
        *described = *described.start()..=*described.end() + starts - 1;
    }
    happenings.sort_by_key(|(ms, _)| *ms);
    let policy = Policy {
        networks: networks(is_swept.then_some(Duration::from_secs(1800))),
        never_prefixes: vec!["10.0.0.240/28".parse().expect("a prefix")],
        never_macs: BTreeSet::new(),
        own_ips: [IpAddr::from(OWN_IP)].into(),
        own_macs: BTreeSet::new(),
        rate_per_s: if rng.one_in(2) { 10 } else { 100 },
        host_per_hour: if rng.one_in(2) { 120 } else { 1000 },
        quiet: Vec::new(),
    };
    Script { seed, machines, happenings, policy, stories }
}

impl Teller {
    fn story(&mut self) {
        self.now_ms = 2 * SECOND + self.rng.below(20 * MINUTE);
        self.stories.push(Story::default());
        match self.rng.below(16) {
            0 | 1 => self.resident(),
            2 | 3 => self.leaver(),
            4 | 5 => self.returner(),
            6 => self.short_absence(),
            7 => self.conflict(),
            8 => self.spoofed(),
            9 => self.replaced(),
            10 => self.leased(),
            11 => self.failover(),
            12 => self.proxied(),
            13 => self.services(),
            14 => self.found(),
            _ => self.late_station(),
        }
    }

    /// Losses and restarts, where no story needs every frame; how many restarts.
    fn mishaps(&mut self) -> usize {
        let mut restarts = 0;
        for _ in 0..self.rng.below(5) {
            let from = 5 * MINUTE + self.rng.below(CHANGES_UNTIL);
            let span = SECOND + self.rng.below(8 * MINUTE);
            let is_delicate = |(begin, end): &(u64, u64)| *begin < from + span + MARGIN && from < *end;
            if self.delicate.iter().any(is_delicate) {
                continue;
            }
            self.delicate.push((from, from + span + MINUTE));
            if self.rng.one_in(2) {
                self.happenings.push((from, Happening::Deaf(from + span)));
            } else {
                restarts += 1;
                let in_order = self.rng.one_in(2);
                self.happenings.push((from, Happening::Restart(in_order, span)));
            }
        }
        restarts
    }
}
