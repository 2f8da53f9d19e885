//! Measures the sensor against other programs and against bare minimums in the same run. One file a bench; each gives a
//! section of Markdown.

use anyhow::Context as _;
use xtask::arguments::Arguments;
use xtask::cargo::target_folder;

/// The XDP program.
mod kernel;
/// A port under load.
mod live;
/// Reading a capture.
mod replay;
/// Looking for hosts.
mod sweep;
/// Where the time of reading a capture goes.
mod stages;
/// The machine that all of it runs on.
mod machine;
/// What a process took.
mod measure;
/// Frames like an office's.
mod traffic;

/// Measures, and gives a chapter of the page.
type Bench = fn() -> anyhow::Result<String>;

/// Each by the word that names it on the command line.
const BENCHES: [(&str, Bench); 4] =
    [("kernel", kernel::run), ("live", live::run), ("replay", replay::run), ("sweep", sweep::run)];

fn main() -> anyhow::Result<()> {
    let given = Arguments::of_process("bench")?;
    let mut page = format!("# Measured\n\n{}\n", machine::description());
    for (name, run) in BENCHES {
        if given.word().is_none_or(|which| which == name) {
            page += "\n";
            page += &run()?;
        }
    }
    let path = target_folder().join("bench.md");
    std::fs::write(&path, &page).with_context(|| path.display().to_string())?;
    println!("{page}\nwritten to {}", path.display());
    Ok(())
}
