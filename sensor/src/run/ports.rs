//! What the capture reports of its ports: lines for the operator, and events.

use tokio::time::Instant;

use crate::capture::iface;
use crate::capture::port_life::PortChange;
use crate::export::record::text::rfc3339;
use crate::pipeline::intake::Intake;
use crate::terminal::notice;
use sensor_core::inventory::event::{Detail, Kind};
use sensor_core::types::Timestamp;

/// Reports the changes. Whether MACs or addresses of this machine may have changed.
pub(super) fn report(changes: Vec<PortChange>, intake: &mut Intake, now: Timestamp) -> bool {
    let is_renewed = changes.iter().any(|change| matches!(change, PortChange::Addresses | PortChange::Renewed(_)));
    for change in changes {
        match change {
            PortChange::Addresses => {}
            PortChange::Blind { iface, since, reason } => {
                let since = wall(since, now);
                let details = vec![
                    ("port", Detail::Text(iface.as_str().to_owned())),
                    ("cause", Detail::Text(reason.to_string())),
                    ("since", Detail::Text(rfc3339(since))),
                    ("deaf_s", Detail::Number(now.since(since).as_secs())),
                ];
                intake.emit_of(iface, Kind::SensorBlind, now, details);
            }
            PortChange::Info(text) => notice::info(&text),
            PortChange::Renewed(_) => {
                // An interface that was made anew mostly has another MAC, which is no new host but the sensor's own.
                if let Ok(here) = iface::addresses::addresses() {
                    intake.add_own(here.macs(), here.ips());
                }
            }
            PortChange::Warning(text) => notice::warning(&text),
        }
    }
    is_renewed
}

/// The wall clock's time of a moment, where the wall clock reads `now`.
pub(super) fn wall(moment: Instant, now: Timestamp) -> Timestamp {
    let ago = i64::try_from(moment.elapsed().as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanos(now.as_nanos().saturating_sub(ago))
}
