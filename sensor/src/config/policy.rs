//! Which events are reported, and how loudly: the `[policy]` table and its rules.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::config::error::ConfigError;
use crate::config::keys::keys;
use crate::config::network::Named;
use crate::config::parse::{
    parse_host, parse_kind, parse_macs, parse_prefix, parse_quiet, parse_segment, parse_severity,
};
use sensor_core::inventory::judge::policy::{Cluster, EventPolicy, Hours, Rule};
use sensor_core::inventory::judge::subjects::Subjects;
use sensor_core::inventory::model::quiet::Quiet;
use sensor_core::types::Mac;

keys! {
    /// `[policy]`: which events are reported, and how loudly.
    pub PolicyKeys {
        /// MACs, host ids, addresses and networks of hosts whose events are neither kept nor reported; not what they attack
        ignore: Vec<String>,
        /// MACs, host ids, addresses and networks that belong here: their `new-host` is `info`
        known: Vec<String>,
        /// A file of the same, one a line, `#` begins a comment; at most 4 MiB
        known_file: PathBuf,
        /// MACs, host ids, addresses and networks whose `host-gone` is `alert`
        always_on: Vec<String>,
        /// A repeat within this time of the last is counted and not reported, in seconds; 0: each is reported
        fold_s: u64 = 3600,
        /// Who is present and not known is reported again this often, in hours; needs `known` or `known_file`; 0: never
        renotify_h: u32 = 0,
        /// Rules in the order in which they are tried, see `[[policy.rule]]`
        rule: Vec<RuleKeys>,
    }
}

keys! {
    /// `[[policy.rule]]`: holds where all of its conditions hold, and needs `severity` or `mute`.
    pub RuleKeys {
        /// Condition: kinds of events [default: all]
        kinds: Vec<String>,
        /// Condition: segments [default: all]
        segments: Vec<String>,
        /// Condition: networks of an address of the host [default: all]
        networks: Vec<String>,
        /// Condition: MACs, host ids, addresses and networks of the host [default: all]
        hosts: Vec<String>,
        /// Condition: MACs of the host [default: all]
        macs: Vec<String>,
        /// Condition: hours, local time, such as 22:00-06:00; past midnight they belong to the day on which they begin
        /// [default: all day]
        hours: String,
        /// Condition: days of the week, mon to sun, and ranges such as mon-fri [default: every day]
        days: Vec<String>,
        /// Condition: the event is less severe than this
        below: String,
        /// The severity that the event gets: info, notice, warning or alert [default: unchanged]
        severity: String,
        /// The event is kept and not reported
        mute: bool = false,
    }
}

/// A list of known hosts may be so large, bytes.
const KNOWN_MAX: u64 = 4 << 20;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// From the keys of the table, and from the networks: who may share addresses there.
pub(super) fn policy(keys: &PolicyKeys, networks: &[Named]) -> Result<EventPolicy, ConfigError> {
    let mut known = subjects("known", &keys.known)?;
    if let Some(path) = &keys.known_file {
        add_file(&mut known, path)?;
    }
    let kin = networks.iter().filter(|named| !named.settings.allow_virtual_macs.is_empty());
    let policy = EventPolicy {
        ignore: subjects("ignore", &keys.ignore)?,
        known,
        always_on: subjects("always_on", &keys.always_on)?,
        kin: kin
            .map(|named| Cluster { segment: named.home(), macs: named.settings.allow_virtual_macs.clone() })
            .collect(),
        rules: keys.rule.iter().flatten().map(rule).collect::<Result<_, _>>()?,
        fold: Duration::from_secs(keys.fold_s()),
        renotify: Some(keys.renotify_h()).filter(|h| *h > 0).map(|h| Duration::from_secs(3600 * u64::from(h))),
    };
    if policy.renotify.is_some() && policy.known.is_empty() {
        return Err(ConfigError::RenotifyWithoutKnown);
    }
    Ok(policy)
}

fn rule(keys: &RuleKeys) -> Result<Rule, ConfigError> {
    let severity = |word: &Option<String>| word.as_deref().map(parse_severity).transpose();
    let mut networks = Subjects::default();
    for text in keys.networks.iter().flatten() {
        networks.prefixes.push(parse_prefix("[[policy.rule]] networks", text)?);
    }
    let mut hosts = subjects("[[policy.rule]] hosts", &keys.hosts)?;
    hosts.macs.extend(parse_macs("[[policy.rule]] macs", keys.macs.as_deref().unwrap_or_default())?);
    let rule = Rule {
        kinds: keys.kinds.iter().flatten().map(|word| parse_kind(word)).collect::<Result<_, _>>()?,
        segments: keys.segments.iter().flatten().map(|text| parse_segment(text)).collect::<Result<_, _>>()?,
        networks,
        hosts,
        hours: hours(keys)?,
        below: severity(&keys.below)?,
        severity: severity(&keys.severity)?,
        mute: keys.mute(),
    };
    if rule.severity.is_none() && !rule.mute { Err(ConfigError::IdleRule) } else { Ok(rule) }
}

