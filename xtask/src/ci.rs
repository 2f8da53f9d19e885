//! What continuous integration runs: all tests, then the comparison over all captures at hand.

use anyhow::Context as _;
use xtask::arguments::find;
use xtask::{cargo, program};

use crate::steps::Steps;
use crate::test;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::begin();
    let done = test::test(&mut steps, false).and_then(|()| compare(&mut steps));
    // The table and the count are of interest also when a step failed.
    let finished = steps.finish();
    done.and(finished)
}

/// Compares the decoders with an independent one's answers.
fn compare(steps: &mut Steps) -> anyhow::Result<()> {
    // The captures lie beside the repository where the project is developed; a clone alone has only tests/data.
    if !cargo::root().join("../shared/pcaps/open").is_dir() {
        println!("no ../shared/pcaps/open here: the comparison ran over tests/data only");
        return Ok(());
    }
    let peers = find("peers").and_then(|command| command.program).context("peers is a program")?;
    let command = steps.take("build of the comparison", || program::build("peers", peers))?;
    steps.run("comparison over all captures", command)
}
