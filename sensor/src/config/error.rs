//! Why a configuration is refused.

use sensor_core::types::Iface;
use std::io;
use std::path::PathBuf;

/// What is wrong with a setting: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something in an `[[alert]]`.
    #[error("[[alert]] {name}: {what}")]
    Alert {
        /// Its name, or its place.
        name: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Not an address prefix.
    #[error("{setting}: '{value}' is not a network prefix; write it like 192.168.1.0/24 or 2001:db8::/64")]
    Cidr {
        /// Where it was set.
        setting: &'static str,
        /// What was written.
        value: String,
    },
    /// A file that is not TOML, or has a value of the wrong type.
    #[error("{path}: {message}")]
    File {
        /// The file, with the line.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A name that no Linux interface can have.
    #[error("'{0}' cannot be an interface's name: 1 to 15 printable characters; `ip link` lists them")]
    Iface(String),
    /// An event kind that does not exist.
    #[error("'{value}' is not a kind of event{suggestion}; `sensor events --help` names the contract")]
    Kind {
        /// What was written.
        value: String,
        /// The nearest one.
        suggestion: String,
    },
    /// The file cannot be read.
    #[error("{path}: {error}; name another configuration file with --config, or mend its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No network to scan.
    #[error(
        "there is nothing to scan: no attached network, or no technique that reaches it; name a network or use -i IFACE"
    )]
    NothingToScan,
    /// No interface to scan by.
    #[error("no interface leads there, and there is no default route; name one with -i IFACE")]
    NoWay,
    /// Nowhere to listen.
    #[error("there is no default route to find an interface by; name one with -i IFACE or --mirror IFACE")]
    NoInterface,
    /// An interface in both roles.
    #[error("{0} is named as an interface and as a mirror port; it can only be one of them")]
    TwoRoles(Iface),
    /// Neither an address nor a MAC.
    #[error("{setting}: '{value}' is neither an address nor a MAC; write it like 192.168.1.1 or 00:11:22:33:44:55")]
    Member {
        /// Where it was set.
        setting: &'static str,
        /// What was written.
        value: String,
    },
    /// Not port numbers.
    #[error("ports: '{0}' is not a list of TCP ports; write it like 22,80,8000-8010")]
    Ports(String),
    /// Not hours.
    #[error("{setting}: '{value}' are not hours of the day; write them like 22:00-06:00")]
    Quiet {
        /// Where they were set.
        setting: &'static str,
        /// What was written.
        value: String,
    },
    /// Not a day of the week.
    #[error("days: '{0}' is not a day of the week; write it like mon, or sat-sun")]
    Day(String),
    /// A rule without effect.
    #[error("[[policy.rule]]: a rule needs `severity = \"...\"` or `mute = true`; what it matches is its conditions")]
    IdleRule,
    /// Everybody is unknown.
    #[error("renotify_h needs a list of known hosts; name them with known or known_file")]
    RenotifyWithoutKnown,
    /// Not a severity.
    #[error("'{value}' is not a severity: info, notice, warning or alert{suggestion}")]
    Severity {
        /// What was written.
        value: String,
        /// The nearest one.
        suggestion: String,
    },
    /// Neither a MAC nor a host nor a network.
    #[error(
        "{setting}: '{value}' is no MAC, host id, address or network; write it like 00:11:22:33:44:55, 0123456789abcdef, \
         192.168.1.1 or 10.0.0.0/8"
    )]
    Subject {
        /// Where it was set.
        setting: &'static str,
        /// What was written.
        value: String,
    },
    /// Hosts of one name.
    #[error(
        "'{value}' is the name of {count} hosts; name one by its MAC, or by the id that `sensor export --json` shows"
    )]
    ManyHosts {
        /// The name.
        value: String,
        /// How many have it.
        count: usize,
    },
    /// Nobody has this id, MAC, address or name.
    #[error("no host '{value}'; name one by its id, MAC, address or name, as `sensor hosts` shows them")]
    NoHost {
        /// What was given.
        value: String,
    },
    /// Nothing that can be muted.
    #[error(
        "'{value}' is no kind of event, MAC, address, network, and no segment or host that is known here{suggestion}"
    )]
    Target {
        /// What was written.
        value: String,
        /// The nearest kind.
        suggestion: String,
    },
    /// A file of rules or signatures.
    #[error("{path}: {what}")]
    Rules {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong there.
        what: String,
    },
    /// The ring's size.
    #[error("ring: {0} is not a power of two from 65536 to 1073741824")]
    Ring(u32),
    /// Not a segment.
    #[error("segment: '{0}' is not a segment; write it like eth1, eth1.30 or eth1.100.30")]
    Segment(String),
    /// Not a name server.
    #[error("nameservers: '{0}' is not an address; write it like 192.168.1.1 or [2001:db8::1]:53")]
    Server(String),
    /// Not a span.
    #[error("{setting}: '{value}' is not a span of time; write it like 90s, 15m, 2h or 7d")]
    Span {
        /// Where it was set.
        setting: &'static str,
        /// What was written.
        value: String,
    },
    /// Not a syslog server's address.
    #[error(
        "syslog: '{0}' is not an address; write it like unix:/dev/log, udp:192.168.1.9:514 or tcp:[2001:db8::1]:601"
    )]
    Syslog(String),
    /// Not a technique.
    #[error("techniques: '{value}' is none of arp, icmp, mdns, nbns, ndp, ptr, snmp, tcp{suggestion}")]
    Technique {
        /// What was written.
        value: String,
        /// The nearest one.
        suggestion: String,
    },
    /// A key that does not exist.
    #[error("{path}: unknown key '{key}'{suggestion}")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The nearest one.
        suggestion: String,
    },
    /// Not a time.
    #[error("--since: '{0}' is neither a span (15m, 2h, 7d) nor a time such as 2026-11-21T08:00:00Z")]
    When(String),
    /// Two logs for one standard output.
    #[error("--events - and --sightings - cannot share standard output; give one of them a file")]
    TwoOnStdout,
    /// A limit that would forbid everything.
    #[error("rate, timeout_ms and concurrency must be 1 or more; --passive asks nothing")]
    Zero,
}
