//! What the correlator remembers between sightings, beside the memory's tables: claims that wait, address checks that may
//! be answered, stations that forward. Nothing here is saved; what must outlive a restart is made of the tables' rows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::correlator::name_log::NameLog;
use crate::inventory::correlator::settings::{Allow, Settings};
use crate::inventory::event::{Detail, Reason};
use crate::inventory::memory::clones::Clones;
use crate::inventory::memory::state::Memory;
use crate::inventory::memory::strangers::Strangers;
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::model::rows::{Changes, Limits, Presence, Rows, View};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::types::{Class, Iface, Mac, Segment, Timestamp};

/// The correlator.
#[derive(Debug)]
pub struct Correlator {
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    pub(super) memory: Memory,
    pub(super) next_event_id: u64,
    /// Until when not everything was heard.
    pub(super) deaf_until: Option<Timestamp>,
    /// Addresses whose new claim waits for answers.
    pub(super) disputes: BTreeMap<(Segment, IpAddr), Dispute>,
    /// Addresses that two stations hold on to.
    pub(super) feuds: BTreeMap<(Segment, IpAddr), Feud>,
    /// The verdict on the move that is being made.
    pub(super) verdict: Option<Verdict>,
    /// When the last verdict was due.
    pub(super) verdict_at: Timestamp,
    /// Conflict checks that nobody has taken yet.
    pub(super) checks: Vec<HolderCheck>,
    /// Joins of stations whose earlier station is being asked.
    pub(super) join_checks: Vec<JoinCheck>,
    /// Ports to be asked again that nobody has taken yet.
    pub(super) doubts: Vec<PortDoubt>,
    pub(super) paths: Paths,
    /// Stations that were reported to flood the network with a class of frames, and when each last did.
    pub(super) floods: Vec<(Segment, Mac, Class, Timestamp)>,
    pub(super) conflicts: Conflicts,
    pub(super) clones: Clones,
    /// What clients requested of DHCP servers lately, the oldest first.
    pub(super) requests: VecDeque<Request>,
    pub(super) starvation: Starvation,
    pub(super) strangers: Strangers,
    /// Stations that were heard to speak for a group of routers since the start, and since when.
    pub(super) speakers: BTreeMap<(Segment, Mac), Timestamp>,
    pub(super) name_log: NameLog,
    /// The addresses that this box holds, and by which station.
    pub(super) own_addresses: BTreeMap<(Segment, IpAddr), Mac>,
    /// Claims of such addresses by others that are not reported yet.
    pub(super) own_claims: Vec<OwnClaim>,
    /// Nobody takes events: they are not made.
    pub(super) is_silent: bool,
}

