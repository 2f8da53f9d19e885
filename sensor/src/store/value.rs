//! How the core's types are kept in columns: numbers that are ids keep their bits, words are written as in exports.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enumset::EnumSet;
use rusqlite::types::{FromSqlResult, ToSqlOutput, ValueRef};

use crate::store::column::{FromColumn, ToColumn, not};
use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::inventory::model::host::{HostId, HostRole};
use sensor_core::inventory::model::join::JoinEvidence;
use sensor_core::inventory::model::oddity::Oddity;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, Timestamp};

/// An event's id as SQLite orders it. Ids count up from 1; only a filter can ask for one beyond 2^63.
pub(super) fn event_id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// The reverse of [`event_id`].
pub(super) fn from_event_id(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

/// Nanoseconds since 1970.
impl ToColumn for Timestamp {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_nanos().into())
    }
}

impl FromColumn for Timestamp {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_nanos)
    }
}

/// The same bits as a signed integer.
impl ToColumn for HostId {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl FromColumn for HostId {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|id| Self(id.cast_unsigned()))
    }
}

/// 6 bytes.
impl ToColumn for Mac {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromColumn for Mac {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes.try_into().map(Self).map_err(|_| not("a MAC", bytes))
    }
}

/// 4 or 16 bytes.
impl ToColumn for IpAddr {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::V4(ip) => ip.octets().to_vec().into(),
            Self::V6(ip) => ip.octets().to_vec().into(),
        })
    }
}

impl FromColumn for IpAddr {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            return Ok(octets.into());
        }
        <[u8; 16]>::try_from(bytes).map(Self::from).map_err(|_| not("an address", bytes))
    }
}

/// 4 bytes.
impl ToColumn for Ipv4Addr {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.octets().to_vec().into())
    }
}

impl FromColumn for Ipv4Addr {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        <[u8; 4]>::try_from(bytes).map(Self::from).map_err(|_| not("an IPv4 address", bytes))
    }
}

/// IPv6 addresses, 16 bytes each.
impl ToColumn for Vec<Ipv6Addr> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.iter().flat_map(Ipv6Addr::octets).collect::<Vec<u8>>().into())
    }
}

impl FromColumn for Vec<Ipv6Addr> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (addresses, rest) = value.as_blob()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(not("IPv6 addresses", rest));
        }
        Ok(addresses.iter().map(|octets| Ipv6Addr::from(*octets)).collect())
    }
}

/// Port numbers, two bytes each, big-endian.
impl ToColumn for Vec<u16> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.iter().flat_map(|port| port.to_be_bytes()).collect::<Vec<u8>>().into())
    }
}

impl FromColumn for Vec<u16> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (ports, rest) = value.as_blob()?.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(not("ports", rest));
        }
        Ok(ports.iter().map(|port| u16::from_be_bytes(*port)).collect())
    }
}

/// Escaped texts, one a line: an escaped text contains no newline.
impl ToColumn for Vec<String> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>().into())
    }
}

impl FromColumn for Vec<String> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| text.split_terminator('\n').map(str::to_owned).collect())
    }
}

/// Their names in alphabetical order, joined by commas.
impl ToColumn for EnumSet<Source> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.iter().map(Source::name).collect::<Vec<_>>().join(",").into())
    }
}

impl FromColumn for EnumSet<Source> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        parse_list(value, "a source", Source::parse)
    }
}

/// Their names in alphabetical order, joined by commas.
impl ToColumn for BTreeSet<JoinEvidence> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.iter().map(|evidence| evidence.name()).collect::<Vec<_>>().join(",").into())
    }
}

impl FromColumn for BTreeSet<JoinEvidence> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        parse_list(value, "evidence", JoinEvidence::parse)
    }
}

fn parse_list<T, C: FromIterator<T>>(
    value: ValueRef<'_>,
    what: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> FromSqlResult<C> {
    let words = value.as_str()?.split(',').filter(|word| !word.is_empty());
    words.map(|word| parse(word).ok_or_else(|| not(what, word.as_bytes()))).collect()
}

/// Enumerations, each with what it is, how it is written and how it is read: one word in the column.
macro_rules! words {
    ($($word:ty, $what:literal, $name:expr, $parse:expr;)*) => {$(
        impl ToColumn for $word {
            fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok($name(*self).into())
            }
        }

        impl FromColumn for $word {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let word = value.as_str()?;
                $parse(word).ok_or_else(|| not($what, word.as_bytes()))
            }
        }
    )*};
}
words! {
    Evidence, "evidence", Evidence::name, Evidence::parse;
    HostRole, "a host's role", HostRole::name, HostRole::parse;
    Oddity, "an oddity", Oddity::name, |word| Oddity::ALL.into_iter().find(|oddity| oddity.name() == word);
    Role, "a role", role_name, |word| ROLES.into_iter().find(|role| role_name(*role) == word);
    Source, "a source", Source::name, Source::parse;
}

const ROLES: [Role; 5] = [Role::DhcpNameServer, Role::DhcpRouter, Role::DhcpServer, Role::Router, Role::VirtualRouter];

fn role_name(role: Role) -> &'static str {
    match role {
        Role::DhcpNameServer => "dhcp-name-server",
        Role::DhcpRouter => "dhcp-router",
        Role::DhcpServer => "dhcp-server",
        Role::Router => "router",
        Role::VirtualRouter => "virtual-router",
    }
}

/// The transport protocol of a service.
pub(super) struct Protocol(pub(super) &'static str);

impl FromColumn for Protocol {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "tcp" => Ok(Self("tcp")),
            "udp" => Ok(Self("udp")),
            word => Err(not("a protocol", word.as_bytes())),
        }
    }
}
