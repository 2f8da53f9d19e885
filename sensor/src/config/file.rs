//! The configuration file.

use std::io;
use std::path::Path;

use crate::config::alert::AlertKeys;
use crate::config::error::ConfigError;
use crate::config::general::General;
use crate::config::network::{NetworkKeys, SettingsKeys};
use crate::config::policy::PolicyKeys;
use crate::config::table::Table;
use crate::config::tunnel::TunnelKeys;
use crate::config::webhook::WebhookKeys;

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) general: General,
    pub(crate) networks: Vec<(NetworkKeys, SettingsKeys)>,
    pub(crate) tunnels: Vec<TunnelKeys>,
    pub(crate) policy: PolicyKeys,
    pub(crate) alerts: Vec<(AlertKeys, WebhookKeys)>,
}

const DEFAULT: &str = "/etc/sensor/sensor.toml";

impl File {
    /// The file of this name, or the default one, which need not exist.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::Read { path: path.to_owned(), error }),
        }
    }

    /// The file from its text; `path` is for errors.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut table = Table::parse(path, text)?;
        let mut file = Self { general: General::take(&mut table)?, ..Self::default() };
        for mut network in table.list("network")? {
            file.networks.push((network.take()?, network.take()?));
            network.finish()?;
        }
        for mut tunnel in table.list("tunnel")? {
            file.tunnels.push(tunnel.take()?);
            tunnel.finish()?;
        }
        file.policy = table.inner("policy")?;
        for mut alert in table.list("alert")? {
            file.alerts.push((alert.take()?, alert.take()?));
            alert.finish()?;
        }
        table.finish()?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got =
            File::parse(Path::new("s.toml"), text).map_or_else(|error| error.to_string(), |file| format!("{file:?}"));
        assert!(got.contains(expected), "{got}");
        assert!(!got.contains('\n'), "{got}");
    }

    #[test]
    fn the_file_says_what_is_wrong_with_it() {
        check("mirror = [\"eth1\"]\n", "mirror: Some([\"eth1\"])");
        check("miror = [\"eth1\"]\n", "s.toml, line 1: unknown key 'miror'; did you mean 'mirror'?");
        check("[[network]]\nprefx = \"10.0.0.0/8\"\n", "s.toml, line 2: unknown key 'prefx'; did you mean 'prefix'?");
        check("[[network]]\nswep = true\n", "s.toml, line 2: unknown key 'swep'; did you mean 'sweep'?");
        check("learning_s = \"long\"\n", "s.toml, line 1: ");
        check("\n\nmirror = [\n", "s.toml, line ");
        check(
            "name = \"a\"\ncapture = \"fast\"\n",
            "s.toml, line 2: capture is auto, driver, generic or packet, not 'fast'",
        );
        check("syslog_format = \"bsd\"\n", "syslog_format is rfc5424 or arpwatch, not 'bsd'");
        check("zzzzzzzzzz = 1\n", "unknown key 'zzzzzzzzzz'");
        check("\"a\\nb\" = 1\n", "unknown key 'a\\nb'");
        check(
            "[network]\nprefix = \"10.0.0.0/8\"\n",
            "s.toml, line 1: 'network' is a list of tables; write [[network]]",
        );
    }
}
