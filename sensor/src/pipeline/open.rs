//! Opens what the pipeline needs besides the database: vendor lists, fingerprint rules, output files.

use crate::config;
use crate::config::error::ConfigError;
use crate::config::output::Target;
use crate::export::lines::Lines;
use crate::store;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use crate::vendor::{VendorError, Vendors};
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::fingerprint::mistake::Mistake;
use std::io;
use std::path::{Path, PathBuf};

/// An unpredictable number, which decides the order in which addresses are probed.
pub fn secret() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// The runtime of a command, with one thread: one core keeps up with a mirror port, and the database has its own
/// thread.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Opens a file or standard output for lines; `None` when none is configured.
pub fn open_lines(target: Option<&Target>) -> Result<Option<Lines>, Failure> {
    match target {
        None => Ok(None),
        Some(Target::Stdout) => Ok(Some(Lines::stdout())),
        Some(Target::File(path)) => {
            let what = format!("{} cannot be opened for appending", path.display());
            Lines::file(path).map(Some).map_err(Failure::system(what))
        }
    }
}

/// Reads the configured files of fingerprint rules and p0f signatures: their texts for the database, and the rules
/// together with the built-in ones.
pub fn open_fingerprints(
    inventory: &config::inventory::Inventory,
) -> Result<(store::batch::Rules, Fingerprints), ConfigError> {
    let read = |path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) => std::fs::read_to_string(path)
            .map(Some)
            .map_err(|error| ConfigError::Rules { path: path.clone(), what: error.to_string() }),
    };
    let rules = store::batch::Rules { fingerprints: read(&inventory.fingerprints)?, p0f: read(&inventory.p0f)? };
    let mut fingerprints = Fingerprints::builtin();
    let wrong = |path: &Option<PathBuf>, mistake: Mistake| {
        let path = path.clone().unwrap_or_default();
        ConfigError::Rules { path, what: mistake.to_string() }
    };
    if let Some(text) = &rules.fingerprints {
        fingerprints.add_rules(text).map_err(|mistake| wrong(&inventory.fingerprints, mistake))?;
    }
    if let Some(text) = &rules.p0f {
        let counts = fingerprints.add_signatures(text).map_err(|mistake| wrong(&inventory.p0f, mistake))?;
        let [requests, responses, others] = counts;
        notice::info(&format!(
            "p0f: {requests} signatures of requests and {responses} of responses; {others} of other sections are not used"
        ));
    }
    Ok((rules, fingerprints))
}

/// The fingerprint rules: the built-in ones and those stored in the database. Stored rules that this version does not
/// understand are left out with a warning.
pub fn stored_fingerprints(rules: &store::batch::Rules) -> Fingerprints {
    let mut fingerprints = Fingerprints::builtin();
    let own = rules.fingerprints.iter().map(|text| fingerprints.add_rules(text)).collect::<Result<Vec<()>, _>>();
    let p0f = rules.p0f.iter().map(|text| fingerprints.add_signatures(text).map(drop)).collect::<Result<Vec<()>, _>>();
    for mistake in [own.err(), p0f.err()].into_iter().flatten() {
        notice::warning(&format!(
            "rules in the database are not used: {mistake}; start `sensor run` with the corrected file"
        ));
    }
    fingerprints
}

/// The built-in list of vendors; entries of the file `oui`, if given, override it.
pub fn open_vendors(oui: Option<&Path>) -> Result<Vendors, VendorError> {
    oui.map_or_else(|| Ok(Vendors::builtin()), Vendors::with_csv)
}
