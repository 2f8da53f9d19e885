//! Builds the sensor and listens, as a person tries it for the first time.

use std::os::unix::process::CommandExt as _;

use anyhow::Context as _;
use xtask::arguments::Arguments;
use xtask::cargo::{self, Profile};
use xtask::root::as_root;

use crate::steps::line;

pub(crate) fn run(given: &Arguments) -> anyhow::Result<()> {
    cargo::build(Profile::Release, &[("sensor", "sensor")])?;
    let mut command = as_root(&Profile::Release.folder().join("sensor"))?;
    command.arg("run").args(given.rest());
    println!("{}", line(&command));
    // Only an error comes back: from here on this process is the sensor, and Ctrl-C is its own.
    Err(command.exec()).context("the sensor could not be started")
}
