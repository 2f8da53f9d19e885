//! One file or folder for each subcommand; `sensor watch` has a room of its own. None uses another: what two of them need
//! lives below, in `pipeline`, `control` or `terminal`.

/// `sensor db`.
pub mod db;
/// `sensor doctor`.
pub mod doctor;
/// `sensor events`.
pub mod events;
/// `sensor export`.
pub mod export;
/// `sensor host`.
pub mod host;
/// `sensor hosts`.
pub mod hosts;
/// `sensor mute`.
pub mod mute;
/// `sensor replay`.
pub mod replay;
/// `sensor run`.
pub mod run;
/// `sensor scan`.
pub mod scan;
/// `sensor status`.
pub mod status;
