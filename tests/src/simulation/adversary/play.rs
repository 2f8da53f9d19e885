//! A game, played: the pure core as in `sensor run`, on a queue of moments instead of a clock, among the innocent, who talk and
//! answer, and the attacker, who makes its moves.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sensor_core::inventory::core::Core;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::event::{Event, Reason};
use sensor_core::inventory::judge::{Judge, Verdict};
use sensor_core::inventory::model::rows::{Limits, Rows};
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::inventory::planner::state::Planner;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::DhcpMessage;
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::scan::{PortTechnique, ScanTarget};
use sensor_core::types::{Mac, Timestamp};

use super::cast::{DESKTOP, DUID, GATEWAY, NAME_SERVER, PREFIX, RESIDENTS, SERVER, UUID};
use super::deeds::Deed;
use super::frames;
use super::game::Game;
use super::incident::Incident;
use crate::simulation::asking::common::{OWN_IP, OWN_MAC, START, at, plain, segment};
use crate::simulation::asking::machine::Machine;
use crate::simulation::rng::Rng;
use crate::simulation::week::words;

/// How long the innocent are known before the game begins, in milliseconds.
pub const KNOWN: u64 = 15 * 60_000;
/// How long the sensor is watched after the last move, in milliseconds.
pub const AFTER: u64 = 90_000;
/// The end of the learning period, in milliseconds.
const LEARNING: u64 = 10 * 60_000;
/// Settling time and time to explain, as `sensor run` has them.
const THREE_SECONDS: Duration = Duration::from_secs(3);
/// The shortest time between two turns of the loop.
const TURN: Duration = Duration::from_millis(1);
/// Probes that leave at once at most.
const ROOM: usize = 32;

/// What came of a game.
#[derive(Debug, Default)]
pub struct Played {
    /// What was told once the game had begun: when (milliseconds of the game), and what. Repeats are folded.
    pub told: Vec<(u64, Event)>,
    /// Where the address of an innocent station that answers was given to another one: when, and to whom.
    pub stolen: Option<(u64, IpAddr, Mac)>,
}

/// What is due at a moment.
enum Thing {
    Deed(Deed),
    Hear(Box<Sighting>),
}

struct World {
    core: Core,
    judge: Judge,
    machines: Vec<Machine>,
    rng: Rng,
    now: Timestamp,
    begin: Timestamp,
    queue: BTreeMap<(Timestamp, usize), Thing>,
    queued: usize,
    events: Vec<Event>,
    /// Who is off once the game has begun.
    off: Option<Mac>,
    played: Played,
}

/// Plays a game.
pub fn play(game: &Game) -> Played {
    let mut world = World::new(game);
    world.queue_innocent(KNOWN + game.end_ms + AFTER);
    if game.plan.incident == Incident::Clone {
        world.show_desktop(KNOWN + game.first_ms);
    }
    for (begin_ms, step) in &game.moves {
        for (ms, deed) in &step.deeds {
            world.push(KNOWN + begin_ms + ms, Thing::Deed(deed.clone()));
        }
    }
    world.run(at(KNOWN + game.end_ms + AFTER));
    world.played
}

impl World {
    fn new(game: &Game) -> Self {
        let settings = Settings {
            learning_until: Some(at(LEARNING)),
            settle: THREE_SECONDS,
            own_macs: [OWN_MAC].into(),
            explain: Some(THREE_SECONDS),
            hear_again: true,
            ..Settings::default()
        };
        let mut core = Core::new(settings, Limits::default(), Rows::default(), 1);
        core.set_planner(Planner::new(policy(), game.seed, START), START);
        let with = |mac, ips: [IpAddr; 2]| {
            let mut machine = Machine::new(mac, ips[0]);
            machine.ips.insert(ips[1]);
            (machine.echo, machine.tcp, machine.present) = (false, false, true);
            machine
        };
        let innocent = RESIDENTS.iter().map(|known| with(known.mac, [known.ip.into(), known.six.into()]));
        let attacking = game.cast.all().map(|known| with(known.mac, [known.ip.into(), known.six.into()]));
        Self {
            core,
            judge: Judge::default(),
            machines: innocent.chain(attacking).collect(),
            rng: Rng::new(game.seed ^ 0x706c_6179),
            now: START,
            begin: at(KNOWN),
            queue: BTreeMap::new(),
            queued: 0,
            events: Vec::new(),
            off: game.plan.victim.filter(|_| game.plan.is_off).map(|victim| victim.mac),
            played: Played::default(),
        }
    }

