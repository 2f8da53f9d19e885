//! Values as they are typed, on the command line and in the file.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use crate::config::error::ConfigError;
use sensor_core::inventory::correlator::settings::Members;
use sensor_core::inventory::event::{Kind, Severity};
use sensor_core::inventory::judge::mute::MuteTarget;
use sensor_core::inventory::model::host::HostId;
use sensor_core::inventory::model::quiet::Quiet;
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::{Iface, Mac, Segment, Timestamp, Tunnel, Vlans};

/// A moment from a span before `now` (`90s`, `15m`, `2h`, `7d`) or an RFC 3339 time.
pub fn parse_when(text: &str, now: Timestamp) -> Result<Timestamp, ConfigError> {
    let bad = || ConfigError::When(text.to_owned());
    let unit_s = match text.chars().last() {
        Some('s') => Some(1),
        Some('m') => Some(60),
        Some('h') => Some(3600),
        Some('d') => Some(86_400),
        _ => None,
    };
    if let Some((unit_s, number)) =
        unit_s.and_then(|unit_s| Some((unit_s, text[..text.len() - 1].parse::<i64>().ok()?)))
    {
        let span_ns = number.checked_mul(unit_s).and_then(|s| s.checked_mul(1_000_000_000)).filter(|ns| *ns >= 0);
        return Ok(Timestamp::from_nanos(now.as_nanos().saturating_sub(span_ns.ok_or_else(bad)?)));
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| bad())?;
    Ok(Timestamp::from_nanos(i64::try_from(moment.as_nanosecond()).map_err(|_| bad())?))
}

/// `; did you mean 'x'?` for the known word nearest to `word`, or nothing.
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known.into_iter().map(|name| (strsim::damerau_levenshtein(word, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 3 => format!("; did you mean '{name}'?"),
        _ => String::new(),
    }
}

/// An interface, from its name.
pub fn parse_iface(name: &str) -> Result<Iface, ConfigError> {
    Iface::new(name).ok_or_else(|| ConfigError::Iface(name.escape_debug().to_string()))
}

pub(crate) fn parse_prefix(setting: &'static str, text: &str) -> Result<IpNet, ConfigError> {
    let prefix = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let bad = || ConfigError::Cidr { setting, value: text.escape_debug().to_string() };
    Ok(prefix.ok_or_else(bad)?.trunc())
}

/// Ports and ranges of them, in the order given, each once: `22,80,8000-8010`.
pub fn parse_ports(text: &str) -> Result<Vec<u16>, ConfigError> {
    let bad = || ConfigError::Ports(text.escape_debug().to_string());
    let mut ports = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
        if first == 0 || first > last {
            return Err(bad());
        }
        for port in first..=last {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
    }
    Ok(ports)
}

/// A span such as `90s`, `15m`, `2h`, `7d`; more than zero.
pub fn parse_span(setting: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let bad = || ConfigError::Span { setting, value: text.escape_debug().to_string() };
    let (number, unit_s) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => return Err(bad()),
    };
    let s = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_s));
    s.filter(|s| (1..=u64::from(u32::MAX)).contains(s)).map(Duration::from_secs).ok_or_else(bad)
}

/// Addresses and MACs.
pub(crate) fn parse_members(setting: &'static str, texts: &[String]) -> Result<Members, ConfigError> {
    let mut members = Members::default();
    for text in texts {
        match (Mac::parse(text), text.parse::<IpAddr>()) {
            (Some(mac), _) => drop(members.macs.insert(mac)),
            (None, Ok(ip)) => drop(members.ips.insert(ip)),
            _ => return Err(ConfigError::Member { setting, value: text.escape_debug().to_string() }),
        }
    }
    Ok(members)
}

pub(crate) fn parse_technique(word: &str) -> Result<Technique, ConfigError> {
    Technique::parse(word).ok_or_else(|| ConfigError::Technique {
        value: word.escape_debug().to_string(),
        known: Technique::ALL.map(Technique::name).join(", "),
        suggestion: suggest(word, Technique::ALL.map(Technique::name)),
    })
}

pub(crate) fn parse_server(text: &str) -> Result<SocketAddr, ConfigError> {
    let address = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53)));
    address.ok_or_else(|| ConfigError::Server(text.escape_debug().to_string()))
}

/// Hours of the day, local time: `22:00-06:00`.
pub(crate) fn parse_quiet(setting: &'static str, text: &str) -> Result<Quiet, ConfigError> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
    };
    let quiet = text.split_once('-').and_then(|(from, to)| Some(Quiet { from: minute(from)?, to: minute(to)? }));
    let quiet = quiet.filter(|quiet| quiet.from < 1440 && quiet.from != quiet.to);
    quiet.ok_or_else(|| ConfigError::Quiet { setting, value: text.escape_debug().to_string() })
}

/// A segment: `eth1`, `eth1.30`, `eth1.100.30`, `eth1/vxlan42.30`. An interface whose own name ends in `.30` (a VLAN
/// interface) cannot be written so; it is named by `interface`.
pub(crate) fn parse_segment(text: &str) -> Result<Segment, ConfigError> {
    let mut parts = text.split('.');
    let bad = || ConfigError::Segment(text.escape_debug().to_string());
    let (iface, tunnel) = match parts.next().unwrap_or_default().split_once('/') {
        Some((iface, tunnel)) => (iface, Some(Tunnel::parse(tunnel).ok_or_else(bad)?)),
        None => (text.split('.').next().unwrap_or_default(), None),
    };
    let iface = parse_iface(iface)?;
    let mut vlans = [0; 2];
    for (place, part) in parts.enumerate() {
        let id = part.parse::<u16>().ok().filter(|id| (1..4096).contains(id));
        match (id, vlans.get_mut(place)) {
            (Some(id), Some(slot)) => *slot = id,
            _ => return Err(bad()),
        }
    }
    Ok(Segment { iface, tunnel, vlans: Vlans::new(vlans) })
}

