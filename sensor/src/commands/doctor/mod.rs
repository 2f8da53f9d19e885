//! `sensor doctor`: what this box can do, what is missing, and the command that mends it.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use crate::cli::doctor::DoctorArgs;
use crate::clock::Clock;
use crate::config;
use crate::config::error::ConfigError;
use crate::config::parse::parse_span;
use crate::terminal::failure::Failure;
use crate::terminal::screen;

pub mod checks;
pub mod mirror;
pub mod survey;

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Missing,
    Ok,
    Warn,
}

impl Grade {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ok => "ok",
            Self::Warn => "warn",
        }
    }
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    name: String,
    grade: Grade,
    found: String,
    /// The command, or what else mends it.
    mend: Option<String>,
    /// Privilege would mend it.
    is_privilege: bool,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), grade: Grade::Ok, found: found.into(), mend: None, is_privilege: false }
    }

    fn warn(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { grade: Grade::Warn, mend: Some(mend.into()), ..Self::ok(name, found) }
    }

    fn missing(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { grade: Grade::Missing, mend: Some(mend.into()), ..Self::ok(name, found) }
    }
}

/// How long a mirror port is listened to, unless it is said.
const LISTEN: Duration = Duration::from_secs(30);

/// `sensor doctor`
pub fn doctor(args: &DoctorArgs, clock: &Clock) -> Result<(), Failure> {
    if let Some(name) = &args.mirror {
        let span = args.span.as_deref().map_or(Ok(LISTEN), |text| parse_span("--for", text))?;
        return mirror::listen(config::parse::parse_iface(name)?, span, args.json);
    }
    let named =
        args.interface.iter().map(|name| config::parse::parse_iface(name)).collect::<Result<Vec<_>, ConfigError>>()?;
    let checks = checks::all(&named, args.db.path.as_deref(), clock);
    let shown = screen::print(|out| if args.json { write_json(&checks, out) } else { write(&checks, out) });
    shown.map_err(Failure::system("standard output cannot be written"))?;
    let missing: Vec<_> = checks.iter().filter(|check| check.grade == Grade::Missing).collect();
    match missing.len() {
        0 => Ok(()),
        count => Err(Failure::Unfit { missing: count, privilege: missing.iter().any(|check| check.is_privilege) }),
    }
}

fn write(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    for check in checks {
        writeln!(out, "{:<8} {:<24} {}", check.grade.name(), check.name, check.found)?;
        if let Some(mend) = &check.mend {
            writeln!(out, "{:33} {mend}", "")?;
        }
    }
    Ok(())
}

fn write_json(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let row = |check: &Check| json!({"name": check.name, "state": check.grade.name(), "found": check.found, "mend": check.mend});
    writeln!(out, "{}", serde_json::Value::Array(checks.iter().map(row).collect()))
}
