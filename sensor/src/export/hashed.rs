//! Hash tables of this room: by a hash with a secret, as the standard library's, that takes a fraction of its time.

pub(super) use foldhash::quality::RandomState;

/// A map by that hash.
pub(super) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// A set by that hash.
pub(super) type HashSet<K> = std::collections::HashSet<K, RandomState>;
