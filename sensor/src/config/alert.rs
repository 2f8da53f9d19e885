//! What `sensor watch` is to do: its filter, and the `[[alert]]` tables of the configuration file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use crate::cli::{WatchArgs, WatchCommand};
use crate::config::DEFAULT_FILE;
use crate::config::error::ConfigError;
use crate::config::file::File;
use crate::config::parse::{parse_kind, parse_severity};
use crate::config::parse::{parse_when, suggest};
use sensor_core::inventory::event::Severity;
use sensor_core::types::Timestamp;

/// What `sensor watch` is to do.
#[derive(Debug)]
pub struct Watch {
    /// What to do with the alerts.
    pub task: Task,
    /// What holds for all alerts, and for printing.
    pub filter: Filter,
    /// The alerts; without any, events are printed.
    pub alerts: Vec<Alert>,
    /// Where place and pending events are kept; nowhere when there are no alerts and none was named.
    pub state: Option<PathBuf>,
    /// Where to begin when no place is kept.
    pub since: Timestamp,
    /// The journal's folder, where it is not this machine's own.
    pub journal: Option<PathBuf>,
    /// Printed as JSON Lines.
    pub json: bool,
}

/// What to do with the alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Follow the journal.
    Follow,
    /// Read standard input to its end.
    Read,
    /// As these, but only say what would be done.
    Rehearse {
        /// Standard input instead of the journal.
        stdin: bool,
    },
    /// Send one made-up event through the alert of this name.
    Test(String),
}

/// Which events; an empty list holds all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Kinds' names.
    pub kinds: Vec<String>,
    /// At least so severe.
    pub severity: Severity,
    /// Segments' names.
    pub segments: Vec<String>,
    /// Hosts.
    pub hosts: Vec<HostFilter>,
}

/// Which host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFilter {
    /// Of these addresses.
    Net(IpNet),
    /// Of this id, MAC or name, in lower case.
    Word(String),
}

/// One `[[alert]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its name, unique: ASCII letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Which events.
    pub filter: Filter,
    /// What is done.
    pub action: Action,
    /// How many at most.
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
    /// In how long.
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

/// Where a mail goes and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who gets it; at least one.
    pub to: Vec<String>,
    /// Who sends it.
    pub from: String,
    /// By what.
    pub via: Via,
    /// What comes in this time after the first is one mail.
    pub batch: Duration,
    /// How long the program or the server may take.
    pub timeout: Duration,
}

/// What takes a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// A program with sendmail's flags.
    Program(PathBuf),
    /// A server, `host:port`.
    Smtp(String),
}

/// Where an event is posted and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// The body, with `{{field}}` in it; the record itself without.
    pub template: Option<String>,
    /// The body's type.
    pub content_type: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Signs the body.
    pub secret: Option<Vec<u8>>,
    /// PEM file of the authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

impl Watch {
    /// From flags and the file that they or the default name. `now`: where a first watch begins.
    pub fn new(args: WatchArgs, now: Timestamp) -> Result<Self, ConfigError> {
        let alerts = alerts(args.config.as_deref())?;
        let stdin = args.source.is_some();
        let task = match args.command {
            Some(WatchCommand::Test(test)) => {
                if !alerts.iter().any(|alert| alert.name == test.name) {
                    let hint = suggest(&test.name, alerts.iter().map(|alert| alert.name.as_str()));
                    let what = format!("there is none of this name in the configuration file{hint}");
                    return Err(wrong(&test.name, what));
                }
                Task::Test(test.name)
            }
            None if args.dry_run => Task::Rehearse { stdin },
            None if stdin => Task::Read,
            None => Task::Follow,
        };
        let named = args.state.is_some() || std::env::var_os("STATE_DIRECTORY").is_some();
        let keeps = matches!(task, Task::Follow | Task::Read) && (named || !alerts.is_empty());
        let filter = Keys {
            kinds: args.kind,
            severity: args.severity,
            segments: args.segment,
            hosts: args.host,
            ..Keys::default()
        };
        Ok(Self {
            task,
            filter: filter.filter()?,
            alerts,
            state: keeps.then(|| args.state.unwrap_or_else(default_state)),
            since: args.since.as_deref().map(|when| parse_when(when, now)).transpose()?.unwrap_or(now),
            journal: args.journal,
            json: args.json,
        })
    }
}

/// The keys of an `[[alert]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Keys {
    name: String,
    kinds: Vec<String>,
    severity: Option<String>,
    segments: Vec<String>,
    hosts: Vec<String>,
    command: Option<Vec<String>>,
    webhook: Option<String>,
    mail: Option<MailKeys>,
    template: Option<String>,
    content_type: Option<String>,
    headers: std::collections::BTreeMap<String, String>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    timeout_s: Option<u64>,
    retries: Option<u32>,
    rate: Option<String>,
    dedupe_s: u64,
    batch_s: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MailKeys {
    to: Vec<String>,
    from: Option<String>,
    via: Option<String>,
    smtp: Option<String>,
}

