//! What was typed. Nothing here decides what it means: that is `config.rs`.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

/// Who is on the network, what is new, what changed its MAC, and who pretends to be somebody else.
#[derive(Debug, Parser)]
#[command(name = "sensor", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The arguments of a command, which are made known only when that is the one that was given: there are two hundred in all,
/// and a short scan takes little longer than that.
#[derive(Debug)]
pub struct Later<T>(pub T);

impl<T: Args> Args for Later<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // The command's own words stand above those of its arguments' type.
            let about = command.get_about().cloned();
            let command = T::augment_args(command);
            match about {
                Some(about) => command.about(about),
                None => command,
            }
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    // What is given whole need not be copied first, as the trait would.
    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Listen, remember, tell
    Run(Later<Box<RunArgs>>),
    /// Read capture files (pcap, pcapng, .gz; '-' is standard input) as if they were heard now
    Replay(Later<ReplayArgs>),
    /// Ask networks and addresses once who is there, and show what they say [default: the attached network]
    Scan(Later<Box<ScanArgs>>),
    /// The hosts, as a table to look at
    Hosts(Later<HostsArgs>),
    /// What was told
    Events(Later<EventsArgs>),
    /// The inventory for reports and programs: one record per address
    Export(Later<ExportArgs>),
    /// Who a host is and why, and the owner's word on which stations belong together
    Host(Later<HostArgs>),
    /// Do not tell of a host, segment or kind of event for a while; what happens meanwhile is kept
    Mute(Later<MuteArgs>),
    /// How the running sensor fares: its ports, and every frame that it counted or lost
    Status(Later<StatusArgs>),
    /// What this box can do, what is missing, and the command that mends it
    Doctor(Later<DoctorArgs>),
    /// Follow the journal, and act on what it tells: commands, webhooks, mail
    Watch(Later<WatchArgs>),
    /// Look after the database
    Db(Later<DbArgs>),
}

/// `sensor run`
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    /// An interface that this box lives on: frames are only looked at. May be given several times
    /// [default: the interface of the default route]
    #[arg(short, long, value_name = "IFACE", env = "SENSOR_INTERFACE", value_delimiter = ',')]
    pub interface: Vec<String>,
    /// An interface that only receives copies (a mirror or SPAN port): frames end here
    #[arg(long, value_name = "IFACE", env = "SENSOR_MIRROR", value_delimiter = ',')]
    pub mirror: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub ask: AskArgs,
    /// Where frames come from [default: auto]
    #[arg(long, value_name = "HOW", env = "SENSOR_CAPTURE")]
    pub capture: Option<CaptureArg>,
    /// Switch off what the network card does to frames before they are heard (VLAN stripping, LRO, GRO in hardware), and
    /// on again at the end
    #[arg(long, env = "SENSOR_FIX_NIC")]
    pub fix_nic: bool,
    /// The configuration file [default: /etc/sensor/sensor.toml where it exists]
    #[arg(long, value_name = "FILE", env = "SENSOR_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Append events as JSON Lines to FILE, or write them to standard output with '-'
    #[arg(long, value_name = "FILE", env = "SENSOR_EVENTS")]
    pub events: Option<PathBuf>,
    /// Append every sighting as JSON Lines to FILE, or write them to standard output with '-'
    #[arg(long, value_name = "FILE", env = "SENSOR_SIGHTINGS")]
    pub sightings: Option<PathBuf>,
    /// Send events to a syslog server: unix:/dev/log, udp:HOST:PORT or tcp:HOST:PORT
    #[arg(long, value_name = "ADDRESS", env = "SENSOR_SYSLOG")]
    pub syslog: Option<String>,
    /// What syslog messages look like [default: rfc5424]
    #[arg(long, value_name = "FORM", env = "SENSOR_SYSLOG_FORMAT")]
    pub syslog_format: Option<SyslogArg>,
    /// Print events and, every ten seconds, a status line as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// A network that is heard here, and is swept; senders of others are bogons. May be given several times
    #[arg(long, value_name = "CIDR", env = "SENSOR_CIDR", value_delimiter = ',')]
    pub network: Vec<String>,
    /// How long new hosts of a new database are only `info`, in seconds [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SENSOR_LEARNING_S")]
    pub learning: Option<u64>,
    /// How long the kernel holds back repeats of what it has reported, in seconds; 0: not at all [default: 60]
    #[arg(long, value_name = "SECONDS", env = "SENSOR_REFRESH_S")]
    pub refresh: Option<u64>,
    /// Size of the ring between kernel and sensor, in bytes, a power of two [default: 4194304]
    #[arg(long, value_name = "BYTES", env = "SENSOR_RING_BYTES")]
    pub ring: Option<u32>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
    /// Further rules of what a host is, in the form of the built-in ones
    #[arg(long, value_name = "FILE", env = "SENSOR_FINGERPRINTS")]
    pub fingerprints: Option<PathBuf>,
    /// Signatures of TCP stacks in p0f's form, such as /etc/p0f/p0f.fp
    #[arg(long, value_name = "FILE", env = "SENSOR_P0F")]
    pub p0f: Option<PathBuf>,
    /// This sensor's name in events [default: the host name]
    #[arg(long, value_name = "NAME", env = "SENSOR_NAME")]
    pub name: Option<String>,
}

