//! What the owner decided about events: which are ignored, muted, or reported with another severity.

use crate::inventory::event::{Kind, Severity};
use crate::inventory::judge::subjects::Subjects;
use crate::inventory::model::quiet::{Quiet, local_minute};
use crate::types::{Mac, Segment, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the owner decided about events. How the judge applies it is described in `judge/mod.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPolicy {
    /// Whose events are neither kept nor reported.
    pub ignore: Subjects,
    /// Who belongs here; empty: the owner did not say.
    pub known: Subjects,
    /// Hosts whose absence is an alert.
    pub always_on: Subjects,
    /// Clusters: stations among which addresses may pass.
    pub kin: Vec<Cluster>,
    /// What changes the severity of events, or mutes them; in the owner's order.
    pub rules: Vec<Rule>,
    /// A repeat within this time of the last one is counted and not reported; zero: every repeat is reported.
    pub fold: Duration,
    /// A host that is present and not known is reported again after each such time; `None`: it is reported once.
    pub renotify: Option<Duration>,
}

impl Default for EventPolicy {
    fn default() -> Self {
        Self {
            ignore: Subjects::default(),
            known: Subjects::default(),
            always_on: Subjects::default(),
            kin: Vec::new(),
            rules: Vec::new(),
            fold: Duration::from_secs(3600),
            renotify: None,
        }
    }
}

/// A cluster: stations of one segment among which addresses may pass, its virtual MACs included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The segment; every one, where none is named.
    pub segment: Option<Segment>,
    /// The stations.
    pub macs: BTreeSet<Mac>,
}

/// What is done with the events that meet all of its conditions. A condition that is empty or absent is met by all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Of one of these kinds.
    pub kinds: BTreeSet<Kind>,
    /// On one of these segments.
    pub segments: BTreeSet<Segment>,
    /// With an address of one of these networks, or about a host that has one.
    pub networks: Subjects,
    /// About one of these.
    pub hosts: Subjects,
    /// In these hours of these days.
    pub hours: Option<Hours>,
    /// Less severe than this.
    pub below: Option<Severity>,
    /// Their severity becomes this.
    pub severity: Option<Severity>,
    /// They are kept and not reported.
    pub mute: bool,
}

/// Hours of some days of the week, local time. Hours that pass midnight belong to the day on which they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The hours.
    pub day: Quiet,
    /// The days, from Monday.
    pub days: [bool; 7],
}

impl Hours {
    /// Whether a moment lies in these hours, where local time is `utc_offset_s` seconds east of UTC.
    pub fn hold(&self, at: Timestamp, utc_offset_s: i32) -> bool {
        let local_s = at.as_nanos().div_euclid(1_000_000_000).saturating_add(i64::from(utc_offset_s));
        let minute = local_minute(at, utc_offset_s);
        let is_after_midnight = self.day.from > self.day.to && minute < self.day.to;
        // The first of January 1970 was a Thursday.
        let weekday = local_s.div_euclid(86_400) + 3 - i64::from(is_after_midnight);
        let weekday = usize::try_from(weekday.rem_euclid(7)).unwrap_or(0);
        self.day.holds(minute) && self.days[weekday]
    }
}
