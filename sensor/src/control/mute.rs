//! Mutes: `sensor mute`, applied to the list of mutes.

use std::time::Duration;

use crate::config::parse::parse_target;
use crate::control::request::{Request, Response};
use crate::export::escape::escape;
use crate::export::record::text::rfc3339;
use sensor_core::inventory::judge::mute::{MUTES_MAX, Mute, add, end};
use sensor_core::types::Timestamp;

/// Characters of a reason that are kept.
const REASON_MAX: usize = 200;

/// Carries out a request about mutes. The answer may be given once the change is saved.
pub fn apply(mutes: &mut Vec<Mute>, request: Request, now: Timestamp) -> Response {
    match request {
        Request::Join { .. } | Request::Split { .. } => {
            Response::Refused { why: "this request is not about mutes".to_owned() }
        }
        Request::End { id } if end(mutes, id, now) => Response::Ended { id },
        Request::End { id } => {
            Response::Refused { why: format!("no mute {id} lasts; `sensor mute --list` shows them") }
        }
        Request::Mute { target, for_s, reason } => {
            let target = match parse_target(&target) {
                Ok(target) => target,
                Err(error) => return Response::Refused { why: error.to_string() },
            };
            let reason = reason.map(|text| escape(&text.chars().take(REASON_MAX).collect::<String>()).into_owned());
            match add(mutes, target, now, Duration::from_secs(for_s), reason) {
                Some(mute) => Response::Muted { id: mute.id, until: rfc3339(mute.until) },
                None => Response::Refused {
                    why: format!("{MUTES_MAX} mutes last already; end one with `sensor mute --end ID`"),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(mutes: &mut Vec<Mute>, json: &str, at_s: i64) -> String {
        let request = serde_json::from_str(json).expect("a request");
        serde_json::to_string(&apply(mutes, request, Timestamp::from_secs(at_s))).expect("an answer")
    }

    #[test]
    fn requests_and_their_answers() {
        let mut mutes = Vec::new();
        let muted = ask(&mut mutes, r#"{"mute":{"target":"eth1.30","for_s":60,"reason":"a\u001b[31mb"}}"#, 0);
        assert_eq!(muted, r#"{"muted":{"id":1,"until":"1970-01-01T00:01:00.000000Z"}}"#);
        assert_eq!(mutes[0].target.to_string(), "eth1.30");
        assert!(mutes[0].reason.as_deref().is_some_and(|reason| !reason.contains('\u{1b}')), "{mutes:?}");
        let refused = ask(&mut mutes, r#"{"mute":{"target":"a/b/c","for_s":60,"reason":null}}"#, 0);
        assert!(refused.starts_with(r#"{"refused":{"why":"'a/b/c' is no kind"#), "{refused}");
        assert_eq!(ask(&mut mutes, r#"{"end":{"id":1}}"#, 30), r#"{"ended":{"id":1}}"#);
        assert!(ask(&mut mutes, r#"{"end":{"id":1}}"#, 31).contains("no mute 1 lasts"));
        assert!(serde_json::from_str::<Request>(r#"{"mute":{"target":"eth1"}}"#).is_err());
    }
}
