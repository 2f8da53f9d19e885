//! What may leave a prober, told apart frame by frame without any of the sensor's own code: the rules as the
//! configuration file states them, the frames as they are on the wire, and what is said to lure the sensor outside.

/// The rules, and a configuration file that states them.
pub mod rules;
/// A frame that left.
pub mod outgoing;
/// What is said to lure it outside.
pub mod lure;
