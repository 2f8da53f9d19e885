//! The sensor's own figures (frames seen, passed, held back and lost; events; sinks), as event details and as a status line.

use std::collections::HashMap;
use std::sync::LazyLock;

use sensor_ebpf::abi::{Counters, TunnelKind};
use serde_json::{Map, Value, json};

use crate::capture::options::{Accounts, Mode, PortRole, PortStatus};
use crate::capture::port_life::CaptureState;
use crate::capture::watched;
use crate::capture::watched::{TunnelSource, Watched};
use crate::export::escape::escape;
use crate::export::record::text::rfc3339;
use crate::probe::counts::CountsSnapshot;
use crate::run::local::Origin;
use crate::run::outbox::SinkStatus;
use crate::run::ports;
use sensor_core::inventory::event::Detail;
use sensor_core::inventory::hearing::{Tallies, Tally};
use sensor_core::inventory::judge::mute::Mute;
use sensor_core::inventory::planner::state::AnswerCounts;
use sensor_core::types::{Class, Timestamp};

/// The counters that are not zero, as `<outcome>_<class>`: the details of `sensor-stopped`.
pub(super) fn details(counters: &Counters) -> Vec<(&'static str, Detail)> {
    let mut details = Vec::new();
    for (outcome, row) in outcomes(counters) {
        for (class, &count) in Class::ALL.into_iter().zip(row) {
            if count > 0 {
                details.push((detail_name(outcome, class), Detail::Number(count)));
            }
        }
    }
    if counters.gate_evictions > 0 {
        details.push(("gate_evictions", Detail::Number(counters.gate_evictions)));
    }
    details
}

/// The frames that were lost between two readings, as `lost_<class>`; empty when none were: the details of `sensor-loss`.
pub(super) fn losses(before: &Counters, now: &Counters) -> Vec<(&'static str, Detail)> {
    let lost = |class: Class| now.lost[class as usize].saturating_sub(before.lost[class as usize]);
    let details = Class::ALL.into_iter().filter(|&class| lost(class) > 0);
    details.map(|class| (detail_name("lost", class), Detail::Number(lost(class)))).collect()
}

/// What was heard and lost between two readings. Frames that a packet socket dropped are lost of class `Other`, which never goes
/// through the ring.
pub(super) fn tallies(before: &Counters, now: &Counters) -> Tallies {
    let of = |count: fn(&Counters) -> &[u64; Class::COUNT], class: Class| {
        count(now)[class as usize].saturating_sub(count(before)[class as usize])
    };
    let tally = |classes: &[Class]| Tally {
        heard: classes.iter().map(|class| of(|counters| &counters.passed, *class)).sum(),
        lost: classes.iter().map(|class| of(|counters| &counters.lost, *class)).sum(),
    };
    let of_ring: Vec<Class> = Class::ALL.into_iter().filter(|class| *class as u8 != Class::Other as u8).collect();
    let sockets = Tally {
        heard: Class::ALL.into_iter().map(|class| of(|counters| &counters.seen, class)).sum(),
        lost: of(|counters| &counters.lost, Class::Other),
    };
    Tallies { ring: tally(&of_ring), neighbours: tally(&[Class::Arp, Class::Ndp]), sockets }
}

/// What a status line is made of.
pub(super) struct StatusFigures<'a> {
    /// The time of the line.
    pub at: Timestamp,
    /// Seconds since the sensor started.
    pub uptime_s: u64,
    /// The ports, how they capture and whether they hear.
    pub ports: &'a [PortStatus],
    /// Counts of frames: together, by CPU, and of packet sockets.
    pub accounts: &'a Accounts,
    /// The local prefixes, each with where it comes from.
    pub watched: &'a [(Watched, Origin)],
    /// Messages that their parser refused, since the start.
    pub malformed_total: u64,
    /// Rows of the inventory that limits evicted, since the start.
    pub evictions_total: u64,
    /// Events that are not in the database yet.
    pub events_unsaved: u64,
    /// How far each sink has come.
    pub sinks: &'a [SinkStatus],
    /// Counts of questions and answers; `None` when nothing may be asked.
    pub asking: Option<(CountsSnapshot, AnswerCounts)>,
    /// The mutes, those that have ended lately among them.
    pub mutes: &'a [Mute],
    /// Sightings that are missing in their log because it could not be written.
    pub sightings_dropped_total: u64,
    /// Events that were dropped because the database could not be written for too long.
    pub events_lost_total: u64,
}

