//! Performs the operations that bytes spell, and checks after each what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use sensor_core::inventory::correlator::answer::Missed;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::event::{Event, Kind};
use sensor_core::inventory::model::host::HostId;
use sensor_core::inventory::model::rows::{Presence, Rows};
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::inventory::sighting::scan::{PortTechnique, ScanTarget};
use sensor_core::types::{Class, Timestamp};

use super::rows::{LIMITS, check_limits, check_relations, written};
use super::sightings::{OWN, ip, mac, segment, sighting};

/// Runs the operations that `data` spells. Panics when something that must hold does not.
pub fn correlate(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    if let Ok(settings) = settings(&mut bytes) {
        let mut run = Run::new(settings);
        while !bytes.is_empty() && run.operate(&mut bytes).is_ok() {
            run.check();
        }
    }
}

struct Run {
    settings: Settings,
    correlator: Correlator,
    now: Timestamp,
    events: Vec<Event>,
    checked: usize,
    evictions_total: u64,
    announced: BTreeSet<HostId>,
    /// What a store would hold that applied every change.
    stored: BTreeMap<String, String>,
}

fn settings(bytes: &mut Unstructured<'_>) -> Result<Settings> {
    Ok(Settings {
        learning_until: bytes.ratio(1, 2)?.then(|| Timestamp::from_secs(20)),
        settle: Duration::from_secs(bytes.int_in_range(0..=3)?),
        own_macs: [OWN].into(),
        own_ips: BTreeSet::new(),
        prefixes: if bytes.ratio(1, 2)? { vec![(None, "10.0.0.0/30".parse().expect("a prefix"))] } else { Vec::new() },
        gateways: Vec::new(),
        allow: Vec::new(),
        explain: bytes.ratio(1, 3)?.then_some(Duration::from_secs(3)),
        hear_again: false,
        history: bytes.ratio(1, 2)?,
    })
}

impl Run {
    fn new(settings: Settings) -> Self {
        let correlator = Correlator::new(settings.clone(), LIMITS, Rows::default(), 1);
        Self {
            settings,
            correlator,
            now: Timestamp::from_secs(10),
            events: Vec::new(),
            checked: 0,
            evictions_total: 0,
            announced: BTreeSet::new(),
            stored: BTreeMap::new(),
        }
    }

    fn operate(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        match bytes.int_in_range(0..=17)? {
            0 => self.restart(),
            1 => self.now = Timestamp::from_secs(bytes.int_in_range(-5..=40)?),
            2 => self.wait(),
            3 => self.correlator.finish(self.now, &mut self.events),
            4 => self.store(),
            5 => self.ask(bytes)?,
            6 => self.count(bytes)?,
            7 => self.decide(bytes)?,
            _ => {
                self.now = self.now.after(Duration::from_millis(bytes.int_in_range(0..=2000)?));
                let sighting = sighting(bytes, self.now)?;
                self.correlator.observe(&sighting, self.now, &mut self.events);
            }
        }
        Ok(())
    }

    /// What the loop does with questions: checks are refused or left to be answered, rounds stay unanswered.
    fn ask(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        for check in self.correlator.take_checks() {
            if bytes.ratio(1, 2)? {
                self.correlator.refuse_check(&check, &mut self.events);
            }
        }
        assert!(self.correlator.take_doubts().len() <= 64, "doubts are taken, not kept");
        if bytes.ratio(1, 4)? {
            self.correlator.set_deaf(self.now);
        }
        let techniques = [Technique::Arp, Technique::Icmp].into();
        let (segment, ip) = (segment(bytes)?, ip(bytes)?);
        let (since, gone_after) = (self.now, Duration::from_secs(bytes.int_in_range(0..=9)?));
        let missed = Missed { segment, ip, techniques: &techniques, since, gone_after };
        self.correlator.miss(&missed, self.now, &mut self.events);
        Ok(())
    }

    /// What the classifier counted of a station.
    fn count(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        let (segment, mac, ip) = (segment(bytes)?, mac(bytes)?, ip(bytes)?);
        let port = ScanTarget::Port { ip, port: 7, technique: PortTechnique::Syn };
        match bytes.int_in_range(0..=2)? {
            // The core tells the correlator nothing of what the sensor asks for, and the kernel does not police its own host.
            _ if mac == OWN => {}
            0 => self.correlator.scan(segment, mac, ScanTarget::Neighbour(Some(ip)), self.now, &mut self.events),
            1 => self.correlator.scan(segment, mac, port, self.now, &mut self.events),
            _ => self.correlator.flood(segment, mac, Class::Arp, self.now, &mut self.events),
        }
        Ok(())
    }

