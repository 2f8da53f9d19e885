//! Scans that the classifier counted (`sensor_ebpf::scan`): reported once each, and not of stations that ask on behalf of
//! others.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason};
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::sighting::scan::ScanTarget;
use crate::types::{Mac, Segment, Timestamp};

/// A scan is over when the station has not scanned for this long.
const SCAN_OVER: Duration = Duration::from_secs(600);

impl Correlator {
    /// A station asked for very many neighbours, or for very many ports of one address; `target` is one of them. What the sensor
    /// itself asks for is not told to it.
    pub fn scan(&mut self, segment: Segment, mac: Mac, target: ScanTarget, at: Timestamp, events: &mut Vec<Event>) {
        if !mac.is_station() || self.routes_for_others(segment, mac, at) {
            return;
        }
        let (reason, oddity, details) = match target {
            ScanTarget::Neighbour(_) => (Reason::ArpScan, Oddity::ArpScan, Vec::new()),
            ScanTarget::Port { ip, technique, .. } => {
                let text = |text: &str| Detail::Text(text.to_owned());
                let details = vec![("target", text(&ip.to_string())), ("technique", text(technique.name()))];
                (Reason::PortScan, Oddity::PortScan, details)
            }
        };
        let ip = Ipv4Addr::UNSPECIFIED.into();
        let told = ReportedOddity { segment, oddity, ip, mac, frame_mac: mac, first_seen: at, last_seen: at };
        if !self.memory.is_new_oddity_after(told, SCAN_OVER) {
            return;
        }
        let mut event = self.about_host(Kind::ScanDetected, at, segment, mac);
        event.ip = event.host.and_then(|id| self.memory.best_address(id));
        event.reason = Some(reason);
        event.details = details;
        self.push(event, events);
    }
}
