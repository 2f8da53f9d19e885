//! Builds the BPF object, into the repository or beside it.

use std::path::PathBuf;

use anyhow::ensure;
use xtask::arguments::Arguments;
use xtask::bpf;

pub(crate) fn run(given: &Arguments) -> anyhow::Result<()> {
    let (check, log, out) = (given.has("--check"), given.has("--log"), given.value("--out").map(PathBuf::from));
    ensure!(!check || out.is_none(), "--check builds beside the committed object: --out cannot be with it");
    ensure!(!log || out.is_some(), "an object that logs is not for committing: say where by --out DIR");
    if given.has("--install") {
        bpf::install()?;
    }
    match check {
        true => bpf::build_and_compare(),
        false => bpf::build(&out.unwrap_or_else(bpf::committed), log),
    }?;
    Ok(())
}
