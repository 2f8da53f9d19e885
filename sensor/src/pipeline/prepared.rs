//! An event in the forms for the database and for the sinks.

use crate::export::record;
use crate::export::record::event::EventRecord;
use crate::store::batch::StoredEvent;
use crate::vendor::Vendors;
use sensor_core::inventory::event::Event;

/// An event in the forms for the database and for the sinks.
#[derive(Clone, Debug)]
pub struct PreparedEvent {
    /// The record for the sinks.
    pub record: EventRecord,
    /// The row for the database; its `record` is the JSON that line sinks write.
    pub stored: StoredEvent,
}

impl PreparedEvent {
    /// A judged event. `muted` names the mute that keeps it from the sinks, `cause` is the key that its repetitions
    /// share, and `sensor` is this machine's name.
    pub(super) fn new(
        event: &Event,
        muted: Option<String>,
        cause: Option<String>,
        vendors: &Vendors,
        sensor: &str,
    ) -> Self {
        let mut record = record::of_event::event_record(event, vendors, sensor);
        record.muted.clone_from(&muted);
        let stored = StoredEvent {
            id: event.id,
            at: event.at,
            kind: event.kind.name().to_owned(),
            severity: event.severity.name().to_owned(),
            segment: event.segment.map(|segment| segment.to_string()),
            host: event.host.map(|host| host.0),
            record: json(&record),
            cause,
            muted,
            count: 1,
            last_at: None,
        };
        Self { record, stored }
    }

    /// From the database, with the number of repetitions added to the record. Fails when the stored record is invalid.
    pub fn from_store(mut stored: StoredEvent) -> serde_json::Result<Self> {
        let mut record: EventRecord = serde_json::from_str(&stored.record)?;
        if stored.count > 1 {
            record.count = Some(stored.count);
            record.last_at = stored.last_at.map(record::text::rfc3339);
            stored.record = json(&record);
        }
        Ok(Self { record, stored })
    }

    /// Whether it is muted: stored, but not passed to the sinks.
    pub fn is_muted(&self) -> bool {
        self.stored.muted.is_some()
    }
}

fn json(record: &EventRecord) -> String {
    serde_json::to_string(record).expect("an event record is strings, numbers and lists of them")
}
