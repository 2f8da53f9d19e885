//! What was typed, set in the environment and written in the file, made into what it means.
//! A flag wins over the environment, the environment over the file, the file over the default.

use std::ffi::CStr;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use self::asking::{General, Keys};
use crate::capture::{Method, Options, Port, Role, iface};
use crate::cli::{AskArgs, CaptureArg, ReplayArgs, RunArgs, ScanArgs, SyslogArg};
use crate::export::syslog;
use crate::inventory::correlator::Allow;
use crate::inventory::policy::Telling;
use crate::types::{Iface, Timestamp};

/// What `sensor watch` is to do.
pub mod alert;
/// What may be asked.
pub mod asking;
/// What is told.
pub mod telling;

pub use alert::Watch;
pub use asking::{Asking, Named};

/// What `sensor run` is to do.
#[derive(Debug)]
pub struct Run {
    /// Where to listen.
    pub ports: Vec<Port>,
    /// How.
    pub capture: Options,
    /// Where to remember.
    pub db: PathBuf,
    /// Where to write events besides the journal.
    pub events: Option<Target>,
    /// Where to write sightings.
    pub sightings: Option<Target>,
    /// Which syslog server to send events to, and in which form.
    pub syslog: Option<(syslog::Address, syslog::Format)>,
    /// What happens on standard output.
    pub screen: Screen,
    /// What the events and the inventory depend on.
    pub inventory: Inventory,
    /// What may be asked.
    pub asking: Asking,
    /// Interfaces that were named, and not found by a default.
    pub named_interfaces: Vec<Iface>,
    /// What is told.
    pub telling: Telling,
    /// The configuration file, where one was named.
    pub file: Option<PathBuf>,
}

/// What SIGHUP reads anew.
#[derive(Debug)]
pub struct Reloaded {
    /// What is told.
    pub telling: Telling,
    /// Who may serve and route.
    pub allow: Vec<Allow>,
}

/// What `sensor scan` is to do.
#[derive(Debug)]
pub struct Scan {
    /// Networks and addresses; the attached ones when there are none.
    pub targets: Vec<IpNet>,
    /// The interface that asks, where it was named.
    pub interface: Option<Iface>,
    /// How often a silent address is asked.
    pub tries: u32,
    /// Only what would be asked is shown.
    pub dry_run: bool,
    /// What open ports greet with is wanted.
    pub banners: bool,
    /// How long answers to the last question are waited for.
    pub wait: Duration,
    /// Where to remember, if at all.
    pub db: Option<PathBuf>,
    /// What happens on standard output.
    pub screen: Screen,
    /// What may be asked.
    pub asking: Asking,
    /// What the inventory depends on.
    pub inventory: Inventory,
}

/// What `sensor replay` is to do.
#[derive(Debug)]
pub struct Replay {
    /// What to read, in order.
    pub files: Vec<PathBuf>,
    /// Where to remember, if at all.
    pub db: Option<PathBuf>,
    /// Where to write events.
    pub events: Option<Target>,
    /// Where to write sightings.
    pub sightings: Option<Target>,
    /// What happens on standard output.
    pub screen: Screen,
    /// What the events and the inventory depend on.
    pub inventory: Inventory,
}

/// What the events and the inventory depend on.
#[derive(Debug)]
pub struct Inventory {
    /// Length of the learning period.
    pub learning: Duration,
    /// Prefixes that live on an interface, or everywhere.
    pub networks: Vec<(Option<Iface>, IpNet)>,
    /// A newer list of vendors.
    pub oui: Option<PathBuf>,
    /// Further rules of what a host is.
    pub fingerprints: Option<PathBuf>,
    /// p0f's signatures.
    pub p0f: Option<PathBuf>,
    /// This sensor's name.
    pub name: String,
}

/// A place for lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, appended to.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// What happens on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The inventory as CSV, at the end (replay).
    Csv,
    /// JSON: events and status as they come (run), or the inventory at the end (replay).
    Json,
    /// Nothing: a log has standard output, or systemd does.
    Quiet,
    /// Lines for a person.
    Text,
}

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