/// What may be asked, and how.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Asking")]
pub struct AskArgs {
    /// Only listen, never ask
    #[arg(long, env = "SENSOR_PASSIVE")]
    pub passive: bool,
    /// The interface that asks for the hosts of a mirror port, which cannot send
    #[arg(long, value_name = "IFACE", env = "SENSOR_PROBE_INTERFACE")]
    pub probe_interface: Option<String>,
    /// Packets a second, at most [default: 20]
    #[arg(long, value_name = "N", env = "SENSOR_RATE")]
    pub rate: Option<u32>,
    /// Packets to one host in an hour, at most [default: 240]
    #[arg(long, value_name = "N", env = "SENSOR_HOST_PER_HOUR")]
    pub host_per_hour: Option<u32>,
    /// How long an answer is waited for, in milliseconds [default: 1000]
    #[arg(long, value_name = "MS", env = "SENSOR_TIMEOUT_MS")]
    pub timeout_ms: Option<u64>,
    /// Questions through sockets at the same time, at most [default: 64]
    #[arg(long, value_name = "N", env = "SENSOR_CONCURRENCY")]
    pub concurrency: Option<usize>,
    /// What to use: arp, icmp, mdns, nbns, ndp, ptr, snmp, tcp [default: all; snmp with credentials only]
    #[arg(long, value_name = "LIST", env = "SENSOR_TECHNIQUES", value_delimiter = ',')]
    pub techniques: Vec<String>,
    /// TCP ports to look at, such as 22,80,8000-8010
    #[arg(long, value_name = "LIST", env = "SENSOR_TCP_SAMPLE_PORTS")]
    pub ports: Option<String>,
    /// Do not ask name servers for names
    #[arg(long, env = "SENSOR_NO_RESOLVE")]
    pub no_resolve: bool,
    /// Name servers to ask, instead of the system's
    #[arg(long, value_name = "LIST", env = "SENSOR_NAMESERVERS", value_delimiter = ',')]
    pub nameservers: Vec<String>,
    /// Ask every address of a network once in this time: on, off, 30m, 6h [default: on (1h) for named networks]
    #[arg(long, value_name = "SPAN", env = "SENSOR_SWEEP")]
    pub sweep: Option<String>,
    /// A host that is not heard for so long, and does not answer, is gone [default: 1h]
    #[arg(long, value_name = "SPAN", env = "SENSOR_GONE_AFTER")]
    pub gone_after: Option<String>,
    /// Addresses, prefixes and MACs that are never asked
    #[arg(long, value_name = "LIST", env = "SENSOR_NEVER_PROBE", value_delimiter = ',')]
    pub never_probe: Vec<String>,
    /// Hours in which nothing is asked, local time, such as 22:00-06:00
    #[arg(long, value_name = "LIST", env = "SENSOR_QUIET_HOURS", value_delimiter = ',')]
    pub quiet_hours: Vec<String>,
    /// SNMP credentials: a TOML file that only its owner may read
    #[arg(long, value_name = "FILE", env = "SENSOR_SNMP")]
    pub snmp: Option<PathBuf>,
}

/// Where frames come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureArg {
    /// XDP in the driver, else generic XDP, else a packet socket
    Auto,
    /// XDP in the driver only
    Driver,
    /// Generic XDP only
    Generic,
    /// A packet socket, for kernels and interfaces without XDP
    Packet,
}

/// What syslog messages look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SyslogArg {
    /// RFC 5424, every field as structured data
    Rfc5424,
    /// arpwatch's own line, for the kinds of event that arpwatch knows
    Arpwatch,
}

