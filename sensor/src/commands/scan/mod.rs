//! `sensor scan`: one sweep of networks and addresses, as fast as it was allowed, and what the hosts found say of
//! themselves. The same rules, prober, correlator and records as of `sensor run`.

use tokio::signal::unix::{SignalKind, signal};

use crate::capture::iface::addresses::addresses;
use crate::clock::Clock;
use crate::commands::scan::plan::ScanPlan;
use crate::commands::scan::scanner::Scanner;
use crate::config::scan::Scan;
use crate::pipeline::open::runtime;
use crate::terminal::failure::Failure;
use crate::terminal::{notice, screen};

/// The prober, started when it is first needed.
mod asker;
/// What was found, and how it is shown.
mod found;
/// One network by one technique, asked several times.
mod pass;
/// What is asked, of whom, by which rules.
mod plan;
/// The line on the terminal that shows how far the scan is.
mod progress;
/// The loop of a scan.
mod scanner;
/// The networks and addresses to be scanned.
mod targets;

/// `sensor scan`: sweeps, describes, shows.
pub fn scan(config: &Scan, clock: Clock) -> Result<(), Failure> {
    let runtime = runtime().map_err(Failure::system("the runtime cannot start"))?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("cannot wait for SIGINT"))?;
        let here = addresses().map_err(Failure::system("interfaces cannot be listed"))?;
        let plan = ScanPlan::new(config, &here)?;
        if config.dry_run {
            return screen::print(|out| plan.describe(config, out));
        }
        let mut scanner = Scanner::open(config, plan, &here, clock)?;
        let was_interrupted = scanner.work(&mut interrupt).await?;
        let found = scanner.finish()?;
        if was_interrupted {
            notice::warning("interrupted: this is what was found so far");
        }
        found.show(config.screen)
    })
}
