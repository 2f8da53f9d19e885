//! Who holds an address: arpwatch's rule (2.1a15, `db.c`), most recent holder first. Only compares and reorders.

use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::address::{Binding, Holder, RestoredHolder};
use crate::inventory::model::source::Source;
use crate::types::{Mac, Timestamp};

/// A station's word that it holds an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HolderClaim {
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

/// What a word did to a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimOutcome {
    /// Nobody held it.
    Bound,
    /// The present holder said so again, or the word was not worth a move, or was known.
    Kept,
    /// It passed to the word's station.
    Moved(MoveKind, PreviousHolder),
}

/// The way in which an address passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoveKind {
    /// To the holder before the present one.
    Back,
    /// To one that never held it.
    New,
    /// To an older one.
    Older,
}

/// The holder before a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PreviousHolder {
    /// Who.
    pub(crate) mac: Mac,
    /// When it last said so.
    pub(crate) last_seen: Timestamp,
}

/// The time with an address that begins with `word`.
pub(crate) fn holder(word: &HolderClaim) -> Holder {
    Holder { mac: word.mac, first_seen: word.at, last_seen: word.at, sources: word.source.into() }
}

/// The binding's holders as they are restored.
pub(super) fn restored_holders(binding: &Binding) -> Vec<RestoredHolder> {
    let restored =
        |holder: &Holder| RestoredHolder { mac: holder.mac, from: holder.first_seen, until: holder.last_seen };
    binding.holders.iter().map(restored).collect()
}

/// Weighs `word` against the binding's history and changes it accordingly.
pub(crate) fn weigh(
    binding: &mut Binding,
    known: &[RestoredHolder],
    word: &HolderClaim,
    holders_max: usize,
) -> (RowChange, ClaimOutcome) {
    if known.iter().any(|k| k.mac == word.mac && (k.from..=k.until).contains(&word.at)) {
        return (RowChange::Same, ClaimOutcome::Kept);
    }
    let present = &mut binding.holders[0];
    if present.mac == word.mac {
        return (refresh(present, word), ClaimOutcome::Kept);
    }
    if word.weight == Weight::Hint {
        return (RowChange::Same, ClaimOutcome::Kept);
    }
    let previous = PreviousHolder { mac: present.mac, last_seen: present.last_seen };
    let how = match binding.holders.iter().position(|holder| holder.mac == word.mac) {
        Some(position) => {
            binding.holders[..=position].rotate_right(1);
            refresh(&mut binding.holders[0], word);
            if position == 1 { MoveKind::Back } else { MoveKind::Older }
        }
        None => {
            binding.holders.insert(0, holder(word));
            binding.holders.truncate(holders_max.max(1));
            MoveKind::New
        }
    };
    (RowChange::Changed, ClaimOutcome::Moved(how, previous))
}

/// A hint from before the holder's time says nothing: somebody else may have held the address then.
fn refresh(holder: &mut Holder, word: &HolderClaim) -> RowChange {
    if word.weight == Weight::Hint && word.at < holder.first_seen {
        return RowChange::Same;
    }
    let learned = RowChange::changed_if(holder.sources.insert(word.source));
    learned.max(see(&mut holder.first_seen, &mut holder.last_seen, word.at))
}
