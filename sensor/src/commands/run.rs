//! `sensor run`: opens every handle to the world that the loop uses, and runs the loop.

use std::collections::BTreeMap;
use std::path::Path;

use crate::capture::iface::addresses::addresses;
use crate::capture::iface::proc::default_gateways;
use crate::capture::live::Live;
use crate::clock::Clock;
use crate::config::machine::default_db;
use crate::config::network::Named;
use crate::config::output::Screen;
use crate::config::run::Run;
use crate::control::exchange::ControlSocket;
use crate::control::status::StatusSocket;
use crate::export::contract::EventSink;
use crate::export::journal::{self, Journal};
use crate::export::lines::Lines;
use crate::pipeline::intake::{EXPLAIN, Intake, SETTLE};
use crate::pipeline::open::{open_fingerprints, open_lines, open_vendors, runtime, secret};
use crate::pipeline::speakers::{ProbeSetup, capture_ports, set_up};
use crate::probe::prober::Prober;
use crate::run;
use crate::run::local::LocalPrefixes;
use crate::run::outbox::Outbox;
use crate::run::speakers::Speakers;
use crate::run::world::World;
use crate::store::thread::WriterThread;
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::{notice, screen};
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::planner::state::Planner;
use sensor_core::types::Timestamp;

/// `sensor run`
pub fn run(config: Run, clock: Clock) -> Result<(), Failure> {
    let runtime = runtime().map_err(Failure::system("the runtime cannot start"))?;
    runtime.block_on(async {
        let world = open(config, clock)?;
        run::run(world).await
    })
}

fn open(config: Run, clock: Clock) -> Result<World, Failure> {
    let output = config.output;
    let vendors = open_vendors(config.inventory.oui.as_deref())?;
    let (rules, _) = open_fingerprints(&config.inventory)?;
    let log = open_lines(output.sightings.as_ref())?.map(Lines::hasty);
    let lines = open_lines(output.events.as_ref())?;
    let here = addresses().map_err(Failure::system("interfaces cannot be listed"))?;
    let setup = set_up(&config.ports, &config.probing, &config.named_interfaces, &here)?;
    let (ports, alias) = capture_ports(&config.ports, setup.is_some().then_some(config.probing.interface).flatten());
    // The capture comes before the database: a mistyped interface is not to leave an empty database behind.
    let capture = Live::open(&ports, &config.capture)?;
    make_default_folder(&output.db)?;
    let (mut writer, saved) = Writer::open(&output.db, clock.now())?;
    writer.set_rules(&rules)?;
    let local = LocalPrefixes::new(&ports, &config.inventory.networks, &config.tunnels, &here);
    let learning_until = saved.created_at.after(config.inventory.learning);
    let settings = Settings {
        learning_until: Some(learning_until),
        settle: SETTLE,
        own_macs: here.macs(),
        own_ips: here.ips(),
        prefixes: local.homes(alias),
        gateways: local.gateways(default_gateways(), alias),
        allow: config.probing.networks.iter().map(Named::allow).collect(),
        explain: setup.is_some().then_some(EXPLAIN),
        hear_again: true,
        history: false,
    };
    let (marks, published_to, newest) = (saved.marks.clone(), saved.published_to, saved.next_event_id - 1);
    let mut sinks: Vec<Box<dyn EventSink>> = Vec::new();
    sinks.extend(lines.map(boxed));
    output.sinks.iter().for_each(|sink| check(sink.as_ref()));
    sinks.extend(output.sinks);
    sinks.extend(journal(&writer, &marks, published_to, saved.created_at)?.map(boxed));
    writer.retain_sinks(&sinks.iter().map(|sink| sink.name()).collect::<Vec<_>>())?;
    let screen = match output.screen {
        Screen::Json => Some(boxed(Lines::stdout())),
        Screen::Text => Some(boxed(screen::paint())),
        Screen::Csv | Screen::Quiet => None,
    };
    let outbox = Outbox::open(sinks, screen, &marks, published_to, newest, &output.db, clock)
        .map_err(Failure::system("a sink's thread cannot start"))?;
    let mut intake = Intake::new(settings, saved, vendors, &config.inventory, log);
    intake.judge.set_policy(config.policy);
    intake.core.correlator.set_own_addresses(local.own_addresses(alias));
    let (speakers, prober) = match setup {
        Some(ProbeSetup { policy, prober_config }) => {
            let (now, speakers) = (clock.now(), prober_config.speakers.clone());
            let mut planner = Planner::new(policy, secret(), now);
            planner.look_for_servers_from(learning_until);
            intake.set_planner(planner, now);
            let prober = Prober::spawn(prober_config).map_err(Failure::system("the prober's thread cannot start"))?;
            (speakers, Some(prober))
        }
        None => (Vec::new(), None),
    };
    let status = socket(StatusSocket::open(&output.db), "`sensor status` cannot ask this sensor");
    let control = socket(ControlSocket::open(&output.db), "`sensor mute` and `sensor host` cannot reach this sensor");
    let store = WriterThread::spawn(writer).map_err(Failure::system("the database's thread cannot start"))?;
    Ok(World {
        clock,
        capture,
        intake,
        store,
        prober,
        speakers: Speakers::new(speakers),
        asking: config.probing,
        local,
        alias,
        outbox,
        screen: output.screen,
        status,
        control,
        file: config.file,
    })
}

fn boxed(sink: impl EventSink + 'static) -> Box<dyn EventSink> {
    Box::new(sink)
}

/// Warns of a sink that does not answer now. It may do so later.
fn check(sink: &dyn EventSink) {
    if let Err(error) = sink.check() {
        notice::warning(&format!("{}: {error}; events wait in the database until it listens", sink.name()));
    }
}

/// The systemd journal as a sink; `None` where there is none.
fn journal(
    writer: &Writer,
    marks: &BTreeMap<String, u64>,
    published_to: u64,
    created_at: Timestamp,
) -> Result<Option<Journal>, Failure> {
    let mark = marks.get(journal::NAME).copied().unwrap_or(published_to);
    let last = writer.last_unmuted(mark)?;
    let sink =
        Journal::new(Path::new(journal::SOCKET), created_at, last).map_err(Failure::system("no socket can be made"))?;
    match sink.check() {
        Ok(()) => Ok(Some(sink)),
        // It took events before: journald is being restarted, say.
        Err(_) if marks.contains_key(&sink.name()) => Ok(Some(sink)),
        Err(error) => {
            notice::info(&format!("no systemd journal here ({error}); events go to the database and --events"));
            Ok(None)
        }
    }
}

/// A socket beside the database. The sensor works without it.
fn socket<S>(opened: std::io::Result<S>, lack: &str) -> Option<S> {
    let warn = |error| notice::warning(&format!("{lack}: its socket beside the database cannot be opened: {error}"));
    opened.map_err(warn).ok()
}

/// Makes the folder of the default database. A folder that the operator named must exist, so that a typing error shows.
fn make_default_folder(db: &Path) -> Result<(), Failure> {
    match db.parent() {
        Some(folder) if db == default_db() => std::fs::create_dir_all(folder)
            .map_err(Failure::system(format!("{} cannot be made; name a database with --db", folder.display()))),
        _ => Ok(()),
    }
}
