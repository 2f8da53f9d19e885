//! The `[[alert]]` tables: what `sensor watch` does with which events.

use std::time::Duration;

use crate::config::error::ConfigError;
use crate::config::filter::Filter;
use crate::config::keys::{Keys as _, keys};
use crate::config::mail::{Mail, MailKeys};
use crate::config::webhook::{Webhook, WebhookKeys};

keys! {
    /// `[[alert]]`: has exactly one of `command`, `webhook` and `mail`. There are at most 64 alerts.
    pub AlertKeys {
        /// Its name, unique: letters, digits, `-`, `_` and `.`, at most 64
        /// [default: none, it is required]
        name: String,
        /// Only these kinds of events [default: all]
        kinds: Vec<String>,
        /// Only events at least so severe: info, notice, warning, alert
        severity: String = "info",
        /// Only these segments [default: all]
        segments: Vec<String>,
        /// Only these hosts: id, address, prefix, MAC or name [default: all]
        hosts: Vec<String>,
        /// Run a program: its absolute path and its arguments
        command: Vec<String>,
        /// Post to this web address
        webhook: String,
        /// Send a mail, see `mail`
        mail: MailKeys,
        /// How long one attempt may take, in seconds, 1 to 86400
        timeout_s: u64 = 10,
        /// How often an event that was refused is tried again
        retries: u32 = 5,
        /// At most so many in a second (s), minute (m) or hour (h), such as 10/m [default: no limit]
        rate: String,
        /// The same event of the same host within this time is one alert with a count, in seconds, at most 86400; 0: each
        /// event is an alert
        dedupe_s: u64 = 0,
        /// Mail: events within this time of the first go into one mail, in seconds, at most 86400
        batch_s: u64 = 10,
    }
}

/// One `[[alert]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its name, unique: 1 to 64 ASCII letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Which events.
    pub filter: Filter,
    /// What is done.
    pub action: Action,
    /// How many at most; `None`: any number.
    pub rate: Option<Rate>,
    /// The same within this time is one alert with a count; 0: every event is one.
    pub dedupe: Duration,
    /// How often what was refused is tried again.
    pub retries: u32,
}

/// At most so many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least 1.
    pub max: u32,
    /// In how long: a second, a minute or an hour.
    pub per: Duration,
}

/// What an alert does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Runs a program.
    Command {
        /// An absolute path and its arguments.
        argv: Vec<String>,
        /// It is killed after this time.
        timeout: Duration,
    },
    /// Sends a mail.
    Mail(Mail),
    /// Posts to a web server.
    Webhook(Webhook),
}

const ALERTS_MAX: usize = 64;
const NAME_MAX: usize = 64;
/// A day; a longer wait is a mistake.
const SPAN_S_MAX: u64 = 86_400;

/// The alerts of a file, in its order; each with the keys that only a webhook has.
pub(super) fn alerts(tables: Vec<(AlertKeys, WebhookKeys)>) -> Result<Vec<Alert>, ConfigError> {
    if tables.len() > ALERTS_MAX {
        return Err(wrong("", format!("there are {}; {ALERTS_MAX} are the most", tables.len())));
    }
    let mut alerts: Vec<Alert> = Vec::with_capacity(tables.len());
    for (number, (keys, webhook)) in (1..).zip(tables) {
        let name = name(&keys, number)?;
        let alert = alert(&name, keys, webhook).map_err(|what| wrong(&name, what))?;
        if alerts.iter().any(|known| known.name == alert.name) {
            return Err(wrong(&alert.name, "the name is taken by another alert".to_owned()));
        }
        alerts.push(alert);
    }
    Ok(alerts)
}

/// An error in the alert of this name.
pub(super) fn wrong(name: &str, what: String) -> ConfigError {
    ConfigError::Alert { name: name.escape_debug().to_string(), what }
}

fn name(keys: &AlertKeys, number: usize) -> Result<String, ConfigError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = keys.name.clone().filter(|name| (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits));
    name.ok_or_else(|| {
        let what = "it needs a name of its own: letters, digits, '-', '_' and '.', such as name = \"chat\"";
        wrong(&format!("number {number}"), what.to_owned())
    })
}

/// From its keys; an error says what is wrong with them.
fn alert(name: &str, keys: AlertKeys, webhook: WebhookKeys) -> Result<Alert, String> {
    if keys.webhook.is_none()
        && let Some(key) = webhook.given().first()
    {
        return Err(format!("'{key}' belongs to a webhook, and there is none"));
    }
    if keys.mail.is_none() && keys.batch_s.is_some() {
        return Err("'batch_s' belongs to a mail, and there is none".to_owned());
    }
    let timeout = span(keys.timeout_s())?;
    if timeout.is_zero() {
        return Err("timeout_s must be 1 or more".to_owned());
    }
    let dedupe = span(keys.dedupe_s())?;
    let batch = span(keys.batch_s())?;
    let rate = keys.rate.as_deref().map(rate).transpose()?;
    let (severity, retries) = (keys.severity(), keys.retries());
    let hosts = keys.hosts.unwrap_or_default();
    let filter =
        Filter::new(keys.kinds.unwrap_or_default(), Some(&severity), keys.segments.unwrap_or_default(), &hosts);
    let action = match (keys.command, keys.webhook, keys.mail) {
        (Some(argv), None, None) => command(argv, timeout)?,
        (None, Some(url), None) => Action::Webhook(Webhook::new(&url, webhook, timeout)?),
        (None, None, Some(mail)) => Action::Mail(Mail::new(mail, batch, timeout)?),
        _ => return Err("it needs exactly one of command, webhook and mail".to_owned()),
    };
    let filter = filter.map_err(|error| error.to_string())?;
    Ok(Alert { name: name.to_owned(), filter, action, rate, dedupe, retries })
}