/// Days without hours are whole days; hours without days are of every day.
fn hours(keys: &RuleKeys) -> Result<Option<Hours>, ConfigError> {
    let named = keys.days.as_deref().unwrap_or_default();
    if keys.hours.is_none() && named.is_empty() {
        return Ok(None);
    }
    let day = keys.hours.as_deref().map_or(Ok(Quiet { from: 0, to: 1440 }), |text| parse_quiet("hours", text))?;
    let mut days = [named.is_empty(); 7];
    for text in named {
        let bad = || ConfigError::Day(text.escape_debug().to_string());
        let place = |word: &str| DAYS.iter().position(|day| *day == word).ok_or_else(bad);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (place(first)?, place(last)?);
        // `sat-mon` passes the end of the week.
        let length = (last + 7 - first) % 7;
        (first..=first + length).for_each(|day| days[day % 7] = true);
    }
    Ok(Some(Hours { day, days }))
}

/// MACs, hosts' ids, addresses and networks.
fn subjects(setting: &'static str, texts: &Option<Vec<String>>) -> Result<Subjects, ConfigError> {
    let mut subjects = Subjects::default();
    texts.iter().flatten().try_for_each(|text| add(&mut subjects, setting, text))?;
    Ok(subjects)
}

fn add(subjects: &mut Subjects, setting: &'static str, text: &str) -> Result<(), ConfigError> {
    if let Some(mac) = Mac::parse(text) {
        subjects.macs.insert(mac);
    } else if let Some(host) = parse_host(text) {
        subjects.hosts.insert(host);
    } else if let Ok(ip) = text.parse::<IpAddr>() {
        subjects.ips.insert(ip);
    } else if let Ok(prefix) = text.parse::<IpNet>() {
        subjects.prefixes.push(prefix.trunc());
    } else {
        return Err(ConfigError::Subject { setting, value: text.escape_debug().to_string() });
    }
    Ok(())
}

