//! Compares what the sensor finds in captures that nobody here made with an independent decoder's answers.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use sensor_tests::oracle::answer::Answer;
use sensor_tests::oracle::comparison::{Comparison, compare_capture};
use sensor_tests::oracle::explained::Explained;
use sensor_tests::oracle::table::{HEAD, Table};

use crate::run::build_release;

/// The subcommand's arguments.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Holds the captures in `open/` and the answers in `oracle/` [default: ../shared/pcaps beside the repository,
    /// or what SENSOR_PCAPS_DIR says]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Only captures whose path contains this; nothing is said about entries for others
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = || std::env::var_os("SENSOR_PCAPS_DIR").map(PathBuf::from);
    let folder = args.folder.clone().or_else(named).unwrap_or_else(|| repository.join("../shared/pcaps"));
    let explained = Explained::read(&repository.join("tests/data/differences.toml"))?;
    let mut files = captures(&folder.join("open"))?;
    if let Some(word) = &args.only {
        files.retain(|file| file.contains(word));
    }
    let binary = build_release()?.canonicalize()?;

    let mut table = Table::default();
    let mut wrong: Vec<String> = Vec::new();
    for (file, (answer, comparison)) in files.iter().zip(compare_all(&binary, &folder, &files)?) {
        table.add(file, &answer, &comparison, &explained);
        wrong.extend(explained.unexplained(file, &comparison));
    }
    if args.only.is_none() {
        wrong.extend(explained.without_file(|name| files.iter().any(|file| file == name)));
    }
    wrong.iter().take(LINES_MAX).for_each(|line| println!("{line}"));
    println!("{HEAD}\n{table}");
    match wrong.len() {
        0 => Ok(()),
        lines => bail!(
            "differences without their entry in tests/data/differences.toml, or the other way round: {lines} lines above"
        ),
    }
}

/// Lines about differences that are printed.
const LINES_MAX: usize = 400;

/// Captures replayed at the same time.
const WORKERS: usize = 2;

/// Paths below `folder`, sorted.
pub(crate) fn captures(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(&inner).with_context(|| format!("{}: cannot be read", inner.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_str().context("a path that is not UTF-8")?;
                files.push(name.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The outcomes in the order of `files`, whoever got there first.
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
