//! Measures against floors and peers in the same run; one file a bench, each answers with a section of markdown.

use anyhow::Context as _;
use clap::ValueEnum;
use sensor_tests::bpf::root;

mod kernel;
mod live;
mod measure;
mod replay;
mod sweep;
mod traffic;

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which bench; all of them when none is named
    which: Option<Bench>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Nanoseconds per frame in the XDP program, against a program that does nothing
    Kernel,
    /// A port under more frames than it can take, beside bare programs, tcpdump, arpwatch, prads and p0f
    Live,
    /// A capture of a million frames, beside tcpdump, p0f, prads and tshark
    Replay,
    /// Sweeps by ARP, ICMP and TCP, beside arp-scan, nmap, fping, zmap and masscan
    Sweep,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut page = format!("# Measured\n\n{}\n", machine());
    for bench in Bench::value_variants() {
        if args.which.is_some_and(|which| which != *bench) {
            continue;
        }
        page += "\n";
        page += &match bench {
            Bench::Kernel => kernel::run()?,
            Bench::Live => live::run()?,
            Bench::Replay => replay::run()?,
            Bench::Sweep => sweep::run()?,
        };
    }
    let path = root().join("target/bench.md");
    std::fs::write(&path, &page).with_context(|| path.display().to_string())?;
    println!("{page}\nwritten to {}", path.display());
    Ok(())
}

/// How many processors there are to share.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What the figures were measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    format!(
        "- processor: {} ({} available)\n- kernel: {}",
        model.trim_start_matches([' ', '\t', ':']),
        cpus(),
        read("/proc/sys/kernel/osrelease").trim()
    )
}
