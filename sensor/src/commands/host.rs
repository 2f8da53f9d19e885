//! `sensor host`: shows a host with its stations and why they belong together, joins hosts and splits stations off. A change
//! goes through the running sensor, because only one process writes the database; where none runs, this process writes it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;

use crate::cli::host::{HostArgs, HostCommand};
use crate::clock::Clock;
use crate::config::error::ConfigError;
use crate::config::machine::default_db;
use crate::control::exchange;
use crate::control::host::{apply, id_text, parse_id};
use crate::control::request::{Request, Response};
use crate::export::escape::escape;
use crate::export::record::text::rfc3339;
use crate::store::batch::Batch;
use crate::store::reader::Reader;
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::screen;
use sensor_core::inventory::correlator::{settings::Settings, state::Correlator};
use sensor_core::inventory::model::address::Binding;
use sensor_core::inventory::model::host::{Host, Station};
use sensor_core::inventory::model::join;
use sensor_core::inventory::model::join::Join;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::types::Mac;

/// `sensor host`
pub fn host(args: &HostArgs, clock: &Clock) -> Result<(), Failure> {
    let (HostCommand::Show { db, .. } | HostCommand::Join { db, .. } | HostCommand::Split { db, .. }) = &args.command;
    let db = db.path.clone().unwrap_or_else(default_db);
    let rows = Reader::open(&db)?.rows()?;
    let request = match &args.command {
        HostCommand::Show { host, .. } => {
            let host = resolve(host, &rows)?;
            return screen::print(|out| show(host, &rows, out));
        }
        HostCommand::Join { host, other, .. } => {
            let (host, other) = (resolve(host, &rows)?.id, resolve(other, &rows)?.id);
            Request::Join { host: id_text(host), other: id_text(other) }
        }
        HostCommand::Split { host, mac, .. } => {
            let mac = Mac::parse(mac).ok_or_else(|| Failure::Refused(format!("'{}' is no MAC", mac.escape_debug())))?;
            Request::Split { host: id_text(resolve(host, &rows)?.id), mac: mac.to_string() }
        }
    };
    let answer = match exchange::ask(&db, &request)? {
        Some(answer) => answer,
        None => write(&db, &request, clock)?,
    };
    match answer {
        Response::Refused { why } => Err(Failure::Refused(why)),
        Response::Host { id } => screen::print(|out| match &request {
            Request::Split { mac, .. } => writeln!(out, "{mac} is host {id} from now on; `sensor host join` undoes it"),
            _ => writeln!(out, "one host from now on: {id}; `sensor host split {id} MAC` undoes it"),
        }),
        _ => Err(Failure::Refused("the sensor gave an answer that does not fit; is it another version?".to_owned())),
    }
}

/// Carries out the request where no sensor runs.
fn write(db: &Path, request: &Request, clock: &Clock) -> Result<Response, Failure> {
    let (mut writer, saved) = Writer::open(db, clock.now())?;
    let mut correlator = Correlator::new(Settings::default(), Limits::default(), saved.rows, saved.next_event_id);
    let answer = apply(&mut correlator, request);
    writer.commit(&Batch { changes: correlator.take_changes(), ..Batch::default() })?;
    writer.close()?;
    Ok(answer)
}

/// The host that has this id, MAC, address or name.
fn resolve<'a>(text: &str, rows: &'a Rows) -> Result<&'a Host, ConfigError> {
    let mac = Mac::parse(text);
    let ip: Option<IpAddr> = text.parse().ok();
    let stations: BTreeSet<_> = rows
        .stations
        .iter()
        .filter(|station| Some(station.mac) == mac || holds(rows, station, ip))
        .map(|station| station.host)
        .collect();
    // Hosts behind a router have addresses only.
    let distant = rows.asked.iter().filter(|asked| Some(asked.ip) == ip).filter_map(|asked| asked.host);
    let by_address: BTreeSet<_> = stations.into_iter().chain(distant).collect();
    let is_named = |host: &Host| host.names.iter().any(|name| name.name.eq_ignore_ascii_case(text));
    let is_it = |host: &&Host| Some(host.id) == parse_id(text) || by_address.contains(&host.id) || is_named(host);
    let mut found = rows.hosts.iter().filter(is_it);
    let value = || text.escape_debug().to_string();
    match (found.next(), found.count()) {
        (Some(host), 0) => Ok(host),
        (Some(_), more) => Err(ConfigError::ManyHosts { value: value(), count: more + 1 }),
        (None, _) => Err(ConfigError::NoHost { value: value() }),
    }
}

/// Whether the station holds the address now.
fn holds(rows: &Rows, station: &Station, ip: Option<IpAddr>) -> bool {
    let holder = |binding: &Binding| {
        binding.segment == station.segment && Some(binding.ip) == ip && binding.holders[0].mac == station.mac
    };
    ip.is_some() && rows.bindings.iter().any(holder)
}

fn show(host: &Host, rows: &Rows, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "host {} on {}", id_text(host.id), host.segment)?;
    writeln!(out, "  first seen {}, last seen {}", rfc3339(host.first_seen), rfc3339(host.last_seen))?;
    if let Some(since) = host.gone_since {
        writeln!(out, "  gone since {}", rfc3339(since))?;
    }
    for name in &host.names {
        writeln!(out, "  named {} by {} since {}", escape(&name.name), name.source.name(), rfc3339(name.first_seen))?;
    }
    for (role, evidence) in &host.roles {
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        writeln!(out, "  {}: {}", role.name(), escape(&evidence.join(", ")))?;
    }
    for station in rows.stations.iter().filter(|station| station.host == host.id) {
        writeln!(out, "station {}, {} to {}", station.mac, rfc3339(station.first_seen), rfc3339(station.last_seen))?;
        let is_held = |binding: &&Binding| binding.segment == station.segment && binding.holders[0].mac == station.mac;
        for binding in rows.bindings.iter().filter(is_held) {
            writeln!(out, "  has {}", binding.ip)?;
        }
        for join in joins(rows, station) {
            writeln!(out, "  {}", reason(join))?;
        }
    }
    let is_split = |join: &&Join| join.apart && join.host == host.id;
    for join in rows.joins.iter().filter(is_split) {
        writeln!(out, "not {}: split off at {}", join.mac, rfc3339(join.at))?;
    }
    Ok(())
}

fn joins<'a>(rows: &'a Rows, station: &'a Station) -> impl Iterator<Item = &'a Join> {
    rows.joins.iter().filter(|join| (join.segment, join.mac) == (station.segment, station.mac))
}

fn reason(join: &Join) -> String {
    let words: Vec<&str> = join.evidence.iter().map(|kinship| kinship.name()).collect();
    let at = rfc3339(join.at);
    match join.apart {
        true => format!("split from host {} at {at}", id_text(join.host)),
        false => {
            let score = join::score(&join.evidence);
            format!("joined after {} at {at}, {score} % by {}", join.old_mac, words.join(", "))
        }
    }
}
