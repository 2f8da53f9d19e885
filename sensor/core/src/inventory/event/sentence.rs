//! The parts of the sentences in which events are told to a person. Each kind's own file has its sentence.

use std::net::IpAddr;

/// What a sentence is made of: the members of an event's record, already escaped.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The address that the event is about.
    pub ip: Option<IpAddr>,
    /// The station that it is about.
    pub mac: Option<&'a str>,
    /// The vendor of `mac`.
    pub vendor: Option<&'a str>,
    /// The station before.
    pub old_mac: Option<&'a str>,
    /// The vendor of `old_mac`.
    pub old_vendor: Option<&'a str>,
    /// The host's best name.
    pub hostname: Option<&'a str>,
    /// The segment on which it happened.
    pub segment: Option<&'a str>,
    /// The written name of its reason.
    pub reason: Option<&'a str>,
    /// Its details.
    pub details: &'a dyn Details,
}

/// The details of an event's record, by name. A detail that is absent or of another type is nothing.
pub trait Details {
    /// A number.
    fn number(&self, name: &str) -> Option<u64>;
    /// A text.
    fn text(&self, name: &str) -> Option<&str>;
    /// Several texts, joined by commas; empty when there are none.
    fn texts(&self, name: &str) -> String;
    /// The numbers whose names begin so, by the rest of the name, in the record's order.
    fn numbers(&self, prefix: &str) -> Vec<(&str, u64)>;
}

impl Facts<'_> {
    /// `10.0.0.5`.
    pub(super) fn address(&self) -> String {
        self.ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string())
    }

    /// `10.0.0.5 (nas)`.
    pub(super) fn who(&self) -> String {
        let address = self.address();
        match self.hostname {
            Some(name) => format!("{address} ({name})"),
            None => address,
        }
    }

    /// The station: `aa:00:00:00:00:01 (Vendor)`.
    pub(super) fn station(&self) -> String {
        station(self.mac, self.vendor)
    }

    /// The station before, in the same form.
    pub(super) fn old_station(&self) -> String {
        station(self.old_mac, self.old_vendor)
    }

    /// ` named nas`; empty without a name.
    pub(super) fn named(&self) -> String {
        self.hostname.map_or(String::new(), |name| format!(" named {name}"))
    }

    /// ` on eth1.30`; empty without a segment.
    pub(super) fn on(&self) -> String {
        self.segment.map_or(String::new(), |segment| format!(" on {segment}"))
    }

    /// `, last heard there 5 min ago`, of the station before; empty where that is not known.
    pub(super) fn heard_before(&self) -> String {
        let age = self.details.number("previous_age_s");
        age.map_or(String::new(), |s| format!(", last heard there {} ago", span(s)))
    }

    /// `TCP port 22`, by the detail `port`.
    pub(super) fn tcp_port(&self) -> String {
        self.details.number("port").map_or_else(|| "a port".to_owned(), |port| format!("TCP port {port}"))
    }

    /// The texts of a detail, introduced by `intro`; empty when there are none.
    pub(super) fn list(&self, intro: &str, name: &str) -> String {
        let texts = self.details.texts(name);
        if texts.is_empty() { texts } else { format!("{intro}{texts}") }
    }

    /// The sum of the numbers whose names begin so.
    pub(super) fn sum(&self, prefix: &str) -> u64 {
        self.details.numbers(prefix).iter().fold(0, |sum, (_, number)| sum.saturating_add(*number))
    }
}

fn station(mac: Option<&str>, vendor: Option<&str>) -> String {
    match (mac, vendor) {
        (Some(mac), Some(vendor)) => format!("{mac} ({vendor})"),
        (Some(mac), None) => mac.to_owned(),
        (None, _) => "an unknown station".to_owned(),
    }
}

/// Seconds in the largest unit of which they are at least two.
pub(super) fn span(s: u64) -> String {
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let spans = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
