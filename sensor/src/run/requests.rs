//! What the running sensor is asked by people: status, mutes, SIGHUP.

use crate::config;
use crate::control;
use crate::control::{Answer, Request};
use crate::run::Sensor;
use crate::run::status;
use crate::run::status::Status;
use crate::terminal::notice;
use sensor_core::types::Timestamp;
use std::io::Write as _;
use tokio::net::UnixStream;

impl Sensor {
    pub(crate) fn reopen(&mut self) {
        self.world.outbox.reopen();
        if let Err(error) = self.world.intake.reopen_log() {
            notice::error(&format!("the sightings log cannot be opened anew: {error}"));
        }
        match config::run::Reloaded::new(self.world.file.as_deref()) {
            Ok(config::run::Reloaded { policy, allow }) => {
                self.world.intake.judge.set_policy(policy);
                self.world.intake.desk.correlator.set_allow(allow);
                notice::info(
                    "files opened anew; policy and allow lists read anew; the rest is read at start: restart to change it",
                );
            }
            Err(error) => notice::error(&format!("files opened anew; the policy stays as it was: {error}")),
        }
    }

    /// Does what was asked; what changes something is answered when it is on disk.
    pub(crate) fn obey(&mut self, stream: UnixStream, line: &str) {
        let now = self.world.clock.now();
        let answer = match serde_json::from_str(line) {
            Ok(request @ (Request::Join { .. } | Request::Split { .. })) => {
                crate::control::host::apply(&mut self.world.intake.desk.correlator, &request)
            }
            Ok(request) => crate::control::mute::apply(self.world.intake.judge.mutes_mut(), request, now),
            Err(error) => Answer::Refused { why: format!("not understood: {error}; is it another version of sensor?") },
        };
        match answer {
            Answer::Refused { .. } => control::answer(stream, &answer),
            Answer::Ended { .. } | Answer::Host { .. } | Answer::Muted { .. } => self.answers.push((stream, answer)),
        }
    }

    pub(crate) fn tell_status(&self, stream: UnixStream) {
        // Who does not read what fits the socket's buffer does without.
        if let Some(line) = self.status_line(self.world.clock.now()) {
            drop(stream.into_std().and_then(|mut stream| stream.write_all(format!("{line}\n").as_bytes())));
        }
    }

    pub(crate) fn print_status(&mut self, now: Timestamp) {
        if let Some(line) = self.status_line(now) {
            self.world.outbox.remark(&line);
        }
    }

    /// Nothing when the counters cannot be read, which the next look at them makes an error of.
    pub(crate) fn status_line(&self, now: Timestamp) -> Option<String> {
        let accounts = self.world.capture.accounts().ok()?;
        let learned: Vec<_> = self.world.intake.desk.correlator.learned_prefixes().collect();
        Some(status::line(&Status {
            at: now,
            uptime_s: now.since(self.started).as_secs(),
            ports: &self.world.capture.ports(),
            accounts: &accounts,
            watched: &self.world.watch.origins(learned.iter().copied()),
            malformed_total: self.world.intake.malformed_total,
            evictions_total: self.world.intake.desk.correlator.evictions_total(),
            events_unsaved: (self.waiting.len() + self.in_flight.len()) as u64,
            sinks: &self.world.outbox.status(),
            asking: self.world.prober.as_ref().map(|prober| prober.counts().read()).zip(self.world.intake.answers()),
            sightings_dropped_total: self.world.intake.sightings_dropped_total(),
            mutes: self.world.intake.judge.mutes(),
            events_lost_total: self.waiting_lost,
        }))
    }
}
