//! Which events an alert is about.

use std::net::IpAddr;

use crate::config::filter::{Filter, HostFilter};
use crate::watch::entry::Event;

/// Whether the filter lets the event through. Notices of the watcher's own always pass.
pub fn matches(filter: &Filter, event: &Event) -> bool {
    let among = |list: &[String], key| list.is_empty() || list.iter().any(|word| word == event.text(key));
    event.is_notice()
        || (event.severity() >= filter.severity
            && among(&filter.kinds, "kind")
            && among(&filter.segments, "segment")
            && (filter.hosts.is_empty() || filter.hosts.iter().any(|host| is_about(host, event))))
}

fn is_about(host: &HostFilter, event: &Event) -> bool {
    match host {
        HostFilter::Net(net) => event.text("ip").parse::<IpAddr>().is_ok_and(|ip| net.contains(&ip)),
        HostFilter::Word(word) => {
            ["host", "mac", "old_mac", "hostname"].iter().any(|key| event.text(key).eq_ignore_ascii_case(word))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::entry::fixture::event;
    use sensor_core::inventory::event::Severity;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Filter), expected: bool) {
        let mut filter =
            Filter { kinds: Vec::new(), severity: Severity::Info, segments: Vec::new(), hosts: Vec::new() };
        change(&mut filter);
        assert_eq!(matches(&filter, &event(7, "new-host", "10.0.0.5")), expected, "{filter:?}");
        let mut notice = event(0, "watch-gap", "");
        notice.id = 0;
        assert!(matches(&filter, &notice));
    }

    #[test]
    fn each_condition_must_hold() {
        let word = |word: &str| vec![HostFilter::Word(word.to_owned())];
        check(|_| {}, true);
        check(|filter| filter.kinds = vec!["new-host".to_owned(), "bogon".to_owned()], true);
        check(|filter| filter.kinds = vec!["bogon".to_owned()], false);
        check(|filter| filter.severity = Severity::Notice, true);
        check(|filter| filter.severity = Severity::Warning, false);
        check(|filter| filter.segments = vec!["eth1".to_owned()], true);
        check(|filter| filter.segments = vec!["eth1.30".to_owned()], false);
        check(|filter| filter.hosts = word("NAS"), true);
        check(|filter| filter.hosts = word("00:14:22:01:02:03"), true);
        check(|filter| filter.hosts = word("00000000000000aa"), true);
        check(|filter| filter.hosts = word("nasty"), false);
        check(|filter| filter.hosts = vec![HostFilter::Net("10.0.0.0/24".parse().expect("a prefix"))], true);
        check(|filter| filter.hosts = vec![HostFilter::Net("10.0.1.0/24".parse().expect("a prefix"))], false);
    }
}
