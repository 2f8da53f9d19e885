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
    let mut steps = Steps::begin();
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
    // The lab waits most of the time: the object is built meanwhile.
    let object = (!committed_object).then(|| std::thread::spawn(build_object));
    for (name, program, flags) in BESIDE {
        steps.test(name, integration(program, flags))?;
    }
    let object =
        object.map(|building| building.join().map_err(|_| anyhow::anyhow!("the build of the object panicked")));
    if let Some((built, fresh)) = object.transpose()? {
        steps.join(built);
        if let Some(fresh) = fresh? {
            steps.test("kernel, fresh object", fresh)?;
        }
    }
    let (name, program, flags) = ALONE;
    steps.test(name, integration(program, flags))
}

/// Builds the BPF object and compares it with the committed one. Returns the steps, and the tests to be run again where the
/// two differ.
fn build_object() -> (Steps, anyhow::Result<Option<Command>>) {
    let mut steps = Steps::default();
    let tests = steps
        .take("BPF toolchain", bpf::install)
        .and_then(|()| steps.take("BPF object", bpf::build_and_compare))
        .and_then(|fresh| {
            let is_same = std::fs::read(&fresh)? == std::fs::read(bpf::committed_object())?;
            Ok((!is_same).then(|| {
                let mut kernel = integration("kernel", &[]);
                kernel.env("SENSOR_BPF_OBJECT", &fresh);
                kernel
            }))
        });
    (steps, tests)
}

/// A run of integration tests: its name, the program, and flags.
type Run = (&'static str, &'static str, &'static [&'static str]);

/// What may run while something is built. Most of the lab's tests wait for daemons and timers most of the time, and several
/// run at once.
const BESIDE: [Run; 4] = [
    ("pure", "pure", &[]),
    ("cli", "cli", &[]),
    ("kernel", "kernel", &[]),
    ("lab", "lab", &["--skip", "alone::", "--skip", "watch::a_burst", "--test-threads", "6"]),
];
/// The lab's tests that send as fast as they can.
const ALONE: Run = ("lab, one by one", "lab", &["alone::", "watch::a_burst", "--test-threads", "1"]);

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
