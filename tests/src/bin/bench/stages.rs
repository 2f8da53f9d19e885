//! Where the time of a replay goes: the same capture through more and more of the path. The differences are the stages.

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

/// The table, as Markdown.
pub(crate) fn table(capture: &Path) -> anyhow::Result<String> {
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
            pass(capture, upto)?;
            *best = (*best).min(begun.elapsed());
        }
    }
    let whole = best[3].as_secs_f64();
    let mut before = 0.0;
    let mut text = "| stage | ms | share |\n|---|--:|--:|\n".to_owned();
    for ((name, _), upto) in stages.into_iter().zip(best) {
        let stage = (upto.as_secs_f64() - before).max(0.0);
        text += &format!("| {name} | {:.1} | {:.0} % |\n", stage * 1e3, stage / whole * 100.0);
        before = upto.as_secs_f64();
    }
    Ok(text)
}

fn pass(capture: &Path, upto: Upto) -> anyhow::Result<()> {
    let settings = Settings { settle: Duration::from_secs(3), ..Settings::default() };
    let mut correlator = Correlator::new(settings, Limits::default(), Rows::default(), 1);
    let (mut facts, mut events) = (Vec::new(), Vec::new());
    file::read(capture, |frame| {
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
    })?;
    if upto == Upto::Exporting {
        let records = address_records(&correlator.view(), &Vendors::builtin(), &Fingerprints::builtin());
        let mut text = Vec::new();
        json::write_array(records, &mut text).unwrap_or_default();
        black_box(text);
    }
    black_box(events);
    Ok(())
}