impl Run {
    /// From flags and environment (`args`) and the file that they or the default name.
    pub fn new(args: RunArgs) -> Result<Self, ConfigError> {
        let file = File::find(args.config.as_deref())?;
        let hosts = first_nonempty(args.interface, file.interface);
        let mirrors = first_nonempty(args.mirror, file.mirror);
        let events = target(args.events.or(file.events));
        let sightings = target(args.sightings.or(file.sightings));
        let defaults = Options::default();
        let ring_bytes = args.ring.or(file.ring_bytes).unwrap_or(defaults.ring_bytes);
        if !ring_bytes.is_power_of_two() || !(1 << 16..=1 << 30).contains(&ring_bytes) {
            return Err(ConfigError::Ring(ring_bytes));
        }
        let mut networks = prefixes("--network", &args.network)?;
        let mut asked: Vec<_> = networks.iter().map(|(_, net)| (*net, None, None, Keys::default())).collect();
        for network in file.network {
            let on = network.interface.as_deref().map(parse_iface).transpose()?;
            let prefix = parse_prefix("[[network]] prefix", &network.prefix)?;
            networks.push((on, prefix));
            asked.push((prefix, on, network.segment.clone(), network.keys()));
        }
        let general = General {
            probe_interface: file.probe_interface,
            rate: file.rate,
            host_per_hour: file.host_per_hour,
            timeout_ms: file.timeout_ms,
            concurrency: file.concurrency,
            never_probe: file.never_probe,
            quiet_hours: file.quiet_hours,
        };
        let keys = Keys {
            passive: file.passive,
            sweep: file.sweep,
            techniques: file.techniques,
            resolve: file.resolve,
            nameservers: file.nameservers,
            ports: file.ports,
            gone_after: file.gone_after,
            allow_dhcp_servers: None,
            allow_routers: None,
            allow_virtual_macs: None,
            snmp: file.snmp,
        };
        let asking = Asking::new(args.ask, general, keys, asked)?;
        let telling = telling::telling(file.policy, &asking.networks)?;
        let named = hosts.iter().map(|name| parse_iface(name)).collect::<Result<Vec<_>, _>>()?;
        let named_interfaces = named.into_iter().chain(asking.interface).collect();
        let capture = match args.capture {
            Some(how) => Some(how),
            None => file.capture,
        };
        Ok(Self {
            asking,
            telling,
            file: args.config,
            named_interfaces,
            ports: ports(&hosts, &mirrors)?,
            capture: Options {
                method: match capture.unwrap_or(CaptureArg::Auto) {
                    CaptureArg::Auto => Method::Auto,
                    CaptureArg::Driver => Method::Driver,
                    CaptureArg::Generic => Method::Generic,
                    CaptureArg::Packet => Method::Packet,
                },
                ring_bytes,
                fix_nic: args.fix_nic || file.fix_nic.unwrap_or(false),
                refresh: args.refresh.or(file.refresh_s).map_or(defaults.refresh, Duration::from_secs),
                policing: defaults.policing,
            },
            db: args.db.path.or(file.db).unwrap_or_else(default_db),
            screen: screen(args.json, &events, &sightings)?,
            events,
            sightings,
            syslog: syslog(args.syslog.or(file.syslog), args.syslog_format.or(file.syslog_format))?,
            inventory: Inventory {
                learning: Duration::from_secs(args.learning.or(file.learning_s).unwrap_or(LEARNING_S)),
                networks,
                oui: args.oui.or(file.oui),
                fingerprints: args.fingerprints.or(file.fingerprints),
                p0f: args.p0f.or(file.p0f),
                name: args.name.or(file.name).unwrap_or_else(host_name),
            },
        })
    }
}

impl Reloaded {
    /// From the file that was named at the start, or the default one.
    pub fn new(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = File::find(path)?;
        let mut networks = Vec::new();
        for network in file.network {
            let on = network.interface.as_deref().map(parse_iface).transpose()?;
            let prefix = parse_prefix("[[network]] prefix", &network.prefix)?;
            networks.push((prefix, on, network.segment.clone(), network.keys()));
        }
        let asking = Asking::new(AskArgs::default(), General::default(), Keys::default(), networks)?;
        Ok(Self {
            telling: telling::telling(file.policy, &asking.networks)?,
            allow: asking.networks.iter().map(Named::allow).collect(),
        })
    }
}

