//! State machine of one port: decides what to do and what to report when its interface is removed, comes back, is
//! renamed or goes down. Pure: time and the interfaces' states are arguments, and [`crate::capture::live`] acts on the
//! decisions.
//!
//! **Names.** A port is the interface with the configured name. When that interface is renamed, it stays the port, and
//! its frames keep the configured name, until another interface gets that name: then that one is the port.

use crate::capture::port_lines::{LineKind, LineLimiter};
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use sensor_core::types::Iface;

/// A port that is inactive for so long is reported as blind.
pub const BLIND_AFTER: Duration = Duration::from_secs(60);
/// Pause after the first failed attempt to attach; each further one is twice as long.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Why a port is inactive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InactiveReason {
    /// The interface is administratively down.
    Down,
    /// The interface has no carrier.
    NoCarrier,
    /// The interface exists but cannot be attached to; the error.
    NotAttached(String),
    /// There is no interface with the port's name.
    Removed,
}

impl fmt::Display for InactiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::NoCarrier => f.write_str("no carrier"),
            Self::NotAttached(error) => write!(f, "not attached: {error}"),
            Self::Removed => f.write_str("removed"),
        }
    }
}

/// Whether a port receives frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureState {
    /// It receives no frames.
    Inactive {
        /// Since when.
        since: Instant,
        /// Why.
        reason: InactiveReason,
    },
    /// It receives frames.
    Active {
        /// Since when.
        since: Instant,
    },
}

/// A change that a port reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortChange {
    /// The addresses of this machine's interfaces changed.
    Addresses,
    /// The port has been inactive for [`BLIND_AFTER`]; reported once per outage.
    Blind {
        /// The port.
        iface: Iface,
        /// Since when it is inactive.
        since: Instant,
        /// Why.
        reason: InactiveReason,
    },
    /// Message for the operator: an improvement or a harmless change.
    Info(String),
    /// The port was attached again: MACs of this machine may have changed.
    Renewed(Iface),
    /// Message for the operator: a change for the worse.
    Warning(String),
}

/// Current state of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkState {
    /// The kernel's number for it.
    pub(super) index: u32,
    /// Its name.
    pub(super) name: Iface,
    /// Whether it is administratively up.
    pub(super) is_up: bool,
    /// Whether it has a carrier.
    pub(super) has_carrier: bool,
}

/// The interfaces that matter to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortView {
    /// The interface with the port's name.
    pub(super) named: Option<LinkState>,
    /// The interface that the port is attached to, if interface and attachment still exist.
    pub(super) held: Option<LinkState>,
}

/// What the caller must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortAction {
    /// Attach to the interface with the port's name, and report the result by `attached` or `failed`.
    Attach,
    /// Detach.
    Detach,
    /// Nothing.
    Stay,
}

/// State machine of one port.
#[derive(Debug)]
pub(super) struct PortLife {
    name: Iface,
    /// The interface that it is attached to.
    held: Option<u32>,
    /// The last reported name of that interface.
    called: Iface,
    state: CaptureState,
    is_blind_reported: bool,
    pause: Duration,
    try_at: Instant,
    /// State of the interface at the last failed attempt to attach; a change of it triggers the next attempt at once.
    failed_on: Option<LinkState>,
    limiter: LineLimiter,
    changes: Vec<PortChange>,
}

impl PortLife {
    /// A port that was just attached to the interface with this number.
    pub(super) fn new(name: Iface, index: u32, now: Instant) -> Self {
        Self {
            name,
            held: Some(index),
            called: name,
            state: CaptureState::Active { since: now },
            is_blind_reported: false,
            pause: BACKOFF_MIN,
            try_at: now,
            failed_on: None,
            limiter: LineLimiter::default(),
            changes: Vec::new(),
        }
    }

    /// Whether it receives frames.
    pub(super) fn state(&self) -> &CaptureState {
        &self.state
    }

    /// The interface that it is attached to.
    pub(super) fn held(&self) -> Option<u32> {
        self.held
    }