/// A clock that goes back by less than this is jitter; when it goes back by more, what waits is done at once and not after
/// the clock caught up.
pub(super) const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// Further facts of an event.
pub(super) type Details = Vec<(&'static str, Detail)>;

impl Correlator {
    /// Starts from what was saved (or from nothing: `Rows::default()`), with the next event's id.
    pub fn new(settings: Settings, limits: Limits, saved: Rows, next_event_id: u64) -> Self {
        let paths = Paths::restore(&saved.roles);
        let feuds = restore_feuds(&saved.told);
        let restored_until = saved.hosts.iter().map(|host| host.last_seen).max();
        let memory = Memory::restore(saved, limits, settings.history);
        Self {
            settings,
            limits,
            memory,
            next_event_id,
            deaf_until: None,
            disputes: BTreeMap::new(),
            feuds,
            verdict: None,
            verdict_at: Timestamp::from_nanos(i64::MIN),
            checks: Vec::new(),
            join_checks: Vec::new(),
            doubts: Vec::new(),
            paths,
            floods: Vec::new(),
            conflicts: Conflicts::default(),
            clones: Clones::default(),
            requests: VecDeque::new(),
            starvation: Starvation::default(),
            strangers: Strangers::default(),
            speakers: BTreeMap::new(),
            name_log: NameLog::restored(restored_until),
            own_addresses: BTreeMap::new(),
            own_claims: Vec::new(),
            is_silent: false,
        }
    }

    /// From now on no event is made and no change is kept: nobody takes them.
    pub fn emit_nothing(&mut self) {
        self.is_silent = true;
        self.memory.save_nothing();
    }

    /// Moves the end of the learning period: a capture file's begins with its first frame.
    pub fn set_learning_until(&mut self, until: Option<Timestamp>) {
        self.settings.learning_until = until;
    }

    /// Who may serve and route, from now on.
    pub fn set_allow(&mut self, allow: Vec<Allow>) {
        self.settings.allow = allow;
    }

    /// Which senders belong to a segment, from now on; see [`Settings::prefixes`].
    pub fn set_prefixes(&mut self, prefixes: Vec<(Option<Iface>, IpNet)>) {
        self.settings.prefixes = prefixes;
    }

    /// Replaces the routers of this machine's default routes.
    pub fn set_gateways(&mut self, gateways: Vec<(Segment, IpAddr)>) {
        self.settings.gateways = gateways;
    }

    /// More stations and addresses that are the sensor's own. Those that it had before stay its own: their frames may still
    /// arrive.
    pub fn add_own(&mut self, macs: BTreeSet<Mac>, ips: BTreeSet<IpAddr>) {
        self.settings.own_macs.extend(macs);
        self.settings.own_ips.extend(ips);
    }

    /// Rows that changed in more than `last_seen` since the last call, each once. The `last_seen` of names, services, earlier
    /// holders, roles and oddities is saved with the row's next change.
    pub fn take_changes(&mut self) -> Changes {
        self.memory.take_changes()
    }

    /// Everything that was seen again since the last call and did not otherwise change.
    pub fn take_presence(&mut self) -> Vec<Presence> {
        self.memory.take_presence()
    }

    /// Everything known, in a fixed order: each table by its key.
    pub fn snapshot(&self) -> Rows {
        self.memory.snapshot()
    }

    /// Everything known where it is kept, for records.
    pub fn view(&self) -> View<'_> {
        self.memory.view()
    }

    /// Rows evicted by limits since the start.
    pub fn evictions_total(&self) -> u64 {
        self.memory.evictions_total()
    }

    /// Conflict checks to be made, since the last call. Each is answered by sightings, or by [`Correlator::refuse_check`].
    pub fn take_checks(&mut self) -> Vec<HolderCheck> {
        std::mem::take(&mut self.checks)
    }

    /// Ports to be asked again soon, since the last call.
    pub fn take_doubts(&mut self) -> Vec<PortDoubt> {
        std::mem::take(&mut self.doubts)
    }

    /// Not everything was heard until `at`: the sensor was stopped, frames were lost, an interface was down. A host is gone
    /// only when it has been silent for `gone_after` since then.
    pub fn set_deaf(&mut self, at: Timestamp) {
        self.deaf_until = self.deaf_until.max(Some(at));
    }
}

/// A station of a host is asked whether it is still there, beside one that joined the host or came back.
#[derive(Clone, Copy, Debug)]
pub(super) struct JoinCheck {
    pub(super) segment: Segment,
    /// The address that it is asked for.
    pub(super) ip: IpAddr,
    /// The station that joined the host.
    pub(super) joined: Mac,
    /// The station that is asked.
    pub(super) silent: Mac,
    /// When it has not answered.
    pub(super) due: Timestamp,
}

/// Both stations are to be asked, each alone, whether they hold the address (RFC 5227, section 2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HolderCheck {
    /// The segment.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// The address's holder, and the station that claims it.
    pub holders: [Mac; 2],
}

/// A port that was open and was found closed, or the reverse: to be asked again soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortDoubt {
    /// The segment.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// The TCP port.
    pub port: u16,
    /// It was closed, and was seen to answer somebody.
    pub seen_open: bool,
}

/// An address whose new claim waits for answers.
#[derive(Debug)]
pub(super) struct Dispute {
    /// The claim, as it would have moved the address.
    pub(super) sighting: Sighting,
    /// The protocol of the claim.
    pub(super) source: Source,
    /// The station that holds the address.
    pub(super) old: Mac,
    /// Since when both stations are asked.
    pub(super) asked_at: Timestamp,
    /// When the verdict is due.
    pub(super) due: Timestamp,
    pub(super) old_answered: bool,
    pub(super) new_answered: bool,
    /// The old station was heard with the address meanwhile, without being asked.
    pub(super) old_spoke: bool,
    /// Claims that came while it waited, with their protocols, in order, without repeats.
    pub(super) later: Vec<(Sighting, Source)>,
    /// The claimant answered as the DHCP server whose address it is: whether that is a rogue depends on the verdict.
    pub(super) served: Option<(Sighting, Details)>,
    /// Whether the stations were asked a second time.
    pub(super) was_repeated: bool,
    /// The old station did not answer, while the new one did, and claimed the address anew later.
    pub(super) was_taken_back: bool,
}

/// What a dispute came to.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What the answers show.
    pub(super) reason: Reason,
    /// What explains the move, where something does.
    pub(super) excuse: Option<Reason>,
    /// Who answered.
    pub(super) details: Details,
}

/// Another station claims an address that this box holds.
#[derive(Debug)]
pub(super) struct OwnClaim {
    pub(super) at: Timestamp,
    pub(super) segment: Segment,
    pub(super) ip: IpAddr,
    /// The station that claims it.
    pub(super) mac: Mac,
    /// This box's.
    pub(super) own: Mac,
}

