//! The keys that stand before all tables, and that are flags of `sensor run` as well.

use clap::Args;

use crate::config::capture::CaptureKeys;
use crate::config::error::ConfigError;
use crate::config::inventory::InventoryKeys;
use crate::config::keys::Keys as _;
use crate::config::network::SettingsKeys;
use crate::config::output::OutputKeys;
use crate::config::probing::ProbingKeys;
use crate::config::table::Table;

/// The general keys, by what they are about.
#[derive(Clone, Debug, Default, Args)]
pub struct General {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub capture: CaptureKeys,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub output: OutputKeys,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub inventory: InventoryKeys,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub probing: ProbingKeys,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub settings: SettingsKeys,
}

impl General {
    /// Takes the general keys out of the file.
    pub(super) fn take(file: &mut Table<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            capture: file.take()?,
            output: file.take()?,
            inventory: file.take()?,
            probing: file.take()?,
            settings: file.take()?,
        })
    }

    /// Each key from here where it is given, else from `below`.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            capture: self.capture.over(below.capture),
            output: self.output.over(below.output),
            inventory: self.inventory.over(below.inventory),
            probing: self.probing.over(below.probing),
            settings: self.settings.over(below.settings),
        }
    }
}
