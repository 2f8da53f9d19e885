//! Written forms of single values: times, ids, names.

use crate::export::escape::escape;
use jiff::fmt::temporal::DateTimePrinter;
use sensor_core::inventory::model::host::best_name;
use sensor_core::inventory::model::host::{HostId, Name};
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, MacKind, Segment, Timestamp};

/// RFC 3339 in UTC with `Z` and six digits, or nine where the nanoseconds are not whole microseconds.
pub fn rfc3339(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()))
        .expect("64 bits of nanoseconds lie within the years -9999 to 9999");
    let digits = if at.as_nanos() % 1000 == 0 { 6 } else { 9 };
    DateTimePrinter::new().precision(Some(digits)).timestamp_to_string(&moment)
}

pub(crate) fn source_names(sources: impl IntoIterator<Item = Source>) -> impl Iterator<Item = String> {
    sources.into_iter().map(|source| source.name().to_owned())
}

/// The best name ([`best_name`]), escaped.
pub(crate) fn hostname<'a>(names: impl IntoIterator<Item = &'a Name>) -> Option<String> {
    best_name(names).map(|name| escape(&name).into_owned())
}

pub(crate) fn vlan(segment: Segment) -> Option<Vec<u16>> {
    filled(segment.vlans.ids().to_vec())
}

pub(crate) fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

pub(crate) fn host_id(host: HostId) -> String {
    hex(&host.0.to_be_bytes())
}

pub(crate) fn mac_kind(mac: Mac) -> &'static str {
    match mac.kind() {
        MacKind::Local => "local",
        MacKind::Universal => "universal",
        MacKind::Virtual => "virtual",
    }
}

/// Lower-case hex, two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [byte >> 4, byte & 0xf].map(|nibble| DIGITS[usize::from(nibble)]);
    let digits: Vec<u8> = bytes.iter().flat_map(digits).collect();
    String::from_utf8(digits).expect("digits are ASCII")
}
