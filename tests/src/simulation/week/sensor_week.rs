//! The sensor among the machines for a week: planner and correlator as in `sensor run`, on simulated time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use sensor_core::inventory::core::Core;
use sensor_core::inventory::correlator::settings::{Allow, Members, Settings};
use sensor_core::inventory::event::{Detail, Event, Kind};
use sensor_core::inventory::hearing::{Tallies, Tally};
use sensor_core::inventory::judge::policy::{Cluster, EventPolicy};
use sensor_core::inventory::judge::subjects::Subjects;
use sensor_core::inventory::judge::{Judge, Verdict as Judged};
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::inventory::planner::state::Planner;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::Mac;

use super::arpwatch::Arpwatch;
use super::calendar::{DAY, DAYS, HOUR, LEARNING_MS, SECOND, START, at, segment};
use super::habits;
use super::hosts::{Machine, OWN_IP, OWN_MAC, PREFIXES, Sort};
use super::incidents::plant;
use super::plot::Incident;
use super::world::{Act, Deed, Rotation, World};
use super::{acts, talk};

/// The result of a week.
#[derive(Debug)]
pub struct Week {
    /// The seed.
    pub seed: u64,
    /// The reported events.
    pub events: Vec<Event>,
    /// When each of them was reported, in milliseconds.
    pub told_at: Vec<u64>,
    /// What was planted.
    pub incidents: Vec<Incident>,
    /// What is known in the end.
    pub rows: Rows,
    /// The network in the end.
    pub world: World,
    /// arpwatch beside it.
    pub arpwatch: Arpwatch,
    /// Sightings that reached the sensor.
    pub sightings: u64,
    /// Questions that it asked.
    pub probes: u64,
    /// How long the simulation took.
    pub took: Duration,
}

impl Week {
    /// Machines that took another MAC.
    pub fn rotations(&self) -> &[Rotation] {
        &self.world.rotations
    }

    /// Machines that were ever there.
    pub fn machines(&self) -> usize {
        self.world.people.machines.iter().filter(|machine| machine.came_on.is_some()).count()
    }
}

/// Simulates the week of a seed.
pub fn live(seed: u64) -> Week {
    let begun = Instant::now();
    let mut world = World::new(seed);
    let incidents = plant(&mut world);
    habits::settle_in(&mut world);
    let net = "10.20.0.0/22".parse().expect("a network");
    let mut judge = Judge::default();
    judge.set_policy(telling(&world));
    let mut run = Run {
        seed,
        world,
        arpwatch: Arpwatch::new(net),
        desk: None,
        rows: Rows::default(),
        judge,
        fresh: Vec::new(),
        next_event_id: 1,
        events: Vec::new(),
        told_at: Vec::new(),
        sightings: 0,
        probes: 0,
        starts: 0,
    };
    run.start();
    run.run();
    run.stop(true);
    run.tell();
    let Run { world, arpwatch, rows, events, told_at, sightings, probes, .. } = run;
    Week { seed, events, told_at, incidents, rows, world, arpwatch, sightings, probes, took: begun.elapsed() }
}

struct Run {
    seed: u64,
    world: World,
    arpwatch: Arpwatch,
    desk: Option<Core>,
    rows: Rows,
    /// Decides what is reported of what was found.
    judge: Judge,
    /// Events of the correlator since the last turn.
    fresh: Vec<Event>,
    next_event_id: u64,
    events: Vec<Event>,
    told_at: Vec<u64>,
    sightings: u64,
    probes: u64,
    starts: u64,
}

const THREE_SECONDS: Duration = Duration::from_secs(3);

impl Run {
    fn run(&mut self) {
        let end = DAYS * DAY;
        let mut now = 0;
        loop {
            let wake = self.desk.as_ref().and_then(|desk| desk.poll_timeout(at(now)));
            // The loop turns at most once a millisecond.
            let wake = wake.map(|wake| ms_of(wake).max(now + 1));
            let Some(next) = [wake, self.world.next_at()].into_iter().flatten().min().filter(|next| *next < end) else {
                return;
            };
            now = next;
            while let Some(act) = self.world.pop(now) {
                self.take(act);
            }
            self.world.now_ms = now;
            self.work();
            self.tell();
        }
    }

    fn take(&mut self, act: Act) {
        match act {
            Act::Answer(sighting) => self.hear(*sighting),
            Act::Deed(deed) => self.bear(&deed),
            Act::Frame(sighting) => {
                self.arpwatch.hear(self.world.now_ms, &sighting);
                self.hear(*sighting);
            }
            act => acts::act(&mut self.world, act),
        }
    }

    fn hear(&mut self, mut sighting: Sighting) {
        let Some(desk) = &mut self.desk else { return };
        let now = at(self.world.now_ms);
        sighting.at = now;
        self.sightings += 1;
        desk.observe(&mut sighting, now, &mut self.fresh);
    }

    fn bear(&mut self, deed: &Deed) {
        let now = at(self.world.now_ms);
        if let Deed::Start = deed {
            return self.start();
        }
        if let Deed::Restart(is_in_order, down_ms) = deed {
            self.stop(*is_in_order);
            return self.world.later(*down_ms, Act::Deed(Deed::Start));
        }
        let Some(desk) = &mut self.desk else { return };
        match deed {
            Deed::Flood(mac, class) => desk.correlator.flood(segment(), *mac, *class, now, &mut self.fresh),
            Deed::Loss(frames) => {
                let details = vec![("frames", Detail::Number(*frames))];
                desk.correlator.emit(Kind::SensorLoss, now, details, &mut self.fresh);
                let ring = Tally { heard: 10_000, lost: *frames };
                desk.weigh_losses(Tallies { ring, ..Tallies::default() }, now, &mut self.fresh);
            }
            Deed::Trickle => {
                let ring = Tally { heard: 10_000, lost: 1 };
                desk.weigh_losses(Tallies { ring, ..Tallies::default() }, now, &mut self.fresh);
            }
            Deed::Scan(mac, target) => {
                desk.correlator.scan(segment(), *mac, *target, now, &mut self.fresh);
            }
            Deed::Restart(..) | Deed::Start => {}
        }
    }

