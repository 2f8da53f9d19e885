//! What a running sensor can be told to do, and its answers, as they are written in JSON.

use serde::{Deserialize, Serialize};

/// A change that a command asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Two hosts become one.
    Join {
        /// The host that stays: its id, 16 hexadecimal digits.
        host: String,
        /// The host that becomes part of it: its id.
        other: String,
    },
    /// A station becomes a host of its own.
    Split {
        /// The host that it is taken from: its id, 16 hexadecimal digits.
        host: String,
        /// The station's MAC.
        mac: String,
    },
    /// A mute ends now.
    End {
        /// The mute's number.
        id: u64,
    },
    /// Events are kept but not sent to the sinks for a while.
    Mute {
        /// What they are about, as `sensor mute` takes it: a kind, a host's id, a MAC, an address, a network, a segment.
        target: String,
        /// For how long, in seconds.
        for_s: u64,
        /// Why, for people.
        reason: Option<String>,
    },
}

/// The answer. All but a refusal are given when the change is in the database.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The mute has ended.
    Ended {
        /// The mute's number.
        id: u64,
    },
    /// Stations were joined to this host or split from another as this host.
    Host {
        /// The host's id, 16 hexadecimal digits.
        id: String,
    },
    /// The mute has begun.
    Muted {
        /// The mute's number.
        id: u64,
        /// When it ends, RFC 3339.
        until: String,
    },
    /// Nothing was changed.
    Refused {
        /// Why, one line.
        why: String,
    },
}
