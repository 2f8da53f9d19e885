//! The prober, started when it is first needed: a quick look by frames or echo alone has no use for it.

use std::io;

use crate::probe::prober::{Equipment, Prober};
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::inventory::sighting::Sighting;

/// The prober, or what it will be made of.
#[derive(Debug)]
pub(super) struct Asker {
    equipment: Option<Equipment>,
    prober: Option<Prober>,
}

/// Until it has started, it is taken to have this much room.
const ROOM: usize = 64;

impl Asker {
    pub(super) fn new(equipment: Equipment) -> Self {
        Self { equipment: Some(equipment), prober: None }
    }

    /// How many questions can be taken now.
    pub(super) fn room(&self) -> usize {
        self.prober.as_ref().map_or(ROOM, Prober::room)
    }

    /// Hands a question over. The caller looked for room, and nobody else asks.
    pub(super) fn ask(&mut self, probe: Probe) -> io::Result<()> {
        if let Some(equipment) = self.equipment.take() {
            self.prober = Some(Prober::spawn_here(equipment)?);
        }
        drop(self.prober.as_ref().map(|prober| prober.ask(probe)));
        Ok(())
    }

    /// Whether every question is done with and every answer taken.
    pub(super) fn is_idle(&self) -> bool {
        self.prober.as_ref().is_none_or(Prober::is_idle)
    }

    /// The next answer; for ever pending while nothing was asked. Cancel-safe.
    pub(super) async fn answer(&mut self) -> Sighting {
        match &mut self.prober {
            Some(prober) => prober.answer().await,
            None => std::future::pending().await,
        }
    }

    /// An answer that is here already.
    pub(super) fn try_answer(&mut self) -> Option<Sighting> {
        self.prober.as_mut().and_then(Prober::try_answer)
    }
}
