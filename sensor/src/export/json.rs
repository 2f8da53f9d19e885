//! Address records as a JSON array or as JSON Lines.

use std::io::{self, Write};

use super::record::AddressRecord;

/// One array, a record a line. Fails when `out` does.
pub fn write_array(records: &[AddressRecord], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    for (index, record) in records.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, record)?;
    }
    out.write_all(b"\n]\n")
}

/// A record a line. Fails when `out` does.
pub fn write_lines(records: &[AddressRecord], out: &mut impl Write) -> io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *out, record)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
