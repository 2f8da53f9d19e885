//! The network of a seed: which stories happen on which segment, and how the frames arrive. They are delayed by up to
//! 50 ms, and the sensor is restarted at random points.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::event::Kind;
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::types::{Iface, Segment, Timestamp, Vlans};

use super::hosts::OWN;
use super::known::Known;
use super::lan::{Lan, Step};
use super::link;
use super::rng::Rng;
use super::teller::{Sent, Teller};

/// How long a new host without an IPv4 address is held back.
const SETTLE: Duration = Duration::from_secs(3);
/// An interface and its VLANs.
struct Place(&'static str, [u16; 2]);

const SEGMENTS: [Place; 4] =
    [Place("eth1", [0, 0]), Place("eth1", [30, 0]), Place("eth1", [100, 30]), Place("eth2", [0, 0])];

impl Place {
    fn segment(&self) -> Segment {
        Segment::tagged(Iface::new(self.0).expect("a short name"), Vlans::new(self.1))
    }
}

/// The network of a seed.
pub fn lan(seed: u64) -> Lan {
    let mut rng = Rng::new(seed);
    let epoch = if rng.one_in(4) { Timestamp::EPOCH } else { Timestamp::from_secs(1_700_000_000) };
    let mut teller = Teller {
        frames: Vec::new(),
        told: BTreeMap::new(),
        known: Known::default(),
        redundant: BTreeSet::new(),
        lapses: Vec::new(),
        epoch,
        segment: SEGMENTS[0].segment(),
        numbers: BTreeMap::new(),
        story: 0,
        at_ms: 0,
        rng,
    };
    let segments = 1 + teller.rng.below(SEGMENTS.len() as u64) as usize;
    for place in &SEGMENTS[..segments] {
        teller.segment = place.segment();
        teller.segment_story();
    }
    let Teller { frames, told, mut known, redundant, lapses, mut rng, .. } = teller;
    let steps = delivered(frames, &mut rng);
    if let Some(Step::Finish(end)) = steps.last() {
        link::lapse(&mut known, &lapses, *end);
    }
    let settings = Settings {
        learning_until: None,
        settle: SETTLE,
        own_macs: [OWN].into(),
        own_ips: BTreeSet::new(),
        prefixes: vec![(None, "10.0.0.0/8".parse().expect("a prefix"))],
        gateways: Vec::new(),
        allow: Vec::new(),
        explain: None,
        hear_again: false,
        history: false,
    };
    Lan { settings, steps, told, known, redundant }
}

impl Teller {
    fn segment_story(&mut self) {
        let server = self.someone();
        self.begin(0);
        self.arp(server.mac, server.ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, server.ip, server.mac);
        self.holds(server.ip, server.mac);
        let mut served = false;
        for _ in 0..4 + self.rng.below(9) {
            let start_ms = 5_000 + self.rng.below(60_000);
            self.begin(start_ms);
            match self.rng.below(25) {
                0 => self.static_host(),
                1 => self.dual_stack(),
                2 => self.six_only(),
                3 => self.spoofed(),
                4 => self.passed_around(),
                5 => self.announcer(),
                6 => self.misfit(),
                7 => self.asks_only(),
                8 => self.router(),
                9 => self.sensor_itself(),
                10 => served |= self.dhcp_client(&server),
                11 => served |= self.handed_over(&server),
                12 => self.reflected(),
                13 => served |= self.rotating(&server),
                14 => served |= self.leased_twice(&server),
                15 => self.switch(),
                16 => served |= self.telephone(&server),
                17 => self.access_point(),
                18 => self.group(),
                19 => served |= self.workstation(&server),
                20 => self.printer(),
                21 => self.busy_server(),
                22 => self.forwarder(),
                23 => self.tunnel(),
                _ => self.whole_router(),
            }
        }
        if served {
            self.tell(Kind::NewDhcpServer, server.ip, server.mac);
            self.known.roles.insert((self.segment, Role::DhcpServer, server.ip, server.mac));
            self.is_for(server.mac, HostRole::DhcpServer);
        }
    }
}

/// Each frame is delayed by up to 50 ms; those of one story keep their order.
fn delivered(frames: Vec<Sent>, rng: &mut Rng) -> Vec<Step> {
    let mut last: BTreeMap<u32, Timestamp> = BTreeMap::new();
    let mut arrivals = Vec::new();
    for (number, sent) in frames.into_iter().enumerate() {
        let late = sent.sighting.at.after(Duration::from_millis(rng.below(50)));
        let arrival = last.entry(sent.story).or_insert(late);
        *arrival = late.max(*arrival);
        arrivals.push((*arrival, number, sent.sighting));
    }
    arrivals.sort_by_key(|(arrival, number, _)| (*arrival, *number));
    let mut steps = Vec::new();
    let mut end = Timestamp::EPOCH;
    for (arrival, _, sighting) in arrivals {
        if rng.one_in(20) {
            steps.push(Step::Restart);
        }
        if rng.one_in(10) {
            steps.push(Step::Wait(arrival));
        }
        steps.push(Step::Observe(sighting, arrival));
        end = arrival;
    }
    steps.push(Step::Finish(end));
    steps
}
