//! Which events an alert is about.

use std::net::IpAddr;

use crate::config::filter::{Filter, HostFilter};
use crate::watch::entry::Event;
use sensor_core::inventory::model::prefix::is_link_local;

/// Whether the filter lets the event through. Notices of the watcher's own always pass.
pub fn matches(filter: &Filter, event: &Event) -> bool {
    let among = |list: &[String], key| list.is_empty() || list.iter().any(|word| word == event.text(key));
    event.is_notice()
        || (event.severity() >= filter.severity
            && among(&filter.kinds, "kind")
            && among(&filter.segments, "segment")
            && (filter.hosts.is_empty() || filter.hosts.iter().any(|host| is_about(host, event))))
}

/// Whether an event is about a host, by whatever the host has. A prefix is never about an address of the link only that the
/// event does not name: every host has one.
fn is_about(host: &HostFilter, event: &Event) -> bool {
    match host {
        HostFilter::Net(net) => {
            let has = |text: &str| text.parse().ok().filter(|ip: &IpAddr| net.contains(ip));
            let is_single = net.prefix_len() == net.max_prefix_len();
            let counts = |ip: IpAddr| is_single || !is_link_local(ip);
            has(event.text("ip")).is_some() || event.texts("host_ips").filter_map(has).any(counts)
        }
        HostFilter::Word(word) => {
            let named = ["host", "mac", "old_mac", "hostname"].map(|key| event.text(key));
            named.into_iter().chain(event.texts("host_macs")).any(|text| text.eq_ignore_ascii_case(word))
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

    #[test]
    fn a_host_is_meant_by_all_that_it_has() {
        let mut event = event(7, "host-gone", "fe80::5");
        event.record.insert("host_ips".to_owned(), ["10.0.0.5", "fe80::7"].into_iter().collect());
        event.record.insert("host_macs".to_owned(), ["00:14:22:01:02:04"].into_iter().collect());
        for (host, expected) in [
            ("10.0.0.5", true),
            ("10.0.0.0/24", true),
            ("10.0.1.0/24", false),
            ("fe80::7", true),
            ("fe80::/10", true),
            ("00:14:22:01:02:04", true),
            ("00:14:22:01:02:05", false),
        ] {
            let net = host.parse().or_else(|_| host.parse::<IpAddr>().map(Into::into));
            let hosts = vec![net.map_or_else(|_| HostFilter::Word(host.to_owned()), HostFilter::Net)];
            let filter = Filter { kinds: Vec::new(), severity: Severity::Info, segments: Vec::new(), hosts };
            assert_eq!(matches(&filter, &event), expected, "{host}");
        }
    }
}
