//! Installs what the tests need and runs all of them: format, lints, the BPF object, every test.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};

use crate::{build_ebpf, run, setup};

/// The subcommand's arguments.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Leave out the BPF toolchain: test the committed object only
    #[arg(long)]
    committed_object: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    setup::install_test_packages()?;
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    cargo(&["build", "--locked", "--workspace", "--all-targets"], &[])?;
    // Once as it is delivered, and the kernel's tests once more against an object made from the sources at hand.
    test(&["--workspace"], &[])?;
    if !args.committed_object {
        let fresh = build_ebpf::fresh()?;
        let fresh = fresh.to_string_lossy().into_owned();
        test(
            &["--package", "sensor-tests", "--test", "kernel", "--test", "differential", "--test", "capture_live"],
            &[("SENSOR_BPF_OBJECT", &fresh)],
        )?;
    }
    print_count();
    Ok(())
}

/// `N passed, N failed`: what the whole run came to.
pub(crate) fn print_count() {
    println!("{} passed, 0 failed", PASSED.load(Ordering::Relaxed));
}

/// This machine's target in the form of cargo's variables.
const HOST: &str = if cfg!(target_arch = "aarch64") { "AARCH64_UNKNOWN_LINUX_GNU" } else { "X86_64_UNKNOWN_LINUX_GNU" };

static PASSED: AtomicU64 = AtomicU64::new(0);

fn test(selection: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut words = vec!["test", "--locked", "--no-fail-fast"];
    words.extend_from_slice(selection);
    let output = command(&words, variables).stdout(Stdio::piped()).spawn()?;
    let output = tee(output)?;
    PASSED.fetch_add(output.passed, Ordering::Relaxed);
    if !output.success {
        bail!("tests failed: cargo {}", words.join(" "));
    }
    if output.ignored > 0 && std::env::var_os("CI").is_some() {
        bail!("{} tests were left out, which is not allowed here", output.ignored);
    }
    Ok(())
}

struct Outcome {
    success: bool,
    passed: u64,
    ignored: u64,
}

/// Shows the test runner's lines as they come, and adds up its closing ones.
fn tee(mut child: std::process::Child) -> anyhow::Result<Outcome> {
    use std::io::BufRead;
    let stdout = child.stdout.take().context("the runner's output is piped")?;
    let mut outcome = Outcome { success: false, passed: 0, ignored: 0 };
    for line in std::io::BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        if let Some(counts) = line.strip_prefix("test result: ") {
            outcome.passed += count(counts, " passed");
            outcome.ignored += count(counts, " ignored");
        }
    }
    outcome.success = child.wait()?.success();
    Ok(outcome)
}

fn count(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default();
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn cargo(words: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    match command(words, variables).status()?.success() {
        true => Ok(()),
        false => bail!("failed: cargo {}", words.join(" ")),
    }
}

fn command(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(words).envs(variables.iter().copied()).current_dir(sensor_tests::bpf::root());
    command.env("SENSOR_BINARY", run::target_folder().join("debug/sensor"));
    if !run::is_root() {
        // Namespaces, XDP and packet sockets need root; building does not, and root's files in `target` would be in the way.
        command.env(format!("CARGO_TARGET_{}_RUNNER", HOST), "sudo --preserve-env --");
    }
    println!("$ cargo {}", words.join(" "));
    command
}
