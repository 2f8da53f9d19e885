//! `sensor hosts`: the addresses that the database holds, as a table or as JSON Lines.

use crate::cli::hosts::HostsArgs;
use crate::clock::Clock;
use crate::export::{json, table};
use crate::pipeline::records::records;
use crate::terminal::failure::Failure;
use crate::terminal::screen;

/// `sensor hosts`
pub fn hosts(args: &HostsArgs, clock: &Clock) -> Result<(), Failure> {
    let mut records = records(args.db.path.as_deref(), args.oui.as_deref(), args.since.as_deref(), clock)?;
    if let Some(segment) = &args.segment {
        records.retain(|record| record.segment == *segment);
    }
    screen::print(|mut out| match args.json {
        true => json::write_lines(&records, &mut out),
        false => table::write_hosts(&records, screen::paint(), out),
    })
}
