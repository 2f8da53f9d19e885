//! What the inventory knows, in the form in which it is saved, restored and exported. Plain values; of behaviour only what
//! each value means.

/// Which addresses can be neighbours on a segment.
pub mod prefix;
/// By which protocol something was learned.
pub mod source;
/// What a host showed that tells what it is.
pub mod evidence;
/// Hours of the day in which nothing is asked.
pub mod quiet;

/// What every persisted row has: a key, an age, a note.
pub mod row;
/// A host and what it says of itself, and its stations.
pub mod host;
/// A host's stable number.
pub mod identity;
/// Who holds or held an address, and what it answered to probes.
pub mod address;
/// What a station is for others, and its neighbours on the link.
pub mod role;
/// Oddities that were reported.
pub mod oddity;
/// Which station was joined to which host, and on what evidence.
pub mod join;
/// The persisted tables: the one list of them, and all of them together.
pub mod rows;
