//! Builds the sensor and listens, as a person tries it for the first time.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What `sensor run` is given, such as `--mirror eth1`; without any it listens on the default route's interface
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SENSOR-FLAG")]
    flags: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let binary = build_release()?;
    let mut command = as_root(&binary)?;
    command.arg("run").args(&args.flags);
    println!("{}", show(&command));
    // Only an error comes back: from here on this process is the sensor, and Ctrl-C is its own.
    Err(command.exec()).context("the sensor could not be started")
}

/// Builds what an operator runs, and says where it is.
pub(crate) fn build_release() -> anyhow::Result<PathBuf> {
    let status =
        Command::new(env!("CARGO")).args(["build", "--release", "--locked", "--package", "sensor"]).status()?;
    if !status.success() {
        bail!("the sensor does not build; the compiler's words are above");
    }
    Ok(target_folder().join("release/sensor"))
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => sensor_tests::bpf::root().join("target"),
    }
}

/// `program`, by sudo where this is not root: XDP and promiscuous mode need privilege, building does not.
pub(crate) fn as_root(program: &Path) -> anyhow::Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if !Path::new("/usr/bin/sudo").exists() {
        bail!("listening needs root and there is no sudo here: run this as root");
    }
    let mut command = Command::new("/usr/bin/sudo");
    command.arg("--").arg(program);
    Ok(command)
}

/// This program again with `words`, by sudo. It must not build there: root may have no cargo, and has other folders.
pub(crate) fn again_as_root(words: &[&OsStr]) -> anyhow::Result<()> {
    let mut command = as_root(&std::env::current_exe()?)?;
    command.args(words);
    match command.status()?.success() {
        true => Ok(()),
        false => bail!("it failed as root; its words are above"),
    }
}

/// Whether this process may do what root may.
pub(crate) fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|uids| uids.split_whitespace().nth(1) == Some("0"))
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
