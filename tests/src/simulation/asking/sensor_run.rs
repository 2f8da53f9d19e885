//! The sensor among the machines: planner and correlator as in `sensor run`, on a queue of moments instead of a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use sensor_core::inventory::core::Core;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::event::Event;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_core::inventory::planner::state::{AnswerCounts, Planner};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::answer::{Answer, PortState};
use sensor_core::types::{Mac, Timestamp};

use super::common::{OWN_IP, OWN_MAC, RUN, START, at};
use super::machine::{Machine, answer_of_prober, name_of};
use super::rules;
use super::script::{Happening, Script};
use crate::simulation::rng::Rng;

/// The result of a script.
#[derive(Debug, Default, PartialEq)]
pub struct Run {
    /// The reported events.
    pub events: Vec<Event>,
    /// What was asked, and when.
    pub sent: Vec<(Timestamp, Probe)>,
    /// What is known in the end.
    pub rows: Rows,
    /// How many answers came in time, twice, late or unasked, over all starts of the sensor.
    pub answers: [u64; 4],
    /// How often the sensor was started.
    pub starts: usize,
}

/// Runs a script. Fails with the rule that was broken.
pub fn live(script: &Script) -> Result<Run, String> {
    let mut world = World::new(script);
    world.run()?;
    world.stop(false)?;
    Ok(world.done)
}

/// What is due at a moment.
enum Thing {
    Answer(Sighting),
    Hearing,
    Start,
    Happening(Happening),
}

struct World<'a> {
    script: &'a Script,
    machines: Vec<Machine>,
    rng: Rng,
    now: Timestamp,
    queue: BTreeMap<(Timestamp, usize), Thing>,
    queued: usize,
    desk: Option<Core>,
    /// Until when frames are lost.
    deaf_until: Timestamp,
    /// Addresses that were heard.
    heard: BTreeSet<IpAddr>,
    /// Where the probes begin that were sent since the sensor was started last.
    life: usize,
    done: Run,
}

/// Settling time and time to explain, as `sensor run` has them.
const THREE_SECONDS: Duration = Duration::from_secs(3);
/// How often losses are checked.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest time between two turns of the loop.
const TURN: Duration = Duration::from_millis(1);

impl<'a> World<'a> {
    fn new(script: &'a Script) -> Self {
        let mut world = Self {
            script,
            machines: script.machines.clone(),
            rng: Rng::new(script.seed ^ 0x6173_6b69_6e67),
            now: START,
            queue: BTreeMap::new(),
            queued: 0,
            desk: None,
            deaf_until: START,
            heard: BTreeSet::new(),
            life: 0,
            done: Run::default(),
        };
        world.start();
        for (ms, happening) in &script.happenings {
            world.push(at(*ms), Thing::Happening(happening.clone()));
        }
        world
    }

    fn run(&mut self) -> Result<(), String> {
        let end = START.after(RUN);
        loop {
            let wake = self.desk.as_ref().and_then(|desk| desk.poll_timeout(self.now));
            let wake = wake.map(|wake| wake.max(self.now.after(TURN)));
            let thing = self.queue.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = [wake, thing].into_iter().flatten().min().filter(|next| *next <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = next;
            while let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= next) {
                let thing = first.remove();
                self.take(thing)?;
            }
            self.work()?;
        }
    }

    fn take(&mut self, thing: Thing) -> Result<(), String> {
        match thing {
            Thing::Answer(sighting) => self.hear(sighting),
            Thing::Hearing => {
                if let Some(desk) = &mut self.desk {
                    desk.set_deaf(self.now);
                }
                if self.now <= self.deaf_until {
                    self.push(self.now.after(LOOK), Thing::Hearing);
                }
            }
            Thing::Start => self.start(),
            Thing::Happening(Happening::Deaf(until_ms)) => {
                self.deaf_until = at(until_ms);
                self.push(self.now, Thing::Hearing);
            }
            Thing::Happening(Happening::Join(number)) => self.machines[number].present = true,
            Thing::Happening(Happening::Leave(number)) => self.machines[number].present = false,
            Thing::Happening(Happening::Restart(in_order, down_ms)) => {
                self.stop(in_order)?;
                self.push(self.now.after(Duration::from_millis(down_ms)), Thing::Start);
            }
            Thing::Happening(Happening::Say(number, word)) => {
                if let Some(sighting) = self.machines[number].say(word) {
                    let delay = Duration::from_millis(self.rng.below(20));
                    self.push(self.now.after(delay), Thing::Answer(sighting));
                }
            }
            Thing::Happening(Happening::Vouch(number, ip)) => {
                self.machines[number].proxies.insert(ip);
            }
            Thing::Happening(Happening::Serve(number, port, is_open)) => {
                let open = &mut self.machines[number].open;
                if is_open {
                    open.insert(port)
                } else {
                    open.remove(&port)
                };
            }
        }
        Ok(())
    }

