//! What continuous integration runs: the README's test command, then the comparison over all captures at hand.

use std::path::Path;
use std::time::Instant;

use crate::{peers, test};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    let begun = Instant::now();
    test::run(&test::Args::default())?;
    // The captures lie beside the repository where the project is developed; a clone alone has only tests/data.
    if Path::new("../shared/pcaps/open").is_dir() {
        peers::run(&peers::Args::default())?;
    } else {
        println!("no ../shared/pcaps/open here: the comparison ran over tests/data only");
    }
    println!("all of it took {} s", begun.elapsed().as_secs());
    test::print_count();
    Ok(())
}