impl Scan {
    /// From flags and environment; a configuration file is about what `run` does by itself.
    pub fn new(args: ScanArgs) -> Result<Self, ConfigError> {
        let targets = args.targets.iter().map(|text| parse_prefix("CIDR", text)).collect::<Result<Vec<_>, _>>()?;
        let quick = args.techniques.len() == 1;
        let wait_ms = args.timeout_ms.unwrap_or(if quick { QUICK_WAIT_MS } else { SCAN_WAIT_MS });
        let ask = AskArgs {
            rate: args.rate.or(Some(SCAN_RATE)),
            timeout_ms: Some(wait_ms),
            concurrency: args.concurrency.or(Some(SCAN_CONCURRENCY)),
            techniques: args.techniques,
            ports: args.ports,
            no_resolve: args.no_resolve,
            nameservers: args.nameservers,
            never_probe: args.never_probe,
            snmp: args.snmp,
            ..AskArgs::default()
        };
        Ok(Self {
            asking: Asking::new(ask, General::default(), Keys::default(), Vec::new())?,
            interface: args.interface.as_deref().map(parse_iface).transpose()?,
            dry_run: args.dry_run,
            banners: !args.no_banners,
            tries: args.tries.unwrap_or(SCAN_TRIES),
            wait: Duration::from_millis(wait_ms),
            db: args.db,
            screen: match (args.json, args.csv) {
                (true, _) => Screen::Json,
                (_, true) => Screen::Csv,
                _ => Screen::Text,
            },
            inventory: Inventory {
                learning: Duration::ZERO,
                networks: Vec::new(),
                oui: args.oui,
                fingerprints: None,
                p0f: None,
                name: host_name(),
            },
            targets,
        })
    }
}

const SCAN_RATE: u32 = 25_000;
const SCAN_CONCURRENCY: usize = 4096;
const SCAN_TRIES: u32 = 2;
/// Slow hosts answer within two seconds or so; a look by one technique is a quick one.
const SCAN_WAIT_MS: u64 = 2500;
const QUICK_WAIT_MS: u64 = 250;

impl Replay {
    /// From flags and environment; a configuration file does not change how a capture reads.
    pub fn new(args: ReplayArgs) -> Result<Self, ConfigError> {
        let events = target(args.events);
        let sightings = target(args.sightings);
        let screen = match screen(args.json, &events, &sightings)? {
            Screen::Text if args.csv => Screen::Csv,
            screen => screen,
        };
        Ok(Self {
            files: args.files,
            db: args.db,
            screen,
            events,
            sightings,
            inventory: Inventory {
                learning: Duration::from_secs(args.learning.unwrap_or(LEARNING_S)),
                networks: prefixes("--network", &args.network)?,
                oui: args.oui,
                fingerprints: args.fingerprints,
                p0f: args.p0f,
                name: args.name.unwrap_or_else(|| "replay".to_owned()),
            },
        })
    }
}

/// The database when none is named: systemd's state directory, root's, or the user's.
pub fn default_db() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(list) = folder("STATE_DIRECTORY") {
        // systemd separates several directories with colons; ours is the first.
        let first = list.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        return Path::new(&first).join("sensor.db");
    }
    // SAFETY: `geteuid` has no preconditions and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        return PathBuf::from("/var/lib/sensor/sensor.db");
    }
    let state = folder("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| folder("HOME").map(|home| Path::new(&home).join(".local/state")));
    state.unwrap_or_default().join("sensor/sensor.db")
}

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

/// The configuration file's keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    interface: Vec<String>,
    mirror: Vec<String>,
    capture: Option<CaptureArg>,
    db: Option<PathBuf>,
    events: Option<PathBuf>,
    sightings: Option<PathBuf>,
    syslog: Option<String>,
    syslog_format: Option<SyslogArg>,
    learning_s: Option<u64>,
    refresh_s: Option<u64>,
    fix_nic: Option<bool>,
    ring_bytes: Option<u32>,
    oui: Option<PathBuf>,
    fingerprints: Option<PathBuf>,
    p0f: Option<PathBuf>,
    name: Option<String>,
    passive: Option<bool>,
    probe_interface: Option<String>,
    rate: Option<u32>,
    host_per_hour: Option<u32>,
    timeout_ms: Option<u64>,
    concurrency: Option<usize>,
    never_probe: Option<Vec<String>>,
    quiet_hours: Option<Vec<String>>,
    sweep: Option<asking::Sweep>,
    techniques: Option<Vec<String>>,
    resolve: Option<bool>,
    nameservers: Option<Vec<String>>,
    ports: Option<asking::Ports>,
    gone_after: Option<String>,
    snmp: Option<PathBuf>,
    network: Vec<Network>,
    policy: telling::Keys,
}

#[derive(Debug, Deserialize)]
struct Network {
    prefix: String,
    interface: Option<String>,
    segment: Option<String>,
    passive: Option<bool>,
    sweep: Option<asking::Sweep>,
    techniques: Option<Vec<String>>,
    resolve: Option<bool>,
    nameservers: Option<Vec<String>>,
    ports: Option<asking::Ports>,
    gone_after: Option<String>,
    allow_dhcp_servers: Option<Vec<String>>,
    allow_routers: Option<Vec<String>>,
    allow_virtual_macs: Option<Vec<String>>,
    snmp: Option<PathBuf>,
}

