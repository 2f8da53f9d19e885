//! How single values are written. Numbers that are ids keep their bits, words are written as in exports.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enumset::EnumSet;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::inventory::model::host::{HostId, HostRole};
use sensor_core::inventory::model::join::JoinEvidence;
use sensor_core::inventory::model::oddity::Oddity;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, Timestamp};

/// An address, 4 or 16 bytes.
pub(super) struct Ip(pub(super) IpAddr);

/// `tcp` or `udp`, the words that a service may have.
pub(super) struct Protocol(pub(super) &'static str);

/// A set of sources, in alphabetical order with commas.
pub(super) struct Sources(pub(super) EnumSet<Source>);

/// What joined a station to a host, in alphabetical order with commas.
pub(super) struct Kinships(pub(super) BTreeSet<JoinEvidence>);

/// Port numbers, two bytes each, big-endian.
pub(super) struct Ports(pub(super) Vec<u16>);

/// IPv6 addresses, 16 bytes each.
pub(super) struct Ipv6s(pub(super) Vec<Ipv6Addr>);

/// Escaped texts, one a line: an escaped text has no newline of its own.
pub(super) struct Lines(pub(super) Vec<String>);

/// How a value is written into a column. rusqlite's own traits cannot be implemented here for types of the core.
pub(super) trait ToColumn {
    /// The column's value.
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>>;
}

/// How a value is read from a column; what we never write is an error.
pub(super) trait FromColumn: Sized {
    /// The value of a column.
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self>;
}

/// A value on its way into or out of a column.
pub(super) struct Column<T>(pub(super) T);

impl<T: ToColumn> ToSql for Column<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_column()
    }
}

impl<T: FromColumn> FromSql for Column<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        T::from_column(value).map(Self)
    }
}

/// The column of that number, from 0, of a row.
pub(super) fn get<T: FromColumn>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get::<_, Column<T>>(column).map(|column| column.0)
}

/// The values of a statement's parameters, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        rusqlite::params![$($crate::store::value::Column(&$value)),*]
    };
}
pub(super) use values;

impl<T: ToColumn + ?Sized> ToColumn for &T {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        (**self).to_column()
    }
}

impl<T: ToColumn> ToColumn for Option<T> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_ref().map_or(Ok(rusqlite::types::Null.into()), T::to_column)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_column(value).map(Some),
        }
    }
}

/// Types that rusqlite itself can write and read.
macro_rules! plain {
    ($($plain:ty),*) => {$(
        impl ToColumn for $plain {
            fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.to_sql()
            }
        }

        impl FromColumn for $plain {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::column_result(value)
            }
        }
    )*};
}
plain!(bool, i64, u8, u16, u32, String, Vec<u8>);

impl ToColumn for str {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.into())
    }
}

/// An event's id as SQLite orders it. Ids count up from 1; only a filter can ask for one beyond 2^63.
pub(super) fn event_id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// The reverse of [`event_id`].
pub(super) fn from_event_id(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

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

impl ToColumn for Mac {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromColumn for Mac {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes.try_into().map(Self).map_err(|_| unknown("a MAC", bytes))
    }
}

impl ToColumn for Ip {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            IpAddr::V4(ip) => ip.octets().to_vec().into(),
            IpAddr::V6(ip) => ip.octets().to_vec().into(),
        })
    }
}

impl FromColumn for Ip {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
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

impl ToColumn for Source {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromColumn for Source {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| unknown("a source", word.as_bytes()))
    }
}

impl ToColumn for HostRole {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromColumn for HostRole {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| unknown("a host's role", word.as_bytes()))
    }
}

impl ToColumn for Sources {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().map(Source::name).collect::<Vec<_>>().join(",").into())
    }
}

impl FromColumn for Sources {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let words = value.as_str()?.split(',').filter(|word| !word.is_empty());
        let sources = words.map(|word| Source::parse(word).ok_or_else(|| unknown("a source", word.as_bytes())));
        sources.collect::<FromSqlResult<_>>().map(Self)
    }
}

impl ToColumn for Kinships {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().map(|kinship| kinship.name()).collect::<Vec<_>>().join(",").into())
    }
}

impl FromColumn for Kinships {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let words = value.as_str()?.split(',').filter(|word| !word.is_empty());
        let all = words.map(|word| JoinEvidence::parse(word).ok_or_else(|| unknown("evidence", word.as_bytes())));
        all.collect::<FromSqlResult<_>>().map(Self)
    }
}

impl ToColumn for Ports {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().flat_map(|port| port.to_be_bytes()).collect::<Vec<u8>>().into())
    }
}

impl FromColumn for Ports {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (ports, rest) = value.as_blob()?.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(unknown("ports", rest));
        }
        Ok(Self(ports.iter().map(|port| u16::from_be_bytes(*port)).collect()))
    }
}

impl ToColumn for Ipv6s {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().flat_map(Ipv6Addr::octets).collect::<Vec<u8>>().into())
    }
}

impl FromColumn for Ipv6s {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (addresses, rest) = value.as_blob()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(unknown("IPv6 addresses", rest));
        }
        Ok(Self(addresses.iter().map(|octets| Ipv6Addr::from(*octets)).collect()))
    }
}

impl ToColumn for Lines {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>().into())
    }
}

impl FromColumn for Lines {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| Self(text.split_terminator('\n').map(str::to_owned).collect()))
    }
}

impl ToColumn for Protocol {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromColumn for Protocol {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "tcp" => Ok(Self("tcp")),
            "udp" => Ok(Self("udp")),
            word => Err(unknown("a protocol", word.as_bytes())),
        }
    }
}

impl ToColumn for Evidence {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromColumn for Evidence {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| unknown("evidence", word.as_bytes()))
    }
}

impl ToColumn for Role {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::DhcpRouter => "dhcp-router",
            Self::DhcpServer => "dhcp-server",
            Self::Router => "router",
            Self::VirtualRouter => "virtual-router",
        }
        .into())
    }
}

impl FromColumn for Role {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "dhcp-router" => Ok(Self::DhcpRouter),
            "dhcp-server" => Ok(Self::DhcpServer),
            "router" => Ok(Self::Router),
            "virtual-router" => Ok(Self::VirtualRouter),
            word => Err(unknown("a role", word.as_bytes())),
        }
    }
}

impl ToColumn for Oddity {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromColumn for Oddity {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
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
