//! Judges a week: whether each incident was reported once and correctly, and what was reported without a cause.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sensor_core::inventory::event::{Event, Kind, Severity};
use sensor_core::types::Mac;

use super::calendar::{DAY, HOUR, MINUTE, START};
use super::plot::Sign;
use super::sensor_week::Week;

/// The result of the comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many events had to be reported.
    pub planted: usize,
    /// How many of them were reported, once and with the right reason.
    pub told: usize,
    /// Events that were not reported, reported twice, or with another reason: a line each.
    pub faults: Vec<String>,
    /// False events, by severity.
    pub false_events: BTreeMap<Severity, usize>,
    /// False events of severity `notice` and higher: a line each.
    pub false_lines: Vec<String>,
    /// False events of severity `notice` and higher, by kind, reason and the machine's part in the week.
    pub false_stories: BTreeMap<String, usize>,
    /// Rotated MACs: reported correctly, reported for a wrong machine, not reported; and all.
    pub rotations: [usize; 4],
    /// Rotated MACs that were not reported as such, by the machine's part and what was reported instead.
    pub untold: BTreeMap<String, usize>,
    /// Events of severity `info`.
    pub recorded: usize,
    /// arpwatch's mails after the first day: about the planted incidents, and others.
    pub arpwatch: [usize; 2],
}

/// Compares what was reported with the truth.
pub fn judge(week: &Week) -> Verdict {
    let mut verdict = Verdict::default();
    let mut signs = Signs::of(week);
    let story = Stories::of(week);
    for (event, told_at) in week.events.iter().zip(&week.told_at) {
        if let Some(fault) = signs.claim(event, *told_at, &story) {
            verdict.faults.push(fault);
            continue;
        }
        if signs.was_claimed {
            continue;
        }
        if event.severity == Severity::Info {
            verdict.recorded += 1;
        } else {
            *verdict.false_events.entry(event.severity).or_default() += 1;
            verdict.false_lines.push(format!("false: {}", story.line(event)));
            *verdict.false_stories.entry(story.short(event)).or_default() += 1;
        }
    }
    verdict.planted = signs.must.len();
    verdict.told = signs.must.iter().filter(|planted| planted.is_right).count();
    for planted in signs.must.iter().filter(|planted| !planted.is_told) {
        verdict.faults.push(format!("missed: {} at {}: {}", planted.name, moment(planted.at_ms), planted.sign));
    }
    verdict.rotations = rotations(week, &story, &mut verdict.untold);
    verdict.arpwatch = arpwatch(week);
    verdict
}

struct Planted {
    name: &'static str,
    at_ms: u64,
    sign: Sign,
    is_told: bool,
    is_right: bool,
}

struct Signs {
    must: Vec<Planted>,
    may: Vec<Planted>,
    was_claimed: bool,
}

impl Signs {
    fn of(week: &Week) -> Self {
        let (mut must, mut may) = (Vec::new(), Vec::new());
        for incident in &week.incidents {
            let planted = |sign: &Sign| Planted {
                name: incident.name,
                at_ms: incident.at_ms,
                sign: sign.clone(),
                is_told: false,
                is_right: false,
            };
            must.extend(incident.must.iter().map(planted));
            may.extend(incident.may.iter().map(planted));
        }
        Self { must, may, was_claimed: false }
    }

    /// Finds the incident of an event; returns a line if the event is wrong or a repeat.
    fn claim(&mut self, event: &Event, told_at: u64, story: &Stories<'_>) -> Option<String> {
        self.was_claimed = true;
        let of_event = |planted: &&mut Planted| planted.matches(event, told_at);
        let mut again = None;
        for planted in self.must.iter_mut().filter(of_event) {
            if planted.is_told {
                again = Some(planted.name);
                continue;
            }
            planted.is_told = true;
            planted.is_right = match event.reason {
                None => planted.sign.reasons.is_empty(),
                Some(reason) => planted.sign.reasons.contains(&reason),
            };
            let line = || format!("wrong reason: {}, not {}: {}", planted.name, planted.sign, story.line(event));
            return (!planted.is_right).then(line);
        }
        let of_side = |planted: &&mut Planted| !planted.is_told && planted.matches(event, told_at);
        if let Some(planted) = self.may.iter_mut().find(of_side) {
            planted.is_told = true;
            return None;
        }
        if let Some(name) = again.filter(|_| event.severity > Severity::Info) {
            return Some(format!("told again: {name}: {}", story.line(event)));
        }
        self.was_claimed = false;
        None
    }
}

impl Planted {
    fn matches(&self, event: &Event, told_at: u64) -> bool {
        self.sign.kind == event.kind
            && ms(event) + 1000 >= self.at_ms
            && told_at <= self.sign.until_ms
            && self.sign.ip.is_none_or(|ip| event.ip == Some(ip))
            && self.sign.mac.is_none_or(|mac| event.mac == Some(mac))
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.name())?;
        self.ip.iter().try_for_each(|ip| write!(f, " {ip}"))?;
        self.mac.iter().try_for_each(|mac| write!(f, " {mac}"))?;
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.name()).collect();
        if reasons.is_empty() { Ok(()) } else { write!(f, " ({})", reasons.join(" or ")) }
    }
}

/// The part in the week of the machine that an event is about.
struct Stories<'a> {
    week: &'a Week,
    machines: BTreeMap<Mac, usize>,
}

