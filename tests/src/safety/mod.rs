//! Which packets may leave the prober, judged frame by frame without any of the sensor's own code: the rules as the
//! configuration file states them, the frames as they are on the wire, and traffic that tempts the sensor to break the
//! rules.

/// The rules, and a configuration file that states them.
pub mod rules;
/// A frame that left.
pub mod outgoing;
/// Traffic that tempts the sensor to break the rules.
pub mod lure;