/// A host's id, as events have it: 16 hexadecimal digits.
pub(crate) fn parse_host(text: &str) -> Option<HostId> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| u64::from_str_radix(text, 16).ok().map(HostId)).flatten()
}

pub(crate) fn parse_kind(word: &str) -> Result<Kind, ConfigError> {
    Kind::parse(word).ok_or_else(|| ConfigError::Kind {
        value: word.escape_debug().to_string(),
        suggestion: suggest(word, Kind::ALL.map(Kind::name)),
    })
}

pub(crate) fn parse_severity(word: &str) -> Result<Severity, ConfigError> {
    Severity::parse(word).ok_or_else(|| ConfigError::Severity {
        value: word.escape_debug().to_string(),
        suggestion: suggest(word, Severity::ALL.map(Severity::name)),
    })
}

/// What is muted, as written: a kind, a MAC, a host's id, an address or network, else a segment.
pub fn parse_target(text: &str) -> Result<MuteTarget, ConfigError> {
    let network = || text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let target = Kind::parse(text)
        .map(MuteTarget::Kind)
        .or_else(|| Mac::parse(text).map(MuteTarget::Mac))
        .or_else(|| parse_host(text).map(MuteTarget::Host))
        .or_else(|| network().map(|net: IpNet| MuteTarget::Network(net.trunc())))
        .or_else(|| parse_segment(text).ok().map(MuteTarget::Segment));
    target.ok_or_else(|| no_target(text))
}

/// The error for a word that names nothing that can be muted.
pub fn no_target(text: &str) -> ConfigError {
    let suggestion = suggest(text, Kind::ALL.map(Kind::name));
    ConfigError::Target { value: text.escape_debug().to_string(), suggestion }
}

/// MACs only.
pub(crate) fn parse_macs(setting: &'static str, texts: &[String]) -> Result<BTreeSet<Mac>, ConfigError> {
    let mac = |text: &String| {
        let bad = || ConfigError::Subject { setting, value: text.escape_debug().to_string() };
        Mac::parse(text).ok_or_else(bad)
    };
    texts.iter().map(mac).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug + PartialEq>(got: Result<T, ConfigError>, expected: Option<T>) {
        assert_eq!(got.as_ref().ok(), expected.as_ref());
        if let Err(error) = got {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn ports_and_ranges() {
        check(parse_ports("22,80"), Some(vec![22, 80]));
        check(parse_ports("80, 22 ,79-81"), Some(vec![80, 22, 79, 81]));
        check(parse_ports(""), Some(vec![]));
        for bad in ["0", "65536", "5-4", "http", "1-", "-5"] {
            check(parse_ports(bad), None);
        }
    }

    #[test]
    fn spans() {
        check(parse_span("sweep", "90s"), Some(Duration::from_secs(90)));
        check(parse_span("sweep", "7d"), Some(Duration::from_secs(7 * 86_400)));
        for bad in ["", "5", "0s", "-1s", "1w", "é", "99999999999999999999h"] {
            check(parse_span("sweep", bad), None);
        }
    }

    #[test]
    fn quiet_hours() {
        let parse_quiet = |text| parse_quiet("quiet_hours", text);
        check(parse_quiet("22:00-06:30"), Some(Quiet { from: 1320, to: 390 }));
        check(parse_quiet("00:00-24:00"), Some(Quiet { from: 0, to: 1440 }));
        for bad in ["", "22-6", "25:00-01:00", "10:60-11:00", "10:00-10:00", "24:00-01:00"] {
            check(parse_quiet(bad), None);
        }
    }

    #[test]
    fn segments() {
        let segment = |iface, vlans| Iface::new(iface).map(|iface| Segment::tagged(iface, Vlans::new(vlans)));
        check(parse_segment("eth1"), segment("eth1", [0, 0]));
        check(parse_segment("eth1.100.30"), segment("eth1", [100, 30]));
        for bad in ["", "eth1.0", "eth1.4096", "eth1.1.2.3", "eth1.x"] {
            check(parse_segment(bad), None);
        }
    }

    fn check_when(text: &str, expected_s: Option<i64>) {
        let got = parse_when(text, Timestamp::from_secs(1_000_000)).ok();
        assert_eq!(got, expected_s.map(Timestamp::from_secs), "{text}");
    }

    #[test]
    fn spans_and_times() {
        check_when("90s", Some(999_910));
        check_when("15m", Some(999_100));
        check_when("1d", Some(913_600));
        check_when("1970-01-02T00:00:00Z", Some(86_400));
        check_when("-5m", None);
        check_when("yesterday", None);
        check_when("", None);
        check_when("99999999999999d", None);
        check_when("é", None);
    }

    fn check_prefix(text: &str, expected: Option<&str>) {
        assert_eq!(parse_prefix("--network", text).ok().map(|net| net.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn prefixes_and_addresses() {
        check_prefix("10.1.2.3/8", Some("10.0.0.0/8"));
        check_prefix("2001:db8::1", Some("2001:db8::1/128"));
        check_prefix("10.0.0.0/33", None);
        check_prefix("10.0.0/8", None);
    }
}