    /// Processes the interfaces' states and decides what to do. After `Detach` or `Attach` it is to be called again.
    pub(super) fn look(&mut self, view: PortView, now: Instant) -> PortAction {
        let Some(index) = self.held else { return self.look_for(view.named, now) };
        let taken = view.named.is_some_and(|named| named.index != index);
        match view.held {
            Some(held) if !taken => {
                self.note_name(held.name, now);
                self.note_state(held, now);
                PortAction::Stay
            }
            _ => {
                self.held = None;
                self.called = self.name;
                self.try_at = now;
                self.pause = BACKOFF_MIN;
                self.failed_on = None;
                PortAction::Detach
            }
        }
    }

    /// Notes that the port was attached.
    pub(super) fn attached(&mut self, index: u32) {
        self.held = Some(index);
        self.pause = BACKOFF_MIN;
        self.failed_on = None;
        self.changes.push(PortChange::Renewed(self.name));
    }

    /// Notes that attaching to the interface in this state failed.
    pub(super) fn failed(&mut self, on: LinkState, error: String, now: Instant) {
        self.failed_on = Some(on);
        self.try_at = now + self.pause;
        self.pause = (self.pause * 2).min(BACKOFF_MAX);
        self.set_inactive(InactiveReason::NotAttached(error), now);
    }

    /// Appends the changes since the last call.
    pub(super) fn take_changes(&mut self, now: Instant, out: &mut Vec<PortChange>) {
        if let CaptureState::Inactive { since, reason } = &self.state
            && !self.is_blind_reported
            && now.duration_since(*since) >= BLIND_AFTER
        {
            self.is_blind_reported = true;
            self.changes.push(PortChange::Blind { iface: self.name, since: *since, reason: reason.clone() });
        }
        if let Some(more) = self.limiter.held_back(now) {
            let state = match &self.state {
                CaptureState::Inactive { reason, .. } => format!("deaf ({reason})"),
                CaptureState::Active { .. } => "hearing".to_owned(),
            };
            self.changes.push(PortChange::Info(format!("{}: {more} more changes; it is {state} now", self.name)));
        }
        out.append(&mut self.changes);
    }

    fn look_for(&mut self, named: Option<LinkState>, now: Instant) -> PortAction {
        match named {
            None => self.set_inactive(InactiveReason::Removed, now),
            Some(link) if !link.is_up => self.set_inactive(InactiveReason::Down, now),
            // An attempt to attach changes the link itself and causes a notification, which must not trigger the next
            // attempt.
            Some(link) if now >= self.try_at || self.failed_on.is_none_or(|failed| failed != link) => {
                return PortAction::Attach;
            }
            Some(_) => {}
        }
        PortAction::Stay
    }

    fn note_name(&mut self, name: Iface, now: Instant) {
        if std::mem::replace(&mut self.called, name) == name {
            return;
        }
        let text = if name == self.name {
            format!("{name} has its name back")
        } else {
            format!("{} is called {name} now; it is still heard as {}", self.name, self.name)
        };
        self.report(LineKind::Name, PortChange::Info(text), now);
    }

    fn note_state(&mut self, held: LinkState, now: Instant) {
        match held {
            LinkState { is_up: false, .. } => self.set_inactive(InactiveReason::Down, now),
            LinkState { has_carrier: false, .. } => self.set_inactive(InactiveReason::NoCarrier, now),
            _ => self.set_active(now),
        }
    }

    fn set_active(&mut self, now: Instant) {
        let CaptureState::Inactive { since, .. } = self.state else { return };
        self.state = CaptureState::Active { since: now };
        let deaf_s = now.duration_since(since).as_secs();
        let change = PortChange::Info(format!("{} hears again; it was deaf for {deaf_s} s", self.name));
        // The end of a reported outage has a rate limit of its own, so that it is not held back.
        let kind = if std::mem::take(&mut self.is_blind_reported) { LineKind::AfterBlind } else { LineKind::Active };
        self.report(kind, change, now);
    }

