//! `sensor mute`: through the running sensor, which is the one that writes; where none runs, by taking its place.

use std::io::Write;
use std::path::Path;

use crate::cli::mute::MuteArgs;
use crate::clock::Clock;
use crate::config::error::ConfigError;
use crate::config::machine::default_db;
use crate::config::parse::parse_span;
use crate::config::parse::{no_target, parse_target};
use crate::control;
use crate::control::mute::apply;
use crate::control::{Answer, Request};
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
    let answer = match control::ask(&db, &request)? {
        Some(answer) => answer,
        None => write(&db, &request, clock.now())?,
    };
    let text = match answer {
        Answer::Refused { why } => return Err(Failure::Refused(why)),
        Answer::Host { id } => format!("host {id}"),
        Answer::Ended { id } => format!("mute {id} has ended"),
        Answer::Muted { id, until } => format!("mute {id} until {until}; `sensor mute --end {id}` ends it earlier"),
    };
    said(|out| writeln!(out, "{text}"))
}

/// Characters of a reason.
pub(crate) const REASON_MAX: usize = 200;

/// Where no sensor runs, this process is the writer for a moment.
fn write(db: &Path, request: &Request, now: Timestamp) -> Result<Answer, Failure> {
    // A database is not made for this.
    Reader::open(db)?;
    let (mut writer, saved) = Writer::open(db, now)?;
    let mut mutes = policy::mutes(&saved.mutes);
    let answer = apply(&mut mutes, request.clone(), now);
    if !matches!(answer, Answer::Refused { .. }) {
        writer.set_mutes(&policy::stored_mutes(&mutes))?;
    }
    writer.close()?;
    Ok(answer)
}

/// What a word means: as written, but a segment or a host by its name must be known.
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
    said(|out| {
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

fn said(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
    screen::print(write).map_err(Failure::system("standard output"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::inventory::judge::mute::Mute;

    fn ask(mutes: &mut Vec<Mute>, json: &str, at_s: i64) -> String {
        let request = serde_json::from_str(json).expect("a request");
        serde_json::to_string(&apply(mutes, request, Timestamp::from_secs(at_s))).expect("an answer")
    }

    #[test]
    fn what_is_asked_and_what_is_answered() {
        let mut mutes = Vec::new();
        let muted = ask(&mut mutes, r#"{"mute":{"target":"eth1.30","for_s":60,"reason":"a\u001b[31mb"}}"#, 0);
        assert_eq!(muted, r#"{"muted":{"id":1,"until":"1970-01-01T00:01:00.000000Z"}}"#);
        assert_eq!(mutes[0].target.to_string(), "eth1.30");
        assert!(mutes[0].reason.as_deref().is_some_and(|reason| !reason.contains('\u{1b}')), "{mutes:?}");
        let refused = ask(&mut mutes, r#"{"mute":{"target":"a/b/c","for_s":60,"reason":null}}"#, 0);
        assert!(refused.starts_with(r#"{"refused":{"why":"'a/b/c' is no kind"#), "{refused}");
        assert_eq!(ask(&mut mutes, r#"{"end":{"id":1}}"#, 30), r#"{"ended":{"id":1}}"#);
        assert!(ask(&mut mutes, r#"{"end":{"id":1}}"#, 31).contains("no mute 1 lasts"));
        assert!(serde_json::from_str::<Request>(r#"{"mute":{"target":"eth1"}}"#).is_err());
    }
}
