//! The contract of a sink. A new one is a file with an `impl EventSink` and its module; `OutputKeys::sinks` makes it when its
//! configuration key is given.
//!
//! A sink opens nothing that it was not given the name of. Each has a thread of its own, so it may block, but only for
//! seconds: then it returns an error and is tried again. So an event may come twice, with the same id. Every text of a
//! record may come from an attacker.

use std::fmt::Debug;
use std::io;

use crate::export::record::event::EventRecord;

/// Somewhere that events are sent to.
pub trait EventSink: Debug + Send {
    /// What it is called in messages to the operator, and in the database, which remembers how far it has come.
    fn name(&self) -> String;

    /// Whether events can be sent now; asked once at the start. The error says in a sentence what the operator can do.
    fn check(&self) -> io::Result<()> {
        Ok(())
    }

    /// Sends one event; `json` is the record as one line, and local time is `utc_offset_s` seconds east of UTC. On an error
    /// the event is sent again later. `BrokenPipe`: the reader of standard output is gone, and nothing is sent any more.
    fn publish(&mut self, record: &EventRecord, json: &str, utc_offset_s: i32) -> io::Result<()>;

    /// Ends a batch: what was published is written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether events that were published before an error need not be sent again: they are out, or wait in the sink.
    /// Otherwise all of the batch is sent again.
    fn keeps(&self) -> bool {
        true
    }

    /// Writes a line that is no event (a status), where the sink writes lines.
    fn remark(&mut self, _json: &str) -> io::Result<()> {
        Ok(())
    }

    /// Opens files anew, after a log rotation.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}
