//! What probes know of one address: TCP ports and their history. Only compares and stores.

use std::net::IpAddr;
use std::time::Duration;

use enumset::EnumSet;

use crate::inventory::memory::table::RowChange;
use crate::inventory::model::address::{Asked, OpenPort};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::types::{Segment, Timestamp};

/// What the result of connecting to a port shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortNews {
    /// It was open, and was found closed often enough to be reported.
    Closed,
    /// It was open and was found closed once: it has to be asked again soon.
    Doubt,
    /// It was closed when it was asked before, and is open.
    Opened,
    /// Nothing new.
    Same,
}

/// A port that was open counts as closed once it was found closed, and then as often again as this.
const CONFIRMATIONS: u8 = 2;

/// A host that was heard this recently is there: its silence on a port raises a first doubt.
const ALIVE_WITHIN: Duration = Duration::from_secs(60);
/// A host has to be heard this recently to confirm the doubt, so that a host which left is not taken for a closed service.
const THERE_WITHIN: Duration = Duration::from_secs(10);

/// An address of which nothing is known yet.
pub(crate) fn unknown(segment: Segment, ip: IpAddr, at: Timestamp) -> Asked {
    Asked {
        segment,
        ip,
        host: None,
        first_seen: at,
        last_seen: at,
        sources: EnumSet::empty(),
        silent_at: None,
        rtt_us: None,
        reverse_dns: None,
        names: Vec::new(),
        ports: Vec::new(),
        closed_ports: Vec::new(),
        snmp: None,
    }
}

/// Takes in the result of connecting to `port`. Silence says nothing where the host was not heard lately (`heard_ago`), and
/// nothing of a port that never was open.
pub(crate) fn hear_port(
    asked: &mut Asked,
    port: u16,
    state: PortState,
    banner: Option<String>,
    at: Timestamp,
    heard_ago: Option<Duration>,
    ports_max: usize,
) -> (RowChange, PortNews) {
    let is_awake = at.since(asked.last_seen) <= ALIVE_WITHIN;
    let known = asked.ports.binary_search_by_key(&port, |open| open.port);
    match (state, known) {
        (PortState::Open, Ok(place)) => reopen(&mut asked.ports[place], banner, at),
        (PortState::Open, Err(place)) => {
            let was_closed = asked.closed_ports.binary_search(&port).map(|at| asked.closed_ports.remove(at)).is_ok();
            if asked.ports.len() >= ports_max.max(1) {
                return (RowChange::Same, PortNews::Same);
            }
            asked
                .ports
                .insert(place, OpenPort { port, closed: false, misses: 0, banner, first_seen: at, last_seen: at });
            (RowChange::Changed, if was_closed { PortNews::Opened } else { PortNews::Same })
        }
        // A sleeping host may answer ARP and nothing else.
        (PortState::Silent, Ok(_)) if heard_ago.is_none_or(|ago| ago > ALIVE_WITHIN) || !is_awake => {
            (RowChange::Same, PortNews::Same)
        }
        (PortState::Silent, Ok(place))
            if is_in_doubt(&asked.ports[place]) && heard_ago.is_some_and(|ago| ago > THERE_WITHIN) =>
        {
            (RowChange::Same, PortNews::Doubt)
        }
        (PortState::Closed | PortState::Silent, Ok(place)) => miss(&mut asked.ports[place]),
        // A sleeping host is silent too: only a refusal shows that the port is closed.
        (PortState::Silent, Err(_)) => (RowChange::Same, PortNews::Same),
        (PortState::Closed, Err(_)) => match asked.closed_ports.binary_search(&port) {
            Err(place) if asked.closed_ports.len() < ports_max => {
                asked.closed_ports.insert(place, port);
                (RowChange::Changed, PortNews::Same)
            }
            _ => (RowChange::Same, PortNews::Same),
        },
    }
}

/// The address passed to another station: forgets what its holder before answered. Reverse DNS stays: it names the address,
/// whoever holds it.
pub(crate) fn forget_holder(asked: &mut Asked) -> RowChange {
    let was_known = asked.rtt_us.take().is_some()
        | asked.snmp.take().is_some()
        | !asked.ports.is_empty()
        | !asked.closed_ports.is_empty();
    asked.ports.clear();
    asked.closed_ports.clear();
    let names = asked.names.len();
    asked.names.retain(|name| name.source == Source::Ptr);
    RowChange::changed_if(was_known || asked.names.len() != names)
}

fn reopen(open: &mut OpenPort, banner: Option<String>, at: Timestamp) -> (RowChange, PortNews) {
    let was_closed = std::mem::take(&mut open.closed);
    let had_misses = std::mem::take(&mut open.misses) > 0;
    open.last_seen = open.last_seen.max(at);
    // A missing banner does not replace one that came before.
    let is_new = banner.is_some() && open.banner != banner;
    if is_new {
        open.banner = banner;
    }
    (
        RowChange::changed_if(was_closed || had_misses || is_new),
        if was_closed { PortNews::Opened } else { PortNews::Same },
    )
}

fn is_in_doubt(open: &OpenPort) -> bool {
    open.misses > 0 && !open.closed
}

fn miss(open: &mut OpenPort) -> (RowChange, PortNews) {
    if open.closed {
        return (RowChange::Same, PortNews::Same);
    }
    open.misses = open.misses.saturating_add(1);
    open.closed = open.misses > CONFIRMATIONS;
    (RowChange::Changed, if open.closed { PortNews::Closed } else { PortNews::Doubt })
}

/// The source that an answer of each kind counts as.
pub(crate) const fn source(answer: &Answer) -> Source {
    match answer {
        Answer::Echo { .. } => Source::Icmp,
        Answer::Nbns { .. } => Source::Nbns,
        Answer::Port { .. } => Source::Tcp,
        Answer::Ptr { .. } => Source::Ptr,
        Answer::Snmp { .. } => Source::Snmp,
    }
}
