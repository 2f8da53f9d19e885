//! What makes two events one: the same kind on the same segment, about the same address and stations, for the same
//! reason. Where a kind is about more than that, some of its details are part of the key too.

use std::fmt::Write as _;

use crate::inventory::event::{Detail, Event, Kind, Reason};
use crate::types::Mac;

/// The key as a text, the same for each repeat. `None` for kinds of which each is an event of its own: the sensor's
/// start and stop, and those that come in pairs, of which the last one says how things are.
pub(super) fn fold_key(event: &Event) -> Option<String> {
    if matches!(
        event.kind,
        Kind::HostBack
            | Kind::HostGone
            | Kind::SensorStarted
            | Kind::SensorStopped
            | Kind::ServiceClosed
            | Kind::ServiceOpened
    ) {
        return None;
    }
    let mut text = event.kind.name().to_owned();
    add(&mut text, event.segment);
    add(&mut text, event.ip);
    let [first, second] = stations(event);
    add(&mut text, first);
    add(&mut text, second);
    // Whether a station that an address goes back to was asked about it is not what makes it another event.
    let is_plain =
        |reason: &Reason| event.kind == Kind::FlipFlop && matches!(reason, Reason::Replaced | Reason::Unknown);
    add(&mut text, event.reason.filter(|reason| !is_plain(reason)).map(|reason| reason.name()));
    for (name, value) in &event.details {
        match (event.kind, value) {
            // Another prefix or name server is another attack.
            (Kind::RogueRouter, Detail::Texts(values)) => add(&mut text, Some(values.join(","))),
            (_, Detail::Text(value)) if is_part(event.kind, name) => add(&mut text, Some(value)),
            _ => {}
        }
    }
    Some(text)
}

/// Details that are part of the key.
fn is_part(kind: Kind, detail: &str) -> bool {
    match kind {
        Kind::Flood => detail == "class",
        Kind::MacMismatch => detail == "frame_mac",
        Kind::NameChanged => matches!(detail, "new_name" | "old_name" | "source"),
        Kind::Redirect => detail == "hop",
        Kind::SensorBlind => matches!(detail, "port" | "cause"),
        _ => false,
    }
}

/// The stations of the key: of two between which an address goes to and fro, in a fixed order, whichever has it now.
fn stations(event: &Event) -> [Option<Mac>; 2] {
    let mut macs = [event.mac, event.old_mac];
    if matches!(event.kind, Kind::FlipFlop | Kind::IpConflict | Kind::ReusedMac) {
        macs.sort_unstable();
    }
    macs
}

fn add(text: &mut String, part: Option<impl std::fmt::Display>) {
    let written = match part {
        Some(part) => write!(text, " {part}"),
        None => write!(text, " -"),
    };
    written.expect("a text takes everything");
}