/// `{"status": {...}}`, one line.
pub(super) fn line(status: &StatusFigures<'_>) -> String {
    let mut frames = Map::new();
    for (outcome, row) in outcomes(&status.accounts.total) {
        let counts = Class::ALL.into_iter().zip(row).filter(|(_, count)| **count > 0);
        let counts = counts.map(|(class, count)| (class.name().to_owned(), Value::from(*count)));
        frames.insert(outcome.to_owned(), Value::Object(counts.collect()));
    }
    let asking = status.asking.map(|(counted, answers)| {
        json!({
            "asked": counted.asked_total,
            "failed": counted.failed_total,
            "answered": counted.answered_total + answers.in_time,
            "late": answers.late,
            "duplicate": answers.duplicate,
            "unasked": answers.unasked,
        })
    });
    json!({"status": {
        "at": rfc3339(status.at),
        "uptime_s": status.uptime_s,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "ports": status.ports.iter().map(|port| self::port(port, status.at)).collect::<Vec<_>>(),
        "watched": status.watched.iter().map(self::watched).collect::<Vec<_>>(),
        "frames": frames,
        "cpus": cpus(status.accounts),
        "losses": lost(status),
        "gate_evictions": status.accounts.total.gate_evictions,
        "malformed": status.malformed_total,
        "tunnels_shut": tunnels_shut(&status.accounts.total),
        "evictions": status.evictions_total,
        "probes": asking,
        "events_waiting": status.events_unsaved + status.sinks.iter().map(|sink| sink.waiting).max().unwrap_or(0),
        "events_missed": status.events_lost_total + status.sinks.iter().map(|sink| sink.missed).sum::<u64>(),
        "sinks": status.sinks.iter().map(sink).collect::<Vec<_>>(),
        "sightings_dropped": status.sightings_dropped_total,
        "mutes": status.mutes.iter().filter(|mute| mute.until > status.at).map(mute).collect::<Vec<_>>(),
    }})
    .to_string()
}

/// Frames of tunnels that were not opened, and the last of those tunnels; `null` when there were none.
fn tunnels_shut(counters: &Counters) -> Option<Value> {
    let TunnelSource { prefix, kind, id } = watched::last_shut(counters)?;
    let kind = kind.map(TunnelKind::name);
    Some(json!({"frames": counters.shut, "source": prefix.addr().to_string(), "kind": kind, "id": id}))
}

/// A port in words: `eth1 (mirror, driver)`.
pub(super) fn port_words(port: &PortStatus) -> String {
    format!("{} ({}, {})", port.iface, role(port), mode(port))
}

/// `failing_since` and `error` are there only while the sink takes nothing.
fn sink(sink: &SinkStatus) -> Value {
    let SinkStatus { name, waiting, written_to, failing, missed } = sink;
    let mut value = json!({"name": escape(name), "waiting": waiting, "written_to": written_to, "missed": missed});
    if let Some((since, error)) = failing {
        value["failing_since"] = rfc3339(*since).into();
        value["error"] = escape(error).into();
    }
    value
}

fn mute(mute: &Mute) -> Value {
    json!({"id": mute.id, "target": mute.target.to_string(), "until": rfc3339(mute.until), "reason": mute.reason})
}

fn watched((watched, origin): &(Watched, Origin)) -> Value {
    let segment = watched.segment.map(|segment| segment.to_string());
    json!({"prefix": watched.prefix.to_string(), "segment": segment, "origin": origin.name()})
}

fn port(port: &PortStatus, now: Timestamp) -> Value {
    let mut value = json!({"iface": port.iface.as_str(), "role": role(port), "capture": mode(port), "promiscuous": port.promiscuous});
    let (hears, since, reason) = match &port.state {
        CaptureState::Inactive { since, reason } => (false, since, Some(reason.to_string())),
        CaptureState::Active { since } => (true, since, None),
    };
    value["hears"] = hears.into();
    value["since"] = rfc3339(ports::wall(*since, now)).into();
    if let Some(reason) = reason {
        value["deaf"] = reason.into();
    }
    value
}

/// What each CPU's program counted, over all classes; CPUs that saw nothing are left out.
fn cpus(accounts: &Accounts) -> Vec<Value> {
    let sum = |row: &[u64; Class::COUNT]| row.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let busy = accounts.cpus.iter().enumerate().filter(|(_, cpu)| sum(&cpu.seen) > 0);
    let row = |(number, cpu): (usize, &Counters)| {
        let mut row = json!({"cpu": number});
        for (outcome, counts) in outcomes(cpu) {
            row[outcome] = sum(counts).into();
        }
        row["gate_evictions"] = cpu.gate_evictions.into();
        row
    };
    busy.map(row).collect()
}

