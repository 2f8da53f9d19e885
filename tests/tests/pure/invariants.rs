//! What always holds of the correlator (DESIGN.md, section 3), on the seeded networks of the simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::event::Event;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::{Removed, Rows};
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Mac, Segment, Timestamp};
use sensor_tests::operations::run::correlate;
use sensor_tests::simulation::generate::lan;
use sensor_tests::simulation::lan::{Lan, Step, live, told};
use sensor_tests::simulation::rng::Rng;

const SEEDS: std::ops::Range<u64> = 1000..1060;

#[test]
fn a_restart_between_any_two_steps_changes_nothing() {
    for seed in SEEDS {
        let lan = lan(seed);
        let steps = lan.steps.iter().filter(|step| !matches!(step, Step::Restart));
        let never = Lan { steps: steps.clone().cloned().collect(), ..lan.clone() };
        let always = Lan { steps: steps.flat_map(|step| [Step::Restart, step.clone()]).collect(), ..lan.clone() };
        assert_eq!(live(&never), live(&always), "seed {seed}");
    }
}

/// A batch is handled at one moment: within it, the order of segments does not matter.
#[test]
fn segments_commute() {
    for seed in SEEDS {
        let lan = lan(seed);
        let mut rng = Rng::new(seed);
        let (mut straight, mut shuffled) = (Vec::new(), Vec::new());
        let observed: Vec<_> = observed(&lan).collect();
        let mut rest = observed.as_slice();
        while let Some((_, now)) = rest.first() {
            let (batch, after) = rest.split_at(rest.len().min(1 + rng.below(40) as usize));
            let now = batch.last().map_or(*now, |(_, now)| *now);
            let batch: Vec<_> = batch.iter().map(|(sighting, _)| Step::Observe(sighting.clone(), now)).collect();
            straight.extend(batch.clone());
            shuffled.extend(by_segment(batch, &mut rng));
            rest = after;
        }
        let (straight, shuffled) = (Lan { steps: straight, ..lan.clone() }, Lan { steps: shuffled, ..lan.clone() });
        let ((told, known), (told_too, known_too)) = (live(&straight), live(&shuffled));
        assert_eq!(events_by_segment(told), events_by_segment(told_too), "seed {seed}");
        assert_eq!(known, known_too, "seed {seed}");
    }
}

/// Repeats inside a minute are held back; an address that another MAC claims always passes.
#[test]
fn the_repeat_gate_changes_no_event() {
    let mut held_back = 0;
    for seed in SEEDS {
        let lan = lan(seed);
        let mut gate = Gate::default();
        let steps: Vec<_> = lan.steps.iter().filter(|step| gate.passes(step)).cloned().collect();
        held_back += lan.steps.len() - steps.len();
        let gated = Lan { steps, ..lan.clone() };
        assert_eq!(told(&live(&gated).0), told(&live(&lan).0), "seed {seed}");
    }
    assert!(held_back > 1000, "the gate held back something: {held_back}");
}

#[test]
fn own_stations_cause_no_event() {
    let mut others = 0;
    for seed in SEEDS {
        let lan = lan(seed);
        let own_macs: BTreeSet<Mac> = lan.told.keys().map(|(_, mac)| *mac).step_by(2).collect();
        let settings = Settings { own_macs: own_macs.clone(), ..lan.settings.clone() };
        let (events, rows) = live(&Lan { settings, ..lan });
        assert!(events.iter().all(|event| event.mac.is_none_or(|mac| !own_macs.contains(&mac))), "seed {seed}");
        assert!(rows.stations.iter().all(|station| !own_macs.contains(&station.mac)), "seed {seed}");
        others += rows.stations.len();
    }
    assert!(others > 100, "the others are known: {others}");
}

#[test]
fn a_file_read_twice_into_one_database_adds_nothing() {
    for seed in SEEDS {
        let lan = lan(seed);
        let settings = Settings { history: true, ..lan.settings.clone() };
        let read = |saved: Rows| {
            let mut correlator = Correlator::new(settings.clone(), Limits::default(), saved, 1);
            let mut events = Vec::new();
            let mut end = Timestamp::EPOCH;
            // The clock of a file is that of its frames.
            for (sighting, _) in observed(&lan) {
                correlator.observe(&sighting, sighting.at, &mut events);
                end = sighting.at;
            }
            correlator.finish(end, &mut events);
            let removed = correlator.take_changes().removed;
            (events, correlator.snapshot(), removed)
        };
        let (events, rows, _) = read(Rows::default());
        assert!(!events.is_empty());
        let (more, again, removed) = read(rows.clone());
        assert_eq!((more, removed), (Vec::new(), Removed::default()), "seed {seed}");
        let (before, after) = (lines(&rows), lines(&again));
        let changed: Vec<_> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "seed {seed}: {changed:#?}");
        assert_eq!(again, rows, "seed {seed}");
    }
}

#[test]
fn floods_stay_within_limits() {
    let limits = Limits {
        hosts_max: 1000,
        bindings_max: 1500,
        bindings_per_station_max: 8,
        holders_max: 4,
        told_max: 100,
        ..Limits::default()
    };
    let mut correlator = Correlator::new(Settings::default(), limits, Rows::default(), 1);
    let mut rng = Rng::new(7);
    let segment = observed(&lan(0)).next().map(|(sighting, _)| sighting.segment).expect("a network has frames");
    let mut events = Vec::new();
    for i in 0..30_000_u32 {
        let at = Timestamp::from_nanos(i64::from(i) * 1_000_000);
        let sighting = noise(&mut rng, segment, at);
        correlator.observe(&sighting, at, &mut events);
        events.clear();
        if i % 1000 == 0 {
            let rows = correlator.snapshot();
            assert!(rows.hosts.len() <= 1000 && rows.stations.len() <= 1000);
            assert!(rows.bindings.len() <= 1500 && rows.told.len() <= 100);
            assert!(rows.bindings.iter().all(|binding| binding.holders.len() <= 4));
        }
    }
    assert!(correlator.evictions_total() > 20_000, "evictions are counted");
    let changes = correlator.take_changes();
    assert_eq!(changes.removed, Removed::default(), "the store is not asked to remove what it never had");
    assert_eq!(changes.rows, correlator.snapshot());
}

