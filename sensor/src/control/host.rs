//! Changes that the owner makes to a host.

use crate::control::{Answer, Request};
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::model::host::HostId;
use sensor_core::types::Mac;

/// Does what the owner says of hosts.
pub fn apply(correlator: &mut Correlator, request: &Request) -> Answer {
    let done = match request {
        Request::Join { host, other } => match (read(host), read(other)) {
            (Some(host), Some(other)) => correlator.join(host, other),
            _ => Err("a host's id has 16 hexadecimal digits"),
        },
        Request::Split { host, mac } => match (read(host), Mac::parse(mac)) {
            (Some(host), Some(mac)) => correlator.split(host, mac),
            _ => Err("a host's id has 16 hexadecimal digits, and a MAC six pairs of them"),
        },
        Request::End { .. } | Request::Mute { .. } => Err("this is no word on hosts"),
    };
    match done {
        Ok(id) => Answer::Host { id: written(id) },
        Err(why) => Answer::Refused { why: format!("{why}; `sensor host show` tells who is who") },
    }
}

pub(crate) fn written(id: HostId) -> String {
    format!("{:016x}", id.0)
}

pub(crate) fn read(id: &str) -> Option<HostId> {
    (id.len() == 16).then(|| u64::from_str_radix(id, 16).ok()).flatten().map(HostId)
}
