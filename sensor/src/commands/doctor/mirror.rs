//! `sensor doctor --mirror`: listens to a mirror port for a while and says what is missing or wrong there.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::capture::iface;
use crate::capture::tap::Tap;
use crate::commands::doctor::survey::{Survey, VlanRow};
use crate::pipeline::open::runtime;
use crate::terminal::failure::Failure;
use crate::terminal::screen;
use sensor_core::types::Iface;

/// Frames taken before anything else is looked at.
const FRAMES_PER_TURN: usize = 4096;

/// Listens for `span`, or until Ctrl-C, and prints.
pub(super) fn listen(iface: Iface, span: Duration, is_json: bool) -> Result<(), Failure> {
    let here = iface::addresses::addresses().map_err(Failure::system("interfaces cannot be listed"))?;
    let mut survey = Survey::new(here.macs());
    let runtime = runtime().map_err(Failure::system("the runtime cannot start"))?;
    let dropped = runtime.block_on(hear(iface, span, &mut survey))?;
    screen::print(
        |out| {
            if is_json { write_json(iface, &survey, dropped, out) } else { write(iface, &survey, dropped, out) }
        },
    )
}

/// Listens; the number of frames that were lost because they came too fast.
async fn hear(iface: Iface, span: Duration, survey: &mut Survey) -> Result<u64, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("cannot wait for SIGINT"))?;
    let mut tap = Tap::open(iface)?;
    let until = tokio::time::sleep(span);
    tokio::pin!(until);
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break,
            () = &mut until => break,
            ready = tap.readable() => ready?,
        }
        // A very busy port is looked at for part of the time, so that the end and Ctrl-C are noticed; losses are reported.
        let mut turns = 0;
        while tap.drain(FRAMES_PER_TURN, &mut |bytes, wire_len, at| survey.observe(bytes, wire_len, at.as_nanos()))? {
            turns += 1;
            if turns == 16 {
                break;
            }
        }
    }
    drop(tap.drain(FRAMES_PER_TURN, &mut |bytes, wire_len, at| survey.observe(bytes, wire_len, at.as_nanos())));
    Ok(tap.dropped())
}

fn write(iface: Iface, survey: &Survey, dropped: u64, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "what {iface} shows\n")?;
    writeln!(
        out,
        "{:<12}{:>12}{:>10}{:>14}{:>12}{:>11}{:>9}",
        "vlan", "frames", "stations", "third parties", "both ways", "one way", "copies"
    )?;
    for row in survey.rows() {
        writeln!(
            out,
            "{:<12}{:>12}{:>10}{:>12} %{:>12}{:>11}{:>9}",
            row.name(),
            row.frames,
            row.stations,
            row.third_percent(),
            row.both_ways,
            row.one_way,
            row.copies
        )?;
    }
    writeln!(out)?;
    let verdicts = survey.verdicts();
    if verdicts.is_empty() {
        writeln!(out, "nothing is missing: unicast between third parties, in both directions, once")?;
    }
    verdicts.iter().try_for_each(|verdict| writeln!(out, "{verdict}"))?;
    if dropped > 0 {
        writeln!(out, "{dropped} frames came too fast to be looked at")?;
    }
    Ok(())
}

fn write_json(iface: Iface, survey: &Survey, dropped: u64, out: &mut dyn Write) -> io::Result<()> {
    let vlans: Vec<Value> = survey.rows().iter().map(row).collect();
    let answer = json!({
        "iface": iface.as_str(), "vlans": vlans, "verdicts": survey.verdicts(), "frames_dropped": dropped,
    });
    writeln!(out, "{answer}")
}

fn row(row: &VlanRow) -> Value {
    json!({
        "vlan": row.vlan,
        "frames": row.frames,
        "copies": row.copies,
        "stations": row.stations,
        "group_frames": row.group,
        "own_frames": row.own,
        "third_party_frames": row.third,
        "third_party_percent": row.third_percent(),
        "both_ways": row.both_ways,
        "one_way": row.one_way,
    })
}
