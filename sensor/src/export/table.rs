//! stub
use super::record::{AddressRecord, EventRecord};
use std::io::{self, Write};
/// x
pub enum Paint {
    /// x
    Colour,
    /// x
    Plain,
}
/// x
pub fn write_hosts(records: &[AddressRecord], _paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for r in records {
        writeln!(out, "{:?}", r)?;
    }
    Ok(())
}
/// x
pub fn write_event(r: &EventRecord, _paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {} {} {}", r.at, r.severity, r.kind, r.message)
}
