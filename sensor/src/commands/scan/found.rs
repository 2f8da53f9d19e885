//! What a scan found, and how it is shown.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::net::IpAddr;

use foldhash::quality::RandomState;

use crate::config::output::Screen;
use crate::export::record::of_rows::each_record;
use crate::export::{csv, json, table};
use crate::pipeline::intake::Intake;
use crate::terminal::failure::Failure;
use crate::terminal::screen;
use crate::vendor::Vendors;
use sensor_core::inventory::core::Core;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::types::Segment;

/// Addresses that answered or were heard, among those that were to be scanned.
pub(super) type FoundAddresses = HashSet<(Segment, IpAddr), RandomState>;

/// What a scan found.
pub(super) struct ScanResult {
    /// Never dropped: the process is about to end, and freeing tens of thousands of rows one by one takes time.
    core: ManuallyDrop<Core>,
    vendors: Vendors,
    fingerprints: Fingerprints,
    addresses: FoundAddresses,
}

impl ScanResult {
    /// The inventory, and the addresses of it that are shown.
    pub fn new(intake: Intake, addresses: FoundAddresses) -> Self {
        let Intake { core, vendors, fingerprints, .. } = intake;
        Self { core: ManuallyDrop::new(core), vendors, fingerprints, addresses }
    }

    /// Writes the records to standard output.
    pub fn show(&self, screen: Screen) -> Result<(), Failure> {
        let is_found = |segment, ip: Option<IpAddr>| ip.is_some_and(|ip| self.addresses.contains(&(segment, ip)));
        let rows = self.core.correlator.view();
        let records = || each_record(&rows, &self.vendors, &self.fingerprints, is_found);
        let all = || records().collect::<Vec<_>>();
        screen::print(|mut out| match screen {
            Screen::Csv => csv::write_csv(&all(), &mut out),
            Screen::Json => json::write_array(records(), &mut out),
            Screen::Quiet => Ok(()),
            Screen::Text => table::write_scan(&all(), screen::paint(), out),
        })
    }
}
