//! Which stations belong to one host, as the owner says: `sensor host join` and `split`, applied to the inventory.

use crate::control::request::{Request, Response};
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::model::host::HostId;
use sensor_core::types::Mac;

/// Carries out a request about hosts. The answer may be given once the change is saved.
pub fn apply(correlator: &mut Correlator, request: &Request) -> Response {
    let done = match request {
        Request::Join { host, other } => match (parse_id(host), parse_id(other)) {
            (Some(host), Some(other)) => correlator.join(host, other),
            _ => Err("a host's id has 16 hexadecimal digits"),
        },
        Request::Split { host, mac } => match (parse_id(host), Mac::parse(mac)) {
            (Some(host), Some(mac)) => correlator.split(host, mac),
            _ => Err("a host's id has 16 hexadecimal digits, and a MAC has six pairs of them"),
        },
        Request::End { .. } | Request::Mute { .. } => Err("this request is not about hosts"),
    };
    match done {
        Ok(id) => Response::Host { id: id_text(id) },
        Err(why) => Response::Refused { why: format!("{why}; `sensor host show` shows a host and its stations") },
    }
}

/// A host's id as 16 hexadecimal digits.
pub fn id_text(id: HostId) -> String {
    format!("{:016x}", id.0)
}

/// The reverse of [`id_text`].
pub fn parse_id(text: &str) -> Option<HostId> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten().map(HostId)
}
