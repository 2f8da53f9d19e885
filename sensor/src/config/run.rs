//! The configuration of `sensor run`.

use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::IpNet;

use crate::capture::options::{Options, Port};
use crate::capture::watched::TunnelSource;
use crate::config::error::ConfigError;
use crate::config::file::File;
use crate::config::general::General;
use crate::config::inventory::Inventory;
use crate::config::network::{Named, NetworkKeys, SettingsKeys};
use crate::config::output::{Output, Screen};
use crate::config::parse::parse_prefix;
use crate::config::policy::policy;
use crate::config::probing::{Probing, ProbingKeys};
use crate::config::tunnel;
use sensor_core::inventory::correlator::settings::Allow;
use sensor_core::inventory::judge::policy::EventPolicy;
use sensor_core::types::Iface;

/// `sensor run`
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub general: General,
    /// The configuration file [default: /etc/sensor/sensor.toml where it exists]
    #[arg(long, value_name = "FILE", env = "SENSOR_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print events and, every ten seconds, a status line as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// A network that is heard here, and is swept; senders from elsewhere are bogons. May be given several times
    #[arg(long, value_name = "CIDR", env = "SENSOR_CIDR", value_delimiter = ',')]
    pub network: Vec<String>,
}

/// What `sensor run` is to do.
#[derive(Debug)]
pub struct Run {
    /// Where to listen.
    pub ports: Vec<Port>,
    /// How to capture.
    pub capture: Options,
    /// Where to write.
    pub output: Output,
    /// Where tunnels come from that are opened.
    pub tunnels: Vec<TunnelSource>,
    /// What the events and the inventory depend on.
    pub inventory: Inventory,
    /// What may be probed.
    pub probing: Probing,
    /// Interfaces that were named, and not found by a default.
    pub named_interfaces: Vec<Iface>,
    /// Which events are reported.
    pub policy: EventPolicy,
    /// The configuration file, where one was named.
    pub file: Option<PathBuf>,
}

/// What SIGHUP reads anew.
#[derive(Debug)]
pub struct Reloaded {
    /// Which events are reported.
    pub policy: EventPolicy,
    /// Who may serve and route.
    pub allow: Vec<Allow>,
}

impl Run {
    /// From flags and environment (`args`) and the file that they or the default name.
    pub fn new(args: RunArgs) -> Result<Self, ConfigError> {
        let file = File::find(args.config.as_deref())?;
        let General { capture, output, inventory, probing, settings } = args.general.over(file.general);
        let mut networks = named_by_flag(&args.network)?;
        networks.extend(file.networks);
        let probing = Probing::new(probing, settings, networks)?;
        Ok(Self {
            ports: capture.ports()?,
            capture: capture.options()?,
            tunnels: tunnel::sources(&file.tunnels)?,
            output: Output::new(output, args.json.then_some(Screen::Json))?,
            inventory: Inventory::new(inventory, homes(&probing.networks)),
            named_interfaces: capture.named()?.into_iter().chain(probing.interface).collect(),
            policy: policy(&file.policy, &probing.networks)?,
            probing,
            file: args.config,
        })
    }
}

impl Reloaded {
    /// From the file that was named at the start, or the default one.
    pub fn new(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = File::find(path)?;
        let Probing { networks, .. } = Probing::new(ProbingKeys::default(), SettingsKeys::default(), file.networks)?;
        Ok(Self { policy: policy(&file.policy, &networks)?, allow: networks.iter().map(Named::allow).collect() })
    }
}

/// The networks of `--network`, which have no keys of their own.
fn named_by_flag(prefixes: &[String]) -> Result<Vec<(NetworkKeys, SettingsKeys)>, ConfigError> {
    let network = |text: &String| {
        parse_prefix("--network", text)?;
        Ok((NetworkKeys { prefix: Some(text.clone()), ..NetworkKeys::default() }, SettingsKeys::default()))
    };
    prefixes.iter().map(network).collect()
}

/// Where each network lives: on an interface, or everywhere.
fn homes(networks: &[Named]) -> Vec<(Option<Iface>, IpNet)> {
    networks.iter().map(|network| (network.interface, network.prefix)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches as _};
    use std::time::Duration;

    /// What follows from flags, with the file `text` behind them; without the environment.
    #[track_caller]
    fn check(flags: &[&str], text: &str, expected: impl FnOnce(&Run) -> bool) {
        // Each test has a thread of its own.
        let thread = std::thread::current().id();
        let path = std::env::temp_dir().join(format!("sensor-run-{}-{thread:?}.toml", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        let command = RunArgs::augment_args(Command::new("run").mut_args(|arg| arg.env(None::<&str>)));
        let command = command.mut_args(|arg| arg.env(None::<&str>));
        let typed = ["run", "-i", "lo", "--config", path.to_str().expect("a path")];
        let matches = command.try_get_matches_from(typed.iter().chain(flags)).expect("right flags");
        let run = Run::new(RunArgs::from_arg_matches(&matches).expect("right flags")).expect("it is right");
        assert!(expected(&run), "{run:?}");
        std::fs::remove_file(path).expect("it was there");
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        check(&[], "", |run| run.probing.rate_per_s == 20 && !run.probing.passive && !run.capture.fix_nic);
        check(&[], "rate = 7\npassive = true\nfix_nic = true\n", |run| {
            run.probing.rate_per_s == 7 && run.probing.passive && run.capture.fix_nic
        });
        check(&["--rate", "9", "--passive"], "rate = 7\n", |run| run.probing.rate_per_s == 9 && run.probing.passive);
        check(&["--passive=false"], "passive = true\n", |run| !run.probing.passive);
        check(&["--ports", "80-82"], "ports = [22]\n", |run| *run.probing.defaults.ports == [80, 81, 82]);
        check(&["-i", "eth9"], "interface = [\"eth1\"]\n", |run| run.ports.len() == 2);
        check(&["--sweep", "6h"], "sweep = false\n", |run| {
            run.probing.defaults.sweep == Some(Duration::from_secs(6 * 3600))
        });
    }

    #[test]
    fn names_are_resolved_unless_the_flag_or_the_file_says_no() {
        use sensor_core::inventory::planner::probe::Technique::Ptr;
        let asks = |run: &Run| run.probing.defaults.techniques.contains(&Ptr);
        check(&[], "", asks);
        check(&[], "resolve = false\n", |run| !asks(run));
        check(&["--no-resolve"], "", |run| !asks(run));
        check(&["--no-resolve=false"], "resolve = false\n", asks);
    }

    #[test]
    fn networks_of_flags_come_before_those_of_the_file() {
        let file = "[[network]]\nprefix = \"10.1.0.0/16\"\ninterface = \"eth1\"\n";
        check(&["--network", "10.2.0.0/16,10.3.0.0/16"], file, |run| {
            let prefixes: Vec<_> = run.inventory.networks.iter().map(|(_, prefix)| prefix.to_string()).collect();
            prefixes == ["10.2.0.0/16", "10.3.0.0/16", "10.1.0.0/16"] && run.inventory.networks[2].0.is_some()
        });
    }
}
