//! The programs of the tests' package that do what a command says.

use std::process::Command;

use crate::cargo;
use crate::commands::Program;
use crate::root::as_root;

/// The tests' package.
const PACKAGE: &str = "sensor-tests";

/// Builds a program, and the sensor with it where it runs one; says how it is started.
pub fn build(name: &str, program: Program) -> anyhow::Result<Command> {
    let mut programs = vec![(PACKAGE, name)];
    if program.needs_sensor {
        programs.push(("sensor", "sensor"));
    }
    cargo::build(program.profile, &programs)?;
    let path = program.profile.folder().join(name);
    if program.as_root { as_root(&path) } else { Ok(Command::new(path)) }
}
