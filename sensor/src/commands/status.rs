//! `sensor status`: the figures of a running sensor, as tables or as JSON.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::cli::status::StatusArgs;
use crate::config::machine::default_db;
use crate::control;
use crate::terminal::failure::Failure;
use crate::terminal::screen;

/// `sensor status`
pub fn status(args: &StatusArgs) -> Result<(), Failure> {
    let db = args.db.path.clone().unwrap_or_else(default_db);
    let answer = control::status::read(&db)?;
    screen::print(|out| if args.json { writeln!(out, "{}", answer.trim()) } else { show(&answer, out) })
}

/// The answer as tables. Figures that an older or newer sensor does not tell are left out.
fn show(answer: &str, out: &mut dyn Write) -> io::Result<()> {
    let answer: Value = serde_json::from_str(answer).map_err(io::Error::other)?;
    let status = &answer["status"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    writeln!(
        out,
        "sensor {}, process {}, up for {} s, at {}",
        text(&status["version"]),
        status["pid"],
        status["uptime_s"],
        text(&status["at"])
    )?;
    writeln!(out, "\n{:<16}{:<8}{:<9}{:<13}state", "port", "role", "capture", "promiscuous")?;
    for port in list(&status["ports"]) {
        let since = text(&port["since"]);
        let state = match port["hears"].as_bool() {
            Some(true) => format!("hears since {since}"),
            _ => format!("deaf since {since}: {}", text(&port["deaf"])),
        };
        let promiscuous = if port["promiscuous"] == true { "yes" } else { "no" };
        let (iface, role, capture) = (text(&port["iface"]), text(&port["role"]), text(&port["capture"]));
        writeln!(out, "{iface:<16}{role:<8}{capture:<9}{promiscuous:<13}{state}")?;
    }
    show_watched(list(&status["watched"]), out)?;
    show_frames(&status["frames"], out)?;
    writeln!(out, "\nlost")?;
    let losses = list(&status["losses"]);
    if losses.is_empty() {
        writeln!(out, "nothing")?;
    }
    for loss in losses {
        let place = [("cpu", "cpu "), ("iface", ""), ("class", "")].map(|(key, before)| match &loss[key] {
            Value::Null => String::new(),
            Value::String(word) => format!(" {before}{word}"),
            number => format!(" {before}{number}"),
        });
        writeln!(out, "{:<16}{}{}", text(&loss["reason"]), loss["frames"], place.concat())?;
    }
    writeln!(out)?;
    for (key, words) in [
        ("gate_evictions", "addresses that the gate forgot early"),
        ("malformed", "malformed messages"),
        ("evictions", "rows given up by limits"),
        ("events_waiting", "events waiting"),
        ("events_missed", "events missed by a sink"),
        ("sightings_dropped", "sightings missed by their log"),
    ] {
        writeln!(out, "{:>12} {words}", status[key].as_u64().unwrap_or(0))?;
    }
    let shut = &status["tunnels_shut"];
    if let Some(frames) = shut["frames"].as_u64() {
        let (kind, id, source) = (text(&shut["kind"]), &shut["id"], text(&shut["source"]));
        writeln!(
            out,
            "{frames:>12} frames of tunnels that are not opened, the last {kind} {id} from {source}: see [[tunnel]]"
        )?;
    }
    for mute in list(&status["mutes"]) {
        let reason = mute["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(out, "muted: {} until {} ({}{reason})", text(&mute["target"]), text(&mute["until"]), mute["id"])?;
    }
    show_sinks(list(&status["sinks"]), out)
}

/// The prefixes in which every frame counts as a sign of life, one in each line.
fn show_watched(watched: &[Value], out: &mut dyn Write) -> io::Result<()> {
    if !watched.is_empty() {
        writeln!(out, "\n{:<44}{:<16}origin", "watched", "segment")?;
    }
    for watched in watched {
        let word = |key: &str, none: &'static str| watched[key].as_str().unwrap_or(none).to_owned();
        writeln!(out, "{:<44}{:<16}{}", word("prefix", "-"), word("segment", "all"), word("origin", "-"))?;
    }
    Ok(())
}

/// The sinks, one in each line, and a second line where one takes nothing.
fn show_sinks(sinks: &[Value], out: &mut dyn Write) -> io::Result<()> {
    if !sinks.is_empty() {
        writeln!(out, "\n{:<32}{:>10}{:>14}{:>10}", "sink", "waiting", "written to", "missed")?;
    }
    for sink in sinks {
        let number = |key: &str| sink[key].as_u64().unwrap_or(0);
        let name = sink["name"].as_str().unwrap_or("-");
        writeln!(out, "{name:<32}{:>10}{:>14}{:>10}", number("waiting"), number("written_to"), number("missed"))?;
        if let (Some(since), Some(error)) = (sink["failing_since"].as_str(), sink["error"].as_str()) {
            writeln!(out, "  takes nothing since {since}: {error}")?;
        }
    }
    Ok(())
}

/// Frames: a row for each class, a column for each outcome.
fn show_frames(frames: &Value, out: &mut dyn Write) -> io::Result<()> {
    let empty = Map::new();
    let outcomes = frames.as_object().unwrap_or(&empty);
    let mut classes: Vec<&String> = Vec::new();
    for class in outcomes.values().filter_map(Value::as_object).flat_map(Map::keys) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    write!(out, "\n{:<12}", "frames")?;
    outcomes.keys().try_for_each(|outcome| write!(out, "{outcome:>14}"))?;
    writeln!(out)?;
    for class in classes {
        write!(out, "{class:<12}")?;
        outcomes.values().try_for_each(|row| write!(out, "{:>14}", row[class.as_str()].as_u64().unwrap_or(0)))?;
        writeln!(out)?;
    }
    Ok(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_as_tables() {
        let answer = r#"{"status": {"version": "0.1.0", "pid": 7, "uptime_s": 5, "at": "2026-11-21T08:00:00Z",
            "ports": [{"iface": "eth1", "role": "mirror", "capture": "driver", "promiscuous": true, "hears": true, "since": "T"},
                      {"iface": "eth2", "role": "host", "capture": "packet", "promiscuous": false, "hears": false, "since": "U", "deaf": "removed"}],
            "watched": [{"prefix": "10.0.0.0/8", "segment": null, "origin": "private"},
                        {"prefix": "2001:db8:77::/64", "segment": "eth1.30", "origin": "learned"}],
            "frames": {"seen": {"arp": 12, "dhcp": 1}, "lost": {"arp": 2}},
            "tunnels_shut": {"frames": 7, "source": "192.0.2.7", "kind": "vxlan", "id": 42},
            "mutes": [{"id": 3, "target": "eth1.30", "until": "V", "reason": "moving"}, {"id": 4, "target": "bogon", "until": "W"}],
            "losses": [{"reason": "ring-full", "cpu": 1, "class": "arp", "frames": 2}],
            "sinks": [{"name": "journal", "waiting": 0, "written_to": 9, "missed": 0},
                      {"name": "syslog tcp:log:601", "waiting": 4, "written_to": 5, "missed": 1, "failing_since": "V", "error": "refused"}]}}"#;
        let mut out = Vec::new();
        show(answer, &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        for line in [
            "sensor 0.1.0, process 7, up for 5 s, at 2026-11-21T08:00:00Z",
            "eth1            mirror  driver   yes          hears since T",
            "eth2            host    packet   no           deaf since U: removed",
            "10.0.0.0/8                                  all             private",
            "2001:db8:77::/64                            eth1.30         learned",
            "arp                     12             2",
            "dhcp                     1             0",
            "ring-full       2 cpu 1 arp",
            "journal                                  0             9         0",
            "syslog tcp:log:601                       4             5         1",
            "  takes nothing since V: refused",
            "           7 frames of tunnels that are not opened, the last vxlan 42 from 192.0.2.7: see [[tunnel]]",
            "muted: eth1.30 until V (3: moving)",
            "muted: bogon until W (4)",
        ] {
            assert!(text.lines().any(|found| found == line), "'{line}' is not in:\n{text}");
        }
    }
}
