//! What a running sensor can be asked and told by other commands: sockets beside its database. `sensor status` reads its
//! figures; `sensor mute` and `sensor host` change something, through the running sensor, because only one process writes
//! the database. The commands themselves are in `commands/`.

/// One request and its answer over the control socket: both ends.
pub mod exchange;
/// `sensor host join` and `split`, applied to the inventory.
pub mod host;
/// `sensor mute`, applied to the list of mutes.
pub mod mute;
/// What can be requested, and the answers.
pub mod request;
/// A socket beside the database.
pub mod socket;
/// The socket that `sensor status` reads from.
pub mod status;
