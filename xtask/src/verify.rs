//! Loads the BPF object and shows what the verifier and the compiler in the kernel made of it.

use aya::programs::Xdp;
use sensor_tests::bpf::{Kernel, Options, digest_in, object_path, require_root};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::ensure!(require_root(), "loading a BPF program needs root: run it with sudo");
    let path = object_path();
    let object = std::fs::read(&path)?;
    println!("{} ({} bytes)", path.display(), object.len());
    println!("built from sources {}", digest_in(&object).unwrap_or_else(|| "unknown".to_owned()));
    // With the gate on, the verifier sees all of the program.
    let kernel = Kernel::load_bytes(&object, Options { refresh: 900, ..Options::default() })?;
    println!("{:<14} {:>9} {:>9} {:>9}", "program", "verified", "xlated", "jited");
    for name in ["sensor_host", "sensor_mirror", "bare_pass"] {
        let program: &Xdp = kernel.program(name);
        let info = program.info()?;
        println!(
            "{name:<14} {:>9} {:>9} {:>9}",
            info.verified_instruction_count().unwrap_or_default(),
            info.size_translated().unwrap_or_default(),
            info.size_jitted(),
        );
    }
    Ok(())
}
