//! `cargo xtask`: builds, checks, shows and measures the sensor. One file a command that is done here; the others are
//! programs of the tests' package, which are built and started.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use anyhow::Context as _;
use xtask::arguments::{Arguments, find, help, overview};
use xtask::commands::Command;
use xtask::program;

mod build_ebpf;
mod ci;
mod run;
mod steps;
mod test;

/// What a program answers that was called with arguments that make no sense.
const MISUSE: u8 = 2;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let name = words.next().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Vec<OsString> = words.collect();
    let Some(command) = find(&name) else {
        if ["", "help", "--help", "-h"].contains(&name.as_str()) {
            print!("{}", overview());
            return ExitCode::SUCCESS;
        }
        eprintln!("unknown command {name}\n\n{}", overview());
        return ExitCode::from(MISUSE);
    };
    if words.first().is_some_and(|word| word == "--help" || word == "-h") {
        print!("{}", help(command));
        return ExitCode::SUCCESS;
    }
    let done = match Arguments::read(command, words.clone()) {
        Ok(given) => perform(command, &given, &words),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(MISUSE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(command: &Command, given: &Arguments, words: &[OsString]) -> anyhow::Result<()> {
    if let Some(program) = command.program {
        let mut started = program::build(command.name, program)?;
        // Only an error comes back: from here on this process is the program.
        return Err(started.args(words).exec()).with_context(|| format!("{} could not be started", command.name));
    }
    match command.name {
        "build-ebpf" => build_ebpf::run(given),
        "ci" => ci::run(),
        "run" => run::run(given),
        "test" => test::run(given),
        name => anyhow::bail!("{name} is done nowhere"),
    }
}
