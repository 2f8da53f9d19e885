//! The adversary's game: up to three stations of an attacker make any moves that stations can make, before, during and
//! after one incident. However they prepare it, the sensor tells the incident in time, and gives nobody's address to them
//! while its holder answers. Modules in reading order.

/// Who is in the network, and the attacker's stations.
pub mod cast;
/// What stations can send.
pub mod frames;
/// What a move is.
pub mod deeds;
/// The rare and loud moves.
mod crowds;
/// The grammar of all moves.
pub mod moves;
/// The incident that must be told.
pub mod incident;
/// The game of a seed.
pub mod game;
/// The sensor, the innocent network and the attacker, played.
pub mod play;
/// Whether the sensor won.
pub mod verdict;
