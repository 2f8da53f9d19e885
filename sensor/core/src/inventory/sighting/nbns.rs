//! What a NetBIOS name service message claims (RFC 1002, section 4.2).

use std::net::Ipv4Addr;

use crate::wire::nbns;

/// One name of a NetBIOS name service message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NbnsClaim {
    /// A name has this address: a registration, a refresh, or the answer to a query.
    Address {
        /// The name.
        name: nbns::Name,
        /// Whether it is a group name.
        group: bool,
        /// Its address.
        addr: Ipv4Addr,
        /// Whether a query is answered; else the name's holder registers or refreshes it.
        is_answer: bool,
    },
    /// A name is released.
    Goodbye {
        /// The name.
        name: nbns::Name,
        /// Whether it is a group name.
        group: bool,
        /// Its address.
        addr: Ipv4Addr,
    },
    /// A query for a name.
    Query {
        /// The name.
        name: nbns::Name,
    },
    /// One of the names in a node's status.
    Status {
        /// The name.
        name: nbns::Name,
        /// Whether it is a group name.
        group: bool,
        /// Whether it is in use.
        active: bool,
    },
}

/// What the message claims, one claim a name.
pub(super) fn claims(message: &nbns::Message) -> Vec<NbnsClaim> {
    let mut claims = Vec::new();
    let is_claim = if message.is_response {
        message.opcode == nbns::QUERY && message.rcode == 0
    } else {
        matches!(message.opcode, nbns::REGISTRATION | nbns::REFRESH | nbns::REFRESH_OLD | nbns::MULTIHOMED)
    };
    let is_release = !message.is_response && message.opcode == nbns::RELEASE;
    if !message.is_response && message.opcode == nbns::QUERY {
        claims.extend(message.questions.iter().map(|name| NbnsClaim::Query { name: name.clone() }));
    }
    for record in &message.records {
        match record {
            nbns::Record::Addresses(name, addresses) if is_claim || is_release => {
                for &(group, addr) in addresses {
                    let name = name.clone();
                    claims.push(match is_release {
                        true => NbnsClaim::Goodbye { name, group, addr },
                        false => NbnsClaim::Address { name, group, addr, is_answer: message.is_response },
                    });
                }
            }
            nbns::Record::Addresses(..) => {}
            nbns::Record::Status(status) if message.is_response => {
                for node in &status.names {
                    let name = nbns::Name { name: node.name.clone(), suffix: node.suffix };
                    claims.push(NbnsClaim::Status { name, group: node.group, active: node.active });
                }
            }
            nbns::Record::Status(_) => {}
        }
    }
    claims
}
