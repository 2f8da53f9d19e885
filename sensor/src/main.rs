//! The command line's entry: builds the handles to the world, hands them down, and turns the end into an exit code.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use sensor::capture::iface;
use sensor::capture::live::Live;
use sensor::cli::later::Later;
use sensor::cli::{Cli, Command};
use sensor::clock::Clock;
use sensor::commands::doctor;
use sensor::commands::status;
use sensor::commands::{host, mute, replay, scan, show};
use sensor::config;
use sensor::config::output::Screen;
use sensor::control::Control;
use sensor::control::status::Inquiry;
use sensor::export::journal;
use sensor::export::lines::Lines;
use sensor::export::sink::Sink;
use sensor::export::syslog::Syslog;
use sensor::pipeline::intake::{EXPLAIN, Intake, SETTLE};
use sensor::pipeline::speakers;
use sensor::pipeline::speakers::Voices;
use sensor::probe::prober::Prober;
use sensor::run;
use sensor::run::local::Watch;
use sensor::run::outbox::Outbox;
use sensor::run::speakers::Speakers;
use sensor::run::world::World;
use sensor::store::thread::WriterThread;
use sensor::store::writer::Writer;
use sensor::terminal::failure::Failure;
use sensor::terminal::{notice, screen};
use sensor::watch;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::planner::state::Planner;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let clock = Clock::new();
    let result = match cli.command {
        Command::Run(Later(args)) => {
            config::run::Run::new(*args).map_err(Failure::from).and_then(|config| listen(config, clock))
        }
        Command::Replay(Later(args)) => {
            config::replay::Replay::new(args).map_err(Failure::from).and_then(|config| replay::replay(&config, &clock))
        }
        Command::Scan(Later(args)) => {
            config::scan::Scan::new(*args).map_err(Failure::from).and_then(|config| scan::scan(&config, clock))
        }
        Command::Hosts(Later(args)) => show::hosts(&args, &clock),
        Command::Events(Later(args)) => show::events(&args, &clock),
        Command::Export(Later(args)) => show::export(&args, &clock),
        Command::Host(Later(args)) => host::host(&args, &clock),
        Command::Mute(Later(args)) => mute::mute(&args, &clock),
        Command::Status(Later(args)) => status::status(&args),
        Command::Doctor(Later(args)) => doctor::doctor(&args, &clock),
        Command::Watch(Later(args)) => config::watch::Watch::new(args, clock.now())
            .map_err(Failure::from)
            .and_then(|config| watch::watcher::watch(config, clock)),
        Command::Db(Later(args)) => show::db(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            notice::error(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// Help goes to standard output as it is; a mistake becomes one line, like every other error.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.to_string();
    let said =
        text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim).filter(|line| !line.is_empty());
    let said = said.collect::<Vec<_>>().join("; ");
    notice::error(&format!("{}; `sensor --help` shows the way", said.trim_start_matches("error: ")));
    ExitCode::from(2)
}

fn listen(config: config::run::Run, clock: Clock) -> Result<(), Failure> {
    let runtime = sensor::pipeline::open::runtime().map_err(Failure::system("the runtime cannot start"))?;
    runtime.block_on(async {
        let world = open_world(config, clock)?;
        run::run(world).await
    })
}

fn open_world(config: config::run::Run, clock: Clock) -> Result<World, Failure> {
    let vendors = sensor::pipeline::open::open_vendors(config.inventory.oui.as_deref())?;
    let (rules, _) = sensor::pipeline::open::open_fingerprints(&config.inventory)?;
    let log = sensor::pipeline::open::open_lines(config.sightings.as_ref())?.map(Lines::hasty);
    let lines = sensor::pipeline::open::open_lines(config.events.as_ref())?;
    let here = iface::addresses::addresses().map_err(Failure::system("interfaces cannot be listed"))?;
    let voices = speakers::voices(&config.ports, &config.probing, &config.named_interfaces, &here)?;
    let (ports, alias) = speakers::ports(&config.ports, voices.is_some().then_some(config.probing.interface).flatten());
    // The capture comes before the database, so that a typing error in an interface makes no empty database.
    let capture = Live::open(&ports, &config.capture)?;
    make_default_folder(&config.db)?;
    let (mut writer, saved) = Writer::open(&config.db, clock.now())?;
    writer.set_rules(&rules)?;
    let watch = Watch::new(&ports, &config.inventory.networks, &here);
    let settings = Settings {
        learning_until: Some(saved.created_at.after(config.inventory.learning)),
        settle: SETTLE,
        own_macs: here.macs(),
        prefixes: watch.homes(alias),
        allow: config.probing.networks.iter().map(config::network::Named::allow).collect(),
        explain: voices.is_some().then_some(EXPLAIN),
        history: false,
    };
    let mut sinks: Vec<Sink> = lines.into_iter().map(Sink::Lines).collect();
    if let Some((address, format)) = config.syslog {
        let syslog = Sink::Syslog(Syslog::new(address, format));
        if let Err(error) = syslog.check() {
            notice::warning(&format!("{}: {error}; events wait in the database until it listens", syslog.name()));
        }
        sinks.push(syslog);
    }
    let told = saved.marks.get(journal::NAME).copied().unwrap_or(saved.published_to);
    let told = writer.last_unmuted(told)?;
    let journal = journal::Journal::new(Path::new(journal::SOCKET), saved.created_at, told)
        .map(Sink::Journal)
        .map_err(Failure::system("no socket can be made"))?;
    match journal.check() {
        Ok(()) => sinks.push(journal),
        // It was there before, and will be again.
        Err(_) if saved.marks.contains_key(&journal.name()) => sinks.push(journal),
        Err(error) => {
            notice::info(&format!("no systemd journal here ({error}); events go to the database and --events"))
        }
    }
    writer.retain_sinks(&sinks.iter().map(Sink::name).collect::<Vec<_>>())?;
    let screen = match config.screen {
        Screen::Json => Some(Sink::Lines(Lines::stdout())),
        Screen::Text => Some(Sink::Screen(screen::paint())),
        Screen::Csv | Screen::Quiet => None,
    };
    let newest = saved.next_event_id - 1;
    let outbox = Outbox::open(sinks, screen, &saved.marks, saved.published_to, newest, &config.db, clock)
        .map_err(Failure::system("a sink's thread cannot start"))?;
    let mut intake = Intake::new(settings, saved, vendors, &config.inventory, log);
    intake.judge.set_policy(config.policy);
    let spoken = voices.as_ref().map(|voices| voices.equipment.voices.clone()).unwrap_or_default();
    let prober = match voices {
        Some(Voices { policy, equipment }) => {
            let now = clock.now();
            intake.set_planner(Planner::new(policy, sensor::pipeline::open::secret(), now), now);
            Some(Prober::spawn(equipment).map_err(Failure::system("the prober's thread cannot start"))?)
        }
        None => None,
    };
    let inquiry = match Inquiry::open(&config.db) {
        Ok(inquiry) => Some(inquiry),
        Err(error) => {
            notice::warning(&format!(
                "`sensor status` cannot ask this sensor: its socket beside the database: {error}"
            ));
            None
        }
    };
    let control = match Control::open(&config.db) {
        Ok(control) => Some(control),
        Err(error) => {
            notice::warning(&format!("`sensor mute` cannot ask this sensor: its socket beside the database: {error}"));
            None
        }
    };
    let store = WriterThread::spawn(writer).map_err(Failure::system("the database's thread cannot start"))?;
    Ok(World {
        clock,
        capture,
        intake,
        store,
        prober,
        speakers: Speakers::new(spoken),
        asking: config.probing,
        watch,
        alias,
        outbox,
        screen: config.screen,
        inquiry,
        control,
        file: config.file,
    })
}

/// The default place is ours to make; a folder that was named must be there, because a typing error would hide.
fn make_default_folder(db: &Path) -> Result<(), Failure> {
    match db.parent() {
        Some(folder) if db == config::machine::default_db() => std::fs::create_dir_all(folder)
            .map_err(Failure::system(format!("{} cannot be made; name a database with --db", folder.display()))),
        _ => Ok(()),
    }
}