    fn run(&mut self, end: Timestamp) {
        loop {
            let wake = self.core.poll_timeout(self.now).map(|wake| wake.max(self.now.after(TURN)));
            let thing = self.queue.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = [wake, thing].into_iter().flatten().min().filter(|next| *next <= end) else { return };
            self.now = next;
            while let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= next) {
                let thing = first.remove();
                self.take(thing);
            }
            self.ask();
            self.note();
        }
    }

    fn take(&mut self, thing: Thing) {
        match thing {
            // Who is off says and answers nothing.
            Thing::Hear(sighting) if self.now >= self.begin && self.off == Some(sighting.frame_mac) => {}
            Thing::Hear(sighting) => self.hear(*sighting),
            Thing::Deed(Deed::Send(sighting)) => self.hear(*sighting),
            Thing::Deed(Deed::Answer(mac, ip, does)) => {
                for machine in self.machines.iter_mut().filter(|machine| machine.mac == mac) {
                    if does {
                        machine.ips.insert(ip)
                    } else {
                        machine.ips.remove(&ip)
                    };
                }
            }
            Thing::Deed(Deed::Silence(mac, is_silent)) => {
                for machine in self.machines.iter_mut().filter(|machine| machine.mac == mac) {
                    machine.present = !is_silent;
                }
            }
            Thing::Deed(Deed::Scan(mac, reason)) => {
                let ip = RESIDENTS[SERVER].ip.into();
                let target = match reason {
                    Reason::PortScan => ScanTarget::Port { ip, port: 7, technique: PortTechnique::Syn },
                    _ => ScanTarget::Neighbour(Some(ip)),
                };
                self.core.correlator.scan(segment(), mac, target, self.now, &mut self.events);
            }
            Thing::Deed(Deed::Flood(mac, class)) => {
                self.core.correlator.flood(segment(), mac, class, self.now, &mut self.events);
            }
        }
    }

    fn hear(&mut self, mut sighting: Sighting) {
        (sighting.at, sighting.segment) = (self.now, segment());
        self.core.observe(&mut sighting, self.now, &mut self.events);
    }

    fn ask(&mut self) {
        self.core.handle_timeout(self.now, &mut self.events);
        let mut probes = Vec::new();
        self.core.plan(self.now, ROOM, &mut probes, &mut self.events);
        for probe in probes {
            let mut answers = Vec::new();
            for machine in &mut self.machines {
                machine.answer(&probe, &mut self.rng, &mut answers);
            }
            for (ms, answer) in answers {
                let at = self.now.after(Duration::from_millis(ms));
                self.queue.insert((at, self.queued), Thing::Hear(Box::new(answer)));
                self.queued += 1;
            }
        }
    }

    /// Notes what was told, and who is taken for the holder of the residents' addresses.
    fn note(&mut self) {
        let ms = u64::try_from(self.now.since(self.begin).as_millis()).unwrap_or(u64::MAX);
        for mut event in std::mem::take(&mut self.events) {
            let is_kept = matches!(self.judge.judge(&mut event), Verdict::Kept { .. });
            if is_kept && self.now >= self.begin {
                self.played.told.push((ms, event));
            }
        }
        // Whose address it is stands in the row: a row that has not changed need not be looked at again.
        let is_changed = !self.core.correlator.take_changes().rows.bindings.is_empty();
        if !is_changed || self.now < self.begin || self.played.stolen.is_some() {
            return;
        }
        for binding in self.core.correlator.view().bindings {
            let Some(owner) = RESIDENTS
                .iter()
                .find(|known| binding.ip == IpAddr::V4(known.ip) || binding.ip == IpAddr::V6(known.six))
            else {
                continue;
            };
            let holder = binding.holders[0].mac;
            if holder != owner.mac && self.off != Some(owner.mac) {
                self.played.stolen = Some((ms, binding.ip, holder));
            }
        }
    }

    fn push(&mut self, ms: u64, thing: Thing) {
        self.queue.insert((at(ms), self.queued), thing);
        self.queued += 1;
    }

    fn say(&mut self, ms: u64, sighting: Sighting) {
        self.push(ms, Thing::Hear(Box::new(sighting)));
    }

    /// What the innocent say: they start, and then talk now and then.
    fn queue_innocent(&mut self, until_ms: u64) {
        let [gateway, desktop, server] = RESIDENTS;
        self.say(100, words::announcement(gateway.mac, gateway.ip));
        self.say(200, frames::advert(gateway.mac, gateway.six, 1800, Some(PREFIX), Some(NAME_SERVER)));
        self.say(2_000, words::announcement(server.mac, server.ip));
        self.say(2_100, frames::ssdp(server.mac, server.ip, "upnp:rootdevice", UUID));
        self.say(5_000, frames::client(desktop.mac, DhcpMessage::Discover, None, true));
        self.say(5_010, lease(DhcpMessage::Offer));
        self.say(5_020, frames::client(desktop.mac, DhcpMessage::Request, None, true));
        self.say(5_030, lease(DhcpMessage::Ack));
        self.say(5_100, words::announcement(desktop.mac, desktop.ip));
        self.say(6_000, frames::client_six(desktop.mac, desktop.six, DUID));
        for known in [desktop, server] {
            self.say(6_500, words::ndp(known.mac, known.six, NdpClaim::Solicit { target: gateway.six.into() }));
        }
        for number in [GATEWAY, DESKTOP, SERVER] {
            let mut ms = 20_000 + self.rng.below(20_000);
            while ms < until_ms {
                self.chat(number, ms);
                ms += 90_000 + self.rng.below(360_000);
            }
        }
        for ms in (600_000..until_ms).step_by(600_000) {
            self.say(ms, frames::advert(gateway.mac, gateway.six, 1800, Some(PREFIX), Some(NAME_SERVER)));
        }
        for ms in (1_800_000..until_ms).step_by(1_800_000) {
            self.say(ms, frames::client(desktop.mac, DhcpMessage::Request, Some(desktop.ip), true));
            self.say(ms + 10, lease(DhcpMessage::Ack));
        }
    }

    fn chat(&mut self, number: usize, ms: u64) {
        let (own, other) = (RESIDENTS[number], RESIDENTS[(number + 1) % RESIDENTS.len()]);
        match self.rng.below(3) {
            0 => self.say(ms, words::frame(own.mac, own.ip.into())),
            1 => self.say(ms, words::frame(own.mac, own.six.into())),
            _ => {
                self.say(ms, words::arp(own.mac, ArpOperation::Request, own.ip, other.ip));
                self.say(ms + 1, words::arp(other.mac, ArpOperation::Reply, other.ip, own.ip));
            }
        }
    }

    /// The desktop is heard around this moment.
    fn show_desktop(&mut self, ms: u64) {
        let desktop = RESIDENTS[DESKTOP];
        for near in [ms - 20_000, ms - 1_000, ms + 7_000, ms + 25_000] {
            self.say(near, words::frame(desktop.mac, desktop.ip.into()));
        }
    }
}

/// What the gateway says to the desktop.
fn lease(message: DhcpMessage) -> Sighting {
    let [gateway, desktop, _] = RESIDENTS;
    frames::offer(&frames::Offer {
        frame_mac: gateway.mac,
        message,
        server: gateway.ip,
        router: Some(gateway.ip),
        name_server: Some(gateway.ip),
        client: desktop.mac,
        given: desktop.ip,
        relay: None,
        lease_s: 3600,
    })
}

/// What the sensor may ask: as `sensor run` does by default, but only who is there.
fn policy() -> Policy {
    let network = |prefix: &str| Network {
        techniques: [Technique::Arp, Technique::Ndp].into(),
        ports: [].into(),
        gone_after: Duration::from_secs(3600),
        ..plain(prefix)
    };
    Policy {
        networks: ["10.0.0.0/16", "2001:db8::/64", "fe80::/64"].map(network).into(),
        never_prefixes: Vec::new(),
        never_macs: [].into(),
        own_ips: [IpAddr::from(OWN_IP)].into(),
        own_macs: [OWN_MAC].into(),
        rate_per_s: 100,
        host_per_hour: 240,
        quiet: Vec::new(),
    }
}
