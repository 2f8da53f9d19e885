//! Every handle to the world that the loop uses.

use crate::capture::live::Live;
use crate::clock::Clock;
use crate::config::output::Screen;
use crate::config::probing::Probing;
use crate::control::Control;
use crate::control::status::Inquiry;
use crate::pipeline::intake::Intake;
use crate::probe::prober::Prober;
use crate::run::local::Watch;
use crate::run::outbox::Outbox;
use crate::run::speakers::Speakers;
use crate::store::thread::WriterThread;
use sensor_core::types::Iface;
use std::path::PathBuf;

/// Every handle to the world that the loop uses. `main.rs` builds it; a test can build it of other parts.
pub struct World {
    /// The clock.
    pub clock: Clock,
    /// Frames.
    pub capture: Live,
    /// The core and its surroundings.
    pub intake: Intake,
    /// The database's thread.
    pub store: WriterThread,
    /// Who asks, where anybody may be asked.
    pub prober: Option<Prober>,
    /// Who speaks for the prober.
    pub speakers: Speakers,
    /// What the owner said of asking.
    pub asking: Probing,
    /// Whom to hear besides the senders of harvested protocols.
    pub watch: Watch,
    /// A port that speaks for a mirror port: what it hears belongs to that one's segments.
    pub alias: Option<(Iface, Iface)>,
    /// The sinks.
    pub outbox: Outbox,
    /// Standard output.
    pub screen: Screen,
    /// Where `sensor status` asks.
    pub inquiry: Option<Inquiry>,
    /// Where `sensor mute` asks.
    pub control: Option<Control>,
    /// The configuration file, where one was named.
    pub file: Option<PathBuf>,
}