impl Network {
    fn keys(self) -> Keys {
        Keys {
            passive: self.passive,
            sweep: self.sweep,
            techniques: self.techniques,
            resolve: self.resolve,
            nameservers: self.nameservers,
            ports: self.ports,
            gone_after: self.gone_after,
            allow_dhcp_servers: self.allow_dhcp_servers,
            allow_routers: self.allow_routers,
            allow_virtual_macs: self.allow_virtual_macs,
            snmp: self.snmp,
        }
    }
}

const FILE_KEYS: [&str; 34] = [
    "alert",
    "interface",
    "mirror",
    "capture",
    "db",
    "events",
    "sightings",
    "syslog",
    "syslog_format",
    "learning_s",
    "refresh_s",
    "fix_nic",
    "ring_bytes",
    "oui",
    "fingerprints",
    "p0f",
    "name",
    "passive",
    "probe_interface",
    "rate",
    "host_per_hour",
    "timeout_ms",
    "concurrency",
    "never_probe",
    "quiet_hours",
    "sweep",
    "techniques",
    "resolve",
    "nameservers",
    "ports",
    "gone_after",
    "snmp",
    "network",
    "policy",
];
const NETWORK_KEYS: [&str; 14] = [
    "prefix",
    "interface",
    "segment",
    "passive",
    "sweep",
    "techniques",
    "resolve",
    "nameservers",
    "ports",
    "gone_after",
    "allow_dhcp_servers",
    "allow_routers",
    "allow_virtual_macs",
    "snmp",
];
const DEFAULT_FILE: &str = "/etc/sensor/sensor.toml";
const LEARNING_S: u64 = 600;

impl File {
    fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::Read { path: path.to_owned(), error }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |error: &toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            ConfigError::File { path: format!("{}, line {line}", path.display()), message }
        };
        let table: toml::Table = text.parse().map_err(|error| wrong(&error))?;
        let unknown = |key: &str, known: &[&'static str]| ConfigError::UnknownKey {
            path: path.to_owned(),
            key: key.to_owned(),
            suggestion: suggest(key, known.iter().copied()),
        };
        if let Some(key) = table.keys().find(|key| !FILE_KEYS.contains(&key.as_str())) {
            return Err(unknown(key, &FILE_KEYS));
        }
        let networks = table.get("network").and_then(toml::Value::as_array).into_iter().flatten();
        for network in networks.filter_map(toml::Value::as_table) {
            if let Some(key) = network.keys().find(|key| !NETWORK_KEYS.contains(&key.as_str())) {
                return Err(unknown(key, &NETWORK_KEYS));
            }
        }
        if let Some(policy) = table.get("policy").and_then(toml::Value::as_table) {
            let rules = policy.get("rule").and_then(toml::Value::as_array).into_iter().flatten();
            let rules = rules.filter_map(toml::Value::as_table).map(|rule| (rule, &telling::RULE_KEYS[..]));
            for (table, keys) in [(policy, &telling::POLICY_KEYS[..])].into_iter().chain(rules) {
                if let Some(key) = table.keys().find(|key| !keys.contains(&key.as_str())) {
                    return Err(unknown(key, keys));
                }
            }
        }
        toml::from_str(text).map_err(|error| wrong(&error))
    }
}

impl<'de> Deserialize<'de> for CaptureArg {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        clap::ValueEnum::from_str(&word, false)
            .map_err(|_| serde::de::Error::custom(format!("capture is auto, driver, generic or packet, not '{word}'")))
    }
}

impl<'de> Deserialize<'de> for SyslogArg {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        clap::ValueEnum::from_str(&word, false)
            .map_err(|_| serde::de::Error::custom(format!("syslog_format is rfc5424 or arpwatch, not '{word}'")))
    }
}

fn syslog(
    address: Option<String>,
    format: Option<SyslogArg>,
) -> Result<Option<(syslog::Address, syslog::Format)>, ConfigError> {
    let format = match format.unwrap_or(SyslogArg::Rfc5424) {
        SyslogArg::Rfc5424 => syslog::Format::Rfc5424,
        SyslogArg::Arpwatch => syslog::Format::Arpwatch,
    };
    // An empty variable or key switches off what the file has.
    let address = address.filter(|address| !address.is_empty());
    let parse = |text: String| match text.parse() {
        Ok(address) => Ok((address, format)),
        Err(()) => Err(ConfigError::Syslog(text.escape_debug().to_string())),
    };
    address.map(parse).transpose()
}