/// `sensor scan`
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Networks and addresses, such as 192.168.1.0/24 [default: the networks of the interface of the default route]
    #[arg(value_name = "CIDR|ADDRESS", env = "SENSOR_CIDR", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// The interface that asks [default: the one that leads there]
    #[arg(short, long, value_name = "IFACE", env = "SENSOR_INTERFACE")]
    pub interface: Option<String>,
    /// TCP ports to look at, such as 22,80,8000-8010
    #[arg(long, value_name = "LIST", env = "SENSOR_TCP_SAMPLE_PORTS")]
    pub ports: Option<String>,
    /// Packets a second, at most [default: 25000]
    #[arg(long, value_name = "N", env = "SENSOR_RATE")]
    pub rate: Option<u32>,
    /// What to use: arp, icmp, mdns, nbns, ndp, ptr, snmp, tcp [default: all; snmp with credentials only]
    #[arg(long, value_name = "LIST", env = "SENSOR_TECHNIQUES", value_delimiter = ',')]
    pub techniques: Vec<String>,
    /// How long an answer is waited for, in milliseconds [default: 2500; 250 with one technique only]
    #[arg(long, value_name = "MS", env = "SENSOR_TIMEOUT_MS")]
    pub timeout_ms: Option<u64>,
    /// Questions through sockets at the same time, at most [default: 4096]
    #[arg(long, value_name = "N", env = "SENSOR_CONCURRENCY")]
    pub concurrency: Option<usize>,
    /// How often a silent address is asked [default: 2]
    #[arg(long, value_name = "N", env = "SENSOR_TRIES")]
    pub tries: Option<u32>,
    /// Only whether ports are open, not what they greet with
    #[arg(long)]
    pub no_banners: bool,
    /// Do not ask name servers for names
    #[arg(long, env = "SENSOR_NO_RESOLVE")]
    pub no_resolve: bool,
    /// Name servers to ask, instead of the system's
    #[arg(long, value_name = "LIST", env = "SENSOR_NAMESERVERS", value_delimiter = ',')]
    pub nameservers: Vec<String>,
    /// Addresses, prefixes and MACs that are never asked
    #[arg(long, value_name = "LIST", env = "SENSOR_NEVER_PROBE", value_delimiter = ',')]
    pub never_probe: Vec<String>,
    /// SNMP credentials: a TOML file that only its owner may read
    #[arg(long, value_name = "FILE", env = "SENSOR_SNMP")]
    pub snmp: Option<PathBuf>,
    /// Say what would be asked, and ask nothing
    #[arg(long, conflicts_with_all = ["json", "csv", "db"])]
    pub dry_run: bool,
    /// Print what was found as a JSON array
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print what was found as CSV
    #[arg(long)]
    pub csv: bool,
    /// Keep what is found in this database [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
}

/// `sensor replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Capture files; '-' is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Keep what is found in this database [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Append events as JSON Lines to FILE, or write them to standard output with '-'
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Append every sighting as JSON Lines to FILE, or write them to standard output with '-'
    #[arg(long, value_name = "FILE")]
    pub sightings: Option<PathBuf>,
    /// Print the inventory as a JSON array
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print the inventory as CSV
    #[arg(long)]
    pub csv: bool,
    /// A prefix that lives on the captured networks; others are bogons. May be given several times
    #[arg(long, value_name = "CIDR", env = "SENSOR_CIDR", value_delimiter = ',')]
    pub network: Vec<String>,
    /// How long new hosts of a new database are only `info`, in seconds of the file's clock [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SENSOR_LEARNING_S")]
    pub learning: Option<u64>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
    /// Further rules of what a host is, in the form of the built-in ones
    #[arg(long, value_name = "FILE", env = "SENSOR_FINGERPRINTS")]
    pub fingerprints: Option<PathBuf>,
    /// Signatures of TCP stacks in p0f's form, such as /etc/p0f/p0f.fp
    #[arg(long, value_name = "FILE", env = "SENSOR_P0F")]
    pub p0f: Option<PathBuf>,
    /// This sensor's name in events [default: replay]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// The database.
#[derive(Debug, Default, Args)]
pub struct DbArg {
    /// The database [default: $STATE_DIRECTORY/sensor.db, else /var/lib/sensor/sensor.db for root, else
    /// $XDG_STATE_HOME/sensor/sensor.db]
    #[arg(long = "db", value_name = "FILE", env = "SENSOR_DB")]
    pub path: Option<PathBuf>,
}

/// `sensor hosts`
#[derive(Debug, Args)]
pub struct HostsArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Only this segment, such as eth1 or eth1.30
    #[arg(long, value_name = "SEGMENT")]
    pub segment: Option<String>,
    /// Only what was seen since then: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// As JSON Lines instead of a table
    #[arg(long)]
    pub json: bool,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
}

/// `sensor events`
#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Go on printing what is told from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Only what was told since then: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only this kind, such as new-host. May be given several times
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only this segment, such as eth1 or eth1.30
    #[arg(long, value_name = "SEGMENT")]
    pub segment: Option<String>,
    /// As JSON Lines
    #[arg(long)]
    pub json: bool,
}

