//! The judge: what is told of the events that the correlator found. It changes no fact, only how loud it is said.
//!
//! # Its rules, in this order
//!
//! 1. *Ignored*: an event is neither kept nor told when its address is on the ignore list, or all of its stations and its
//!    host are. A claim of an ignored station on somebody else's address is not ignored.
//! 2. *Severity*: `host-gone` of an always-on host is `alert`; `new-host` of a known host is `info`; an address that passes
//!    between stations of one kin is `info`; then the first of the owner's rules that holds and names a severity decides.
//! 3. *Muted*: the first of the owner's rules that holds and mutes, else the first mute that lasts. Kept, marked, not told.
//! 4. *Folded*: a repeat of the same cause (see [`cause`]) within `Telling::fold` of the last one, and within a day of the
//!    first, is counted and not told, unless it is more severe than what was told, or what it repeats was muted and it is not.
//!
//! All by the event's own time, so that it does not matter when the judge is asked.

use std::fmt;

use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::judge::fold::Folds;
use crate::inventory::judge::fold::{Fold, Past};
use crate::inventory::judge::fold_key::cause;
use crate::inventory::judge::mute::Mute;
use crate::inventory::judge::policy::{Rule, Telling};
use crate::inventory::judge::renotify::{AGAIN, Again};
use crate::inventory::model::rows::Rows;
use crate::types::{Mac, Timestamp};
/// Repeats.
pub mod fold;
/// What is not told for a while.
pub mod mute;
#[cfg(test)]
mod tests;

/// What makes two events one.
pub mod fold_key;
/// Who is told again.
pub mod renotify;

/// What the owner decided about events: which are ignored, muted, louder or softer.
pub mod policy;

/// Decides which events are told.
#[derive(Debug, Default)]
pub struct Judge {
    telling: Telling,
    mutes: Vec<Mute>,
    folds: Folds,
    utc_offset_s: i32,
    /// Until when unknown hosts were told again.
    renotified_to: Option<Timestamp>,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Ignored,
    /// It repeats one that was kept, whose count rises.
    Folded(Fold),
    /// It is kept, and told unless it is muted.
    Kept {
        /// Why it is not told.
        muted: Option<Muted>,
        /// What repeats of it are known by; absent when every one is an event of its own.
        cause: Option<String>,
    },
}

/// Why an event is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Muted {
    /// A mute of this number.
    Mute(u64),
    /// The owner's rule of this place, from 1.
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
    /// By these rules from now on. What was counted goes on being counted.
    pub fn set_telling(&mut self, telling: Telling) {
        self.telling = telling;
    }

    /// Goes on from what was kept: events that may be repeated, mutes, and until when unknown hosts were told again.
    pub fn restore(&mut self, past: Vec<Past>, mutes: Vec<Mute>, renotified_to: Option<Timestamp>) {
        self.folds = Folds::restore(past);
        self.mutes = mutes;
        self.renotified_to = renotified_to;
    }

    /// Local time is this far east of UTC, in seconds.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.utc_offset_s = seconds;
    }

    /// What is muted, by number.
    pub fn mutes(&self) -> &[Mute] {
        &self.mutes
    }

    /// What is muted, to be changed.
    pub fn mutes_mut(&mut self) -> &mut Vec<Mute> {
        &mut self.mutes
    }

    /// What becomes of an event, whose severity may change.
    pub fn judge(&mut self, event: &mut Event) -> Verdict {
        if self.is_ignored(event) {
            return Verdict::Ignored;
        }
        event.severity = self.severity(event);
        let muted = self.muted(event);
        // An unknown host that is told again is no repeat of the cause, but the owner's wish.
        let cause = if is_again(event) { None } else { cause(event) };
        if let Some(cause) = &cause
            && let Some(fold) = self.folds.add(cause, event, muted.is_some(), self.telling.fold)
        {
            return Verdict::Folded(fold);
        }
        Verdict::Kept { muted, cause }
    }

    /// Unknown hosts that are due to be told again by `now`, and were not at the last call. `rows`: the inventory, asked for
    /// only where the owner wants this.
    pub fn renotify(&mut self, now: Timestamp, rows: impl FnOnce() -> Rows) -> Vec<Again> {
        let since = self.renotified_to.replace(now);
        let Some(span) = self.telling.renotify.filter(|_| !self.telling.known.is_empty()) else { return Vec::new() };
        let Some(since) = since.filter(|since| *since < now) else { return Vec::new() };
        renotify::due(&rows(), &self.telling.known, span, since, now)
    }

    fn is_ignored(&self, event: &Event) -> bool {
        let ignore = &self.telling.ignore;
        if event.ip.is_some_and(|ip| ignore.has_ip(ip)) {
            return true;
        }
        let is_listed = |mac: Option<Mac>| mac.is_some_and(|mac| ignore.macs.contains(&mac));
        let is_host = event.host.is_some_and(|host| ignore.hosts.contains(&host));
        (is_listed(event.mac) || is_host) && (event.old_mac.is_none() || is_listed(event.old_mac))
    }

    fn severity(&self, event: &Event) -> Severity {
        let telling = &self.telling;
        let by_list = match event.kind {
            Kind::HostGone if telling.always_on.has(event) => Severity::Alert,
            Kind::NewHost if telling.known.has(event) => Severity::Info,
            _ if self.is_among_kin(event) => Severity::Info,
            _ => event.severity,
        };
        let rule = telling.rules.iter().find(|rule| rule.severity.is_some() && self.holds(rule, event, by_list));
        rule.and_then(|rule| rule.severity).unwrap_or(by_list)
    }

    fn is_among_kin(&self, event: &Event) -> bool {
        let before = match event.kind {
            Kind::ChangedMac | Kind::FlipFlop | Kind::IpConflict | Kind::ReusedMac => event.old_mac,
            Kind::MacMismatch => event.details.iter().find_map(|(name, value)| match value {
                Detail::Text(text) if *name == "frame_mac" => Mac::parse(text),
                _ => None,
            }),
            _ => None,
        };
        let (Some(mac), Some(before)) = (event.mac, before) else { return false };
        let mut here = self.telling.kin.iter().filter(|kin| kin.segment.is_none() || kin.segment == event.segment);
        here.any(|kin| kin.macs.contains(&mac) && kin.macs.contains(&before))
    }

    fn muted(&self, event: &Event) -> Option<Muted> {
        let mut rules = (1..).zip(&self.telling.rules);
        let rule = rules
            .find(|(_, rule)| rule.mute && self.holds(rule, event, event.severity))
            .map(|(place, _)| Muted::Rule(place));
        rule.or_else(|| self.mutes.iter().find(|mute| mute.holds(event)).map(|mute| Muted::Mute(mute.id)))
    }

    fn holds(&self, rule: &Rule, event: &Event, severity: Severity) -> bool {
        (rule.kinds.is_empty() || rule.kinds.contains(&event.kind))
            && (rule.segments.is_empty() || event.segment.is_some_and(|segment| rule.segments.contains(&segment)))
            && (rule.networks.is_empty() || event.ip.is_some_and(|ip| rule.networks.has_ip(ip)))
            && (rule.hosts.is_empty() || rule.hosts.has(event))
            && rule.hours.is_none_or(|hours| hours.hold(event.at, self.utc_offset_s))
            && rule.below.is_none_or(|below| severity < below)
    }
}

fn is_again(event: &Event) -> bool {
    event.kind == Kind::NewHost && event.details.iter().any(|(name, _)| *name == AGAIN)
}
