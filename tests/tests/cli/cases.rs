//! Captures whose answer is known: what must be true of each after a replay.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::root;
use sensor_tests::cases::case::{Case, folders};

/// `SENSOR_CASES`, else the committed ones.
fn cases() -> PathBuf {
    std::env::var_os("SENSOR_CASES").map_or_else(|| root().join("tests/data/cases"), PathBuf::from)
}

#[test]
fn every_case_holds() {
    let (folders, sensor) = (folders(&cases()).unwrap(), sensor_binary());
    let (next, checked, faults) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = match Case::read(folder) {
                        Ok(case) => {
                            checked.fetch_add(case.checks.len(), Ordering::Relaxed);
                            case.faults(&sensor)
                        }
                        Err(error) => vec![format!("{error:#}")],
                    };
                    faults.lock().unwrap().extend(found);
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    println!("{} cases, {} checks", folders.len(), checked.into_inner());
    assert!(!folders.is_empty(), "no cases in {}", cases().display());
    assert!(faults.is_empty(), "{} do not hold:\n{}", faults.len(), faults.join("\n"));
}
