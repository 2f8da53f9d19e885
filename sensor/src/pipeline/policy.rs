//! Conversion between the judge and the database: past events and mutes.

use crate::config::parse::parse_target;
use crate::store::batch::{Saved, StoredEvent, StoredMute};
use sensor_core::inventory::event::Severity;
use sensor_core::inventory::judge::Judge;
use sensor_core::inventory::judge::fold::Past;
use sensor_core::inventory::judge::mute::Mute;

/// Restores the judge's past events and mutes from the database.
pub fn restore(judge: &mut Judge, saved: &Saved) {
    let past = saved.repeatable.iter().filter_map(past).collect();
    judge.restore(past, mutes(&saved.mutes), saved.last_event_at);
}

/// Mutes from the database, without those whose target this version does not understand.
pub fn mutes(stored: &[StoredMute]) -> Vec<Mute> {
    let mute = |stored: &StoredMute| {
        let StoredMute { id, target, from, until, reason } = stored.clone();
        Some(Mute { id, target: parse_target(&target).ok()?, from, until, reason })
    };
    stored.iter().filter_map(mute).collect()
}

/// Mutes in the form that the database stores.
pub fn stored_mutes(mutes: &[Mute]) -> Vec<StoredMute> {
    let stored = |mute: &Mute| {
        let Mute { id, target, from, until, reason } = mute.clone();
        StoredMute { id, target: target.to_string(), from, until, reason }
    };
    mutes.iter().map(stored).collect()
}

fn past(event: &StoredEvent) -> Option<Past> {
    Some(Past {
        cause: event.cause.clone()?,
        id: event.id,
        at: event.at,
        last_at: event.last_at.unwrap_or(event.at),
        count: event.count,
        severity: Severity::parse(&event.severity)?,
        muted: event.muted.is_some(),
    })
}
