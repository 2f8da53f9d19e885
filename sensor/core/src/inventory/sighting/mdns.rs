//! What a record of multicast DNS claims (RFC 6762).

use crate::types::Text;
use std::net::IpAddr;

/// One record of an mDNS message (RFC 6762), or the message's sender where it has none of interest.
/// Names are labels joined by `.`, nothing escaped, no final dot; the root is `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MdnsClaim {
    /// A or AAAA of a response.
    Address {
        /// The owner.
        name: Text,
        /// Its address.
        addr: IpAddr,
    },
    /// A record with TTL 0: what it was, and its owner.
    Goodbye {
        /// The record that ends.
        record: Box<MdnsClaim>,
    },
    /// A question.
    Query {
        /// The name asked for.
        name: Text,
    },
    /// PTR below `in-addr.arpa` or `ip6.arpa`.
    Reverse {
        /// The owner.
        name: Text,
        /// Where it points.
        target: Text,
    },
    /// PTR of a service type to an instance.
    Service {
        /// The service type.
        name: Text,
        /// The instance.
        instance: Text,
    },
    /// SRV.
    Srv {
        /// The instance.
        name: Text,
        /// The host name.
        target: Text,
        /// The port.
        port: u16,
    },
    /// TXT.
    Txt {
        /// The owner.
        name: Text,
        /// Its strings.
        txt: Vec<Text>,
    },
    /// PTR of `_services._dns-sd._udp`.
    Type {
        /// The service type that exists.
        name: Text,
    },
}
