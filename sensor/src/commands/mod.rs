//! One file or folder a subcommand; none knows another.

/// `sensor mute`.
pub mod mute;
/// `sensor host`.
pub mod host;
/// Where a running sensor tells its figures, and `sensor status`.
pub mod status;
/// `sensor doctor`.
pub mod doctor;
/// `sensor scan`.
pub mod scan;
/// `sensor hosts`, `events`, `export`, `db`.
pub mod show;
/// `sensor replay`.
pub mod replay;
