//! How single values are written. Numbers that are ids keep their bits, words are written as in exports.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enumset::EnumSet;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::inventory::fingerprint::Evidence;
use crate::inventory::kinship::Kinship;
use crate::inventory::state::{HostId, HostRole, Oddity, Role, Source};
use crate::types::{Mac, Timestamp};

/// An address, 4 or 16 bytes.
pub(super) struct Ip(pub(super) IpAddr);

/// `tcp` or `udp`, the words that a service may have.
pub(super) struct Protocol(pub(super) &'static str);

/// A set of sources, in alphabetical order with commas.
pub(super) struct Sources(pub(super) EnumSet<Source>);

/// What joined a station to a host, in alphabetical order with commas.
pub(super) struct Kinships(pub(super) BTreeSet<Kinship>);

/// Port numbers, two bytes each, big-endian.
pub(super) struct Ports(pub(super) Vec<u16>);

/// IPv6 addresses, 16 bytes each.
pub(super) struct Ipv6s(pub(super) Vec<Ipv6Addr>);

/// Escaped texts, one a line: an escaped text has no newline of its own.
pub(super) struct Lines(pub(super) Vec<String>);

/// An event's id as SQLite orders it. Ids count up from 1; only a filter can ask for one beyond 2^63.
pub(super) fn event_id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// The reverse of [`event_id`].
pub(super) fn from_event_id(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_nanos().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_nanos)
    }
}

impl ToSql for HostId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl FromSql for HostId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|id| Self(id.cast_unsigned()))
    }
}

impl ToSql for Mac {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Mac {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes.try_into().map(Self).map_err(|_| unknown("a MAC", bytes))
    }
}

impl ToSql for Ip {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            IpAddr::V4(ip) => ip.octets().to_vec().into(),
            IpAddr::V6(ip) => ip.octets().to_vec().into(),
        })
    }
}

impl FromSql for Ip {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            return Ok(Self(octets.into()));
        }
        <[u8; 16]>::try_from(bytes).map(|octets| Self(octets.into())).map_err(|_| unknown("an address", bytes))
    }
}

/// The address, of which only IPv4 is ever written here.
pub(super) fn ipv4(ip: &Ip) -> rusqlite::Result<Ipv4Addr> {
    match ip.0 {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(ip) => Err(damage("IPv6 where only IPv4 can be", &ip.to_string())),
    }
}

impl ToSql for Source {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Source {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| unknown("a source", word.as_bytes()))
    }
}

impl ToSql for HostRole {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for HostRole {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| unknown("a host's role", word.as_bytes()))
    }
}

impl ToSql for Sources {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().map(Source::name).collect::<Vec<_>>().join(",").into())
    }
}

impl FromSql for Sources {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let words = value.as_str()?.split(',').filter(|word| !word.is_empty());
        let sources = words.map(|word| Source::parse(word).ok_or_else(|| unknown("a source", word.as_bytes())));
        sources.collect::<FromSqlResult<_>>().map(Self)
    }
}

impl ToSql for Kinships {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().map(|kinship| kinship.name()).collect::<Vec<_>>().join(",").into())
    }
}

impl FromSql for Kinships {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let words = value.as_str()?.split(',').filter(|word| !word.is_empty());
        let all = words.map(|word| Kinship::parse(word).ok_or_else(|| unknown("evidence", word.as_bytes())));
        all.collect::<FromSqlResult<_>>().map(Self)
    }
}

impl ToSql for Ports {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().flat_map(|port| port.to_be_bytes()).collect::<Vec<u8>>().into())
    }
}

impl FromSql for Ports {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (ports, rest) = value.as_blob()?.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(unknown("ports", rest));
        }
        Ok(Self(ports.iter().map(|port| u16::from_be_bytes(*port)).collect()))
    }
}

impl ToSql for Ipv6s {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().flat_map(Ipv6Addr::octets).collect::<Vec<u8>>().into())
    }
}

impl FromSql for Ipv6s {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (addresses, rest) = value.as_blob()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(unknown("IPv6 addresses", rest));
        }
        Ok(Self(addresses.iter().map(|octets| Ipv6Addr::from(*octets)).collect()))
    }
}

impl ToSql for Lines {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>().into())
    }
}

impl FromSql for Lines {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| Self(text.split_terminator('\n').map(str::to_owned).collect()))
    }
}

impl ToSql for Protocol {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Protocol {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "tcp" => Ok(Self("tcp")),
            "udp" => Ok(Self("udp")),
            word => Err(unknown("a protocol", word.as_bytes())),
        }
    }
}

impl ToSql for Evidence {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Evidence {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| unknown("evidence", word.as_bytes()))
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::DhcpRouter => "dhcp-router",
            Self::DhcpServer => "dhcp-server",
            Self::Router => "router",
            Self::VirtualRouter => "virtual-router",
        }
        .into())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "dhcp-router" => Ok(Self::DhcpRouter),
            "dhcp-server" => Ok(Self::DhcpServer),
            "router" => Ok(Self::Router),
            "virtual-router" => Ok(Self::VirtualRouter),
            word => Err(unknown("a role", word.as_bytes())),
        }
    }
}

impl ToSql for Oddity {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Oddity {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::ALL.into_iter().find(|oddity| oddity.name() == word).ok_or_else(|| unknown("an oddity", word.as_bytes()))
    }
}

/// A value that we never write.
pub(super) fn damage(what: &str, value: &str) -> rusqlite::Error {
    let text = format!("{what}: {value}");
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, text.into())
}

fn unknown(what: &str, bytes: &[u8]) -> FromSqlError {
    let text: Box<dyn Error + Send + Sync> = format!("not {what}: {}", bytes.escape_ascii()).into();
    FromSqlError::Other(text)
}
