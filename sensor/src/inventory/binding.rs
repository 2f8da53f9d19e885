//! Who holds an address: arpwatch's rule (2.1a15, `db.c`), most recent holder first. Only compares and reorders.

use super::state::{Binding, Holder, Source};
use super::table::{Mark, see};
use crate::types::{Mac, Timestamp};

/// A station's word that it holds an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Who.
    pub(super) mac: Mac,
    /// When.
    pub(super) at: Timestamp,
    /// By which protocol.
    pub(super) source: Source,
    /// What it is worth.
    pub(super) weight: Weight,
}

/// What a word is worth against another holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// ARP, NDP: neighbours will believe it, so the address moves.
    Claim,
    /// DHCP, mDNS: says where an address is, takes it from nobody.
    Hint,
}

/// A holder's time with an address as it was restored: what a capture file read again tells about it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Who.
    pub(super) mac: Mac,
    /// `first_seen` as restored.
    pub(super) from: Timestamp,
    /// `last_seen` as restored.
    pub(super) until: Timestamp,
}

/// What a word did to a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody held it.
    Bound,
    /// The present holder said so again, or the word was not worth a move, or was known.
    Kept,
    /// It passed to the word's station.
    Moved(How, Previous),
}

/// The way in which an address passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// To the holder before the present one.
    Back,
    /// To one that never held it.
    New,
    /// To an older one.
    Older,
}

/// The holder before a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Previous {
    /// Who.
    pub(super) mac: Mac,
    /// When it last said so.
    pub(super) last_seen: Timestamp,
}

/// The time with an address that begins with `word`.
pub(super) fn holder(word: &Word) -> Holder {
    Holder { mac: word.mac, first_seen: word.at, last_seen: word.at, sources: word.source.into() }
}

/// Weighs `word` against the binding's history and changes it accordingly.
pub(super) fn weigh(binding: &mut Binding, known: &[Known], word: &Word, holders_max: usize) -> (Mark, Verdict) {
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
