//! The life of one port: when its interface goes, comes back, changes its name or falls silent, what is to be done about
//! it and what is said. Pure: time and the look of the world are arguments, the deeds are [`crate::capture::live`]'s.
//!
//! **The rule of names.** A port is the interface that bears its configured name. Renamed, the interface stays the port
//! and is heard under the configured name, until another interface bears that name: then that one is the port.

use crate::capture::port_lines::{Kind, Lines};
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use sensor_core::types::Iface;

/// A port that hears nothing for so long is blind, and the sensor says so.
pub const BLIND_AFTER: Duration = Duration::from_secs(60);
/// The first pause after an attach that failed; each further one is twice as long.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Why a port is deaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The interface is administratively down.
    Down,
    /// The interface has no carrier.
    NoCarrier,
    /// The interface is there, but cannot be attached to: the error.
    NotAttached(String),
    /// There is no interface of that name.
    Removed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::NoCarrier => f.write_str("no carrier"),
            Self::NotAttached(error) => write!(f, "not attached: {error}"),
            Self::Removed => f.write_str("removed"),
        }
    }
}

/// Whether a port hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It hears nothing.
    Deaf {
        /// Since then.
        since: Instant,
        /// Why.
        reason: Reason,
    },
    /// It hears.
    Hears {
        /// Since then.
        since: Instant,
    },
}

/// What a port has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An interface of this box has other addresses.
    Addresses,
    /// It has been deaf for [`BLIND_AFTER`]; told once for each time it is.
    Blind {
        /// The port.
        iface: Iface,
        /// Deaf since then.
        since: Instant,
        /// Why.
        reason: Reason,
    },
    /// For the operator: a change for the better, or a harmless one.
    Info(String),
    /// The port was attached anew: stations of this box may have changed with it.
    Renewed(Iface),
    /// For the operator: a change for the worse.
    Warning(String),
}

/// An interface as it looks now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The kernel's number for it.
    pub(super) index: u32,
    /// Its name.
    pub(super) name: Iface,
    /// Whether it is administratively up.
    pub(super) is_up: bool,
    /// Whether it has a carrier.
    pub(super) has_carrier: bool,
}

/// What a port sees of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The interface that bears the port's name.
    pub(super) named: Option<Link>,
    /// The interface that the port is attached to, if it is still there and the attachment with it.
    pub(super) held: Option<Link>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Attach to the interface that bears the name, and say how it went.
    Attach,
    /// Let go of what is held.
    Detach,
    /// Nothing.
    Stay,
}

/// One port's life.
#[derive(Debug)]
pub(super) struct Life {
    name: Iface,
    /// The interface that it is attached to.
    held: Option<u32>,
    /// The name of what it is attached to, as last said.
    called: Iface,
    hearing: Hearing,
    is_blind_told: bool,
    pause: Duration,
    try_at: Instant,
    /// What the interface looked like when an attach failed last: only a change of that is worth hurrying for.
    failed_on: Option<Link>,
    lines: Lines,
    news: Vec<News>,
}

impl Life {
    /// A port that was just attached to the interface of this number.
    pub(super) fn new(name: Iface, index: u32, now: Instant) -> Self {
        Self {
            name,
            held: Some(index),
            called: name,
            hearing: Hearing::Hears { since: now },
            is_blind_told: false,
            pause: BACKOFF_MIN,
            try_at: now,
            failed_on: None,
            lines: Lines::default(),
            news: Vec::new(),
        }
    }

    /// Whether it hears.
    pub(super) fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// The interface that it is attached to.
    pub(super) fn held(&self) -> Option<u32> {
        self.held
    }

    /// Weighs what it sees, and what is to be done about it. Whoever obeys `Detach` or `Attach` looks again.
    pub(super) fn look(&mut self, view: View, now: Instant) -> Order {
        let Some(index) = self.held else { return self.look_for(view.named, now) };
        let taken = view.named.is_some_and(|named| named.index != index);
        match view.held {
            Some(held) if !taken => {
                self.note_name(held.name, now);
                self.note_state(held, now);
                Order::Stay
            }
            _ => {
                self.held = None;
                self.called = self.name;
                self.try_at = now;
                self.pause = BACKOFF_MIN;
                self.failed_on = None;
                Order::Detach
            }
        }
    }

    /// It was attached.
    pub(super) fn attached(&mut self, index: u32) {
        self.held = Some(index);
        self.pause = BACKOFF_MIN;
        self.failed_on = None;
        self.news.push(News::Renewed(self.name));
    }

    /// It could not be attached to what looked so.
    pub(super) fn failed(&mut self, on: Link, error: String, now: Instant) {
        self.failed_on = Some(on);
        self.try_at = now + self.pause;
        self.pause = (self.pause * 2).min(BACKOFF_MAX);
        self.deafen(Reason::NotAttached(error), now);
    }

