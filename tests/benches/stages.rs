//! Where the time of a replay goes: the same capture through ever more of the path; the differences are the stages.
//! Prints a Markdown table. `cargo xtask bench replay` makes the capture and runs this.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use sensor::capture::file;
use sensor::export::json;
use sensor::export::record::of_rows::address_records;
use sensor::vendor::Vendors;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::sighting::sightings;
use sensor_core::wire;

const TURNS: usize = 5;

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Upto {
    Reading,
    Dissecting,
    Correlating,
    Exporting,
}

fn main() {
    // Cargo passes `--bench`; the capture is what is not a flag.
    let Some(capture) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        println!("name a capture file");
        return;
    };
    let stages = [
        ("reading and classifying", Upto::Reading),
        ("parsing messages", Upto::Dissecting),
        ("correlating", Upto::Correlating),
        ("exporting JSON", Upto::Exporting),
    ];
    let mut best = [Duration::MAX; 4];
    for _ in 0..TURNS {
        for (best, (_, upto)) in best.iter_mut().zip(stages) {
            let begun = Instant::now();
            pass(Path::new(&capture), upto);
            *best = (*best).min(begun.elapsed());
        }
    }
    let whole = best[3].as_secs_f64();
    let mut before = 0.0;
    println!("| stage | ms | share |\n|---|--:|--:|");
    for ((name, _), upto) in stages.into_iter().zip(best) {
        let stage = (upto.as_secs_f64() - before).max(0.0);
        println!("| {name} | {:.1} | {:.0} % |", stage * 1e3, stage / whole * 100.0);
        before = upto.as_secs_f64();
    }
}

fn pass(capture: &Path, upto: Upto) {
    let settings = Settings { settle: Duration::from_secs(3), ..Settings::default() };
    let mut correlator = Correlator::new(settings, Limits::default(), Rows::default(), 1);
    let (mut facts, mut events) = (Vec::new(), Vec::new());
    let read = file::read(capture, |frame| {
        if upto < Upto::Dissecting {
            black_box(&frame);
            return;
        }
        let Ok(Some(message)) = wire::dissect(&frame) else { return };
        if upto < Upto::Correlating {
            black_box(&message);
            return;
        }
        facts.clear();
        sightings(&frame, &message, &mut facts);
        facts.iter().for_each(|sighting| correlator.observe(sighting, sighting.at, &mut events));
    });
    if let Err(error) = read {
        println!("{error}");
    }
    if upto == Upto::Exporting {
        let records = address_records(&correlator.view(), &Vendors::builtin(), &Fingerprints::builtin());
        let mut text = Vec::new();
        json::write_array(records, &mut text).unwrap_or_default();
        black_box(text);
    }
    black_box(events);
}
