//! Records of the addresses that a database holds, for `sensor hosts` and `sensor export`.

use std::path::Path;

use crate::clock::Clock;
use crate::config::machine::default_db;
use crate::config::parse::parse_when;
use crate::export::record::address::AddressRecord;
use crate::export::record::of_rows::address_records;
use crate::pipeline::open::{open_vendors, stored_fingerprints};
use crate::store::reader::Reader;
use crate::terminal::failure::Failure;
use sensor_core::types::Timestamp;

/// The records of the database at `db` (by default the standard path), with vendors of the file `oui` if given, seen at
/// or after `since`: a time, or a span before now.
pub fn records(
    db: Option<&Path>,
    oui: Option<&Path>,
    since: Option<&str>,
    clock: &Clock,
) -> Result<Vec<AddressRecord>, Failure> {
    let since: Option<Timestamp> = since.map(|when| parse_when(when, clock.now())).transpose()?;
    let vendors = open_vendors(oui)?;
    let reader = Reader::open(&db.map_or_else(default_db, Path::to_owned))?;
    let fingerprints = stored_fingerprints(&reader.rules()?);
    let mut records = address_records(&reader.rows()?.view(), &vendors, &fingerprints);
    if let Some(since) = since {
        records.retain(|record| parse_when(&record.last_seen, since).is_ok_and(|seen| seen >= since));
    }
    Ok(records)
}