    /// What there is to say since the last call.
    pub(super) fn take_news(&mut self, now: Instant, out: &mut Vec<News>) {
        if let Hearing::Deaf { since, reason } = &self.hearing
            && !self.is_blind_told
            && now.duration_since(*since) >= BLIND_AFTER
        {
            self.is_blind_told = true;
            self.news.push(News::Blind { iface: self.name, since: *since, reason: reason.clone() });
        }
        if let Some(more) = self.lines.held_back(now) {
            let state = match &self.hearing {
                Hearing::Deaf { reason, .. } => format!("deaf ({reason})"),
                Hearing::Hears { .. } => "hearing".to_owned(),
            };
            self.news.push(News::Info(format!("{}: {more} more changes; it is {state} now", self.name)));
        }
        out.append(&mut self.news);
    }

    fn look_for(&mut self, named: Option<Link>, now: Instant) -> Order {
        match named {
            None => self.deafen(Reason::Removed, now),
            Some(link) if !link.is_up => self.deafen(Reason::Down, now),
            // An attach changes flags itself, so that a message about the link alone is no reason to hurry.
            Some(link) if now >= self.try_at || self.failed_on.is_none_or(|failed| failed != link) => {
                return Order::Attach;
            }
            Some(_) => {}
        }
        Order::Stay
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
        self.say(Kind::Name, News::Info(text), now);
    }

    fn note_state(&mut self, held: Link, now: Instant) {
        match held {
            Link { is_up: false, .. } => self.deafen(Reason::Down, now),
            Link { has_carrier: false, .. } => self.deafen(Reason::NoCarrier, now),
            _ => self.hear(now),
        }
    }

    fn hear(&mut self, now: Instant) {
        let Hearing::Deaf { since, .. } = self.hearing else { return };
        self.hearing = Hearing::Hears { since: now };
        let deaf_s = now.duration_since(since).as_secs();
        let news = News::Info(format!("{} hears again; it was deaf for {deaf_s} s", self.name));
        // Whoever was told that the port is blind is told of the end.
        let kind = if std::mem::take(&mut self.is_blind_told) { Kind::Sight } else { Kind::Hear };
        self.say(kind, news, now);
    }

    fn deafen(&mut self, reason: Reason, now: Instant) {
        let since = match &self.hearing {
            Hearing::Deaf { reason: known, .. } if *known == reason => return,
            Hearing::Deaf { since, .. } => *since,
            Hearing::Hears { .. } => now,
        };
        let name = self.name;
        let (kind, text) = match &reason {
            Reason::Down => (Kind::Down, format!("{name} is down: nothing is heard there until it is up")),
            Reason::NoCarrier => (Kind::Carrier, format!("{name} has no carrier: nothing is heard there")),
            Reason::NotAttached(error) => (Kind::Attach, format!("{error}; tried again within a minute")),
            Reason::Removed => (Kind::Removed, format!("{name} was removed: waiting for it to come back")),
        };
        self.hearing = Hearing::Deaf { since, reason };
        self.say(kind, News::Warning(text), now);
    }

