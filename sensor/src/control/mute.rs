//! Mutes and unmutes at the judge, for a running sensor and without one.

use crate::commands::mute::REASON_MAX;
use crate::config::parse::parse_target;
use crate::control::{Answer, Request};
use crate::export::escape::escape;
use crate::export::record::text::rfc3339;
use sensor_core::inventory::judge::mute::{MUTES_MAX, Mute};
use sensor_core::inventory::judge::mute::{add, end};
use sensor_core::types::Timestamp;
use std::time::Duration;

/// Does what is asked with the owner's mutes; the answer holds once they are saved.
pub fn apply(mutes: &mut Vec<Mute>, request: Request, now: Timestamp) -> Answer {
    match request {
        Request::Join { .. } | Request::Split { .. } => Answer::Refused { why: "this is no mute".to_owned() },
        Request::End { id } if end(mutes, id, now) => Answer::Ended { id },
        Request::End { id } => Answer::Refused { why: format!("no mute {id} lasts; `sensor mute --list` shows them") },
        Request::Mute { target, for_s, reason } => {
            let target = match parse_target(&target) {
                Ok(target) => target,
                Err(error) => return Answer::Refused { why: error.to_string() },
            };
            let reason = reason.map(|text| escape(&text.chars().take(REASON_MAX).collect::<String>()).into_owned());
            match add(mutes, target, now, Duration::from_secs(for_s), reason) {
                Some(mute) => Answer::Muted { id: mute.id, until: rfc3339(mute.until) },
                None => Answer::Refused {
                    why: format!("{MUTES_MAX} mutes last already; end one with `sensor mute --end ID`"),
                },
            }
        }
    }
}
