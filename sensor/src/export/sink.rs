//! The contract of a sink.

use crate::export::record::event::EventRecord;
use crate::export::{journal, lines, syslog, table};
use std::io::{self, Write as _};

/// Where events are told.
#[derive(Debug)]
pub enum Sink {
    /// journald.
    Journal(journal::Journal),
    /// A file or standard output.
    Lines(lines::Lines),
    /// A person at standard output.
    Screen(table::Paint),
    /// A syslog server.
    Syslog(syslog::Syslog),
}

impl Sink {
    /// Whether events can be told now; asked once at the start.
    pub fn check(&self) -> io::Result<()> {
        match self {
            Self::Journal(journal) => journal.check(),
            Self::Lines(_) | Self::Screen(_) => Ok(()),
            Self::Syslog(syslog) => syslog.check(),
        }
    }

    /// Tells one event; `json` is the record's line, and local time is `utc_offset_s` seconds east of UTC. An error: not
    /// told, try again later. `BrokenPipe`: the reader of standard output is gone, which is no error of ours.
    pub fn publish(&mut self, record: &EventRecord, json: &str, utc_offset_s: i32) -> io::Result<()> {
        match self {
            Self::Journal(journal) => journal.publish(record, json),
            Self::Lines(lines) => {
                // An event is told or tried again, never dropped.
                if lines.is_full() {
                    lines.flush()?;
                }
                lines.push(json);
                Ok(())
            }
            Self::Screen(paint) => {
                let mut out = io::BufWriter::new(io::stdout().lock());
                table::write_event(record, *paint, &mut out).and_then(|()| out.flush())
            }
            Self::Syslog(syslog) => syslog.publish(record, utc_offset_s),
        }
    }

    /// Ends a batch: what was published is written.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Journal(_) | Self::Screen(_) => Ok(()),
            Self::Lines(lines) => lines.flush(),
            Self::Syslog(syslog) => syslog.flush(),
        }
    }

    /// Whether what was published before an error still counts: it is told, or waits in the sink. Otherwise all of the
    /// batch is to be told again.
    pub fn keeps(&self) -> bool {
        match self {
            Self::Journal(_) | Self::Lines(_) | Self::Screen(_) => true,
            Self::Syslog(syslog) => !syslog.is_stream(),
        }
    }

    /// Adds a line that is no event, where lines are told.
    pub fn remark(&mut self, json: &str) -> io::Result<()> {
        match self {
            Self::Lines(lines) => {
                lines.push(json);
                lines.flush()
            }
            Self::Journal(_) | Self::Screen(_) | Self::Syslog(_) => Ok(()),
        }
    }

    /// Opens files anew, after a log rotation.
    pub fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Journal(_) | Self::Screen(_) | Self::Syslog(_) => Ok(()),
            Self::Lines(lines) => lines.reopen(),
        }
    }

    /// For messages to the operator, and for what is remembered of it.
    pub fn name(&self) -> String {
        match self {
            Self::Journal(_) => journal::NAME.to_owned(),
            Self::Lines(lines) => lines.name(),
            Self::Screen(_) => "screen".to_owned(),
            Self::Syslog(syslog) => syslog.name(),
        }
    }
}
