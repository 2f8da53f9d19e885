//! What comes in (frames, answers, presence) and what goes out to the prober.

use std::time::Duration;

use crate::capture::error::CaptureError;
use crate::capture::presence::Seen;
use crate::pipeline::speakers::Alias;
use crate::probe::prober::Prober;
use crate::run::ports;
use crate::run::sensor::{HEARD_EVERY, Sensor};
use crate::run::world::World;
use crate::terminal::failure::Failure;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Frame, Segment, Timestamp};

/// Frames taken from the capture before the loop looks at anything else.
const FRAMES_PER_TURN: usize = 4096;
/// Answers taken from the prober before the loop looks at anything else.
const ANSWERS_PER_TURN: usize = 256;
/// Questions handed to the prober in one turn.
const PROBES_PER_TURN: usize = 256;
/// How long frames that the kernel still holds at the end are taken in.
const REST_MAX: Duration = Duration::from_secs(1);

impl Sensor {
    /// Takes in frames, and what the capture reports of its ports.
    pub(super) fn take_frames(&mut self, ready: Result<(), CaptureError>) -> Result<(), Failure> {
        ready?;
        let World { clock, capture, intake, alias, .. } = &mut self.world;
        let now = clock.now();
        let mut sink = |frame: Frame<'_>| intake.take(&filed(frame, *alias), now);
        capture.drain(clock.boot_to_wall_ns(), FRAMES_PER_TURN, &mut sink)?;
        if ports::report(capture.take_changes(), intake, now) {
            // Before the next frame: its sender may belong to a network that this machine is attached to only now.
            self.look_at_addresses(now, false);
        }
        Ok(())
    }

    /// Takes in an answer and those that wait behind it.
    pub(super) fn take_answers(&mut self, first: Sighting) {
        let World { clock, intake, prober, .. } = &mut self.world;
        let now = clock.now();
        let mut next = Some(first);
        for _ in 0..ANSWERS_PER_TURN {
            let Some(sighting) = next else { return };
            intake.observe(sighting, now);
            next = prober.as_mut().and_then(Prober::try_answer);
        }
        if let Some(sighting) = next {
            intake.observe(sighting, now);
        }
    }

    /// Hands the prober the questions that are due, as far as it has room.
    pub(super) fn ask(&mut self, now: Timestamp) {
        let World { capture, intake, alias, prober: Some(prober), .. } = &mut self.world else { return };
        self.probes.clear();
        intake.plan(now, prober.room().min(PROBES_PER_TURN), &mut self.probes);
        for probe in self.probes.drain(..) {
            if probe.question.is_frame() {
                // The kernel is to let the answer through, although it may have seen the same frame lately.
                capture.forget(probe.segment, probe.ip);
                // The answer to a question about a mirror port's segment arrives at the port that asks for it.
                if let Some(Alias { speaker, mirror }) = *alias
                    && probe.segment.iface == mirror
                {
                    capture.forget(Segment { iface: speaker, ..probe.segment }, probe.ip);
                }
            }
            // The prober has room, and nobody else uses it.
            drop(prober.ask(probe));
        }
    }

    /// Takes in which stations sent frames of any kind since the last time.
    pub(super) fn take_presence(&mut self, now: Timestamp) -> Result<(), Failure> {
        if !self.is_due(self.heard_due, now) {
            return Ok(());
        }
        self.heard_due = now.after(HEARD_EVERY);
        let World { clock, capture, intake, alias, .. } = &mut self.world;
        let mut sink = |seen: Seen| {
            let segment = filed_segment(seen.segment, *alias);
            let sighting = Sighting::of_presence(segment, seen.mac, seen.ip, seen.frames, seen.bytes, seen.at);
            intake.observe(sighting, now);
        };
        Ok(capture.presence(now, clock.boot_to_wall_ns(), &mut sink)?)
    }

    /// Takes in the frames that the kernel holds when the end comes.
    pub(super) fn take_rest(&mut self) -> Result<(), Failure> {
        let World { clock, capture, intake, alias, .. } = &mut self.world;
        let until = clock.now().after(REST_MAX);
        loop {
            let now = clock.now();
            let mut sink = |frame: Frame<'_>| intake.take(&filed(frame, *alias), now);
            if !capture.drain(clock.boot_to_wall_ns(), FRAMES_PER_TURN, &mut sink)? || now > until {
                return Ok(());
            }
        }
    }
}

/// The frame on the segment under which its sender is filed.
fn filed<'a>(frame: Frame<'a>, alias: Option<Alias>) -> Frame<'a> {
    Frame { segment: filed_segment(frame.segment, alias), ..frame }
}

fn filed_segment(segment: Segment, alias: Option<Alias>) -> Segment {
    match alias {
        Some(Alias { speaker, mirror }) if segment.iface == speaker => Segment { iface: mirror, ..segment },
        _ => segment,
    }
}