impl<'a> Stories<'a> {
    fn of(week: &'a Week) -> Self {
        let people = &week.world.people;
        let mut machines: BTreeMap<Mac, usize> =
            people.machines.iter().enumerate().map(|(number, machine)| (machine.mac, number)).collect();
        machines.extend(
            week.rotations()
                .iter()
                .flat_map(|rotation| [(rotation.old, rotation.machine), (rotation.new, rotation.machine)]),
        );
        Self { week, machines }
    }

    fn machine(&self, mac: Option<Mac>) -> Option<usize> {
        self.machines.get(&mac?).copied()
    }

    fn who(&self, mac: Option<Mac>) -> String {
        let Some(number) = self.machine(mac) else { return "nobody".to_owned() };
        let people = &self.week.world.people;
        let machine = &people.machines[number];
        let role = match number {
            _ if people.bond.contains(&number) => " (bond)",
            _ if people.cluster == number => " (cluster)",
            _ if people.docked.iter().any(|(laptop, card)| *laptop == number || *card == number) => " (docked)",
            _ if people.hsrp.contains(&number) => " (HSRP)",
            _ if people.proxied.contains(&number) => " (asleep by proxy)",
            _ if people.proxy == number => " (proxy ARP)",
            _ if people.routers.contains(&number) => " (VRRP)",
            _ if people.scanner == number => " (listed scanner)",
            _ if people.shared.contains(&number) => " (VRRP without a station)",
            _ if people.sleep_proxy == number => " (sleep proxy)",
            _ if machine.is_generic && machine.words.client_id.is_none() && machine.instance.is_none() => " (generic)",
            _ if machine.is_generic => " (generic name)",
            _ => "",
        };
        format!("{:?}{role}", machine.sort)
    }

    /// An event as a line of text.
    fn line(&self, event: &Event) -> String {
        let word = |what: Option<String>| what.map(|word| format!(" {word}")).unwrap_or_default();
        format!(
            "{} {}{}{}{}{} [{}] of {}{}",
            moment(ms(event)),
            event.kind.name(),
            word(event.ip.map(|ip| ip.to_string())),
            word(event.mac.map(|mac| mac.to_string())),
            word(event.old_mac.map(|mac| format!("from {mac}"))),
            word(event.reason.map(|reason| reason.name().to_owned())),
            event.severity.name(),
            self.who(event.mac),
            event.old_mac.map(|mac| format!(", before {}", self.who(Some(mac)))).unwrap_or_default()
        )
    }

    fn short(&self, event: &Event) -> String {
        let reason = event.reason.map(|reason| format!(" {}", reason.name())).unwrap_or_default();
        let before = event.old_mac.map(|mac| format!(", before {}", self.who(Some(mac)))).unwrap_or_default();
        format!("{}{reason} of {}{before}", event.kind.name(), self.who(event.mac))
    }
}

fn rotations(week: &Week, story: &Stories<'_>, untold: &mut BTreeMap<String, usize>) -> [usize; 4] {
    let mut told: BTreeMap<Mac, &Event> = BTreeMap::new();
    for event in week.events.iter().filter(|event| event.kind == Kind::MacRotated) {
        told.extend(event.mac.map(|mac| (mac, event)));
    }
    let mut counts = [0; 4];
    for rotation in week.rotations() {
        counts[3] += 1;
        let place = match told.get(&rotation.new) {
            Some(event) if story.machine(event.old_mac) == Some(rotation.machine) => 0,
            Some(_) => 1,
            None => 2,
        };
        counts[place] += 1;
        if place != 0 {
            let others = week.events.iter().filter(|event| event.mac == Some(rotation.new));
            let said: BTreeSet<&str> = others.map(|event| event.kind.name()).collect();
            let said = said.into_iter().collect::<Vec<_>>().join(", ");
            let rotates = week.world.people.machines[rotation.machine].rotates;
            *untold.entry(format!("{} {rotates:?}: {said}", story.who(Some(rotation.new)))).or_default() += 1;
        }
    }
    counts
}

/// Mails after the first day: about an incident (its address, within its time), and about anything else.
fn arpwatch(week: &Week) -> [usize; 2] {
    let mut mails = [0; 2];
    let mailed = week.arpwatch.lines.iter().filter(|(at_ms, _, line)| line.is_mail() && *at_ms >= DAY);
    for (at_ms, ip, _) in mailed {
        let signs = week.incidents.iter().flat_map(|incident| incident.must.iter().map(move |sign| (incident, sign)));
        let mac_of = |mac: Mac| {
            let machines = week.world.people.machines.iter();
            machines
                .filter(move |machine| machine.mac == mac)
                .flat_map(|machine| machine.ip.into_iter().chain(machine.leased.map(|(_, ip)| ip)))
        };
        let is_planted = signs.into_iter().any(|(incident, sign)| {
            let is_of =
                sign.ip == Some((*ip).into()) || sign.mac.is_some_and(|mac| mac_of(mac).any(|held| held == *ip));
            is_of && (incident.at_ms..=sign.until_ms.max(incident.at_ms + HOUR)).contains(at_ms)
        });
        mails[usize::from(!is_planted)] += 1;
    }
    mails
}

fn ms(event: &Event) -> u64 {
    u64::try_from(event.at.since(START).as_millis()).unwrap_or(u64::MAX)
}

/// Day, hour, minute and second of the week.
fn moment(ms: u64) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let day = NAMES[usize::try_from(ms / DAY).unwrap_or(0) % NAMES.len()];
    format!("{day} {:02}:{:02}:{:02}", ms % DAY / HOUR, ms % HOUR / MINUTE, ms % MINUTE / 1000)
}