fn ports(hosts: &[String], mirrors: &[String]) -> Result<Vec<Port>, ConfigError> {
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
        let iface = iface::default_route_iface().ok_or(ConfigError::NoInterface)?;
        ports.push(Port { iface, role: Role::Host });
    }
    Ok(ports)
}

/// An interface from its name.
pub fn parse_iface(name: &str) -> Result<Iface, ConfigError> {
    Iface::new(name).ok_or_else(|| ConfigError::Iface(name.escape_debug().to_string()))
}

fn prefixes(setting: &'static str, texts: &[String]) -> Result<Vec<(Option<Iface>, IpNet)>, ConfigError> {
    texts.iter().map(|text| Ok((None, parse_prefix(setting, text)?))).collect()
}

fn parse_prefix(setting: &'static str, text: &str) -> Result<IpNet, ConfigError> {
    let prefix = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let bad = || ConfigError::Cidr { setting, value: text.escape_debug().to_string() };
    Ok(prefix.ok_or_else(bad)?.trunc())
}

fn target(path: Option<PathBuf>) -> Option<Target> {
    path.map(|path| if path == Path::new("-") { Target::Stdout } else { Target::File(path) })
}

fn screen(json: bool, events: &Option<Target>, sightings: &Option<Target>) -> Result<Screen, ConfigError> {
    let taken = [events, sightings].into_iter().filter(|target| **target == Some(Target::Stdout)).count();
    match (taken, json) {
        (2, _) => Err(ConfigError::TwoOnStdout),
        (1, _) => Ok(Screen::Quiet),
        (_, true) => Ok(Screen::Json),
        // Under systemd standard output is the journal, which has the events already, with their fields.
        _ if std::env::var_os("JOURNAL_STREAM").is_some() => Ok(Screen::Quiet),
        _ => Ok(Screen::Text),
    }
}

fn first_nonempty(a: Vec<String>, b: Vec<String>) -> Vec<String> {
    if a.is_empty() { b } else { a }
}

/// This box's name (gethostname(2)).
pub fn host_name() -> String {
    // Linux's `HOST_NAME_MAX`, and a NUL.
    let mut name = [0_u8; 65];
    // SAFETY: the call writes at most as many bytes as the buffer has.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|name| result == 0 && !name.is_empty());
    name.map_or_else(|| "sensor".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn check_file(text: &str, expected: &str) {
        let got =
            File::parse(Path::new("s.toml"), text).map_or_else(|error| error.to_string(), |file| format!("{file:?}"));
        assert!(got.contains(expected), "{got}");
        assert!(!got.contains('\n'), "{got}");
    }

    #[test]
    fn the_file_says_what_is_wrong_with_it() {
        check_file("mirror = [\"eth1\"]\n", "mirror: [\"eth1\"]");
        check_file("miror = [\"eth1\"]\n", "s.toml: unknown key 'miror'; did you mean 'mirror'?");
        check_file("[[network]]\nprefx = \"10.0.0.0/8\"\n", "unknown key 'prefx'; did you mean 'prefix'?");
        check_file("learning_s = \"long\"\n", "s.toml, line 1: ");
        check_file("\n\nmirror = [\n", "s.toml, line ");
        check_file("capture = \"fast\"\n", "capture is auto, driver, generic or packet, not 'fast'");
        check_file("syslog_format = \"bsd\"\n", "syslog_format is rfc5424 or arpwatch, not 'bsd'");
        check_file("zzzzzzzzzz = 1\n", "unknown key 'zzzzzzzzzz'");
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

    fn check_syslog(text: &str, expected: &str) {
        let got = syslog(Some(text.to_owned()), None);
        assert_eq!(got.map_or_else(|error| error.to_string(), |to| format!("{:?}", to.map(|(to, _)| to))), expected);
    }

    #[test]
    fn syslog_servers() {
        let not = |text: &str| ConfigError::Syslog(text.to_owned()).to_string();
        check_syslog("", "None");
        check_syslog("unix:/dev/log", "Some(Unix(\"/dev/log\"))");
        check_syslog("/dev/log", "Some(Unix(\"/dev/log\"))");
        check_syslog("udp:192.0.2.1:514", "Some(Udp(\"192.0.2.1:514\"))");
        check_syslog("tcp:log.example:601", "Some(Tcp(\"log.example:601\"))");
        check_syslog("tcp:[2001:db8::1]:601", "Some(Tcp(\"[2001:db8::1]:601\"))");
        for text in
            ["log", "udp:log", "tcp:2001:db8::1:601", "udp::514", "udp:log:0", "udp:log:x", "unix:log", "tls:a:1"]
        {
            check_syslog(text, &not(text));
        }
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
