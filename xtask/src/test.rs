//! Installs what the tests need and runs all of them: format, lints, the BPF object, every test.

use std::process::Command;

use xtask::arguments::Arguments;
use xtask::cargo::{Profile, cargo};
use xtask::root::is_root;
use xtask::{bpf, packages};

use crate::steps::Steps;

/// This machine's target in the form of cargo's variables.
const HOST: &str = if cfg!(target_arch = "aarch64") { "AARCH64_UNKNOWN_LINUX_GNU" } else { "X86_64_UNKNOWN_LINUX_GNU" };

pub(crate) fn run(given: &Arguments) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let done = test(&mut steps, given.has("--committed-object"));
    // The table and the count are of interest also when a step failed.
    let finished = steps.finish();
    done.and(finished)
}

/// Everything that is tested; with `committed_object` without the BPF toolchain.
pub(crate) fn test(steps: &mut Steps, committed_object: bool) -> anyhow::Result<()> {
    steps.take("packages", packages::install_test_packages)?;
    steps.run("format", command(&["fmt", "--all", "--check"]))?;
    steps.run("lints", command(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    steps.run("build of the tests", command(&["test", "--locked", "--workspace", "--no-run"]))?;
    // Tests of one package do not build the program of another.
    steps.run("build of the program", command(&["build", "--locked", "--workspace"]))?;
    steps.test("unit tests", command(&["test", "--locked", "--workspace", "--lib", "--bins", "--no-fail-fast"]))?;
    for (name, program, flags) in TESTS {
        steps.test(name, integration(program, flags))?;
    }
    if !committed_object {
        steps.take("BPF toolchain", bpf::install)?;
        let fresh = steps.take("BPF object", bpf::build_and_compare)?;
        if std::fs::read(&fresh)? != std::fs::read(bpf::committed_object())? {
            let mut kernel = integration("kernel", &[]);
            kernel.env("SENSOR_BPF_OBJECT", &fresh);
            steps.test("kernel, fresh object", kernel)?;
        }
    }
    Ok(())
}

/// What runs of the integration tests: a name, the program, and its flags. Most of the lab's tests wait for daemons and timers
/// most of the time, and several run at once; those in `alone` send as fast as they can.
const TESTS: [(&str, &str, &[&str]); 5] = [
    ("pure", "pure", &[]),
    ("cli", "cli", &[]),
    ("kernel", "kernel", &[]),
    ("lab", "lab", &["--skip", "alone::", "--test-threads", "6"]),
    ("lab, one by one", "lab", &["alone::", "--test-threads", "1"]),
];

fn integration(name: &str, flags: &[&str]) -> Command {
    let mut command =
        command(&["test", "--locked", "--package", "sensor-tests", "--test", name, "--no-fail-fast", "--"]);
    command.args(flags);
    command
}

/// Cargo with the settings of all steps.
fn command(words: &[&str]) -> Command {
    let mut command = cargo();
    command.args(words);
    command.env("SENSOR_BINARY", Profile::Dev.folder().join("sensor"));
    if !is_root() {
        // Namespaces, XDP and packet sockets need root; building does not, and root's files in `target` would be in the way.
        command.env(format!("CARGO_TARGET_{HOST}_RUNNER"), "sudo --preserve-env --");
    }
    command
}