/// The part of the file that is about alerts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Alerts {
    alert: Vec<Keys>,
}

const KEYS: [&str; 19] = [
    "name",
    "kinds",
    "severity",
    "segments",
    "hosts",
    "command",
    "webhook",
    "mail",
    "template",
    "content_type",
    "headers",
    "secret",
    "secret_file",
    "ca_file",
    "timeout_s",
    "retries",
    "rate",
    "dedupe_s",
    "batch_s",
];
const MAIL_KEYS: [&str; 4] = ["to", "from", "via", "smtp"];
/// What only an alert with a webhook may have.
const WEBHOOK_KEYS: [&str; 6] = ["template", "content_type", "headers", "secret", "secret_file", "ca_file"];
const ALERTS_MAX: usize = 64;
const NAME_MAX: usize = 64;
const SENDMAIL: &str = "/usr/sbin/sendmail";
const TIMEOUT_S: u64 = 10;
const BATCH_S: u64 = 10;
const RETRIES: u32 = 5;
/// A day; a longer wait is a mistake.
const SPAN_S_MAX: u64 = 86_400;

fn alerts(named: Option<&Path>) -> Result<Vec<Alert>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(ConfigError::Read { path: path.to_owned(), error }),
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Alert>, ConfigError> {
    // The whole file has to be right: a mistyped `[[alert]]` is an unknown key of it.
    File::parse(path, text)?;
    let broken = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        ConfigError::File { path: format!("{}, line {line}", path.display()), message }
    };
    let table: toml::Table = text.parse().map_err(broken)?;
    let unknown = |key: &str, known: &[&'static str]| ConfigError::UnknownKey {
        path: path.to_owned(),
        key: key.to_owned(),
        suggestion: suggest(key, known.iter().copied()),
    };
    for alert in table.get("alert").and_then(toml::Value::as_array).into_iter().flatten() {
        let Some(alert) = alert.as_table() else { continue };
        if let Some(key) = alert.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(unknown(key, &KEYS));
        }
        let mail = alert.get("mail").and_then(toml::Value::as_table);
        if let Some(key) = mail.and_then(|mail| mail.keys().find(|key| !MAIL_KEYS.contains(&key.as_str()))) {
            return Err(unknown(key, &MAIL_KEYS));
        }
        if !alert.contains_key("webhook")
            && let Some(key) = alert.keys().find(|key| WEBHOOK_KEYS.contains(&key.as_str()))
        {
            let name = alert.get("name").and_then(toml::Value::as_str).unwrap_or_default();
            return Err(wrong(name, format!("'{key}' belongs to a webhook, and there is none")));
        }
    }
    let keys = toml::from_str::<Alerts>(text).map_err(broken)?.alert;
    if keys.len() > ALERTS_MAX {
        return Err(wrong("", format!("there are {}; {ALERTS_MAX} are the most", keys.len())));
    }
    let mut alerts: Vec<Alert> = Vec::with_capacity(keys.len());
    for (place, keys) in keys.into_iter().enumerate() {
        let alert = keys.alert(place + 1)?;
        if alerts.iter().any(|known| known.name == alert.name) {
            return Err(wrong(&alert.name, "the name is taken by another alert".to_owned()));
        }
        alerts.push(alert);
    }
    Ok(alerts)
}

impl Keys {
    fn filter(&self) -> Result<Filter, ConfigError> {
        for kind in &self.kinds {
            parse_kind(kind)?;
        }
        let severity = self.severity.as_deref().map_or(Ok(Severity::Info), parse_severity)?;
        let host = |text: &String| match text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
        {
            Some(net) => HostFilter::Net(net),
            None => HostFilter::Word(text.to_ascii_lowercase()),
        };
        Ok(Filter {
            kinds: self.kinds.clone(),
            severity,
            segments: self.segments.clone(),
            hosts: self.hosts.iter().map(host).collect(),
        })
    }