/// Every frame that was lost, by reason and place: `policed` and `ring-full` by CPU and class (of a packet socket `policed` by
/// class alone), `undeliverable` by class (records that were in the ring), `socket-full` by interface (before frames have a
/// class).
fn lost(status: &StatusFigures<'_>) -> Vec<Value> {
    let accounts = status.accounts;
    let of = |row: &[u64; Class::COUNT]| {
        let row = *row;
        Class::ALL.into_iter().map(move |class| (class.name(), row[class as usize])).filter(|(_, frames)| *frames > 0)
    };
    let mut losses = Vec::new();
    for (number, cpu) in accounts.cpus.iter().enumerate() {
        for (reason, row) in [("policed", &cpu.policed), ("ring-full", &cpu.lost)] {
            let lost = |(class, frames)| json!({"reason": reason, "cpu": number, "class": class, "frames": frames});
            losses.extend(of(row).map(lost));
        }
    }
    // Policed frames that no CPU's program counted were counted by packet sockets.
    let mut policed = accounts.total.policed;
    for cpu in &accounts.cpus {
        policed.iter_mut().zip(cpu.policed).for_each(|(all, of_cpu)| *all = all.saturating_sub(of_cpu));
    }
    losses.extend(of(&policed).map(|(class, frames)| json!({"reason": "policed", "class": class, "frames": frames})));
    losses.extend(
        of(&accounts.undeliverable)
            .map(|(class, frames)| json!({"reason": "undeliverable", "class": class, "frames": frames})),
    );
    let mut closed = accounts.socket_full;
    for port in status.ports.iter().filter(|port| port.socket_full > 0) {
        closed = closed.saturating_sub(port.socket_full);
        losses.push(json!({"reason": "socket-full", "iface": port.iface.as_str(), "frames": port.socket_full}));
    }
    if closed > 0 {
        // Of sockets whose interface is gone.
        losses.push(json!({"reason": "socket-full", "frames": closed}));
    }
    losses
}

fn role(port: &PortStatus) -> &'static str {
    match port.role {
        PortRole::Host => "host",
        PortRole::Mirror => "mirror",
    }
}

fn mode(port: &PortStatus) -> &'static str {
    match port.mode {
        Mode::Driver => "driver",
        Mode::Generic => "generic",
        Mode::Packet => "packet",
    }
}

/// The counters by class, each outcome with its word.
fn outcomes(counters: &Counters) -> [(&'static str, &[u64; Class::COUNT]); 6] {
    [
        ("seen", &counters.seen),
        ("passed", &counters.passed),
        ("gated", &counters.gated),
        ("policed", &counters.policed),
        ("lost", &counters.lost),
        ("cut", &counters.cut),
    ]
}

/// The names of details are `&'static str`, so they are put together once.
static DETAIL_NAMES: LazyLock<HashMap<(&'static str, Class), String>> = LazyLock::new(|| {
    let words = outcomes(&Counters::default()).map(|(outcome, _)| outcome);
    let pairs = words.into_iter().flat_map(|outcome| Class::ALL.map(|class| (outcome, class)));
    pairs.map(|(outcome, class)| ((outcome, class), format!("{outcome}_{}", class.name().replace('-', "_")))).collect()
});

/// The name of the detail that counts this outcome of frames of this class.
fn detail_name(outcome: &'static str, class: Class) -> &'static str {
    DETAIL_NAMES.get(&(outcome, class)).map_or("frames", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_named_by_outcome_and_class() {
        assert_eq!(detail_name("lost", Class::Arp), "lost_arp");
        assert_eq!(detail_name("seen", Class::SynAck), "seen_syn_ack");
    }

    #[test]
    fn losses_are_counted_by_the_way_on_which_frames_come() {
        let (before, mut now) = (Counters::default(), Counters::default());
        (now.passed[Class::Arp as usize], now.passed[Class::Mdns as usize]) = (10, 20);
        (now.lost[Class::Arp as usize], now.lost[Class::Mdns as usize], now.lost[Class::Other as usize]) = (1, 2, 4);
        (now.seen[Class::Arp as usize], now.seen[Class::Traffic as usize]) = (100, 900);
        let Tallies { ring, neighbours, sockets } = tallies(&before, &now);
        assert_eq!((ring.heard, ring.lost), (30, 3));
        assert_eq!((neighbours.heard, neighbours.lost), (10, 1));
        assert_eq!((sockets.heard, sockets.lost), (1000, 4));
        assert_eq!(tallies(&now, &now), Tallies::default());
    }
}
