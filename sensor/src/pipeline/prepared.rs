//! An event as it leaves the sensor: for the database and for the sinks.

use crate::export::record;
use crate::export::record::event::EventRecord;
use crate::store::batch::StoredEvent;
use crate::vendor::Vendors;
use sensor_core::inventory::event::Event;

/// An event in both forms in which it leaves.
#[derive(Clone, Debug)]
pub struct PreparedEvent {
    /// For the sinks.
    pub record: EventRecord,
    /// For the database; its `record` is the JSON that line sinks write.
    pub stored: StoredEvent,
}

impl PreparedEvent {
    /// An event that was judged: `muted` names the mute that keeps it from the sinks, `cause` is what repetitions of it are
    /// recognised by. `sensor` is this machine's name.
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

    /// From the database; how often it happened is put into the record. Fails when the stored record was not written by a
    /// sensor.
    pub fn from_store(mut stored: StoredEvent) -> serde_json::Result<Self> {
        let mut record: EventRecord = serde_json::from_str(&stored.record)?;
        if stored.count > 1 {
            record.count = Some(stored.count);
            record.last_at = stored.last_at.map(record::text::rfc3339);
            stored.record = json(&record);
        }
        Ok(Self { record, stored })
    }

    /// Whether it is kept in the database only.
    pub fn is_muted(&self) -> bool {
        self.stored.muted.is_some()
    }
}

fn json(record: &EventRecord) -> String {
    serde_json::to_string(record).expect("an event record is strings, numbers and lists of them")
}