    fn alert(self, place: usize) -> Result<Alert, ConfigError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(fits) {
            let what = "it needs a name of its own: letters, digits, '-', '_' and '.', such as name = \"chat\"";
            return Err(wrong(&format!("number {place}"), what.to_owned()));
        }
        let name = self.name.clone();
        let wrong = |what: &str| wrong(&name, what.to_owned());
        let filter = self.filter().map_err(|error| wrong(&error.to_string()))?;
        let span = |s: u64| match s {
            0..=SPAN_S_MAX => Ok(Duration::from_secs(s)),
            _ => Err(wrong("timeout_s, batch_s and dedupe_s are at most 86400 seconds")),
        };
        let timeout = span(self.timeout_s.unwrap_or(TIMEOUT_S))?;
        if timeout.is_zero() {
            return Err(wrong("timeout_s must be 1 or more"));
        }
        let dedupe = span(self.dedupe_s)?;
        let batch = span(self.batch_s.unwrap_or(BATCH_S))?;
        if self.mail.is_none() && self.batch_s.is_some() {
            return Err(wrong("'batch_s' belongs to a mail, and there is none"));
        }
        let rate = self.rate.as_deref().map(|text| {
            rate(text).ok_or_else(|| wrong("rate is how many in a second, minute or hour; write it like \"10/m\""))
        });
        let rate = rate.transpose()?;
        let retries = self.retries.unwrap_or(RETRIES);
        let action = match (&self.command, &self.webhook, &self.mail) {
            (Some(argv), None, None) => {
                if !argv.first().is_some_and(|path| path.starts_with('/')) || argv.iter().any(|arg| arg.contains('\0'))
                {
                    return Err(wrong(
                        "command is a list: an absolute path and its arguments, [\"/usr/bin/x\", \"-y\"]",
                    ));
                }
                Action::Command { argv: argv.clone(), timeout }
            }
            (None, Some(url), None) => Action::Webhook(self.webhook(url, timeout).map_err(|what| wrong(&what))?),
            (None, None, Some(mail)) => Action::Mail(mail.mail(batch, timeout).map_err(&wrong)?),
            _ => return Err(wrong("it needs exactly one of command, webhook and mail")),
        };
        Ok(Alert { name: self.name, filter, action, rate, dedupe, retries })
    }

    fn webhook(&self, url: &str, timeout: Duration) -> Result<Webhook, String> {
        let after = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || after.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err("webhook is an address such as https://chat.example/hook".to_owned());
        }
        let secret = match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => return Err("give it secret or secret_file, not both".to_owned()),
            (Some(secret), None) => Some(secret.clone().into_bytes()),
            (None, Some(path)) => {
                let text = std::fs::read(path).map_err(|error| {
                    format!("secret_file {}: {error}; mend its path or permissions", path.display())
                })?;
                Some(text.trim_ascii_end().to_owned())
            }
            (None, None) => None,
        };
        if secret.as_ref().is_some_and(Vec::is_empty) {
            return Err("the secret is empty; `openssl rand -hex 32` makes one".to_owned());
        }
        let is_header = |(name, value): &(&String, &String)| {
            let token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !name.is_empty() && name.chars().all(token) && value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
        };
        if let Some((name, _)) = self.headers.iter().find(|header| !is_header(header)) {
            return Err(format!("headers: '{}' is not a header of plain ASCII", name.escape_debug()));
        }
        let content_type = self.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
        if !is_header(&(&"x".to_owned(), &content_type)) {
            return Err("content_type is one such as text/plain".to_owned());
        }
        Ok(Webhook {
            url: url.to_owned(),
            template: self.template.clone(),
            content_type,
            headers: self.headers.clone().into_iter().collect(),
            secret,
            ca_file: self.ca_file.clone(),
            timeout,
        })
    }
}

impl MailKeys {
    fn mail(&self, batch: Duration, timeout: Duration) -> Result<Mail, &'static str> {
        let from = self.from.clone().unwrap_or_else(|| format!("sensor@{}", crate::config::defaults::host_name()));
        // A conservative part of RFC 5321's mailbox: what leaves the header or a command line is not one.
        let fits = |c: char| c.is_ascii_alphanumeric() || "@.-_+=".contains(c);
        let is_address =
            |text: &String| !text.is_empty() && text.len() <= 254 && !text.starts_with('-') && text.chars().all(fits);
        if self.to.is_empty() || !self.to.iter().all(is_address) || !is_address(&from) {
            return Err("mail needs to = [\"who@example.org\"], and a from of the same form");
        }
        let via = match (self.via.as_deref(), &self.smtp) {
            (None | Some("sendmail"), None) => Via::Program(SENDMAIL.into()),
            (Some(path), None) if path.starts_with('/') => Via::Program(path.into()),
            (None | Some("smtp"), Some(server)) if server.contains(':') => Via::Smtp(server.clone()),
            _ => return Err("mail goes via = \"sendmail\", or smtp = \"host:25\""),
        };
        Ok(Mail { to: self.to.clone(), from, via, batch, timeout })
    }
}

fn wrong(name: &str, what: String) -> ConfigError {
    ConfigError::Alert { name: name.escape_debug().to_string(), what }
}

fn rate(text: &str) -> Option<Rate> {
    let (max, per) = text.split_once('/')?;
    let per_s = match per.trim() {
        "s" | "second" => 1,
        "m" | "minute" => 60,
        "h" | "hour" => 3600,
        _ => return None,
    };
    let max = max.trim().parse().ok().filter(|max| *max > 0)?;
    Some(Rate { max, per: Duration::from_secs(per_s) })
}

fn default_state() -> PathBuf {
    // SAFETY: `geteuid` has no preconditions and cannot fail.
    if std::env::var_os("STATE_DIRECTORY").is_none() && unsafe { libc::geteuid() } == 0 {
        return PathBuf::from("/var/lib/sensor-watch/watch.json");
    }
    crate::config::defaults::default_db().with_file_name("watch.json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = parse(Path::new("s.toml"), text).map_or_else(|error| error.to_string(), |got| format!("{got:?}"));
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
