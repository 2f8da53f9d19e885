//! The entry of the command line: hands each subcommand its arguments or its configuration, and turns the result into an
//! exit code.

use std::process::ExitCode;

use clap::Parser;

use sensor::cli::later::Later;
use sensor::cli::{Cli, Command};
use sensor::clock::Clock;
use sensor::commands::{db, doctor, events, export, host, hosts, mute, replay, run, scan, status};
use sensor::config;
use sensor::terminal::failure::Failure;
use sensor::terminal::notice;
use sensor::watch;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match execute(cli.command, Clock::new()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            notice::error(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn execute(command: Command, clock: Clock) -> Result<(), Failure> {
    match command {
        Command::Run(Later(args)) => run::run(config::run::Run::new(*args)?, clock),
        Command::Replay(Later(args)) => replay::replay(&config::replay::Replay::new(args)?, &clock),
        Command::Scan(Later(args)) => scan::scan(&config::scan::Scan::new(*args)?, clock),
        Command::Hosts(Later(args)) => hosts::hosts(&args, &clock),
        Command::Events(Later(args)) => events::events(&args, &clock),
        Command::Export(Later(args)) => export::export(&args, &clock),
        Command::Host(Later(args)) => host::host(&args, &clock),
        Command::Mute(Later(args)) => mute::mute(&args, &clock),
        Command::Status(Later(args)) => status::status(&args),
        Command::Doctor(Later(args)) => doctor::doctor(&args, &clock),
        Command::Watch(Later(args)) => watch::watcher::watch(config::watch::Watch::new(args, clock.now())?, clock),
        Command::Db(Later(args)) => db::db(&args),
    }
}

/// Help goes to standard output as clap writes it; a usage error becomes one line, like every other error.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.to_string();
    let lines =
        text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join("; ");
    notice::error(&format!("{}; see `sensor --help`", line.trim_start_matches("error: ")));
    ExitCode::from(2)
}
