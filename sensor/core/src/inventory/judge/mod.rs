//! The judge: which of the events that the correlator found are reported, and with which severity. It changes no fact.
//!
//! # Its rules, in this order
//!
//! 1. *Ignored*: an event is neither kept nor reported when all of its stations and its host are on the ignore list. By an
//!    address only what concerns the host that has it is ignored (it is new, gone, has another name), and what is done with
//!    the address itself, unless much depends on that (a gateway's, a server's). Whoever serves, routes, floods or scans
//!    chooses its address itself, so that does not count then; nor is a claim of an ignored station on somebody else's
//!    address ignored.
//! 2. *Severity*: `host-gone` of an always-on host is `alert`, and names the address that the owner listed; `new-host` of a
//!    known host is `info`; an address that passes between stations of one cluster (`kin`) is `info`; then the first of
//!    the owner's rules that applies and names a severity decides.
//! 3. *Muted*: by the first of the owner's rules that applies and mutes, else by the first mute in force. A muted event
//!    is kept and marked, and not reported.
//! 4. *Folded*: a repeat with the same `fold_key` within `EventPolicy::fold` of the last one, and within a day of the
//!    first, is counted and not reported, unless it is more severe than what was reported, or what it repeats was muted
//!    and it is not.
//!
//! A listed host counts by all that it has, not only by what the event names: see `judge/subjects.rs`.
//!
//! All of this goes by the event's own time, so that it does not matter when the judge is asked.

use std::fmt;

use crate::inventory::event::whole::Other;
use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::judge::fold::Folds;
use crate::inventory::judge::fold::{Fold, Past};
use crate::inventory::judge::fold_key::fold_key;
use crate::inventory::judge::mute::Mute;
use crate::inventory::judge::policy::{EventPolicy, Rule};
use crate::inventory::judge::renotify::{AGAIN, Renotify};
use crate::inventory::judge::subjects::Effect;
use crate::inventory::model::rows::Rows;
use crate::types::{Mac, Timestamp};

/// Whom the owner named.
pub mod subjects;
/// What the owner decided about events.
pub mod policy;
/// Maintenance windows.
pub mod mute;
/// What makes two events one.
mod fold_key;
/// Repeats.
pub mod fold;
/// Unknown hosts that are reported again.
pub mod renotify;

#[cfg(test)]
mod tests;

/// Decides which events are reported.
#[derive(Debug, Default)]
pub struct Judge {
    policy: EventPolicy,
    mutes: Vec<Mute>,
    folds: Folds,
    utc_offset_s: i32,
    /// Up to which moment unknown hosts were reported again.
    renotified_to: Option<Timestamp>,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is dropped.
    Ignored,
    /// It repeats one that was kept, whose count rises; it is not kept itself.
    Folded(Fold),
    /// It is kept, and reported unless it is muted.
    Kept {
        /// Why it is not reported, where it is not.
        muted: Option<Muted>,
        /// Its `fold_key`, by which repeats of it are recognised; absent where each repeat is an event of its own.
        cause: Option<String>,
    },
}

/// Why an event is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Muted {
    /// By the mute with this number.
    Mute(u64),
    /// By this rule of the owner's, counted from 1.
    Rule(usize),
}

impl fmt::Display for Muted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mute(id) => write!(f, "mute {id}"),
            Self::Rule(place) => write!(f, "rule {place}"),
        }
    }
}

impl Judge {
    /// Replaces the owner's decisions. Repeats go on being counted.
    pub fn set_policy(&mut self, policy: EventPolicy) {
        self.policy = policy;
    }

    /// Goes on from what was stored: events that may be repeated, mutes, and up to which moment unknown hosts were
    /// reported again.
    pub fn restore(&mut self, past: Vec<Past>, mutes: Vec<Mute>, renotified_to: Option<Timestamp>) {
        self.folds = Folds::restore(past);
        self.mutes = mutes;
        self.renotified_to = renotified_to;
    }

