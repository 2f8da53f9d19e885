//! How single values are written: times, ids, names.

use jiff::fmt::temporal::DateTimePrinter;

use crate::export::escape::escape;
use sensor_core::inventory::model::host::{HostId, Name, best_name};
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, MacKind, Segment, Timestamp, hex};

/// RFC 3339 in UTC with `Z` and six digits, or nine where the nanoseconds are not whole microseconds.
pub fn rfc3339(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()))
        .expect("64 bits of nanoseconds lie within the years -9999 to 9999");
    let digits = if at.as_nanos() % 1000 == 0 { 6 } else { 9 };
    DateTimePrinter::new().precision(Some(digits)).timestamp_to_string(&moment)
}

/// The names of sources, in the order given.
pub(in crate::export) fn source_names(sources: impl IntoIterator<Item = Source>) -> impl Iterator<Item = String> {
    sources.into_iter().map(|source| source.name().to_owned())
}

/// First label of the most trusted name, escaped; of several names of one source the first.
pub(in crate::export) fn hostname<'a>(names: impl IntoIterator<Item = &'a Name>) -> Option<String> {
    best_name(names).map(|name| escape(&name).into_owned())
}

/// The VLAN ids, outer first; `None` when untagged.
pub(in crate::export) fn vlan(segment: Segment) -> Option<Vec<u16>> {
    filled(segment.vlans.ids().to_vec())
}

/// The list, unless it is empty.
pub(in crate::export) fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

/// 16 hex digits.
pub(in crate::export) fn host_id(host: HostId) -> String {
    hex(&host.0.to_be_bytes())
}

/// `local`, `universal` or `virtual`.
pub(in crate::export) fn mac_kind(mac: Mac) -> &'static str {
    match mac.kind() {
        MacKind::Local => "local",
        MacKind::Universal => "universal",
        MacKind::Virtual => "virtual",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use enumset::EnumSet;

    use super::*;

    #[track_caller]
    fn check_hostname(names: &[(Source, &str)], expected: Option<&str>) {
        let (first_seen, last_seen) = (Timestamp::EPOCH, Timestamp::EPOCH);
        let names = names.iter().map(|&(source, name)| Name { name: name.to_owned(), source, first_seen, last_seen });
        let names: Vec<Name> = names.collect();
        assert_eq!(hostname(&names).as_deref(), expected);
    }

    #[track_caller]
    fn check_time(ns: i64, expected: &str) {
        assert_eq!(rfc3339(Timestamp::from_nanos(ns)), expected);
    }

    #[test]
    fn the_most_trusted_name() {
        check_hostname(&[], None);
        check_hostname(&[(Source::Mdns, "a.b")], Some("a"));
        check_hostname(&[(Source::Mdns, "a"), (Source::Dhcp, "b"), (Source::Dhcp, "c")], Some("b"));
        check_hostname(&[(Source::Ndp, "a"), (Source::Mdns, "b")], Some("b"));
        check_hostname(&[(Source::Dhcp, ".a")], Some("a"));
        check_hostname(&[(Source::Dhcp, "...")], None);
        check_hostname(&[(Source::Dhcp, "a\nb")], Some("a\\x0ab"));
    }

    #[test]
    fn times_are_utc_of_a_fixed_width() {
        check_time(0, "1970-01-01T00:00:00.000000Z");
        check_time(1_000, "1970-01-01T00:00:00.000001Z");
        check_time(1_001, "1970-01-01T00:00:00.000001001Z");
        check_time(-1_000, "1969-12-31T23:59:59.999999Z");
        check_time(i64::MAX, "2262-04-11T23:47:16.854775807Z");
        check_time(i64::MIN, "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn sources_are_written_in_the_order_of_their_names() {
        assert!(source_names(EnumSet::all()).is_sorted());
    }
}
