//! Builds the BPF object from source, reproducibly, and records what it was built from.
//!
//! The object is committed: whoever builds the sensor needs stable Rust and nothing else. Whoever changes
//! `sensor-ebpf` runs `cargo xtask build-ebpf` and commits the result; the tests fail when that was forgotten.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use self::digest::{DIGEST_MARK, digest_in, sha256, source_digest};
use self::manifest::Manifest;
use self::tools::{Tools, run_quietly};
use crate::cargo::root;

/// What an object was built from, as one number.
pub mod digest;
/// The file that stands beside the object.
mod manifest;
/// The compiler, the linker and the rest.
mod tools;

pub use self::tools::install;

const OBJECT: &str = "sensor.bpfel.o";
const MANIFEST: &str = "manifest.json";

/// Where the committed object and its manifest are.
pub fn committed() -> PathBuf {
    root().join("sensor-ebpf/prebuilt")
}

/// The committed object.
pub fn committed_object() -> PathBuf {
    committed().join(OBJECT)
}

/// Builds the object and its manifest into `folder`, which is made; says where the object is.
pub fn build(folder: &Path, log: bool) -> anyhow::Result<PathBuf> {
    make(folder, log).map(|(object, _)| object)
}

/// Builds the object beside the committed one and compares the two; says where it is.
pub fn build_and_compare() -> anyhow::Result<PathBuf> {
    let (object, manifest) = make(&root().join("target/bpf/check"), false)?;
    compare(&committed(), &manifest)?;
    Ok(object)
}

/// Builds the program that makes the live bench's traffic; it is not for users, so it is not committed.
pub fn build_sender() -> anyhow::Result<PathBuf> {
    install()?;
    let object = root().join("target/bpf/bench-sender.bpfel.o");
    compile(&Tools::find()?, "bench-sender", &[], "", &object)?;
    Ok(object)
}

fn make(folder: &Path, log: bool) -> anyhow::Result<(PathBuf, Manifest)> {
    let tools = Tools::find()?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let digest = source_digest(&root())?;
    let object = folder.join(OBJECT);
    let features: &[&str] = if log { &["--features", "log"] } else { &[] };
    compile(&tools, "sensor-ebpf", features, &digest, &object)?;
    let bytes = std::fs::read(&object)?;
    ensure!(digest_in(&bytes).as_ref() == Some(&digest), "the object does not carry the digest of its sources");
    let manifest = Manifest::of(digest, sha256(&bytes)?, &tools)?;
    std::fs::write(folder.join(MANIFEST), manifest.json())?;
    println!("{}: sha256 {}", object.display(), manifest.object_sha256);
    Ok((object, manifest))
}

/// Compiles a package of the workspace, whose program has the package's name, to a stripped object.
fn compile(tools: &Tools, package: &str, features: &[&str], digest: &str, object: &Path) -> anyhow::Result<()> {
    let target = root().join("target/bpf");
    // The registry's folder must exist before its path can be replaced.
    run_quietly(tools.cargo().args(["fetch", "--locked"]))?;
    let mut build = tools.cargo();
    build
        .args(["build", "--locked", "--package", package, "--bins", "--profile", "bpf"])
        .args(["--target", "bpfel-unknown-none", "-Zbuild-std=core", "--target-dir"])
        .arg(&target)
        .args(features)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags()?.join("\u{1f}"))
        .env("SENSOR_SOURCE_DIGEST", format!("{DIGEST_MARK}{digest}"));
    run_quietly(&mut build)?;
    // Debug information goes (it holds paths), BTF and its line numbers stay for the verifier's log.
    let linked = target.join("bpfel-unknown-none/bpf").join(package);
    run_quietly(Command::new(&tools.strip).arg("-g").arg("-o").arg(object).arg(&linked))
}

/// Compares the committed object with what a fresh build came to.
fn compare(committed: &Path, fresh: &Manifest) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(committed.join(MANIFEST))
        .with_context(|| format!("{}: run `cargo xtask build-ebpf` and commit it", committed.display()))?;
    let recorded = Manifest::parse(&text)?;
    ensure!(
        recorded.source_digest == fresh.source_digest,
        "the committed object was built from other sources: run `cargo xtask build-ebpf` and commit the result"
    );
    let present = sha256(&std::fs::read(committed.join(OBJECT))?)?;
    ensure!(present == recorded.object_sha256, "the committed object is not the one that its manifest describes");
    if recorded.tools() != fresh.tools() {
        println!("built with other versions than recorded, so the bytes may differ: {:?}", recorded.tools());
        return Ok(());
    }
    ensure!(
        recorded.object_sha256 == fresh.object_sha256,
        "the same sources and tools made another object: the build is not reproducible"
    );
    println!("the committed object is reproduced, byte for byte");
    Ok(())
}

/// Flags of the compiler. No path of this machine may get into the object.
fn rust_flags() -> anyhow::Result<Vec<String>> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?).join(".cargo"),
    };
    let mut flags = vec![
        "--cfg=bpf_target_arch=\"x86_64\"".to_owned(),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        // x86-64 and arm64 read packets a word at a time; without this LLVM puts each word together from bytes.
        "-Ctarget-feature=+allows-misaligned-mem-access".to_owned(),
        format!("--remap-path-prefix={}=/src", root().display()),
    ];
    for registry in std::fs::read_dir(home.join("registry/src")).into_iter().flatten() {
        flags.push(format!("--remap-path-prefix={}=/reg", registry?.path().display()));
    }
    Ok(flags)
}
