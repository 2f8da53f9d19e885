//! Who holds an address: arpwatch's rule (2.1a15, `db.c`), most recent holder first. Only compares and reorders.

use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::address::{Binding, Holder, RestoredHolder};
use crate::inventory::model::source::Source;
use crate::types::{Mac, Timestamp};

/// A station claims an address, or a protocol hints that it holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HolderClaim {
    /// The station.
    pub(crate) mac: Mac,
    /// When it was heard.
    pub(crate) at: Timestamp,
    /// The protocol.
    pub(crate) source: Source,
    /// What it is worth against another holder.
    pub(crate) weight: Weight,
}

/// What a claim is worth against another holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// ARP, NDP: neighbours take it into their caches, so the address moves.
    Claim,
    /// DHCP, mDNS: binds a free address or refreshes a binding, and never moves one.
    Hint,
}

/// What a claim did to a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimOutcome {
    /// Nobody held it.
    Bound,
    /// The present holder claimed it again, or the claim was a hint, or it was known from before a restart.
    Kept,
    /// It passed to the claim's station.
    Moved(MoveKind, PreviousHolder),
}

/// To whom an address passed, seen from its history.
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
    /// The station.
    pub(crate) mac: Mac,
    /// When it was last heard with the address.
    pub(crate) last_seen: Timestamp,
}

/// The time with an address that begins with this claim.
pub(crate) fn holder(claim: &HolderClaim) -> Holder {
    Holder { mac: claim.mac, first_seen: claim.at, last_seen: claim.at, sources: claim.source.into() }
}

/// The binding's holders as they are restored.
pub(super) fn restored_holders(binding: &Binding) -> Vec<RestoredHolder> {
    let restored =
        |holder: &Holder| RestoredHolder { mac: holder.mac, from: holder.first_seen, until: holder.last_seen };
    binding.holders.iter().map(restored).collect()
}

/// Weighs a claim against the binding's history and changes the binding accordingly.
pub(crate) fn weigh(
    binding: &mut Binding,
    known: &[RestoredHolder],
    claim: &HolderClaim,
    holders_max: usize,
) -> (RowChange, ClaimOutcome) {
    if known.iter().any(|k| k.mac == claim.mac && (k.from..=k.until).contains(&claim.at)) {
        return (RowChange::Same, ClaimOutcome::Kept);
    }
    let present = &mut binding.holders[0];
    if present.mac == claim.mac {
        return (refresh(present, claim), ClaimOutcome::Kept);
    }
    if claim.weight == Weight::Hint {
        return (RowChange::Same, ClaimOutcome::Kept);
    }
    let previous = PreviousHolder { mac: present.mac, last_seen: present.last_seen };
    let how = match binding.holders.iter().position(|holder| holder.mac == claim.mac) {
        Some(position) => {
            binding.holders[..=position].rotate_right(1);
            refresh(&mut binding.holders[0], claim);
            if position == 1 { MoveKind::Back } else { MoveKind::Older }
        }
        None => {
            binding.holders.insert(0, holder(claim));
            binding.holders.truncate(holders_max.max(1));
            MoveKind::New
        }
    };
    (RowChange::Changed, ClaimOutcome::Moved(how, previous))
}

/// The holder was heard again. A hint from before its time says nothing: another station may have held the address then.
fn refresh(holder: &mut Holder, claim: &HolderClaim) -> RowChange {
    if claim.weight == Weight::Hint && claim.at < holder.first_seen {
        return RowChange::Same;
    }
    let learned = RowChange::changed_if(holder.sources.insert(claim.source));
    learned.max(see(&mut holder.first_seen, &mut holder.last_seen, claim.at))
}
