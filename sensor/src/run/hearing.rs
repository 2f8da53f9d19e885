//! What limits or changes what the sensor hears: losses, ports that are down, questions that cannot be sent, addresses of
//! this machine that come and go.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::capture::iface::addresses::{Addresses, addresses};
use crate::pipeline;
use crate::run::sensor::{ADDRESSES_EVERY, LOSS_EVERY, Sensor};
use crate::run::world::World;
use crate::run::{ports, speakers, status};
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::event::Kind;
use sensor_core::types::Timestamp;

impl Sensor {
    /// Gives the capture the prefixes in which every frame counts as a sign of life, when they have changed.
    pub(super) fn watch_prefixes(&mut self) -> Result<(), Failure> {
        let World { capture, intake, local, .. } = &mut self.world;
        let watched = local.prefixes(intake.core.correlator.learned_prefixes());
        if watched != self.watched {
            capture.watch(&watched, &local.own)?;
            self.watched = watched;
        }
        Ok(())
    }

    /// Frames that were lost since the last time: no host counts as gone for having been silent, and an event tells of them.
    pub(super) fn check_losses(&mut self, now: Timestamp) -> Result<(), Failure> {
        let counters = self.world.capture.counters()?;
        let losses = status::losses(&self.counters, &counters);
        if losses.is_empty() {
            self.counters = counters;
            return Ok(());
        }
        self.world.intake.set_deaf(now);
        if now >= self.loss_due {
            self.loss_due = now.after(LOSS_EVERY);
            self.world.intake.emit(Kind::SensorLoss, now, losses);
            self.counters = counters;
        }
        Ok(())
    }

    /// While a port is down or questions cannot be sent, no host counts as gone for having been silent.
    pub(super) fn check_hearing(&mut self, now: Timestamp) {
        if !self.world.capture.all_active() {
            self.world.intake.set_deaf(now);
        }
        self.world.intake.set_utc_offset_s(self.world.clock.utc_offset_s());
        let prober = self.world.prober.as_ref();
        let failed = prober.map_or(0, |prober| prober.counts().failed_total.load(Ordering::Relaxed));
        let is_failing = std::mem::replace(&mut self.failed_probes, failed) != failed;
        if is_failing {
            self.world.intake.set_deaf(now);
        }
        if is_failing || self.is_due(self.addresses_due, now) || !self.world.speakers.are_ready() {
            self.look_at_addresses(now, is_failing);
        }
    }

    /// Reads this machine's addresses: they decide which networks are its own, who is asked, and by whom.
    pub(super) fn look_at_addresses(&mut self, now: Timestamp, is_failing: bool) {
        self.addresses_due = now.after(ADDRESSES_EVERY);
        let World { intake, local, alias, .. } = &mut self.world;
        // When they cannot be read, everything stays as it was.
        let here = addresses().ok();
        if let Some(here) = &here {
            local.renew(here);
            intake.add_own(BTreeSet::new(), here.ips());
            intake.core.correlator.set_prefixes(local.homes(*alias));
        }
        self.look_at_speakers(here.as_ref(), now, is_failing);
    }

    /// An interface that asks may have been made anew, with another number, MAC or addresses.
    fn look_at_speakers(&mut self, here: Option<&Addresses>, now: Timestamp, is_failing: bool) {
        let World { intake, prober: Some(prober), speakers, asking, .. } = &mut self.world else { return };
        let is_changed = speakers.look(now, &mut |known| speakers::find(known, here));
        ports::report(speakers.take_changes(), intake, now);
        if is_changed {
            // Before the new station's first frame, which is the sensor's own.
            if let Some(here) = here {
                intake.add_own(here.macs(), here.ips());
            }
            intake.core.set_policy(pipeline::speakers::policy(&speakers.all(), asking), now);
        }
        if is_changed || is_failing {
            prober.set_speakers(speakers.all());
        }
    }

    /// Writes the sightings log; a failure is reported once.
    pub(super) fn flush_sightings(&mut self) {
        match self.world.intake.flush_log() {
            Ok(()) => self.log_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.log_failing, true) {
                    notice::error(&format!("the sightings log cannot be written: {error}; make room for it"));
                }
            }
        }
    }
}
