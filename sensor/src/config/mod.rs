//! What was typed, set in the environment and written in the file, made into what it means.
//! A flag wins over the environment, the environment over the file, the file over the default.

use serde::Deserialize;

use crate::cli::{CaptureArg, SyslogArg};

/// What `sensor watch` is to do.
pub mod alert;
/// What may be asked.
pub mod asking;
/// What is told.
pub mod telling;

/// Defaults that depend on the machine.
pub mod defaults;
/// Why a configuration is refused.
pub mod error;
/// The configuration file.
pub mod file;
/// Values as they are typed, on the command line and in the file.
pub mod parse;
/// The configuration of `sensor replay`.
pub mod replay;
/// The configuration of `sensor run`.
pub mod run;
/// The configuration of `sensor scan`.
pub mod scan;
/// What several subcommands have in common.
pub mod shared;

pub(crate) const SCAN_RATE: u32 = 25_000;
pub(crate) const SCAN_CONCURRENCY: usize = 4096;
const SCAN_TRIES: u32 = 2;
/// Slow hosts answer within two seconds or so; a look by one technique is a quick one.
pub(crate) const SCAN_WAIT_MS: u64 = 2500;
pub(crate) const QUICK_WAIT_MS: u64 = 250;

pub(crate) const FILE_KEYS: [&str; 34] = [
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
pub(crate) const NETWORK_KEYS: [&str; 14] = [
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
pub(crate) const DEFAULT_FILE: &str = "/etc/sensor/sensor.toml";
pub(crate) const LEARNING_S: u64 = 600;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use sensor_core::types::Timestamp;
    use std::path::Path;

    use crate::config::error::ConfigError;
    use crate::config::file::File;
    use crate::config::parse::{parse_prefix, parse_when};
    use crate::config::run::syslog;

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
