//! The sinks: one line each in the list below.
//!
//! A new sink is a file with an `impl EventSink` (see `contract.rs`), its module, its line here, and the configuration key
//! that turns it on.

use std::io;

use crate::export::contract::EventSink;
use crate::export::record::event::EventRecord;
use crate::export::{journal, lines, syslog, table};

macro_rules! sinks {
    ($($(#[$doc:meta])* $sink:ident($settings:ty),)*) => {
        /// Where events are sent.
        #[derive(Debug)]
        pub enum Sink {
            $($(#[$doc])* $sink($settings),)*
        }

        impl Sink {
            fn sink(&self) -> &dyn EventSink {
                match self {
                    $(Self::$sink(sink) => sink,)*
                }
            }

            fn sink_mut(&mut self) -> &mut dyn EventSink {
                match self {
                    $(Self::$sink(sink) => sink,)*
                }
            }
        }
    };
}
sinks! {
    /// journald.
    Journal(journal::Journal),
    /// JSON Lines in a file or on standard output.
    Lines(lines::Lines),
    /// A person at standard output.
    Screen(table::Paint),
    /// A syslog server.
    Syslog(syslog::Syslog),
}

impl Sink {
    /// See [`EventSink::name`].
    pub fn name(&self) -> String {
        self.sink().name()
    }

    /// See [`EventSink::check`].
    pub fn check(&self) -> io::Result<()> {
        self.sink().check()
    }

    /// See [`EventSink::publish`].
    pub fn publish(&mut self, record: &EventRecord, json: &str, utc_offset_s: i32) -> io::Result<()> {
        self.sink_mut().publish(record, json, utc_offset_s)
    }

    /// See [`EventSink::flush`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink_mut().flush()
    }

    /// See [`EventSink::keeps`].
    pub fn keeps(&self) -> bool {
        self.sink().keeps()
    }

    /// See [`EventSink::remark`].
    pub fn remark(&mut self, json: &str) -> io::Result<()> {
        self.sink_mut().remark(json)
    }

    /// See [`EventSink::reopen`].
    pub fn reopen(&mut self) -> io::Result<()> {
        self.sink_mut().reopen()
    }
}