/// Adds those of a file: one a line, `#` begins a comment.
fn add_file(subjects: &mut Subjects, path: &Path) -> Result<(), ConfigError> {
    let wrong = |what: String| ConfigError::Rules { path: path.to_owned(), what };
    let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > KNOWN_MAX {
        return Err(wrong(format!("{length} bytes are too many for a list of known hosts; {KNOWN_MAX} are allowed")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    for (number, line) in (1..).zip(text.lines()) {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if !entry.is_empty() {
            add(subjects, "known_file", entry).map_err(|error| wrong(format!("line {number}: {error}")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::config::file::File;
    use crate::config::parse::parse_target;
    use crate::config::run::Reloaded;
    use sensor_core::inventory::event::{Kind, Severity};
    use sensor_core::inventory::model::host::HostId;

    /// The policy of a file's text; an error as its one line.
    fn read(text: &str) -> Result<EventPolicy, String> {
        let file = File::parse(Path::new("s.toml"), text).map_err(|error| error.to_string())?;
        policy(&file.policy, &[]).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check_wrong(text: &str, expected: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }

    #[test]
    fn without_a_policy_only_repeats_are_folded() {
        assert_eq!(read("").unwrap(), EventPolicy::default());
        assert_eq!(EventPolicy::default().fold, Duration::from_secs(3600));
    }

    #[test]
    fn a_whole_policy() {
        let telling = read(
            r#"
            [policy]
            ignore = ["02:00:00:00:00:01", "10.9.0.0/16"]
            known = ["0123456789abcdef", "10.0.0.1", "2001:db8::/32"]
            always_on = ["10.0.0.1"]
            fold_s = 60
            renotify_h = 24

            [[policy.rule]]
            kinds = ["new-host", "host-gone"]
            segments = ["eth1.30"]
            networks = ["10.1.0.0/16"]
            hosts = ["10.1.2.3"]
            macs = ["02:00:00:00:00:02"]
            hours = "22:00-06:00"
            days = ["fri", "sun-mon"]
            below = "warning"
            severity = "info"
            mute = true

            [[policy.rule]]
            days = ["sat"]
            severity = "alert"
            "#,
        )
        .unwrap();
        assert_eq!((telling.ignore.macs.len(), telling.ignore.prefixes.len()), (1, 1));
        assert_eq!(telling.known.hosts, [HostId(0x0123_4567_89ab_cdef)].into());
        assert_eq!((telling.known.ips.len(), telling.known.prefixes.len()), (1, 1));
        assert_eq!((telling.fold, telling.renotify), (Duration::from_secs(60), Some(Duration::from_hours(24))));
        let [first, second] = &telling.rules[..] else { panic!("two rules") };
        assert_eq!(first.kinds, [Kind::NewHost, Kind::HostGone].into());
        assert_eq!((first.hosts.macs.len(), first.hosts.ips.len(), first.networks.prefixes.len()), (1, 1, 1));
        let days = [true, false, false, false, true, false, true];
        assert_eq!(first.hours, Some(Hours { day: Quiet { from: 1320, to: 360 }, days }));
        assert_eq!((first.below, first.severity, first.mute), (Some(Severity::Warning), Some(Severity::Info), true));
        let saturday = [false, false, false, false, false, true, false];
        assert_eq!(second.hours, Some(Hours { day: Quiet { from: 0, to: 1440 }, days: saturday }));
    }

    #[test]
    fn what_is_wrong_with_it() {
        check_wrong("[policy]\nfold = 1\n", "unknown key 'fold'; did you mean 'fold_s'?");
        check_wrong("[policy]\n[[policy.rule]]\nkind = [\"bogon\"]\n", "unknown key 'kind'; did you mean 'kinds'?");
        check_wrong("[polisy]\n", "unknown key 'polisy'; did you mean 'policy'?");
        check_wrong("[policy]\nignore = [\"printer\"]\n", "ignore: 'printer' is no MAC, host id, address or network");
        check_wrong("[policy]\nrenotify_h = 1\n", "renotify_h needs a list of known hosts");
        let rule = |line: &str| format!("[policy]\n[[policy.rule]]\n{line}\n");
        check_wrong(&rule("kinds = [\"bogom\"]\nmute = true"), "did you mean 'bogon'?");
        check_wrong(&rule("severity = \"warn\""), "'warn' is not a severity: info, notice, warning or alert; did you");
        check_wrong(&rule("hours = \"25-26\"\nmute = true"), "hours: '25-26' are not hours of the day");
        check_wrong(&rule("days = [\"monday\"]\nmute = true"), "days: 'monday' is not a day of the week");
        check_wrong(&rule("kinds = [\"bogon\"]"), "a rule needs severity");
        check_wrong(&rule("mute = \"yes\""), "s.toml, line 3: ");
        check_wrong("[policy]\nknown_file = \"/nowhere/known\"\n", "/nowhere/known: ");
    }

    #[test]
    fn the_known_may_stand_in_a_file() {
        let folder = std::env::temp_dir().join(format!("sensor-known-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (known, config) = (folder.join("known"), folder.join("sensor.toml"));
        std::fs::write(&known, "# ours\n02:00:00:00:00:01  # the printer\n\n10.0.0.0/8\n").unwrap();
        let text = "[policy]\nknown_file = \"KNOWN\"\n[[network]]\nprefix = \"10.0.0.0/8\"\ninterface = \"eth1\"\n\
            allow_routers = [\"10.0.0.1\"]\nallow_virtual_macs = [\"02:00:00:00:00:07\"]\n";
        std::fs::write(&config, text.replace("KNOWN", known.to_str().unwrap())).unwrap();
        let Reloaded { policy: telling, allow } = Reloaded::new(Some(&config)).unwrap();
        assert_eq!((telling.known.macs.len(), telling.known.prefixes.len()), (1, 1));
        assert_eq!(telling.kin.len(), 1);
        assert!(telling.kin[0].segment.is_some() && telling.kin[0].segment == allow[0].segment);
        std::fs::write(&known, "02:00:00:00:00:01\nprinter\n").unwrap();
        let error = Reloaded::new(Some(&config)).unwrap_err().to_string();
        assert!(error.contains("known: line 2: ") && !error.contains('\n'), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_muted_comes_back_as_it_was_written() {
        for text in
            ["new-host", "02:00:00:00:00:01", "0123456789abcdef", "10.0.0.1", "10.0.0.0/8", "2001:db8::/32", "eth1.30"]
        {
            assert_eq!(parse_target(text).unwrap().to_string(), text);
        }
        assert!(parse_target("a/b/c").unwrap_err().to_string().contains("'a/b/c' is no kind of event"));
    }
}
