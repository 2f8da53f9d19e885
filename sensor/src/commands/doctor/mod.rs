//! `sensor doctor`: what this machine can do, what is missing, and the command that fixes it.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use crate::cli::doctor::DoctorArgs;
use crate::clock::Clock;
use crate::commands::doctor::check::{DoctorCheck, Grade};
use crate::config::error::ConfigError;
use crate::config::parse::{parse_iface, parse_span};
use crate::terminal::failure::Failure;
use crate::terminal::screen;

/// The result of one check.
mod check;
/// What is looked at: kernel, privilege, limits, clock, folder, interfaces.
mod checks;
/// `--mirror`: listens to a mirror port.
mod mirror;
/// What a mirror port shows, judged by its frames.
mod survey;

/// How long a mirror port is listened to without `--for`.
const LISTEN: Duration = Duration::from_secs(30);

/// `sensor doctor`
pub fn doctor(args: &DoctorArgs, clock: &Clock) -> Result<(), Failure> {
    if let Some(name) = &args.mirror {
        let span = args.span.as_deref().map_or(Ok(LISTEN), |text| parse_span("--for", text))?;
        return mirror::listen(parse_iface(name)?, span, args.json);
    }
    let named = args.interface.iter().map(|name| parse_iface(name)).collect::<Result<Vec<_>, ConfigError>>()?;
    let checks = checks::all(&named, args.db.path.as_deref(), clock);
    screen::print(|out| if args.json { write_json(&checks, out) } else { write(&checks, out) })?;
    let missing: Vec<_> = checks.iter().filter(|check| check.grade == Grade::Missing).collect();
    match missing.len() {
        0 => Ok(()),
        count => Err(Failure::Unfit { missing: count, privilege: missing.iter().any(|check| check.is_privilege) }),
    }
}

fn write(checks: &[DoctorCheck], out: &mut dyn Write) -> io::Result<()> {
    for check in checks {
        writeln!(out, "{:<8} {:<24} {}", check.grade.name(), check.name, check.found)?;
        if let Some(mend) = &check.mend {
            writeln!(out, "{:33} {mend}", "")?;
        }
    }
    Ok(())
}

fn write_json(checks: &[DoctorCheck], out: &mut dyn Write) -> io::Result<()> {
    let row = |check: &DoctorCheck| json!({"name": check.name, "state": check.grade.name(), "found": check.found, "mend": check.mend});
    writeln!(out, "{}", serde_json::Value::Array(checks.iter().map(row).collect()))
}
