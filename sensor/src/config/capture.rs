//! Where frames come from: the keys, and the ports that they name.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};

use crate::capture::iface;
use crate::capture::options::{Method, Options, Port, PortRole};
use crate::config::choice;
use crate::config::error::ConfigError;
use crate::config::keys::{Value, keys};
use crate::config::parse::parse_iface;
use sensor_core::types::Iface;

keys! {
    flags
    /// Where frames come from, and how.
    #[command(next_help_heading = "Capture")]
    pub CaptureKeys {
        /// Interfaces that this machine lives on: frames are only looked at. May be given several times
        /// [default: the interface of the default route, where there is no mirror either]
        #[arg(short, long, value_name = "IFACE", env = "SENSOR_INTERFACE", value_delimiter = ',')]
        interface: Vec<String>,
        /// Interfaces that only receive copies (mirror or SPAN ports): frames end there. May be given several times
        #[arg(long, value_name = "IFACE", env = "SENSOR_MIRROR", value_delimiter = ',')]
        mirror: Vec<String>,
        /// How frames are captured: auto, driver, generic or packet
        #[arg(long, value_name = "HOW", env = "SENSOR_CAPTURE")]
        capture: CaptureArg = "auto",
        /// Switch off what the network card does to frames before they are heard (VLAN stripping, LRO, GRO in hardware),
        /// and on again at the end
        #[arg(
            long,
            env = "SENSOR_FIX_NIC",
            value_name = "BOOL",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "true",
            hide_possible_values = true,
        )]
        fix_nic: bool = false,
        /// Size of the ring between kernel and sensor, in bytes: a power of two from 65536 to 1073741824
        #[arg(long = "ring", value_name = "BYTES", env = "SENSOR_RING_BYTES")]
        ring_bytes: u32 = 4194304,
        /// How long the kernel holds back repeats of what it has reported, in seconds; 0: not at all
        #[arg(long = "refresh", value_name = "SECONDS", env = "SENSOR_REFRESH_S")]
        refresh_s: u64 = 60,
    }
}

/// How frames are captured.
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

const RING_BYTES_MIN: u32 = 1 << 16;
const RING_BYTES_MAX: u32 = 1 << 30;

impl CaptureKeys {
    /// How ports are captured.
    pub(super) fn options(&self) -> Result<Options, ConfigError> {
        let ring_bytes = self.ring_bytes();
        if !ring_bytes.is_power_of_two() || !(RING_BYTES_MIN..=RING_BYTES_MAX).contains(&ring_bytes) {
            return Err(ConfigError::Ring(ring_bytes));
        }
        Ok(Options {
            method: match self.capture() {
                CaptureArg::Auto => Method::Auto,
                CaptureArg::Driver => Method::Driver,
                CaptureArg::Generic => Method::Generic,
                CaptureArg::Packet => Method::Packet,
            },
            ring_bytes,
            fix_nic: self.fix_nic(),
            refresh: Duration::from_secs(self.refresh_s()),
            ..Options::default()
        })
    }

    /// The interfaces that were named as this machine's own.
    pub(super) fn named(&self) -> Result<Vec<Iface>, ConfigError> {
        self.interface.iter().flatten().map(|name| parse_iface(name)).collect()
    }

    /// The ports to listen on: those that were named, else the interface of the default route.
    pub(super) fn ports(&self) -> Result<Vec<Port>, ConfigError> {
        let mut ports: Vec<Port> = Vec::new();
        let hosts = self.interface.iter().flatten().map(|name| (name, PortRole::Host));
        let mirrors = self.mirror.iter().flatten().map(|name| (name, PortRole::Mirror));
        for (name, role) in hosts.chain(mirrors) {
            let iface = parse_iface(name)?;
            match ports.iter().find(|port| port.iface == iface) {
                Some(port) if port.role != role => return Err(ConfigError::TwoRoles(iface)),
                Some(_) => {}
                None => ports.push(Port { iface, role }),
            }
        }
        if ports.is_empty() {
            let iface = iface::proc::default_route_iface().ok_or(ConfigError::NoInterface)?;
            ports.push(Port { iface, role: PortRole::Host });
        }
        Ok(ports)
    }
}

impl Value for CaptureArg {
    const KIND: &'static str = "text";
}

impl FromStr for CaptureArg {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        ValueEnum::from_str(word, false)
    }
}

impl<'de> Deserialize<'de> for CaptureArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        choice::read("capture", deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(interface: &[&str], mirror: &[&str], expected: &str) {
        let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let keys = CaptureKeys { interface: list(interface), mirror: list(mirror), ..CaptureKeys::default() };
        let words = |ports: Vec<Port>| {
            ports.iter().map(|port| format!("{} {:?}", port.iface, port.role)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(keys.ports().map_or_else(|error| error.to_string(), words), expected);
    }

    #[test]
    fn each_port_has_one_role() {
        check(&["eth0", "eth0"], &["eth1"], "eth0 Host, eth1 Mirror");
        check(&["eth0"], &["eth0"], &ConfigError::TwoRoles(parse_iface("eth0").expect("a name")).to_string());
        check(&[], &["a-name-too-long-for-linux"], &ConfigError::Iface("a-name-too-long-for-linux".into()).to_string());
    }

    #[test]
    fn the_ring_is_a_power_of_two_within_bounds() {
        for (ring_bytes, fits) in
            [(1 << 16, true), (1 << 30, true), (1 << 15, false), (1 << 31, false), (100_000, false)]
        {
            let keys = CaptureKeys { ring_bytes: Some(ring_bytes), ..CaptureKeys::default() };
            assert_eq!(keys.options().is_ok(), fits, "{ring_bytes}");
        }
    }

    #[test]
    fn the_defaults_are_the_captures_own() {
        assert_eq!(CaptureKeys::default().options().expect("it is right"), Options::default());
    }
}