fn command(argv: Vec<String>, timeout: Duration) -> Result<Action, String> {
    let is_absolute = argv.first().is_some_and(|path| path.starts_with('/'));
    if !is_absolute || argv.iter().any(|argument| argument.contains('\0')) {
        let what = "command is a list: an absolute path and its arguments, [\"/usr/bin/x\", \"-y\"]";
        return Err(what.to_owned());
    }
    Ok(Action::Command { argv, timeout })
}

fn span(s: u64) -> Result<Duration, String> {
    match s {
        0..=SPAN_S_MAX => Ok(Duration::from_secs(s)),
        _ => Err(format!("timeout_s, batch_s and dedupe_s are at most {SPAN_S_MAX} seconds")),
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    let read = || {
        let (max, per) = text.split_once('/')?;
        let per_s = match per.trim() {
            "s" | "second" => 1,
            "m" | "minute" => 60,
            "h" | "hour" => 3600,
            _ => return None,
        };
        let max = max.trim().parse().ok().filter(|max| *max > 0)?;
        Some(Rate { max, per: Duration::from_secs(per_s) })
    };
    read().ok_or_else(|| "rate is how many in a second, minute or hour; write it like \"10/m\"".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::config::file::File;
    use std::path::Path;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let alerts = File::parse(Path::new("s.toml"), text).and_then(|file| alerts(file.alerts));
        let got = alerts.map_or_else(|error| error.to_string(), |got| format!("{got:?}"));
        assert!(got.contains(expected), "{got}");
        assert!(!got.contains('\n'), "{got}");
    }

    #[test]
    fn an_alert_of_each_sort() {
        check(
            "[[alert]]\nname = 'a'\ncommand = ['/bin/x', '-y']\n",
            "Command { argv: [\"/bin/x\", \"-y\"], timeout: 10s }",
        );
        check(
            "[[alert]]\nname = 'a'\nwebhook = 'https://x/y'\nrate = '10/m'\nsecret = 's'\n",
            "url: \"https://x/y\", template: None",
        );
        check("[[alert]]\nname = 'a'\nwebhook = 'http://x'\nrate = '3/h'\n", "rate: Some(Rate { max: 3, per: 3600s })");
        check(
            "[[alert]]\nname = 'a'\nmail = {to = ['a@b.c'], from = 's@b.c', smtp = 'localhost:25'}\n",
            "from: \"s@b.c\", via: Smtp(\"localhost:25\"), batch: 10s",
        );
        check("[[alert]]\nname = 'a'\nmail = {to = ['root']}\n", "Program(\"/usr/sbin/sendmail\")");
    }

    #[test]
    fn mistakes_are_named() {
        check("[[alert]]\ncommand = ['/x']\n", "[[alert]] number 1: it needs a name of its own");
        check("[[alert]]\nname = 'a'\n", "[[alert]] a: it needs exactly one of command, webhook and mail");
        check("[[alert]]\nname = 'a'\ncommand = ['/x']\nwebhook = 'http://x'\n", "exactly one of");
        check("[[alert]]\nname = 'a'\ncommand = ['x']\n", "an absolute path");
        check("[[alert]]\nname = 'a'\ncomand = ['/x']\n", "unknown key 'comand'; did you mean 'command'?");
        check("[[alert]]\nname = 'a'\nmail = {too = ['x@y']}\n", "unknown key 'too'; did you mean 'to'?");
        check("[[alert]]\nname = 'a'\ncommand = ['/x']\nkinds = ['new-hots']\n", "did you mean 'new-host'?");
        check("[[alert]]\nname = 'a'\ncommand = ['/x']\nseverity = 'bad'\n", "'bad' is not a severity");
        check("[[alert]]\nname = 'a'\ncommand = ['/x']\nrate = 'often'\n", "write it like \"10/m\"");
        check("[[alert]]\nname = 'a'\ncommand = ['/x']\nsecret = 's'\n", "'secret' belongs to a webhook");
        check("[[alert]]\nname = 'a'\nwebhook = 'ftp://x'\n", "webhook is an address such as");
        check("[[alert]]\nname = 'a'\nwebhook = 'http://x'\nsecret_file = '/none/x'\n", "secret_file /none/x: ");
        check("[[alert]]\nname = 'a'\nmail = {to = ['a@b\\nBcc: x']}\n", "mail needs to = ");
        check("[[alert]]\nname = 'a'\nmail = {to = ['-oQ/x']}\n", "mail needs to = ");
        check(
            "[[alert]]\nname = 'a'\ncommand = ['/x']\n[[alert]]\nname = 'a'\ncommand = ['/x']\n",
            "the name is taken",
        );
        check("[[alrt]]\nname = 'a'\n", "unknown key 'alrt'; did you mean 'alert'?");
    }
}
