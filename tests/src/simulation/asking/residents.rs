//! Stories of hosts that answer, fall silent and come back, and of their services.

use sensor_core::inventory::event::Kind;

use super::machine::Word;
use super::script::Happening;
use super::teller::{MINUTE, Place, SECOND, Teller};

impl Teller {
    pub(super) fn resident(&mut self) {
        self.name("resident");
        let place = self.anywhere();
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.described(host, place, 0);
        self.tell_new(host);
        if self.rng.one_in(2) {
            self.chat(host, 240 * MINUTE, 7 * MINUTE);
        }
    }

    pub(super) fn leaver(&mut self) {
        self.name("leaver");
        let place = self.anywhere();
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.described(host, place, 0);
        self.tell_new(host);
        self.pause(MINUTE, 60 * MINUTE);
        self.leave(host);
        self.tell(Kind::HostGone, host, None);
    }

    pub(super) fn returner(&mut self) {
        self.name("returner");
        let place = self.anywhere();
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.tell_new(host);
        self.pause(MINUTE, 20 * MINUTE);
        self.leave(host);
        self.tell(Kind::HostGone, host, None);
        self.pause(75 * MINUTE, 100 * MINUTE);
        self.join(host, place);
        self.tell(Kind::HostBack, host, None);
        if place != Place::Far && self.rng.one_in(2) {
            self.pause(MINUTE, 10 * MINUTE);
            self.leave(host);
            self.tell(Kind::HostGone, host, None);
        }
    }

    /// Away for less time than it takes to be reported as gone.
    pub(super) fn short_absence(&mut self) {
        self.name("short absence");
        let place = if self.rng.one_in(2) { Place::Plain } else { Place::Watched };
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.tell_new(host);
        for _ in 0..1 + self.rng.below(4) {
            let until = self.now_ms + MINUTE + self.rng.below(5 * MINUTE);
            self.chat(host, until, 40 * SECOND);
            self.now_ms = until;
            self.delicate.push((until.saturating_sub(2 * MINUTE), until + 5 * MINUTE));
            self.leave(host);
            self.pause(SECOND, 150 * SECOND);
            self.join(host, place);
        }
    }

    /// It is known by its answers before its station is heard.
    pub(super) fn late_station(&mut self) {
        self.name("late station");
        let host = self.host(Place::Shy);
        self.happen(Happening::Join(host));
        self.tell(Kind::NewHost, host, None);
        self.stories_last().told[0].mac = None;
        self.pause(50 * MINUTE, 90 * MINUTE);
        self.say_often(host, Word::Announce(self.ip(host)));
    }

    /// It sends nothing by itself.
    pub(super) fn found(&mut self) {
        self.name("found");
        let place = if self.is_swept { Place::Plain } else { Place::Far };
        let host = self.host(place);
        if place == Place::Plain && self.rng.one_in(2) {
            // Too late for an answer, but the frame is captured.
            self.machines[host].late_ms = 7000;
        }
        self.happen(Happening::Join(host));
        self.tell_new(host);
        self.described(host, place, 0);
        if self.rng.one_in(2) {
            self.pause(50 * MINUTE, 70 * MINUTE);
            self.leave(host);
            self.tell(Kind::HostGone, host, None);
        }
    }

    pub(super) fn services(&mut self) {
        self.name("services");
        let host = self.host(Place::Watched);
        self.machines[host].lossy = self.rng.one_in(2);
        self.join(host, Place::Watched);
        self.tell_new(host);
        for _ in 0..1 + self.rng.below(2) {
            self.pause(48 * MINUTE, 52 * MINUTE);
            self.happen(Happening::Serve(host, 80, true));
            self.tell(Kind::ServiceOpened, host, None);
            self.pause(48 * MINUTE, 52 * MINUTE);
            self.happen(Happening::Serve(host, 80, false));
            self.tell(Kind::ServiceClosed, host, None);
        }
    }
}
