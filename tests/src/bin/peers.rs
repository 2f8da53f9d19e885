//! Compares what the sensor finds in captures from public sources with the answers of an independent decoder.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::root;
use sensor_tests::oracle::answer::Answer;
use sensor_tests::oracle::captures;
use sensor_tests::oracle::comparison::{Comparison, compare_capture};
use sensor_tests::oracle::explained::Explained;
use sensor_tests::oracle::table::{HEAD, Table};
use xtask::arguments::Arguments;

fn main() -> anyhow::Result<()> {
    let given = Arguments::of_process("peers")?;
    let folder = captures::folder(given.word());
    let explained = Explained::read(&root().join("tests/data/differences.toml"))?;
    let files = captures::below(&folder.join("open"), given.value("--only"))?;
    let binary = sensor_binary();

    let mut table = Table::default();
    let mut wrong: Vec<String> = Vec::new();
    for (file, (answer, comparison)) in files.iter().zip(compare_all(&binary, &folder, &files)?) {
        table.add(file, &answer, &comparison, &explained);
        wrong.extend(explained.unexplained(file, &comparison));
    }
    if given.value("--only").is_none() {
        wrong.extend(explained.without_file(|name| files.iter().any(|file| file == name)));
    }
    wrong.iter().take(LINES_MAX).for_each(|line| println!("{line}"));
    println!("{HEAD}\n{table}");
    match wrong.len() {
        0 => Ok(()),
        lines => bail!(
            "differences without an entry in tests/data/differences.toml, or entries without a difference: {lines} lines above"
        ),
    }
}

/// Lines about differences that are printed.
const LINES_MAX: usize = 400;

/// Captures replayed at the same time.
const WORKERS: usize = 2;

/// The outcomes in the order of `files`.
fn compare_all(binary: &Path, folder: &Path, files: &[String]) -> anyhow::Result<Vec<(Answer, Comparison)>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((at, file)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, files.get(at)?)))
                {
                    let outcome = compare(binary, folder, file).with_context(|| file.clone());
                    done.lock().expect("no worker panics while it holds the lock").push((at, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics while it holds the lock");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn compare(binary: &Path, folder: &Path, file: &str) -> anyhow::Result<(Answer, Comparison)> {
    let folder = folder.canonicalize()?;
    let answer = Answer::read(&folder.join("oracle").join(format!("{file}.json")))?;
    let comparison = compare_capture(binary, &folder.join("open").join(file), &answer)?;
    Ok((answer, comparison))
}