    fn work(&mut self) {
        let Some(desk) = &mut self.desk else { return };
        let now = at(self.world.now_ms);
        desk.handle_timeout(now, &mut self.fresh);
        let mut probes = Vec::new();
        desk.plan(now, 64, &mut probes, &mut self.fresh);
        self.probes += probes.len() as u64;
        for probe in probes {
            talk::answer(&mut self.world, &probe);
        }
    }

    /// Reports what was found, unless the owner's rules or folding keep it back.
    fn tell(&mut self) {
        for mut event in self.fresh.drain(..) {
            self.next_event_id = event.id + 1;
            if let Judged::Kept { muted: None, .. } = self.judge.judge(&mut event) {
                self.events.push(event);
                self.told_at.push(self.world.now_ms);
            }
        }
    }

    fn start(&mut self) {
        let settings = self.settings();
        let now = at(self.world.now_ms);
        let mut desk = Core::new(settings, Limits::default(), std::mem::take(&mut self.rows), self.next_event_id);
        desk.correlator.set_own_addresses([((segment(), OWN_IP.into()), OWN_MAC)].into());
        let key = self.seed.wrapping_mul(31).wrapping_add(self.starts);
        desk.set_planner(Planner::new(policy(), key, now), now);
        self.desk = Some(desk);
        self.starts += 1;
    }

    fn stop(&mut self, is_in_order: bool) {
        let Some(mut desk) = self.desk.take() else { return };
        if is_in_order {
            desk.correlator.finish(at(self.world.now_ms), &mut self.fresh);
        }
        self.rows = desk.correlator.snapshot();
    }

    /// The configuration: the network's prefixes, and which servers and routers are allowed.
    fn settings(&self) -> Settings {
        let people = &self.world.people;
        let macs = |numbers: &[usize]| numbers.iter().map(|number| people.machines[*number].mac).collect();
        let routers = [people.routers[0], people.routers[1]];
        let allow = Allow {
            segment: None,
            dhcp_servers: Members { ips: [people.server().ip.into()].into(), macs: macs(&[people.dhcp]) },
            routers: Members {
                ips: routers.map(|router| talk::link_local(people.machines[router].mac).into()).into(),
                macs: macs(&routers),
            },
        };
        Settings {
            learning_until: Some(at(LEARNING_MS)),
            settle: THREE_SECONDS,
            own_macs: [OWN_MAC].into(),
            own_ips: [OWN_IP.into()].into(),
            prefixes: nets().into_iter().map(|net| (None, net)).collect(),
            gateways: Vec::new(),
            allow: vec![allow],
            explain: Some(THREE_SECONDS),
            hear_again: true,
            history: false,
        }
    }
}

/// The policy: servers and routers are always on, the cards of a bond belong to one machine, and one scanner
/// is allowed.
fn telling(world: &World) -> EventPolicy {
    let people = &world.people;
    let of_sort = |machine: &&Machine| matches!(machine.sort, Sort::Router | Sort::Server);
    let always_on = people.machines.iter().filter(of_sort).map(|machine| machine.mac).collect();
    let bond: BTreeSet<Mac> = people.bond.map(|card| people.machines[card].mac).into();
    EventPolicy {
        ignore: Subjects { macs: [people.machines[people.scanner].mac].into(), ..Subjects::default() },
        always_on: Subjects { macs: always_on, ..Subjects::default() },
        known: Subjects { macs: bond.clone(), ..Subjects::default() },
        kin: vec![Cluster { segment: None, macs: bond }],
        ..EventPolicy::default()
    }
}

fn ms_of(moment: sensor_core::types::Timestamp) -> u64 {
    let nanos = moment.since(START).as_nanos();
    u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn nets() -> [IpNet; 3] {
    let six = |prefix| IpNet::new(std::net::IpAddr::V6(prefix), 64).expect("a prefix length");
    ["10.20.0.0/22".parse().expect("a network"), six(PREFIXES[0]), six(PREFIXES[1])]
}

fn policy() -> Policy {
    let techniques = [Technique::Arp, Technique::Icmp, Technique::Ndp, Technique::Ptr, Technique::Tcp];
    let network = |prefix| Network {
        prefix,
        segment: segment(),
        attached: true,
        passive: false,
        sweep: None,
        named: false,
        techniques: techniques.into(),
        ports: [22, 80, 443, 3389].into(),
        delicate_ports: BTreeSet::new(),
        gone_after: Duration::from_secs(HOUR / SECOND),
        describe_every: Duration::from_secs(6 * HOUR / SECOND),
        rate_per_s: 20,
    };
    Policy {
        // The sensor's interface has a link-local address too.
        networks: nets().into_iter().chain(["fe80::/64".parse().expect("a network")]).map(network).collect(),
        never_prefixes: Vec::new(),
        never_macs: BTreeSet::new(),
        own_ips: [OWN_IP.into()].into(),
        own_macs: BTreeSet::new(),
        rate_per_s: 20,
        host_per_hour: 240,
        quiet: Vec::new(),
    }
}
