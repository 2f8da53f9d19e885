//! Hosts in, those that are told again out.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::time::Duration;

use enumset::EnumSet;

use super::{DAY, HOUR, named, policy};
use crate::inventory::judge::Judge;
use crate::inventory::judge::policy::EventPolicy;
use crate::inventory::judge::subjects::Subjects;
use crate::inventory::model::address::{Binding, Holder};
use crate::inventory::model::host::{HostId, Station};
use crate::inventory::model::rows::Rows;
use crate::types::{Iface, Mac, Segment, Timestamp};

/// Hosts as `number first_seen last_seen`, each with one station and one address.
fn rows(hosts: &[(u8, i64, i64)]) -> Rows {
    let mut rows = Rows::default();
    let segment = Segment::untagged(Iface::new("eth1").unwrap());
    for &(number, first_seen, last_seen) in hosts {
        let (first_seen, last_seen) = (Timestamp::from_secs(first_seen), Timestamp::from_secs(last_seen));
        let (id, mac) = (HostId(number.into()), Mac([2, 0, 0, 0, 0, number]));
        let sources = EnumSet::empty();
        rows.hosts.push(crate::inventory::model::host::Host {
            id,
            segment,
            first_seen,
            last_seen,
            announced: true,
            gone_since: None,
            here_since: first_seen,
            names: Vec::new(),
            services: Vec::new(),
            dhcp: None,
            roles: BTreeMap::new(),
            prints: Vec::new(),
        });
        rows.stations.push(Station { segment, mac, host: id, first_seen, last_seen, sources });
        let ip = std::net::Ipv4Addr::new(10, 0, 0, number).into();
        let holders = vec![Holder { mac, first_seen, last_seen, sources }];
        rows.bindings.push(Binding { segment, ip, holders });
    }
    rows
}

#[test]
fn who_is_unknown_and_present_is_told_again() {
    let known = Subjects { ips: ["10.0.0.2".parse().unwrap()].into(), ..named(&["1"]) };
    let policy = EventPolicy { known, renotify: Some(Duration::from_secs(24 * 3600)), ..policy() };
    let mut judge = Judge::default();
    judge.set_policy(policy.clone());
    let last = 3 * DAY;
    let mut all = rows(&[(1, 0, last), (2, 0, last), (3, 0, last), (4, HOUR, DAY), (5, HOUR, last), (6, 0, last)]);
    all.hosts[5].gone_since = Some(Timestamp::from_secs(last));
    let again = |judge: &mut Judge, at: i64| -> Vec<(u64, i64, u64)> {
        let told = judge.renotify(Timestamp::from_secs(at), || all.clone());
        told.into_iter().map(|again| (again.host.id.0, again.at.as_nanos() / 1_000_000_000, again.times)).collect()
    };
    assert_eq!(again(&mut judge, last - 1), [], "the first look only takes note of the time");
    assert_eq!(again(&mut judge, last + 60), [(3, last, 3)]);
    assert_eq!(again(&mut judge, last + 120), []);
    let judge_after_restart = &mut Judge::default();
    judge_after_restart.set_policy(policy);
    judge_after_restart.restore(Vec::new(), Vec::new(), Some(Timestamp::from_secs(last + 60)));
    assert_eq!(again(judge_after_restart, last + 2 * HOUR), [(5, last + HOUR, 3)], "4 was not heard for a day");
}

#[test]
fn nobody_is_told_again_unless_it_was_wished() {
    let mut judge = Judge::default();
    let never = || -> Rows { panic!("the inventory is not asked for") };
    assert_eq!(judge.renotify(Timestamp::from_secs(0), never), []);
    assert_eq!(judge.renotify(Timestamp::from_secs(DAY), never), []);
}
