//! Builds, checks, shows and measures the sensor: one file a subcommand.

use clap::{Parser, Subcommand};

mod bench;
mod build_ebpf;
mod ci;
mod demo;
mod lab;
mod peers;
mod prints;
mod run;
mod setup;
mod test;
mod verify;
mod week;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks, shows and measures the sensor")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure against peers and floors in the same run; writes a table
    Bench(bench::Args),
    /// Build the BPF object from source and record what it was built from
    BuildEbpf(build_ebpf::Args),
    /// What continuous integration runs
    Ci(ci::Args),
    /// Build a small network of namespaces, run the sensor in it and watch
    Demo(demo::Args),
    /// Build the lab's network and keep it until Enter is pressed
    Lab(lab::Args),
    /// Compare the decoders with an independent one's answers
    Peers(peers::Args),
    /// Compare the fingerprints of TCP with those of p0f and prads
    Prints(prints::Args),
    /// Build the sensor and listen on the interface of the default route
    Run(run::Args),
    /// Install what the tests need and run all of them
    Test(test::Args),
    /// Load the BPF object and show what the verifier says
    Verify(verify::Args),
    /// Live through simulated weeks of an office and hold what is told against the truth
    Week(week::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::BuildEbpf(args) => build_ebpf::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Lab(args) => lab::run(&args),
        Command::Peers(args) => peers::run(&args),
        Command::Prints(args) => prints::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Week(args) => week::run(&args),
    }
}
