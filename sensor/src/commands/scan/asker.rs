//! The prober, started when it is first needed: a scan by ARP or echo alone does not use it.

use std::io;

use crate::probe::prober::{Prober, ProberConfig};
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::inventory::sighting::Sighting;

/// The prober, or its configuration before it is started.
#[derive(Debug)]
pub(super) struct Asker {
    prober_config: Option<ProberConfig>,
    prober: Option<Prober>,
}

/// The room for questions that is assumed before it is started.
const ROOM: usize = 64;

impl Asker {
    /// A prober that is started with this configuration at the first question.
    pub fn new(prober_config: ProberConfig) -> Self {
        Self { prober_config: Some(prober_config), prober: None }
    }

    /// How many questions the prober can take now.
    pub fn room(&self) -> usize {
        self.prober.as_ref().map_or(ROOM, Prober::room)
    }

    /// Hands a question over. The caller has made sure that there is room.
    pub fn ask(&mut self, probe: Probe) -> io::Result<()> {
        if let Some(prober_config) = self.prober_config.take() {
            self.prober = Some(Prober::spawn_here(prober_config)?);
        }
        drop(self.prober.as_ref().map(|prober| prober.ask(probe)));
        Ok(())
    }

    /// Whether no question is open and no answer is waiting.
    pub fn is_idle(&self) -> bool {
        self.prober.as_ref().is_none_or(Prober::is_idle)
    }

    /// The next answer; for ever pending when nothing was asked yet. Cancel-safe.
    pub async fn answer(&mut self) -> Sighting {
        match &mut self.prober {
            Some(prober) => prober.answer().await,
            None => std::future::pending().await,
        }
    }

    /// An answer that is here already.
    pub fn try_answer(&mut self) -> Option<Sighting> {
        self.prober.as_mut().and_then(Prober::try_answer)
    }
}