    fn hear(&mut self, mut sighting: Sighting) {
        let Some(desk) = &mut self.desk else { return };
        let is_frame = sighting.mac != Mac::ZERO;
        if is_frame && self.now <= self.deaf_until && self.rng.one_in(2) {
            return;
        }
        // The loop handles it a little later.
        sighting.at = self.now;
        self.heard.extend(sighting.shows_life());
        desk.observe(&mut sighting, self.now, &mut self.done.events);
    }

    fn work(&mut self) -> Result<(), String> {
        let Some(desk) = &mut self.desk else { return Ok(()) };
        desk.handle_timeout(self.now, &mut self.done.events);
        let mut probes = Vec::new();
        let room = 1 + usize::try_from(self.rng.below(64)).unwrap_or(0);
        desk.plan(self.now, room, &mut probes, &mut self.done.events);
        for probe in probes {
            rules::check_allowed(&self.script.policy, &self.heard, &probe)?;
            self.ask(&probe);
            self.done.sent.push((self.now, probe));
        }
        Ok(())
    }

    fn ask(&mut self, probe: &Probe) {
        let mut answers = Vec::new();
        match &probe.question {
            Question::Connect { ports } | Question::Knock { ports } => {
                let owner = self.machines.iter().position(|machine| machine.present && machine.ips.contains(&probe.ip));
                for &port in ports.iter() {
                    let (ms, state) = match owner {
                        Some(owner) => self.machines[owner].connect(probe.ip, port, &mut self.rng),
                        None => (1000, PortState::Silent),
                    };
                    let answer = Answer::Port { port, state, banner: None, rtt: Duration::from_millis(ms) };
                    answers.push((ms, answer_of_prober(probe.ip, answer)));
                }
            }
            Question::Ptr => {
                let answer = Answer::Ptr { name: Some(name_of(probe.ip)), confirmed: true };
                answers.push((3, answer_of_prober(probe.ip, answer)));
            }
            _ => {
                for machine in &mut self.machines {
                    machine.answer(probe, &mut self.rng, &mut answers);
                }
            }
        }
        for (ms, sighting) in answers {
            self.push(self.now.after(Duration::from_millis(ms)), Thing::Answer(sighting));
        }
    }

    fn start(&mut self) {
        let settings = Settings {
            learning_until: None,
            settle: THREE_SECONDS,
            own_macs: [OWN_MAC].into(),
            own_ips: [OWN_IP.into()].into(),
            prefixes: Vec::new(),
            gateways: Vec::new(),
            allow: Vec::new(),
            explain: Some(THREE_SECONDS),
            hear_again: false,
            history: false,
        };
        let next_event_id = self.done.events.last().map_or(1, |event| event.id + 1);
        let rows = std::mem::take(&mut self.done.rows);
        let mut desk = Core::new(settings, Limits::default(), rows, next_event_id);
        let key = self.script.seed.wrapping_mul(31).wrapping_add(self.done.starts as u64);
        desk.set_planner(Planner::new(self.script.policy.clone(), key, self.now), self.now);
        self.desk = Some(desk);
        self.life = self.done.sent.len();
        self.done.starts += 1;
    }

    fn stop(&mut self, in_order: bool) -> Result<(), String> {
        let Some(mut desk) = self.desk.take() else { return Ok(()) };
        if in_order {
            desk.correlator.finish(self.now, &mut self.done.events);
        }
        let AnswerCounts { in_time, duplicate, late, unasked } = desk.answers().unwrap_or_default();
        for (sum, new) in self.done.answers.iter_mut().zip([in_time, duplicate, late, unasked]) {
            *sum += new;
        }
        self.done.rows = desk.correlator.snapshot();
        rules::check_rates(&self.script.policy, &self.done.sent[self.life..])
    }

    fn push(&mut self, at: Timestamp, thing: Thing) {
        self.queue.insert((at, self.queued), thing);
        self.queued += 1;
    }
}
