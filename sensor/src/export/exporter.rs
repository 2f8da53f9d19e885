//! The formats of `sensor export`: one line each in the list below.
//!
//! A new format is a file, its module, its line here, and its option in `cli.rs`.

use std::io::{self, Write};

use crate::export::record::address::AddressRecord;
use crate::export::{csv, json};

/// A format that address records can be written in.
#[derive(Clone, Copy, Debug)]
pub struct Exporter {
    /// The name of its option, without dashes.
    pub name: &'static str,
    /// Writes the records. Fails when the output does.
    pub write: fn(&[AddressRecord], &mut dyn Write) -> io::Result<()>,
}

/// Every format.
pub const EXPORTERS: [Exporter; 3] = [
    Exporter { name: "csv", write: |records, out| csv::write_csv(records, out) },
    Exporter { name: "json", write: |records, out| json::write_array(records, out) },
    Exporter { name: "jsonl", write: |records, out| json::write_lines(records, out) },
];

impl Exporter {
    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        EXPORTERS.into_iter().find(|format| format.name == name)
    }
}
