//! `sensor mute`: lists mutes, begins and ends them. A change goes through the running sensor, because only one process
//! writes the database; where none runs, this process writes it.

use std::path::Path;

use crate::cli::mute::MuteArgs;
use crate::clock::Clock;
use crate::config::error::ConfigError;
use crate::config::machine::default_db;
use crate::config::parse::{no_target, parse_span, parse_target};
use crate::control::exchange;
use crate::control::mute::apply;
use crate::control::request::{Request, Response};
use crate::export::escape::escape;
use crate::export::record::text::rfc3339;
use crate::pipeline::policy;
use crate::store::reader::Reader;
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::screen;
use sensor_core::inventory::judge::mute::MuteTarget;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::types::Timestamp;

/// `sensor mute`
pub fn mute(args: &MuteArgs, clock: &Clock) -> Result<(), Failure> {
    let db = args.db.path.clone().unwrap_or_else(default_db);
    let request = match (&args.target, args.end) {
        (Some(target), _) => {
            let span = parse_span("--for", args.span.as_deref().unwrap_or_default())?;
            let target = resolve(target, &Reader::open(&db)?.rows()?)?.to_string();
            Request::Mute { target, for_s: span.as_secs(), reason: args.reason.clone() }
        }
        (None, Some(id)) => Request::End { id },
        (None, None) => return list(&db, clock.now()),
    };
    let answer = match exchange::ask(&db, &request)? {
        Some(answer) => answer,
        None => write(&db, &request, clock.now())?,
    };
    let text = match answer {
        Response::Refused { why } => return Err(Failure::Refused(why)),
        Response::Host { id } => format!("host {id}"),
        Response::Ended { id } => format!("mute {id} has ended"),
        Response::Muted { id, until } => format!("mute {id} until {until}; `sensor mute --end {id}` ends it earlier"),
    };
    screen::print(|out| writeln!(out, "{text}"))
}

/// Carries out the request where no sensor runs.
fn write(db: &Path, request: &Request, now: Timestamp) -> Result<Response, Failure> {
    // A database that is missing is an error: it is not created for this.
    Reader::open(db)?;
    let (mut writer, saved) = Writer::open(db, now)?;
    let mut mutes = policy::mutes(&saved.mutes);
    let answer = apply(&mut mutes, request.clone(), now);
    if !matches!(answer, Response::Refused { .. }) {
        writer.set_mutes(&policy::stored_mutes(&mutes))?;
    }
    writer.close()?;
    Ok(answer)
}

/// What is to be muted: a target as it is written, or a host by its name. A segment and a host's id must be in the database.
fn resolve(text: &str, rows: &Rows) -> Result<MuteTarget, ConfigError> {
    let parsed = parse_target(text);
    let is_known = |target: &MuteTarget| match target {
        MuteTarget::Segment(segment) => rows.hosts.iter().any(|host| host.segment == *segment),
        MuteTarget::Host(id) => rows.hosts.iter().any(|host| host.id == *id),
        MuteTarget::Kind(_) | MuteTarget::Mac(_) | MuteTarget::Network(_) => true,
    };
    if let Some(target) = parsed.as_ref().ok().filter(|target| is_known(target)) {
        return Ok(*target);
    }
    let is_named = |name: &str| name.eq_ignore_ascii_case(text);
    let mut named = rows.hosts.iter().filter(|host| host.names.iter().any(|name| is_named(&name.name)));
    match (named.next(), named.count()) {
        (Some(host), 0) => Ok(MuteTarget::Host(host.id)),
        (Some(_), more) => Err(ConfigError::ManyHosts { value: text.escape_debug().to_string(), count: more + 1 }),
        (None, _) => Err(no_target(text)),
    }
}

fn list(db: &Path, now: Timestamp) -> Result<(), Failure> {
    let mutes = Reader::open(db)?.mutes()?;
    screen::print(|out| {
        let mut lasting = mutes.iter().filter(|mute| mute.until > now).peekable();
        if lasting.peek().is_none() {
            return writeln!(out, "nothing is muted");
        }
        lasting.try_for_each(|mute| {
            let reason = mute.reason.as_deref().map(|reason| format!("  {}", escape(reason))).unwrap_or_default();
            writeln!(out, "{:>4}  {:<24}  until {}{reason}", mute.id, escape(&mute.target), rfc3339(mute.until))
        })
    })
}
