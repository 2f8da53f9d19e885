//! Vendors by the longest assigned prefix of a universally administered MAC.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use sensor_core::types::{Mac, MacKind};

/// The registries of the IEEE: the built-in copy, and rows of a file over it.
#[derive(Debug, Default)]
pub struct Vendors {
    /// By prefix in upper-case hex: 6, 7 or 9 digits.
    overrides: HashMap<String, String>,
}

/// Why a registry file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// A row is not in the form of the IEEE's files.
    #[error(
        "{path}, line {line}: {wrong}; give a csv file as the IEEE publishes it (Registry,Assignment,Organization Name,..)"
    )]
    Row {
        /// The file.
        path: PathBuf,
        /// The row's first line, from 1.
        line: u64,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// The file cannot be read.
    #[error("{path}: {source}; give a readable file with --oui")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Vendors {
    /// The registries as they were when the sensor was built.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The built-in registries with the rows of an IEEE csv file over them. Several files may be joined into one.
    /// Fails when the file cannot be read or a row is not a registry's.
    pub fn with_csv(path: &Path) -> Result<Self, VendorError> {
        let file =
            std::fs::File::open(path).map_err(|source| VendorError::Unreadable { path: path.to_owned(), source })?;
        let mut overrides = HashMap::new();
        // With the reader's own CRLF its line numbers are one too high; a carriage return is trimmed with the name's blanks.
        let lines = csv::Terminator::Any(b'\n');
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).terminator(lines).from_reader(file);
        let mut row = csv::ByteRecord::new();
        loop {
            let line = reader.position().line();
            match reader.read_byte_record(&mut row) {
                Ok(false) => return Ok(Self { overrides }),
                Ok(true) => {}
                Err(error) => {
                    return Err(VendorError::Unreadable { path: path.to_owned(), source: io::Error::from(error) });
                }
            }
            let line = row.position().map_or(line, csv::Position::line);
            match parse_row(&row) {
                Ok(Some((prefix, name))) => drop(overrides.insert(prefix, name)),
                Ok(None) => {}
                Err(wrong) => return Err(VendorError::Row { path: path.to_owned(), line, wrong }),
            }
        }
    }

    /// The vendor of the longest assigned prefix: 36, 28, then 24 bits. `None` for group, locally administered and
    /// virtual addresses, which name no maker, and for prefixes whose holder is hidden.
    pub fn lookup(&self, mac: Mac) -> Option<&str> {
        if !mac.is_station() || mac.kind() != MacKind::Universal {
            return None;
        }
        let [a, b, c, d, e, f] = mac.0;
        let hex = format!("{a:02X}{b:02X}{c:02X}{d:02X}{e:02X}{f:02X}");
        let builtin = DIGITS.into_iter().find_map(|len| Some((len, builtin(mac, len)?)));
        let ours = DIGITS.into_iter().find_map(|len| Some((len, self.overrides.get(&hex[..len])?.as_str())));
        let name = match (ours, builtin) {
            (Some(ours), Some(builtin)) if builtin.0 > ours.0 => builtin.1,
            (Some(row), _) | (None, Some(row)) => row.1,
            (None, None) => return None,
        };
        // A block that the authority has not assigned further, or one whose holder is not published.
        let hidden = ["ieee registration authority", "private"].contains(&name.to_lowercase().as_str());
        (!hidden && !name.is_empty()).then_some(name)
    }
}

/// Lengths of prefixes in hex digits, the longest first.
const DIGITS: [usize; 3] = [9, 7, 6];
/// The registries, as `build.rs` lays them out: rows of a key, an offset into the names and a length, sorted by key.
const INDEX: &[[u8; 14]] = include_bytes!(concat!(env!("OUT_DIR"), "/vendors.index")).as_chunks().0;
/// The names one after another, each once.
const NAMES: &str = include_str!(concat!(env!("OUT_DIR"), "/vendors.names"));

/// The built-in holder of the MAC's prefix of exactly so many digits.
fn builtin(mac: Mac, digits: usize) -> Option<&'static str> {
    let [a, b, c, d, e, f] = mac.0;
    let bits = u64::from_be_bytes([a, b, c, d, e, f, 0, 0]);
    let key = bits >> (64 - 4 * digits) << (64 - 4 * digits) | digits as u64;
    let row =
        INDEX.binary_search_by_key(&key, |row| row.first_chunk().map_or(0, |key| u64::from_be_bytes(*key))).ok()?;
    let [.., p, q, r, s, t, u] = INDEX[row];
    let at = usize::try_from(u32::from_be_bytes([p, q, r, s])).ok()?;
    NAMES.get(at..at + usize::from(u16::from_be_bytes([t, u])))
}

/// A row's prefix and vendor; `None` for a header.
fn parse_row(row: &csv::ByteRecord) -> Result<Option<(String, String)>, &'static str> {
    let registry = row.get(0).unwrap_or_default();
    let digits = match registry.strip_prefix(b"\xef\xbb\xbf").unwrap_or(registry) {
        b"Registry" => return Ok(None),
        b"MA-L" | b"CID" => 6,
        b"MA-M" => 7,
        b"IAB" | b"MA-S" => 9,
        _ => return Err("unknown registry"),
    };
    let prefix = row.get(1).ok_or("no assignment")?;
    if prefix.len() != digits || !prefix.iter().all(u8::is_ascii_hexdigit) {
        return Err("the assignment is not a prefix of its registry");
    }
    let name = row.get(2).ok_or("no organization name")?;
    let prefix = String::from_utf8_lossy(prefix).to_uppercase();
    Ok(Some((prefix, String::from_utf8_lossy(name).trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table agrees with the crate that it was made from.
    #[test]
    fn every_prefix_has_its_holder() {
        for row in oui_data::OUI_ENTRIES.values() {
            let hex = format!("{:0<12}", row.oui());
            let bytes = u64::from_str_radix(&hex, 16).expect("a prefix is hex").to_be_bytes();
            let mac = Mac(*bytes.last_chunk().expect("six of eight bytes"));
            let expected = oui_data::lookup(&hex).map(|row| row.organization().trim());
            assert_eq!(DIGITS.into_iter().find_map(|len| builtin(mac, len)), expected, "{hex}");
        }
        assert!(INDEX.len() > 50_000, "{}", INDEX.len());
        assert_eq!(builtin(Mac([0xff; 6]), 6), None);
    }
}
