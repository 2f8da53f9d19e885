//! Every handle to the world that the loop uses.

use std::path::PathBuf;

use crate::capture::live::Live;
use crate::clock::Clock;
use crate::config::output::Screen;
use crate::config::probing::Probing;
use crate::control::exchange::ControlSocket;
use crate::control::status::StatusSocket;
use crate::pipeline::intake::Intake;
use crate::pipeline::speakers::Alias;
use crate::probe::prober::Prober;
use crate::run::local::LocalPrefixes;
use crate::run::outbox::Outbox;
use crate::run::speakers::Speakers;
use crate::store::thread::WriterThread;

/// Every handle to the world that the loop uses. `commands/run.rs` opens them; nothing below opens any by itself.
pub struct World {
    /// The clock.
    pub clock: Clock,
    /// Frames and presence from the ports.
    pub capture: Live,
    /// From frames to events.
    pub intake: Intake,
    /// The thread that writes the database.
    pub store: WriterThread,
    /// What sends questions; `None` when nothing may be asked.
    pub prober: Option<Prober>,
    /// The interfaces by which the prober asks.
    pub speakers: Speakers,
    /// What the owner allows to be asked.
    pub asking: Probing,
    /// The prefixes in which every frame counts as a sign of life.
    pub local: LocalPrefixes,
    /// The interface that asks for mirror ports, where it is no port itself.
    pub alias: Option<Alias>,
    /// The sinks.
    pub outbox: Outbox,
    /// What is shown on standard output.
    pub screen: Screen,
    /// Where `sensor status` reads; `None` when the socket cannot be opened.
    pub status: Option<StatusSocket>,
    /// Where `sensor mute` and `sensor host` send changes; `None` when the socket cannot be opened.
    pub control: Option<ControlSocket>,
    /// The configuration file, where one was named; read again on SIGHUP.
    pub file: Option<PathBuf>,
}
