//! Loads the BPF object and shows how much the kernel's verifier had to check and how large its compiler's output is.

use aya::programs::Xdp;
use sensor_tests::bpf::{Kernel, Options, object_path, require_root};
use xtask::bpf::digest::digest_in;

/// How many instructions the verifier may have to check for a program: a quarter above what Linux 6.18 needed when this
/// was last set. The kernel's own limit is a million (Linux 5.2); kernels differ in how many they need for the same
/// program.
const BUDGETS: [(&str, u32); 3] = [("sensor_host", 320_000), ("sensor_mirror", 320_000), ("bare_pass", 8)];

fn main() -> anyhow::Result<()> {
    anyhow::ensure!(require_root(), "loading a BPF program needs root: run it with sudo");
    let path = object_path();
    let object = std::fs::read(&path)?;
    println!("{} ({} bytes)", path.display(), object.len());
    println!("built from sources {}", digest_in(&object).unwrap_or_else(|| "unknown".to_owned()));
    // With the gate on, the verifier checks all of the program.
    let kernel = Kernel::load_bytes(&object, Options { refresh: 900, ..Options::default() })?;
    println!("{:<14} {:>9} {:>9} {:>9} {:>9}", "program", "verified", "budget", "xlated", "jited");
    let mut over = Vec::new();
    for (name, budget) in BUDGETS {
        let program: &Xdp = kernel.program(name);
        let info = program.info()?;
        let verified = info.verified_instruction_count();
        println!(
            "{name:<14} {:>9} {budget:>9} {:>9} {:>9}",
            // Known since Linux 5.16.
            verified.map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
            info.size_translated().unwrap_or_default(),
            info.size_jitted(),
        );
        over.extend(verified.filter(|&count| count > budget).map(|_| name));
    }
    anyhow::ensure!(over.is_empty(), "over the budget: {over:?}. Make it simpler, or raise the budget and say why");
    Ok(())
}
