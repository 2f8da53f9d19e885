//! Why a configuration is refused.

use std::io;
use std::path::PathBuf;

use sensor_core::types::Iface;

/// What is wrong with a setting: one line that names it, and says what to do. `setting` is the key or flag that has the
/// wrong value, `value` is the value as it was written, and `suggestion` is `; did you mean '...'?` or empty.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A mistake in an `[[alert]]`.
    #[error("[[alert]] {name}: {what}")]
    Alert {
        /// The alert's name, or its number in the file.
        name: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The value is not an address prefix.
    #[error("{setting}: '{value}' is not a network prefix; write it like 192.168.1.0/24 or 2001:db8::/64")]
    Cidr {
        /// The key or flag.
        setting: &'static str,
        /// The value as written.
        value: String,
    },
    /// The file is not TOML, or a value in it has the wrong type.
    #[error("{path}: {message}")]
    File {
        /// The file, with the line.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// No Linux interface can have this name.
    #[error("'{0}' cannot be an interface's name: 1 to 15 printable characters; `ip link` lists them")]
    Iface(String),
    /// There is no such kind of event.
    #[error("'{value}' is not a kind of event{suggestion}; see `sensor events --help`")]
    Kind {
        /// The word as written.
        value: String,
        /// The nearest kind.
        suggestion: String,
    },
    /// The file cannot be read.
    #[error("{path}: {error}; name another configuration file with --config, or correct its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// A `[[network]]` without addresses; the number is its place in the file, from 1.
    #[error("[[network]] number {0} has no addresses; write prefix = \"192.168.1.0/24\"")]
    NoPrefix(usize),
    /// There is no network to scan.
    #[error(
        "there is nothing to scan: no attached network, or no technique that reaches it; name a network or use -i IFACE"
    )]
    NothingToScan,
    /// No interface leads to what is to be scanned.
    #[error("no interface leads there, and there is no default route; name one with -i IFACE")]
    NoWay,
    /// No interface was named, and none can be found.
    #[error("there is no default route to find an interface by; name one with -i IFACE or --mirror IFACE")]
    NoInterface,
    /// An interface was named in both roles.
    #[error("{0} is named as an interface and as a mirror port; it can only be one of them")]
    TwoRoles(Iface),
    /// The value is neither an address nor a MAC.
    #[error("{setting}: '{value}' is neither an address nor a MAC; write it like 192.168.1.1 or 00:11:22:33:44:55")]
    Member {
        /// The key or flag.
        setting: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value is not a list of port numbers.
    #[error("ports: '{0}' is not a list of TCP ports; write it like 22,80,8000-8010")]
    Ports(String),
    /// The value is not a range of hours.
    #[error("{setting}: '{value}' are not hours of the day; write them like 22:00-06:00")]
    Quiet {
        /// The key or flag.
        setting: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value is not a day of the week.
    #[error("days: '{0}' is not a day of the week; write it like mon, or sat-sun")]
    Day(String),
    /// A rule changes nothing.
    #[error("[[policy.rule]]: a rule needs severity = \"...\" or mute = true; without them it changes nothing")]
    IdleRule,
    /// Unknown hosts are to be reported again, but no known ones are named.
    #[error("renotify_h needs a list of known hosts; name them with known or known_file")]
    RenotifyWithoutKnown,
    /// There is no such severity.
    #[error("'{value}' is not a severity: info, notice, warning or alert{suggestion}")]
    Severity {
        /// The word as written.
        value: String,
        /// The nearest severity.
        suggestion: String,
    },
    /// The value is neither a MAC nor a host nor a network.
    #[error(
        "{setting}: '{value}' is no MAC, host id, address or network; write it like 00:11:22:33:44:55, 0123456789abcdef, \
         192.168.1.1 or 10.0.0.0/8"
    )]
    Subject {
        /// The key or flag.
        setting: &'static str,
        /// The value as written.
        value: String,
    },
    /// Several hosts have this name.
    #[error(
        "'{value}' is the name of {count} hosts; name one by its MAC, or by the id that `sensor export --json` shows"
    )]
    ManyHosts {
        /// The name.
        value: String,
        /// How many hosts have it.
        count: usize,
    },
    /// No host has this id, MAC, address or name.
    #[error("no host '{value}'; name one by its id, MAC, address or name, as `sensor hosts` shows them")]
    NoHost {
        /// The word as written.
        value: String,
    },
    /// The word names nothing that can be muted.
    #[error(
        "'{value}' is no kind of event, MAC, address, network, and no segment or host that is known here{suggestion}"
    )]
    Target {
        /// The word as written.
        value: String,
        /// The nearest kind.
        suggestion: String,
    },
    /// A mistake in a file of rules, signatures or known hosts.
    #[error("{path}: {what}")]
    Rules {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong there.
        what: String,
    },
    /// The ring cannot have this size, in bytes.
    #[error("ring: {0} is not a power of two from 65536 to 1073741824")]
    Ring(u32),
    /// The value is not a segment.
    #[error("segment: '{0}' is not a segment; write it like eth1, eth1.30 or eth1.100.30")]
    Segment(String),
    /// The value is not the address of a name server.
    #[error("nameservers: '{0}' is not an address; write it like 192.168.1.1 or [2001:db8::1]:53")]
    Server(String),
    /// The value is not a span of time.
    #[error("{setting}: '{value}' is not a span of time; write it like 90s, 15m, 2h or 7d")]
    Span {
        /// The key or flag.
        setting: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value is not the address of a server that events are sent to.
    #[error("{setting}: '{value}' is not an address; write it like {example}")]
    Peer {
        /// The key or flag.
        setting: &'static str,
        /// The value as written.
        value: String,
        /// What is right.
        example: &'static str,
    },
    /// There is no such kind of tunnel.
    #[error("[[tunnel]] kind: '{value}' is no kind of tunnel: gre, erspan, vxlan or geneve{suggestion}")]
    TunnelKind {
        /// The word as written.
        value: String,
        /// The nearest one.
        suggestion: String,
    },
    /// More than the kernel's table holds.
    #[error("{named} sources of tunnels are named; at most {most} are possible: name networks")]
    TunnelSources {
        /// How many were named.
        named: usize,
        /// How many are possible.
        most: usize,
    },
    /// A table without its one necessary key.
    #[error("[[tunnel]] number {0} has no sources; write sources = [\"192.0.2.7\"]")]
    NoTunnelSource(usize),
    /// There is no such probe technique.
    #[error("techniques: '{value}' is none of {known}{suggestion}")]
    Technique {
        /// The word as written.
        value: String,
        /// All techniques.
        known: String,
        /// The nearest one.
        suggestion: String,
    },
    /// There is no such key.
    #[error("{place}: unknown key '{key}'{suggestion}")]
    UnknownKey {
        /// The file, with the line.
        place: String,
        /// The key as written.
        key: String,
        /// The nearest key.
        suggestion: String,
    },
    /// The value is not a time.
    #[error("--since: '{0}' is neither a span (15m, 2h, 7d) nor a time such as 2026-11-21T08:00:00Z")]
    When(String),
    /// Two logs are to be written to standard output.
    #[error("--events - and --sightings - cannot share standard output; give one of them a file")]
    TwoOnStdout,
    /// A limit would forbid every probe.
    #[error("rate, timeout_ms and concurrency must be 1 or more; use --passive to probe nothing")]
    Zero,
}