    /// The owner's word on two hosts, or on a host's station.
    fn decide(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        let rows = self.correlator.snapshot();
        let ids: Vec<HostId> = rows.hosts.iter().map(|host| host.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let (one, other) = (*bytes.choose(&ids)?, *bytes.choose(&ids)?);
        let evictions_total = self.correlator.evictions_total();
        let refused = match bytes.ratio(1, 2)? {
            true => self.correlator.join(one, other).is_err(),
            false => self.correlator.split(one, mac(bytes)?).is_err(),
        };
        // A host more may not fit, and the one that has to go may be the one that was to be split.
        let is_full = self.correlator.evictions_total() > evictions_total;
        assert!(!refused || is_full || self.correlator.snapshot() == rows, "what is refused changes nothing");
        Ok(())
    }

    fn restart(&mut self) {
        // A claim that waits for answers is forgotten in a crash, and told when it comes again; a stop decides it.
        if self.settings.explain.is_some() {
            self.correlator.finish(self.now, &mut self.events);
        }
        self.store();
        let rows = self.correlator.snapshot();
        let next = self.events.last().map_or(1, |event| event.id + 1);
        let restored = Correlator::new(self.settings.clone(), LIMITS, rows.clone(), next);
        assert_eq!(restored.snapshot(), rows, "a restored correlator knows the same");
        assert_eq!(restored.poll_timeout(), self.correlator.poll_timeout(), "and waits for the same");
        self.correlator = restored;
        self.evictions_total = 0;
    }

    fn wait(&mut self) {
        let Some(due) = self.correlator.poll_timeout() else { return };
        self.now = due;
        self.correlator.handle_timeout(due, &mut self.events);
        assert!(self.correlator.poll_timeout().is_none_or(|next| next > due), "what was due is done");
    }

    fn store(&mut self) {
        let changes = self.correlator.take_changes();
        let removed = changes.removed;
        let mut gone: Vec<String> = removed.hosts.iter().map(|key| format!("host {key:?}")).collect();
        gone.extend(removed.stations.iter().map(|key| format!("station {key:?}")));
        gone.extend(removed.bindings.iter().map(|key| format!("binding {key:?}")));
        gone.extend(removed.leases.iter().map(|key| format!("lease {key:?}")));
        gone.extend(removed.roles.iter().map(|key| format!("role {key:?}")));
        gone.extend(removed.told.iter().map(|key| format!("told {key:?}")));
        gone.extend(removed.asked.iter().map(|key| format!("asked {key:?}")));
        gone.extend(removed.neighbours.iter().map(|key| format!("neighbour {key:?}")));
        gone.extend(removed.joins.iter().map(|key| format!("join {key:?}")));
        for key in gone {
            assert!(self.stored.remove(&key).is_some(), "{key} is removed, but the store never had it");
        }
        self.stored.extend(written(&changes.rows));
        for seen in self.correlator.take_presence() {
            let key = match seen {
                Presence::Binding(segment, ip, _) => format!("binding {:?}", (segment, ip)),
                Presence::Host(id, _) => format!("host {id:?}"),
                Presence::Station(segment, mac, _) => format!("station {:?}", (segment, mac)),
            };
            assert!(self.stored.contains_key(&key), "{key} is seen again, but the store never had it");
        }
        assert_eq!(self.stored, written(&self.correlator.snapshot()), "the store knows what the correlator knows");
        assert_eq!(self.correlator.take_changes(), Default::default(), "changes are given once");
        assert_eq!(self.correlator.take_presence(), [], "presence is given once");
    }

    fn check(&mut self) {
        let rows = self.correlator.snapshot();
        check_limits(&rows);
        check_relations(&rows);
        let evicted = self.correlator.evictions_total() != self.evictions_total;
        self.evictions_total = self.correlator.evictions_total();
        for event in &self.events[self.checked..] {
            assert_ne!(event.mac, Some(OWN), "our own station is silent");
            if event.kind == Kind::NewHost {
                let id = event.host.expect("a new host has an id");
                // One that was evicted and heard again in the same operation is forgotten, so new.
                assert!(self.announced.insert(id) || evicted, "a host is told once");
            }
        }
        assert!(self.events.iter().zip(1..).all(|(event, id)| event.id == id), "ids rise one by one");
        self.checked = self.events.len();
        let told: BTreeSet<_> = rows.hosts.iter().filter(|host| host.announced).map(|host| host.id).collect();
        self.announced.retain(|id| told.contains(id));
    }
}