    fn set_inactive(&mut self, reason: InactiveReason, now: Instant) {
        let since = match &self.state {
            CaptureState::Inactive { reason: known, .. } if *known == reason => return,
            CaptureState::Inactive { since, .. } => *since,
            CaptureState::Active { .. } => now,
        };
        let name = self.name;
        let (kind, text) = match &reason {
            InactiveReason::Down => (LineKind::Down, format!("{name} is down: nothing is heard there until it is up")),
            InactiveReason::NoCarrier => (LineKind::Carrier, format!("{name} has no carrier: nothing is heard there")),
            InactiveReason::NotAttached(error) => (LineKind::Attach, format!("{error}; tried again within a minute")),
            InactiveReason::Removed => (LineKind::Removed, format!("{name} was removed: waiting for it to come back")),
        };
        self.state = CaptureState::Inactive { since, reason };
        self.report(kind, PortChange::Warning(text), now);
    }

    fn report(&mut self, kind: LineKind, change: PortChange, now: Instant) {
        if self.limiter.may_log(kind, now) {
            self.changes.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Iface {
        Iface::new(text).expect("a name")
    }

    fn link(index: u32, text: &str) -> LinkState {
        LinkState { index, name: name(text), is_up: true, has_carrier: true }
    }

    /// A port `eth1` on interface 3, and its clock.
    struct PortHarness {
        life: PortLife,
        now: Instant,
    }

    impl PortHarness {
        fn new() -> Self {
            let now = Instant::now();
            Self { life: PortLife::new(name("eth1"), 3, now), now }
        }

        fn after(&mut self, s: u64) -> &mut Self {
            self.now += Duration::from_secs(s);
            self
        }

        #[track_caller]
        fn sees(&mut self, named: Option<LinkState>, held: Option<LinkState>, order: PortAction) -> &mut Self {
            assert_eq!(self.life.look(PortView { named, held }, self.now), order);
            self
        }

        #[track_caller]
        fn says(&mut self, expected: &[&str]) -> &mut Self {
            let mut change = Vec::new();
            self.life.take_changes(self.now, &mut change);
            let words = change.into_iter().map(|change| match change {
                PortChange::Blind { reason, since, .. } => {
                    format!("blind for {} s: {reason}", self.now.duration_since(since).as_secs())
                }
                PortChange::Info(text) | PortChange::Warning(text) => text,
                PortChange::Renewed(iface) => format!("{iface} renewed"),
                PortChange::Addresses => "other addresses".to_owned(),
            });
            assert_eq!(words.collect::<Vec<_>>(), expected);
            self
        }

        fn attached(&mut self, index: u32) -> &mut Self {
            self.life.attached(index);
            self
        }

        fn failed(&mut self, on: LinkState) -> &mut Self {
            self.life.failed(on, "eth1: no".to_owned(), self.now);
            self
        }
    }

    #[test]
    fn a_removed_interface_is_attached_again_when_it_is_back() {
        let new = link(4, "eth1");
        PortHarness::new()
            .sees(Some(link(3, "eth1")), Some(link(3, "eth1")), PortAction::Stay)
            .says(&[])
            .sees(None, None, PortAction::Detach)
            .sees(None, None, PortAction::Stay)
            .says(&["eth1 was removed: waiting for it to come back"])
            .after(5)
            .sees(Some(new), None, PortAction::Attach)
            .attached(4)
            .sees(Some(new), Some(new), PortAction::Stay)
            .says(&["eth1 renewed", "eth1 hears again; it was deaf for 5 s"]);
    }

    #[test]
    fn an_interface_that_is_replaced_at_once_is_attached_again() {
        let new = link(4, "eth1");
        PortHarness::new()
            .sees(Some(new), None, PortAction::Detach)
            .sees(Some(new), None, PortAction::Attach)
            .attached(4)
            .sees(Some(new), Some(new), PortAction::Stay)
            .says(&["eth1 renewed"]);
    }

    #[test]
    fn a_renamed_interface_stays_the_port_until_another_gets_its_name() {
        PortHarness::new()
            .sees(None, Some(link(3, "eth9")), PortAction::Stay)
            .says(&["eth1 is called eth9 now; it is still heard as eth1"])
            .after(61)
            .sees(Some(link(3, "eth1")), Some(link(3, "eth1")), PortAction::Stay)
            .says(&["eth1 has its name back"])
            .after(61)
            .sees(None, Some(link(3, "eth9")), PortAction::Stay)
            .says(&["eth1 is called eth9 now; it is still heard as eth1"])
            .sees(Some(link(7, "eth1")), Some(link(3, "eth9")), PortAction::Detach)
            .sees(Some(link(7, "eth1")), None, PortAction::Attach);
    }

    #[test]
    fn down_and_no_carrier_are_distinguished() {
        let down = LinkState { is_up: false, has_carrier: false, ..link(3, "eth1") };
        let dark = LinkState { has_carrier: false, ..link(3, "eth1") };
        let up = link(3, "eth1");
        PortHarness::new()
            .sees(Some(down), Some(down), PortAction::Stay)
            .sees(Some(down), Some(down), PortAction::Stay)
            .says(&["eth1 is down: nothing is heard there until it is up"])
            .after(1)
            .sees(Some(dark), Some(dark), PortAction::Stay)
            .says(&["eth1 has no carrier: nothing is heard there"])
            .after(1)
            .sees(Some(up), Some(up), PortAction::Stay)
            .says(&["eth1 hears again; it was deaf for 2 s"]);
    }

    #[test]
    fn an_outage_is_reported_as_blind_once() {
        let dark = LinkState { has_carrier: false, ..link(3, "eth1") };
        let up = link(3, "eth1");
        PortHarness::new()
            .sees(Some(dark), Some(dark), PortAction::Stay)
            .says(&["eth1 has no carrier: nothing is heard there"])
            .after(59)
            .says(&[])
            .after(1)
            .says(&["blind for 60 s: no carrier"])
            .after(600)
            .says(&[])
            .sees(Some(up), Some(up), PortAction::Stay)
            .says(&["eth1 hears again; it was deaf for 660 s"])
            .sees(Some(dark), Some(dark), PortAction::Stay)
            .after(60)
            .says(&["eth1 has no carrier: nothing is heard there", "blind for 60 s: no carrier"]);
    }

    #[test]
    fn an_outage_whose_reason_changes_is_one_outage() {
        let down = LinkState { is_up: false, has_carrier: false, ..link(3, "eth1") };
        PortHarness::new()
            .sees(Some(down), Some(down), PortAction::Stay)
            .says(&["eth1 is down: nothing is heard there until it is up"])
            .after(40)
            .sees(None, None, PortAction::Detach)
            .sees(None, None, PortAction::Stay)
            .says(&["eth1 was removed: waiting for it to come back"])
            .after(20)
            .says(&["blind for 60 s: removed"]);
    }

    #[test]
    fn the_pauses_between_attempts_double_up_to_a_minute() {
        let there = link(4, "eth1");
        let mut harness = PortHarness::new();
        harness.sees(Some(there), None, PortAction::Detach).sees(Some(there), None, PortAction::Attach).failed(there);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            harness.after(pause - 1).sees(Some(there), None, PortAction::Stay);
            harness.after(1).sees(Some(there), None, PortAction::Attach).failed(there);
        }
        // Its state changed: it is tried at once.
        harness.sees(Some(link(5, "eth1")), None, PortAction::Attach);
    }

    #[test]
    fn messages_about_a_flapping_port_are_limited_and_counted() {
        let (down, up) = (LinkState { is_up: false, has_carrier: false, ..link(3, "eth1") }, link(3, "eth1"));
        let mut harness = PortHarness::new();
        for _ in 0..100 {
            harness.sees(Some(down), Some(down), PortAction::Stay).sees(Some(up), Some(up), PortAction::Stay);
        }
        harness
            .says(&["eth1 is down: nothing is heard there until it is up", "eth1 hears again; it was deaf for 0 s"])
            .after(60)
            .says(&["eth1: 198 more changes; it is hearing now"])
            .after(60)
            .says(&[]);
    }
}
