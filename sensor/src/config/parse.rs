//! Values as they are typed, on the command line and in the file.

use crate::capture::iface;
use crate::capture::options::{Port, Role};
use crate::config::error::ConfigError;
use crate::config::shared::{self, Screen};
use ipnet::IpNet;
use sensor_core::inventory::correlator::settings::Members;
use sensor_core::inventory::event::{Kind, Severity};
use sensor_core::inventory::judge::mute::MuteTarget;
use sensor_core::inventory::model::host::HostId;
use sensor_core::inventory::model::quiet::Quiet;
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::Mac;
use sensor_core::types::Segment;
use sensor_core::types::Tunnel;
use sensor_core::types::Vlans;
use sensor_core::types::{Iface, Timestamp};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

pub(crate) fn ports(hosts: &[String], mirrors: &[String]) -> Result<Vec<Port>, ConfigError> {
    let mut ports: Vec<Port> = Vec::new();
    let named = hosts.iter().map(|name| (name, Role::Host)).chain(mirrors.iter().map(|name| (name, Role::Mirror)));
    for (name, role) in named {
        let iface = parse_iface(name)?;
        match ports.iter().find(|port| port.iface == iface) {
            Some(port) if port.role != role => return Err(ConfigError::TwoRoles(iface)),
            Some(_) => {}
            None => ports.push(Port { iface, role }),
        }
    }
    if ports.is_empty() {
        let iface = iface::proc::default_route_iface().ok_or(ConfigError::NoInterface)?;
        ports.push(Port { iface, role: Role::Host });
    }
    Ok(ports)
}

/// An interface from its name.
pub fn parse_iface(name: &str) -> Result<Iface, ConfigError> {
    Iface::new(name).ok_or_else(|| ConfigError::Iface(name.escape_debug().to_string()))
}

pub(crate) fn prefixes(setting: &'static str, texts: &[String]) -> Result<Vec<(Option<Iface>, IpNet)>, ConfigError> {
    texts.iter().map(|text| Ok((None, parse_prefix(setting, text)?))).collect()
}

pub(crate) fn parse_prefix(setting: &'static str, text: &str) -> Result<IpNet, ConfigError> {
    let prefix = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let bad = || ConfigError::Cidr { setting, value: text.escape_debug().to_string() };
    Ok(prefix.ok_or_else(bad)?.trunc())
}

pub(crate) fn target(path: Option<PathBuf>) -> Option<shared::Target> {
    path.map(|path| if path == Path::new("-") { shared::Target::Stdout } else { shared::Target::File(path) })
}

pub(crate) fn screen(
    json: bool,
    events: &Option<shared::Target>,
    sightings: &Option<shared::Target>,
) -> Result<Screen, ConfigError> {
    let taken = [events, sightings].into_iter().filter(|target| **target == Some(shared::Target::Stdout)).count();
    match (taken, json) {
        (2, _) => Err(ConfigError::TwoOnStdout),
        (1, _) => Ok(Screen::Quiet),
        (_, true) => Ok(Screen::Json),
        // Under systemd standard output is the journal, which has the events already, with their fields.
        _ if std::env::var_os("JOURNAL_STREAM").is_some() => Ok(Screen::Quiet),
        _ => Ok(Screen::Text),
    }
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
        suggestion: suggest(word, Technique::ALL.map(Technique::name)),
    })
}

pub(crate) fn parse_server(text: &str) -> Result<SocketAddr, ConfigError> {
    let address = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53)));
    address.ok_or_else(|| ConfigError::Server(text.escape_debug().to_string()))
}

/// `22:00-06:00`, local time.
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

/// `eth1`, `eth1.30`, `eth1.100.30`, `eth1/vxlan42.30`. An interface whose own name ends so (a VLAN interface) is named by `interface`.
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

/// A host's id as written in events.
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

/// The error for a word that names nothing.
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
