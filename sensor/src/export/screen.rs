//! The screen as a sink: a person at standard output sees a line for each event.

use std::io::{self, BufWriter, Write as _};

use crate::export::contract::EventSink;
use crate::export::record::event::EventRecord;
use crate::export::table::{Paint, write_event};

impl EventSink for Paint {
    fn name(&self) -> String {
        "screen".to_owned()
    }

    fn publish(&mut self, record: &EventRecord, _json: &str, _utc_offset_s: i32) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        write_event(record, *self, &mut out).and_then(|()| out.flush())
    }
}
