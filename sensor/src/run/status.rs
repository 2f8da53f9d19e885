//! The sensor's own figures: what was seen, told, held back and lost, as event details and as a status line.

use sensor_ebpf::abi::Counters;
use serde_json::{Map, Value, json};

use crate::capture::{Mode, PortStatus, Role};
use crate::inventory::event::Detail;
use crate::inventory::planner::Answers;
use crate::probe::prober::Counted;
use crate::types::{Class, Timestamp};

/// The counters that are not zero, as `<outcome>_<class>`: the details of `sensor-stopped`.
pub fn details(counters: &Counters) -> Vec<(&'static str, Detail)> {
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

/// What was lost between two readings, as `lost_<class>`; empty when nothing was.
pub fn losses(before: &Counters, now: &Counters) -> Vec<(&'static str, Detail)> {
    let lost = |class: Class| now.lost[class as usize].saturating_sub(before.lost[class as usize]);
    let details = Class::ALL.into_iter().filter(|&class| lost(class) > 0);
    details.map(|class| (detail_name("lost", class), Detail::Number(lost(class)))).collect()
}

/// What a status line tells besides the counters.
pub struct Status<'a> {
    /// Now.
    pub at: Timestamp,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// The ports and how they listen.
    pub ports: &'a [PortStatus],
    /// Frames.
    pub counters: &'a Counters,
    /// Messages that their parser refused.
    pub malformed_total: u64,
    /// Rows evicted by limits.
    pub evictions_total: u64,
    /// Events that wait for the database or a sink.
    pub events_waiting: usize,
    /// Questions and answers, where anybody may be asked.
    pub asking: Option<(Counted, Answers)>,
    /// Sightings that their log missed.
    pub sightings_dropped_total: u64,
    /// Events that a dead sink missed.
    pub events_missed_total: u64,
}

/// `{"status": {...}}`, one line.
pub fn line(status: &Status<'_>) -> String {
    let mut frames = Map::new();
    for (outcome, row) in outcomes(status.counters) {
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
        "at": crate::export::record::rfc3339(status.at),
        "uptime_s": status.uptime_s,
        "ports": status.ports.iter().map(port).collect::<Vec<_>>(),
        "frames": frames,
        "gate_evictions": status.counters.gate_evictions,
        "malformed": status.malformed_total,
        "evictions": status.evictions_total,
        "probes": asking,
        "events_waiting": status.events_waiting,
        "events_missed": status.events_missed_total,
        "sightings_dropped": status.sightings_dropped_total,
    }})
    .to_string()
}

/// `eth1 (mirror, driver)`: a port for people.
pub fn port_words(port: &PortStatus) -> String {
    format!("{} ({}, {})", port.iface, role(port), mode(port))
}

fn port(port: &PortStatus) -> Value {
    json!({"iface": port.iface.as_str(), "role": role(port), "capture": mode(port), "promiscuous": port.promiscuous})
}

fn role(port: &PortStatus) -> &'static str {
    match port.role {
        Role::Host => "host",
        Role::Mirror => "mirror",
    }
}

fn mode(port: &PortStatus) -> &'static str {
    match port.mode {
        Mode::Driver => "driver",
        Mode::Generic => "generic",
        Mode::Packet => "packet",
    }
}

/// What became of frames, by class, each outcome with its word.
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

/// The detail's name; a table, because names of details are fixed words.
fn detail_name(outcome: &'static str, class: Class) -> &'static str {
    macro_rules! names {
        ($($outcome:literal)*) => {
            match outcome {
                $($outcome => match class {
                    Class::Other => concat!($outcome, "_other"),
                    Class::Malformed => concat!($outcome, "_malformed"),
                    Class::Fragment => concat!($outcome, "_fragment"),
                    Class::Deep => concat!($outcome, "_deep"),
                    Class::Arp => concat!($outcome, "_arp"),
                    Class::Ndp => concat!($outcome, "_ndp"),
                    Class::Dhcp => concat!($outcome, "_dhcp"),
                    Class::Mdns => concat!($outcome, "_mdns"),
                    Class::Dhcpv6 => concat!($outcome, "_dhcpv6"),
                    Class::Llmnr => concat!($outcome, "_llmnr"),
                    Class::Nbns => concat!($outcome, "_nbns"),
                    Class::Ssdp => concat!($outcome, "_ssdp"),
                    Class::Wsd => concat!($outcome, "_wsd"),
                    Class::Lldp => concat!($outcome, "_lldp"),
                    Class::Cdp => concat!($outcome, "_cdp"),
                    Class::Stp => concat!($outcome, "_stp"),
                    Class::Membership => concat!($outcome, "_membership"),
                    Class::Redundancy => concat!($outcome, "_redundancy"),
                    Class::Syn => concat!($outcome, "_syn"),
                    Class::SynAck => concat!($outcome, "_syn_ack"),
                    Class::Served => concat!($outcome, "_served"),
                    Class::Traffic => concat!($outcome, "_traffic"),
                },)*
                _ => "frames",
            }
        };
    }
    names!("seen" "passed" "gated" "policed" "lost" "cut")
}