/// Two stations that both hold on to an address.
#[derive(Debug)]
pub(super) struct Feud {
    pub(super) macs: [Mac; 2],
    /// When each last claimed it.
    pub(super) last: [Timestamp; 2],
}

/// The feuds of before a restart. Those that are over since are found to be so at the next claim.
fn restore_feuds(told: &[ReportedOddity]) -> BTreeMap<(Segment, IpAddr), Feud> {
    let feuds = told.iter().filter(|told| told.oddity == Oddity::Feud);
    feuds
        .map(|told| ((told.segment, told.ip), Feud { macs: [told.mac, told.frame_mac], last: [told.last_seen; 2] }))
        .collect()
}

/// Who asked whether an address is free before taking it, and who answered: the last seconds.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    /// Conflict checks of IPv4 addresses of the last seconds.
    pub(super) checks: Vec<Sighting>,
    /// Checks of IPv6 addresses that nobody has answered yet: then the address is assigned.
    pub(super) assigning: Vec<Sighting>,
    /// The addresses that each station checked in the last minutes.
    pub(super) checkers: BTreeMap<(Segment, Mac), Vec<(Timestamp, IpAddr)>>,
    /// Checks that were answered, by whom and when, and are not reported yet.
    pub(super) defences: Vec<(Sighting, Mac, Timestamp)>,
    /// Addresses that a DHCP server gave to a client although another station was heard with them shortly before: the
    /// lease, that other station, and the details of the event that may follow.
    pub(super) given: Vec<(Sighting, Mac, Details)>,
    /// Clients that asked DHCP servers through another station's frames: segment, client and station.
    pub(super) bridged: VecDeque<(Segment, Mac, Mac)>,
}

/// Which stations forward, and which prefixes are on a segment. After a restart the next frames show it again.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Stations that sent frames which look forwarded.
    pub(super) forwarders: BTreeMap<(Segment, Mac), Forwarder>,
    /// Stations that advertise themselves as routers.
    pub(super) routers: BTreeSet<(Segment, Mac)>,
    /// Default routers by DHCP option 3.
    pub(super) gateways: BTreeSet<(Segment, IpAddr)>,
    /// Prefixes that DHCP servers and routers announced as on the link, and by which station first.
    pub(super) prefixes: BTreeMap<(Segment, IpNet), Mac>,
}

/// What a station forwarded.
#[derive(Debug)]
pub(super) struct Forwarder {
    /// Since when.
    pub(super) since: Timestamp,
    /// For whom; some of them.
    pub(super) senders: BTreeSet<IpAddr>,
}

impl Paths {
    /// Entries of each kind that are kept, and floods; a network has a handful.
    pub(super) const MAX: usize = 256;

    /// Starts from the roles that were saved.
    fn restore(roles: &[RoleHolder]) -> Self {
        let routers = roles.iter().filter(|holder| holder.role == Role::Router);
        let routers = routers.map(|holder| (holder.segment, holder.mac)).take(Self::MAX).collect();
        let gateways = roles.iter().filter(|holder| holder.role == Role::DhcpRouter);
        let gateways = gateways.map(|holder| (holder.segment, holder.ip)).take(Self::MAX).collect();
        Self { routers, gateways, ..Self::default() }
    }
}

/// Which clients asked for addresses in the last minute.
#[derive(Debug, Default)]
pub(super) struct Starvation {
    /// For each station the clients that it asks for, besides itself.
    pub(super) senders: BTreeMap<(Segment, Mac), Clients>,
    /// For each segment the stations that were never heard before they asked.
    pub(super) crowds: BTreeMap<Segment, Clients>,
    /// What was reported.
    pub(super) reported: Vec<ReportedStarvation>,
    /// Stations that were told as parts of one, as long as nothing but DHCP was heard of them.
    pub(super) parts: BTreeSet<(Segment, Mac)>,
}

/// A client asked a DHCP server for an address that the server had offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) at: Timestamp,
    pub(super) segment: Segment,
    pub(super) mac: Mac,
    pub(super) ip: Ipv4Addr,
    pub(super) server: Ipv4Addr,
}

/// A starvation that was reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReportedStarvation {
    pub(super) segment: Segment,
    /// Who asked for all; `None` where each client was a station of its own.
    pub(super) mac: Option<Mac>,
    /// When it was recognised.
    pub(super) since: Timestamp,
    /// When it was last seen.
    pub(super) last_seen: Timestamp,
}

/// Clients and when they asked, oldest first.
pub(super) type Clients = VecDeque<(Timestamp, Mac)>;