    fn say(&mut self, kind: Kind, news: News, now: Instant) {
        if self.lines.may_say(kind, now) {
            self.news.push(news);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Iface {
        Iface::new(text).expect("a name")
    }

    fn link(index: u32, text: &str) -> Link {
        Link { index, name: name(text), is_up: true, has_carrier: true }
    }

    /// A port `eth1` on interface 3, and the clock.
    struct Story {
        life: Life,
        now: Instant,
    }

    impl Story {
        fn new() -> Self {
            let now = Instant::now();
            Self { life: Life::new(name("eth1"), 3, now), now }
        }

        fn after(&mut self, s: u64) -> &mut Self {
            self.now += Duration::from_secs(s);
            self
        }

        #[track_caller]
        fn sees(&mut self, named: Option<Link>, held: Option<Link>, order: Order) -> &mut Self {
            assert_eq!(self.life.look(View { named, held }, self.now), order);
            self
        }

        #[track_caller]
        fn says(&mut self, expected: &[&str]) -> &mut Self {
            let mut news = Vec::new();
            self.life.take_news(self.now, &mut news);
            let words = news.into_iter().map(|news| match news {
                News::Blind { reason, since, .. } => {
                    format!("blind for {} s: {reason}", self.now.duration_since(since).as_secs())
                }
                News::Info(text) | News::Warning(text) => text,
                News::Renewed(iface) => format!("{iface} renewed"),
                News::Addresses => "other addresses".to_owned(),
            });
            assert_eq!(words.collect::<Vec<_>>(), expected);
            self
        }

        fn attached(&mut self, index: u32) -> &mut Self {
            self.life.attached(index);
            self
        }

        fn failed(&mut self, on: Link) -> &mut Self {
            self.life.failed(on, "eth1: no".to_owned(), self.now);
            self
        }
    }

    #[test]
    fn removed_and_created_anew() {
        let new = link(4, "eth1");
        Story::new()
            .sees(Some(link(3, "eth1")), Some(link(3, "eth1")), Order::Stay)
            .says(&[])
            .sees(None, None, Order::Detach)
            .sees(None, None, Order::Stay)
            .says(&["eth1 was removed: waiting for it to come back"])
            .after(5)
            .sees(Some(new), None, Order::Attach)
            .attached(4)
            .sees(Some(new), Some(new), Order::Stay)
            .says(&["eth1 renewed", "eth1 hears again; it was deaf for 5 s"]);
    }

    #[test]
    fn a_port_that_comes_back_at_once_under_another_number() {
        let new = link(4, "eth1");
        Story::new()
            .sees(Some(new), None, Order::Detach)
            .sees(Some(new), None, Order::Attach)
            .attached(4)
            .sees(Some(new), Some(new), Order::Stay)
            .says(&["eth1 renewed"]);
    }

    #[test]
    fn renamed_it_is_held_until_another_bears_its_name() {
        Story::new()
            .sees(None, Some(link(3, "eth9")), Order::Stay)
            .says(&["eth1 is called eth9 now; it is still heard as eth1"])
            .after(61)
            .sees(Some(link(3, "eth1")), Some(link(3, "eth1")), Order::Stay)
            .says(&["eth1 has its name back"])
            .after(61)
            .sees(None, Some(link(3, "eth9")), Order::Stay)
            .says(&["eth1 is called eth9 now; it is still heard as eth1"])
            .sees(Some(link(7, "eth1")), Some(link(3, "eth9")), Order::Detach)
            .sees(Some(link(7, "eth1")), None, Order::Attach);
    }

    #[test]
    fn down_and_without_a_carrier_are_told_apart() {
        let down = Link { is_up: false, has_carrier: false, ..link(3, "eth1") };
        let dark = Link { has_carrier: false, ..link(3, "eth1") };
        let up = link(3, "eth1");
        Story::new()
            .sees(Some(down), Some(down), Order::Stay)
            .sees(Some(down), Some(down), Order::Stay)
            .says(&["eth1 is down: nothing is heard there until it is up"])
            .after(1)
            .sees(Some(dark), Some(dark), Order::Stay)
            .says(&["eth1 has no carrier: nothing is heard there"])
            .after(1)
            .sees(Some(up), Some(up), Order::Stay)
            .says(&["eth1 hears again; it was deaf for 2 s"]);
    }

    #[test]
    fn blind_once_with_the_reason_and_since_when() {
        let dark = Link { has_carrier: false, ..link(3, "eth1") };
        let up = link(3, "eth1");
        Story::new()
            .sees(Some(dark), Some(dark), Order::Stay)
            .says(&["eth1 has no carrier: nothing is heard there"])
            .after(59)
            .says(&[])
            .after(1)
            .says(&["blind for 60 s: no carrier"])
            .after(600)
            .says(&[])
            .sees(Some(up), Some(up), Order::Stay)
            .says(&["eth1 hears again; it was deaf for 660 s"])
            .sees(Some(dark), Some(dark), Order::Stay)
            .after(60)
            .says(&["eth1 has no carrier: nothing is heard there", "blind for 60 s: no carrier"]);
    }

    #[test]
    fn a_deafness_that_changes_its_reason_is_one() {
        let down = Link { is_up: false, has_carrier: false, ..link(3, "eth1") };
        Story::new()
            .sees(Some(down), Some(down), Order::Stay)
            .says(&["eth1 is down: nothing is heard there until it is up"])
            .after(40)
            .sees(None, None, Order::Detach)
            .sees(None, None, Order::Stay)
            .says(&["eth1 was removed: waiting for it to come back"])
            .after(20)
            .says(&["blind for 60 s: removed"]);
    }

    #[test]
    fn the_pauses_between_attempts_double_up_to_a_minute() {
        let there = link(4, "eth1");
        let mut story = Story::new();
        story.sees(Some(there), None, Order::Detach).sees(Some(there), None, Order::Attach).failed(there);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            story.after(pause - 1).sees(Some(there), None, Order::Stay);
            story.after(1).sees(Some(there), None, Order::Attach).failed(there);
        }
        // It changed: at once.
        story.sees(Some(link(5, "eth1")), None, Order::Attach);
    }

    #[test]
    fn a_flapping_port_says_little_and_then_how_often() {
        let (down, up) = (Link { is_up: false, has_carrier: false, ..link(3, "eth1") }, link(3, "eth1"));
        let mut story = Story::new();
        for _ in 0..100 {
            story.sees(Some(down), Some(down), Order::Stay).sees(Some(up), Some(up), Order::Stay);
        }
        story
            .says(&["eth1 is down: nothing is heard there until it is up", "eth1 hears again; it was deaf for 0 s"])
            .after(60)
            .says(&["eth1: 198 more changes; it is hearing now"])
            .after(60)
            .says(&[]);
    }
}