/// `sensor export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub format: ExportFormat,
    /// Write to FILE, which is replaced at once when all is written [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only what was seen since then: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
}

/// The form of an export.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExportFormat {
    /// A JSON array
    #[arg(long)]
    pub json: bool,
    /// JSON Lines: one record a line
    #[arg(long)]
    pub jsonl: bool,
    /// CSV with a heading line
    #[arg(long)]
    pub csv: bool,
    /// The JSON Schema that every record obeys
    #[arg(long)]
    pub schema: bool,
}

/// `sensor status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `sensor mute`
#[derive(Debug, Args)]
pub struct MuteArgs {
    /// A host (MAC, address, network, id or name), a segment such as eth1.30, or a kind of event such as new-host
    #[arg(value_name = "HOST|SEGMENT|KIND", required_unless_present_any = ["list", "end"], requires = "span")]
    pub target: Option<String>,
    /// For how long, such as 30m, 2h or 7d
    #[arg(long = "for", value_name = "SPAN", requires = "target")]
    pub span: Option<String>,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT", requires = "target")]
    pub reason: Option<String>,
    /// What is muted now
    #[arg(long, conflicts_with_all = ["target", "end"])]
    pub list: bool,
    /// End the mute of this number
    #[arg(long, value_name = "ID", conflicts_with = "target")]
    pub end: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
}

/// `sensor host`
#[derive(Debug, Args)]
pub struct HostArgs {
    #[command(subcommand)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub command: HostCommand,
}

/// What of a host.
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// Its stations and addresses, and by what evidence they are one
    Show {
        /// Its id, MAC, address or name
        host: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "documented at its type")]
        db: DbArg,
    },
    /// Two hosts are one machine
    Join {
        /// The one: id, MAC, address or name
        host: String,
        /// The other
        other: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "documented at its type")]
        db: DbArg,
    },
    /// A station is not this host's, now and from now on
    Split {
        /// The host: id, MAC, address or name
        host: String,
        /// The station
        mac: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "documented at its type")]
        db: DbArg,
    },
}

/// `sensor doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// An interface to look at. May be given several times [default: the interface of the default route]
    #[arg(short, long, value_name = "IFACE", env = "SENSOR_INTERFACE", value_delimiter = ',')]
    pub interface: Vec<String>,
    /// Listen to this mirror port for a while, and say what it shows and what it does not
    #[arg(long, value_name = "IFACE")]
    pub mirror: Option<String>,
    /// How long to listen to the mirror port; Ctrl-C ends it early [default: 30s]
    #[arg(long = "for", value_name = "SPAN", requires = "mirror")]
    pub span: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `sensor db`
#[derive(Debug, Args)]
pub struct DbArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: DbCommand,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Read all of it and say whether it is whole
    Check(DbArg),
}

/// `sensor watch`
#[derive(Debug, Default, Args)]
pub struct WatchArgs {
    /// What else to do than to watch.
    #[command(subcommand)]
    pub command: Option<WatchCommand>,
    /// Read the lines of `journalctl -o json` from standard input instead of following the journal
    #[arg(value_name = "-", value_parser = ["-"])]
    pub source: Option<String>,
    /// The configuration file with the [[alert]] tables [default: /etc/sensor/sensor.toml where it exists]
    #[arg(long, value_name = "FILE", env = "SENSOR_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Only this kind, such as new-host. May be given several times
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only what is at least so severe: info, notice, warning, alert
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Option<String>,
    /// Only this segment, such as eth1 or eth1.30. May be given several times
    #[arg(long, value_name = "SEGMENT", value_delimiter = ',')]
    pub segment: Vec<String>,
    /// Only this host: its id, an address, a prefix, a MAC or a name. May be given several times
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub host: Vec<String>,
    /// Where the place in the journal, and what is still to be delivered, is kept [default:
    /// $STATE_DIRECTORY/watch.json, else /var/lib/sensor-watch/watch.json for root, else $XDG_STATE_HOME/sensor/watch.json;
    /// without alerts: nowhere]
    #[arg(long, value_name = "FILE", env = "SENSOR_WATCH_STATE")]
    pub state: Option<PathBuf>,
    /// Where to begin when no place is kept yet: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z [default: now]
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// The folder of the journal, where it is not this machine's own
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Without alerts: print events as JSON Lines
    #[arg(long)]
    pub json: bool,
}

/// What else `sensor watch` does.
#[derive(Debug, Subcommand)]
pub enum WatchCommand {
    /// Send one made-up event through an alert, and say how it went
    Test(WatchTestArgs),
}

/// `sensor watch test`
#[derive(Debug, Args)]
pub struct WatchTestArgs {
    /// The alert's name
    #[arg(value_name = "NAME")]
    pub name: String,
}
