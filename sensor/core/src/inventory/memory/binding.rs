//! Who holds an address: arpwatch's rule (2.1a15, `db.c`), most recent holder first. Only compares and reorders.

use crate::inventory::memory::table::{Mark, see};
use crate::inventory::model::address::{Binding, Holder};
use crate::inventory::model::source::Source;
use crate::types::{Mac, Timestamp};

/// A station's word that it holds an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// Who.
    pub(crate) mac: Mac,
    /// When.
    pub(crate) at: Timestamp,
    /// By which protocol.
    pub(crate) source: Source,
    /// What it is worth.
    pub(crate) weight: Weight,
}

/// What a word is worth against another holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// ARP, NDP: neighbours will believe it, so the address moves.
    Claim,
    /// DHCP, mDNS: says where an address is, takes it from nobody.
    Hint,
}

/// A holder's time with an address as it was restored: what a capture file read again tells about it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Who.
    pub(crate) mac: Mac,
    /// `first_seen` as restored.
    pub(crate) from: Timestamp,
    /// `last_seen` as restored.
    pub(crate) until: Timestamp,
}

/// What a word did to a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody held it.
    Bound,
    /// The present holder said so again, or the word was not worth a move, or was known.
    Kept,
    /// It passed to the word's station.
    Moved(How, Previous),
}

/// The way in which an address passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// To the holder before the present one.
    Back,
    /// To one that never held it.
    New,
    /// To an older one.
    Older,
}

/// The holder before a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    /// Who.
    pub(crate) mac: Mac,
    /// When it last said so.
    pub(crate) last_seen: Timestamp,
}

/// The time with an address that begins with `word`.
pub(crate) fn holder(word: &Word) -> Holder {
    Holder { mac: word.mac, first_seen: word.at, last_seen: word.at, sources: word.source.into() }
}

/// Weighs `word` against the binding's history and changes it accordingly.
pub(crate) fn weigh(binding: &mut Binding, known: &[Known], word: &Word, holders_max: usize) -> (Mark, Verdict) {
    if known.iter().any(|k| k.mac == word.mac && (k.from..=k.until).contains(&word.at)) {
        return (Mark::Same, Verdict::Kept);
    }
    let present = &mut binding.holders[0];
    if present.mac == word.mac {
        return (refresh(present, word), Verdict::Kept);
    }
    if word.weight == Weight::Hint {
        return (Mark::Same, Verdict::Kept);
    }
    let previous = Previous { mac: present.mac, last_seen: present.last_seen };
    let how = match binding.holders.iter().position(|holder| holder.mac == word.mac) {
        Some(position) => {
            binding.holders[..=position].rotate_right(1);
            refresh(&mut binding.holders[0], word);
            if position == 1 { How::Back } else { How::Older }
        }
        None => {
            binding.holders.insert(0, holder(word));
            binding.holders.truncate(holders_max.max(1));
            How::New
        }
    };
    (Mark::Changed, Verdict::Moved(how, previous))
}

/// A hint from before the holder's time says nothing: somebody else may have held the address then.
fn refresh(holder: &mut Holder, word: &Word) -> Mark {
    if word.weight == Weight::Hint && word.at < holder.first_seen {
        return Mark::Same;
    }
    let learned = Mark::changed_if(holder.sources.insert(word.source));
    learned.max(see(&mut holder.first_seen, &mut holder.last_seen, word.at))
}