#[test]
fn arbitrary_operations_keep_the_invariants() {
    let seeds = std::env::var("SENSOR_SIM_SEEDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..seeds.unwrap_or(400) {
        let mut rng = Rng::new(seed);
        let data: Vec<u8> = (0..1500).map(|_| rng.number().to_le_bytes()[0]).collect();
        correlate(&data);
    }
}

/// Each row as one line, so that differences can be read.
fn lines(rows: &Rows) -> BTreeSet<String> {
    fn written<T: std::fmt::Debug>(table: &[T]) -> impl Iterator<Item = String> {
        table.iter().map(|row| format!("{row:?}"))
    }
    let Rows { hosts, stations, bindings, leases, roles, told, asked, neighbours, joins } = rows;
    written(hosts)
        .chain(written(stations))
        .chain(written(bindings))
        .chain(written(leases))
        .chain(written(roles))
        .chain(written(told))
        .chain(written(asked))
        .chain(written(neighbours))
        .chain(written(joins))
        .collect()
}

fn observed(lan: &Lan) -> impl Iterator<Item = (Sighting, Timestamp)> {
    lan.steps.iter().filter_map(|step| match step {
        Step::Observe(sighting, now) => Some((sighting.clone(), *now)),
        Step::Finish(_) | Step::Restart | Step::Wait(_) => None,
    })
}

/// The same steps in another order of segments; within a segment the order stays.
fn by_segment(steps: Vec<Step>, rng: &mut Rng) -> Vec<Step> {
    let mut queues: BTreeMap<Segment, std::collections::VecDeque<Step>> = BTreeMap::new();
    for step in steps {
        if let Step::Observe(sighting, _) = &step {
            queues.entry(sighting.segment).or_default().push_back(step);
        }
    }
    let mut out = Vec::new();
    while !queues.is_empty() {
        let nth = rng.below(queues.len() as u64) as usize;
        let segment = *queues.keys().nth(nth).expect("below the count");
        out.extend(queues.get_mut(&segment).and_then(|queue| queue.pop_front()));
        queues.retain(|_, queue| !queue.is_empty());
    }
    out
}

fn events_by_segment(events: Vec<Event>) -> BTreeMap<Option<Segment>, Vec<Event>> {
    let mut by_segment: BTreeMap<_, Vec<Event>> = BTreeMap::new();
    for event in events {
        by_segment.entry(event.segment).or_default().push(Event { id: 0, ..event });
    }
    by_segment
}

/// The repeat gate as DESIGN.md describes it: an address remembers who claimed it last, and when that passed.
#[derive(Default)]
struct Gate(BTreeMap<(Segment, Option<IpAddr>, bool), Passed>);

/// The claim that passed last: the MACs of payload and frame, and when.
struct Passed {
    who: (Mac, Mac),
    at: Timestamp,
}

impl Gate {
    fn passes(&mut self, step: &Step) -> bool {
        let Step::Observe(sighting, _) = step else { return true };
        let is_question = match &sighting.claim {
            Claim::Answer(_) => false,
            Claim::Arp(claim) => claim.operation == ArpOperation::ConflictCheck,
            Claim::Ndp(NdpClaim::Redirect(_) | NdpClaim::RouterAdvert(_))
            | Claim::Dhcp(_)
            | Claim::Dhcpv6(_)
            | Claim::Llmnr(_)
            | Claim::Mdns(_)
            | Claim::Nbns(_)
            | Claim::Redirect(_)
            | Claim::Ssdp(_)
            | Claim::Syn(_)
            | Claim::Wsd(_) => return true,
            // None of them moves an address, so this gate holds none back.
            Claim::Cdp(_) | Claim::Lldp(_) | Claim::Membership(_) | Claim::Redundancy(_) | Claim::Stp(_) => {
                return true;
            }
            Claim::Ndp(claim) => *claim == NdpClaim::Dad,
            Claim::Served(_) | Claim::Traffic(_) => false,
        };
        let who = (sighting.mac, sighting.frame_mac);
        let key = (sighting.segment, sighting.ip, is_question);
        let minute = Duration::from_secs(60);
        let repeats = |last: &Passed| last.who == who && sighting.at.since(last.at) < minute;
        let passes = !self.0.get(&key).is_some_and(repeats);
        if passes {
            self.0.insert(key, Passed { who, at: sighting.at });
        }
        passes
    }
}

fn noise(rng: &mut Rng, segment: Segment, at: Timestamp) -> Sighting {
    let [a, b, c, ..] = rng.number().to_le_bytes();
    let mac = Mac([2, 0, 0, a, b, c]);
    let [d, e, ..] = rng.number().to_le_bytes();
    let frame_mac = if rng.one_in(10) { Mac([2, 1, 0, 0, d, e]) } else { mac };
    let operation = ArpOperation::Request;
    let claim = Claim::Arp(ArpClaim { operation, target: Ipv4Addr::LOCALHOST, asked: false });
    Sighting { at, segment, frame_mac, mac, ip: Some(IpAddr::V4(Ipv4Addr::new(10, 0, d, e))), claim }
}
