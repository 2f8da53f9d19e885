//! Unknown hosts (present, and on no list of known hosts) are reported again from time to time. A host's times are
//! whole spans after it was first seen, so that nothing has to be remembered of each.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::judge::subjects::Subjects;
use crate::inventory::model::address::best_address;
use crate::inventory::model::host::{Host, HostId};
use crate::inventory::model::rows::Rows;
use crate::types::{Mac, Segment, Timestamp};

/// The detail of `new-host` that says how often the host was reported again.
pub const AGAIN: &str = "again";

/// A host that is reported again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renotify {
    /// The host.
    pub host: Host,
    /// The lowest of its MACs, where it has one.
    pub mac: Option<Mac>,
    /// The address to know it by, where it has one.
    pub ip: Option<IpAddr>,
    /// The moment at which it was due.
    pub at: Timestamp,
    /// How often it was reported again, this time included.
    pub times: u64,
}

/// Hosts that were reported, are not gone, were heard within the span, are not `known`, and became due after `since`
/// and by `now`. In the order of `rows`.
pub(super) fn due(rows: &Rows, known: &Subjects, span: Duration, since: Timestamp, now: Timestamp) -> Vec<Renotify> {
    let times = |host: &Host| {
        let times = now.since(host.first_seen).as_nanos() / span.as_nanos().max(1);
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        let at = host.first_seen.after(span.saturating_mul(times));
        (times > 0 && at > since).then_some((times, at))
    };
    let present = rows.hosts.iter().filter(|host| host.announced && host.gone_since.is_none());
    let heard = present.filter(|host| now.since(host.last_seen) <= span);
    let due: Vec<_> = heard.filter_map(|host| Some((host, times(host)?))).collect();
    if due.is_empty() {
        return Vec::new();
    }
    let places = Places::new(rows);
    let due = due.into_iter().map(|(host, (times, at))| (host, places.of(host.id), times, at));
    let unknown = due.filter(|(host, (macs, ips), ..)| {
        let is_known = known.hosts.contains(&host.id)
            || macs.iter().any(|mac| known.macs.contains(mac))
            || ips.iter().any(|ip| known.has_ip(*ip));
        !is_known
    });
    let again = unknown.map(|(host, (macs, ips), times, at)| Renotify {
        host: host.clone(),
        mac: macs.iter().min().copied(),
        ip: best_address(ips.iter().copied()),
        at,
        times: u64::from(times),
    });
    again.collect()
}

/// The MACs and addresses of each host.
struct Places(HashMap<HostId, (Vec<Mac>, Vec<IpAddr>)>);

impl Places {
    fn new(rows: &Rows) -> Self {
        let mut held: HashMap<(Segment, Mac), Vec<IpAddr>> = HashMap::new();
        for row in &rows.bindings {
            if let Some(holder) = row.holders.first() {
                held.entry((row.segment, holder.mac)).or_default().push(row.ip);
            }
        }
        let mut places: HashMap<HostId, (Vec<Mac>, Vec<IpAddr>)> = HashMap::new();
        for station in &rows.stations {
            let (macs, ips) = places.entry(station.host).or_default();
            macs.push(station.mac);
            ips.extend(held.get(&(station.segment, station.mac)).into_iter().flatten());
        }
        for row in &rows.asked {
            if let Some(host) = row.host {
                places.entry(host).or_default().1.push(row.ip);
            }
        }
        Self(places)
    }

    fn of(&self, host: HostId) -> (&[Mac], &[IpAddr]) {
        self.0.get(&host).map_or((&[], &[]), |(macs, ips)| (macs, ips))
    }
}