    /// Local time is this far east of UTC, in seconds.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.utc_offset_s = seconds;
    }

    /// The mutes, by number.
    pub fn mutes(&self) -> &[Mute] {
        &self.mutes
    }

    /// The mutes, to be changed.
    pub fn mutes_mut(&mut self) -> &mut Vec<Mute> {
        &mut self.mutes
    }

    /// What becomes of an event; its severity may change.
    pub fn judge(&mut self, event: &mut Event) -> Verdict {
        if self.is_ignored(event) {
            return Verdict::Ignored;
        }
        self.name_as_listed(event);
        event.severity = self.severity(event);
        let muted = self.muted(event);
        // The owner wants unknown hosts to be reported again: that is no repeat to be folded.
        let cause = if is_renotified(event) { None } else { fold_key(event) };
        if let Some(cause) = &cause
            && let Some(fold) = self.folds.add(cause, event, muted.is_some(), self.policy.fold)
        {
            return Verdict::Folded(fold);
        }
        Verdict::Kept { muted, cause }
    }

    /// Unknown hosts that became due to be reported again since the last call. `rows`: the inventory, asked for only
    /// where the owner wants this.
    pub fn renotify(&mut self, now: Timestamp, rows: impl FnOnce() -> Rows) -> Vec<Renotify> {
        let since = self.renotified_to.replace(now);
        let Some(span) = self.policy.renotify.filter(|_| !self.policy.known.is_empty()) else { return Vec::new() };
        let Some(since) = since.filter(|since| *since < now) else { return Vec::new() };
        renotify::due(&rows(), &self.policy.known, span, since, now)
    }

    fn is_ignored(&self, event: &Event) -> bool {
        let ignore = &self.policy.ignore;
        let is_listed = |mac: Option<Mac>| mac.is_some_and(|mac| ignore.macs.contains(&mac));
        let is_host = event.host.is_some_and(|host| ignore.hosts.contains(&host));
        let are_stations = (is_listed(event.mac) || is_host) && (event.old_mac.is_none() || is_listed(event.old_mac));
        let is_of_address = event.kind.is_of_address() && !event.whole.is_dear;
        are_stations
            || event.kind.is_of_life() && ignore.has(event, Effect::Quieter)
            || is_of_address && event.ip.is_some_and(|ip| ignore.has_ip(ip))
    }

    /// An event about an always-on host names it by the address that the owner listed, whichever was found silent.
    fn name_as_listed(&self, event: &mut Event) {
        if !matches!(event.kind, Kind::HostBack | Kind::HostGone) {
            return;
        }
        let Some(listed) = self.policy.always_on.named_ip(event, Effect::Louder) else { return };
        let found = event.ip.replace(listed);
        if found != Some(listed) {
            event.whole.ips.retain(|other| other.it != listed);
            event.whole.ips.extend(found.map(|it| Other { it, is_proven: true }));
            event.whole.ips.sort_by_key(|other| other.it);
        }
    }

    fn severity(&self, event: &Event) -> Severity {
        let policy = &self.policy;
        let by_list = match event.kind {
            Kind::HostGone if policy.always_on.has(event, Effect::Louder) => Severity::Alert,
            Kind::NewHost if policy.known.has(event, Effect::Quieter) => Severity::Info,
            _ if self.is_within_cluster(event) => Severity::Info,
            _ => event.severity,
        };
        let mut severities = policy.rules.iter().filter_map(|rule| Some((rule, rule.severity?)));
        let decides = |(rule, severity): &(&Rule, Severity)| {
            let effect = if *severity < by_list { Effect::Quieter } else { Effect::Louder };
            self.holds(rule, event, by_list, effect)
        };
        severities.find(decides).map_or(by_list, |(_, severity)| severity)
    }

    fn is_within_cluster(&self, event: &Event) -> bool {
        let before = match event.kind {
            Kind::ChangedMac | Kind::FlipFlop | Kind::IpConflict | Kind::ReusedMac => event.old_mac,
            Kind::MacMismatch => event.details.iter().find_map(|(name, value)| match value {
                Detail::Text(text) if *name == "frame_mac" => Mac::parse(text),
                _ => None,
            }),
            _ => None,
        };
        let (Some(mac), Some(before)) = (event.mac, before) else { return false };
        let mut here = self.policy.kin.iter().filter(|kin| kin.segment.is_none() || kin.segment == event.segment);
        here.any(|kin| kin.macs.contains(&mac) && kin.macs.contains(&before))
    }

    fn muted(&self, event: &Event) -> Option<Muted> {
        let mut rules = (1..).zip(&self.policy.rules);
        let rule = rules
            .find(|(_, rule)| rule.mute && self.holds(rule, event, event.severity, Effect::Quieter))
            .map(|(place, _)| Muted::Rule(place));
        rule.or_else(|| self.mutes.iter().find(|mute| mute.holds(event)).map(|mute| Muted::Mute(mute.id)))
    }

    fn holds(&self, rule: &Rule, event: &Event, severity: Severity, effect: Effect) -> bool {
        (rule.kinds.is_empty() || rule.kinds.contains(&event.kind))
            && (rule.segments.is_empty() || event.segment.is_some_and(|segment| rule.segments.contains(&segment)))
            && (rule.networks.is_empty() || rule.networks.has(event, effect))
            && (rule.hosts.is_empty() || rule.hosts.has(event, effect))
            && rule.hours.is_none_or(|hours| hours.hold(event.at, self.utc_offset_s))
            && rule.below.is_none_or(|below| severity < below)
    }
}

fn is_renotified(event: &Event) -> bool {
    event.kind == Kind::NewHost && event.details.iter().any(|(name, _)| *name == AGAIN)
}
