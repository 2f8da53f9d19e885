//! A simulated network as the sensor experiences it, what must be reported of it, and a run of the correlator over it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::event::{Event, Kind, Reason};
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Mac, Segment, Timestamp};

use super::known::Known;

/// What happens in a network as the sensor sees it, and the truth about it.
#[derive(Clone, Debug)]
pub struct Lan {
    /// The correlator's settings.
    pub settings: Settings,
    /// What happens to it, in order.
    pub steps: Vec<Step>,
    /// The events that it must report, by station of its segment; in order for each.
    pub told: BTreeMap<(Segment, Mac), Vec<Told>>,
    /// What must be known in the end.
    pub known: Known,
    /// Addresses of redundant gateways: their moves from one router to the other are of severity `info`.
    pub redundant: BTreeSet<(Segment, IpAddr)>,
}

/// One thing that happens to the correlator.
#[derive(Clone, Debug)]
pub enum Step {
    /// The input ends.
    Finish(Timestamp),
    /// A sighting arrives.
    Observe(Sighting, Timestamp),
    /// The sensor is restarted.
    Restart,
    /// A timeout is handled.
    Wait(Timestamp),
}

/// What identifies an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub kind: Kind,
    /// The address.
    pub ip: Option<IpAddr>,
    /// The previous MAC.
    pub old_mac: Option<Mac>,
    /// Why.
    pub reason: Option<Reason>,
}

/// Runs the correlator over the network: the events, and what is known in the end.
pub fn live(lan: &Lan) -> (Vec<Event>, Rows) {
    let mut correlator = Correlator::new(lan.settings.clone(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for step in &lan.steps {
        match step {
            Step::Finish(now) => correlator.finish(*now, &mut events),
            Step::Observe(sighting, now) => correlator.observe(sighting, *now, &mut events),
            Step::Restart => {
                let next = events.last().map_or(1, |event: &Event| event.id + 1);
                correlator = Correlator::new(lan.settings.clone(), Limits::default(), correlator.snapshot(), next);
            }
            Step::Wait(now) => correlator.handle_timeout(*now, &mut events),
        }
    }
    (events, correlator.snapshot())
}

/// Events in the form of [`Lan::told`].
pub fn told(events: &[Event]) -> BTreeMap<(Segment, Mac), Vec<Told>> {
    let mut by_station: BTreeMap<_, Vec<Told>> = BTreeMap::new();
    for event in events {
        let (segment, mac) = event.segment.zip(event.mac).expect("a simulated network makes no events of the sensor");
        let told = Told { kind: event.kind, ip: event.ip, old_mac: event.old_mac, reason: event.reason };
        by_station.entry((segment, mac)).or_default().push(told);
    }
    by_station
}
