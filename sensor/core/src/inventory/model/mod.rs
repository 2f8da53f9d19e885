//! What the inventory knows, in the form in which it is saved, restored and exported. Plain values without behaviour.

/// Which addresses can be neighbours.
pub mod prefix;
/// A host's number.
pub mod identity;

/// Who holds or held an address, and what it answered to probes.
pub mod address;
/// What a host showed that tells what it is: the text, and the channel it came by.
pub mod evidence;
/// A host and what it says of itself: its stations, names, services and roles.
pub mod host;
/// Which station belongs to which host, and on what evidence.
pub mod join;
/// Oddities that were reported, so that they are not reported again at once.
pub mod oddity;
/// Hours of the day in which nothing is asked.
pub mod quiet;
/// What a station is for others: router, DHCP server, name server; and its neighbours on the link.
pub mod role;
/// All tables together: as they are saved, restored, changed and viewed.
pub mod rows;
/// By which protocol something was learned.
pub mod source;
