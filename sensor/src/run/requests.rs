//! What people ask of the running sensor: its figures, changes of mutes and hosts, and SIGHUP.

use tokio::net::UnixStream;

use crate::config::run::Reloaded;
use crate::control;
use crate::control::exchange;
use crate::control::request::{Request, Response};
use crate::run::sensor::Sensor;
use crate::run::status::{self, StatusFigures};
use crate::terminal::notice;
use sensor_core::types::Timestamp;

impl Sensor {
    /// SIGHUP: opens files anew after a log rotation, and reads what of the configuration can change while it runs.
    pub(super) fn reopen(&mut self) {
        self.world.outbox.reopen();
        if let Err(error) = self.world.intake.reopen_log() {
            notice::error(&format!("the sightings log cannot be opened anew: {error}"));
        }
        match Reloaded::new(self.world.file.as_deref()) {
            Ok(Reloaded { policy, allow }) => {
                self.world.intake.judge.set_policy(policy);
                self.world.intake.core.correlator.set_allow(allow);
                notice::info(
                    "files opened anew; policy and allow lists read anew; the rest is read at start: restart to change it",
                );
            }
            Err(error) => notice::error(&format!("files opened anew; the policy stays as it was: {error}")),
        }
    }

    /// Carries out a request. A change is answered when it is in the database, a refusal at once.
    pub(super) fn obey(&mut self, stream: UnixStream, line: &str) {
        let now = self.world.clock.now();
        let intake = &mut self.world.intake;
        let answer = match serde_json::from_str(line) {
            Ok(request @ (Request::Join { .. } | Request::Split { .. })) => {
                control::host::apply(&mut intake.core.correlator, &request)
            }
            Ok(request) => control::mute::apply(intake.judge.mutes_mut(), request, now),
            Err(error) => {
                Response::Refused { why: format!("not understood: {error}; is it another version of sensor?") }
            }
        };
        match answer {
            Response::Refused { .. } => exchange::answer(stream, &answer),
            Response::Ended { .. } | Response::Host { .. } | Response::Muted { .. } => {
                self.answers.push((stream, answer));
            }
        }
    }

    /// Answers `sensor status`.
    pub(super) fn send_status(&self, stream: UnixStream) {
        if let Some(line) = self.status_line(self.world.clock.now()) {
            control::status::send(stream, &line);
        }
    }

    /// Shows the status line on standard output, with `--json`.
    pub(super) fn print_status(&mut self, now: Timestamp) {
        if let Some(line) = self.status_line(now) {
            self.world.outbox.remark(&line);
        }
    }

    /// The figures as a line of JSON. `None` when the counters cannot be read: reading them for losses, every second, ends the
    /// sensor with the error.
    fn status_line(&self, now: Timestamp) -> Option<String> {
        let accounts = self.world.capture.accounts().ok()?;
        let learned: Vec<_> = self.world.intake.core.correlator.learned_prefixes().collect();
        Some(status::line(&StatusFigures {
            at: now,
            uptime_s: now.since(self.started).as_secs(),
            ports: &self.world.capture.ports(),
            accounts: &accounts,
            watched: &self.world.local.origins(learned.iter().copied()),
            malformed_total: self.world.intake.malformed_total,
            evictions_total: self.world.intake.core.correlator.evictions_total(),
            events_unsaved: (self.waiting.len() + self.in_flight.len()) as u64,
            sinks: &self.world.outbox.status(),
            asking: self.world.prober.as_ref().map(|prober| prober.counts().read()).zip(self.world.intake.answers()),
            sightings_dropped_total: self.world.intake.sightings_dropped_total(),
            mutes: self.world.intake.judge.mutes(),
            events_lost_total: self.waiting_lost,
        }))
    }
}
