//! Builds the BPF object from source, reproducibly, and records what it was built from.
//!
//! The object is committed: whoever builds the sensor needs stable Rust and nothing else. Whoever changes
//! `sensor-ebpf` runs this and commits the result; the tests fail when that was forgotten.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use sensor_tests::bpf::{DIGEST_MARK, digest_in, root, sha256, source_digest};
use serde::{Deserialize, Serialize};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build beside the committed object and compare: fails when that one is stale or not reproduced
    #[arg(long, conflicts_with = "out")]
    check: bool,
    /// Install what is missing: Debian packages and bpf-linker (needs root and the network)
    #[arg(long)]
    install: bool,
    /// Keep the program's own log lines; such an object is not for committing
    #[arg(long, requires = "out")]
    log: bool,
    /// Where to write the object and its manifest, instead of sensor-ebpf/prebuilt
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is written beside the object.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Manifest {
    /// Over our sources, see `source_digest`.
    source_digest: String,
    /// Of the object's bytes.
    object_sha256: String,
    /// `rustc --version` of the compiler.
    rustc: String,
    /// `bpf-linker --version`.
    bpf_linker: String,
    /// The LLVM of the tools that finished the object.
    llvm: String,
}

const OBJECT: &str = "sensor.bpfel.o";
const MANIFEST: &str = "manifest.json";
const BPF_LINKER_VERSION: &str = "0.13.0";
/// Debian's compiler with its library's sources, and the LLVM that bpf-linker is built on.
const DEBIAN: [&str; 5] = ["llvm-22-dev", "libpolly-22-dev", "rustc-web", "cargo-web", "rust-web-src"];
const HOW: &str = "\n  on Debian:   apt-get install llvm-22-dev libpolly-22-dev rustc-web cargo-web rust-web-src\
                   \n  elsewhere:   rustup toolchain install nightly --component rust-src, and LLVM 22\
                   \n  both:        cargo install bpf-linker --version 0.13.0\
                   \nor let `cargo xtask build-ebpf --install` do it (Debian, root)";

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let root = root();
    if args.install {
        install()?;
    }
    let tools = Tools::find()?;
    let committed = root.join("sensor-ebpf/prebuilt");
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None if args.check => root.join("target/bpf/check"),
        None => committed.clone(),
    };
    let manifest = build(&root, &tools, &folder, args.log)?;
    println!("{}: sha256 {}", folder.join(OBJECT).display(), manifest.object_sha256);
    if args.check {
        compare(&committed, &manifest)?;
    }
    Ok(())
}

/// An object built from the sources at hand, with what that needs installed, and held against the committed one.
pub(crate) fn fresh() -> anyhow::Result<PathBuf> {
    install()?;
    let folder = root().join("target/bpf/check");
    let manifest = build(&root(), &Tools::find()?, &folder, false)?;
    compare(&root().join("sensor-ebpf/prebuilt"), &manifest)?;
    Ok(folder.join(OBJECT))
}

/// Builds into `folder`, which is made.
fn build(root: &Path, tools: &Tools, folder: &Path, log: bool) -> anyhow::Result<Manifest> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let digest = source_digest(root)?;
    let object = folder.join(OBJECT);
    let features: &[&str] = if log { &["--features", "log"] } else { &[] };
    compile(root, tools, "sensor-ebpf", features, &digest, &object)?;
    let bytes = std::fs::read(&object)?;
    ensure!(digest_in(&bytes).as_ref() == Some(&digest), "the object does not carry the digest of its sources");
    let manifest = Manifest {
        source_digest: digest,
        object_sha256: sha256(&bytes),
        rustc: version_of(&tools.rustc)?,
        bpf_linker: version_of(&tools.linker)?,
        llvm: version_of(&tools.strip)?,
    };
    std::fs::write(folder.join(MANIFEST), serde_json::to_string_pretty(&manifest)? + "\n")?;
    Ok(manifest)
}

/// The program that makes the live bench's traffic, built now: it is not for users, so it is not committed.
pub(crate) fn sender() -> anyhow::Result<PathBuf> {
    install()?;
    let object = root().join("target/bpf/bench-sender.bpfel.o");
    compile(&root(), &Tools::find()?, "bench-sender", &[], "", &object)?;
    Ok(object)
}

/// Compiles a package of the workspace, whose program has the package's name, to a stripped object.
fn compile(
    root: &Path,
    tools: &Tools,
    package: &str,
    features: &[&str],
    digest: &str,
    object: &Path,
) -> anyhow::Result<()> {
    let target = root.join("target/bpf");
    // The registry's folder must exist before its path can be replaced.
    run_quietly(tools.cargo(root).args(["fetch", "--locked"]))?;
    let mut build = tools.cargo(root);
    build
        .args(["build", "--locked", "--package", package, "--bins", "--profile", "bpf"])
        .args(["--target", "bpfel-unknown-none", "-Zbuild-std=core", "--target-dir"])
        .arg(&target)
        .args(features)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(root)?.join("\u{1f}"))
        .env("SENSOR_SOURCE_DIGEST", format!("{DIGEST_MARK}{digest}"));
    run_quietly(&mut build)?;
    // Debug information goes (it holds paths), BTF and its line numbers stay for the verifier's log.
    let linked = target.join("bpfel-unknown-none/bpf").join(package);
    run_quietly(Command::new(&tools.strip).arg("-g").arg("-o").arg(object).arg(&linked))
}

/// Holds the committed object against a fresh one.
fn compare(committed: &Path, fresh: &Manifest) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(committed.join(MANIFEST))
        .with_context(|| format!("{}: run `cargo xtask build-ebpf` and commit it", committed.display()))?;
    let recorded: Manifest = serde_json::from_str(&text)?;
    ensure!(
        recorded.source_digest == fresh.source_digest,
        "the committed object was built from other sources: run `cargo xtask build-ebpf` and commit the result"
    );
    let present = sha256(&std::fs::read(committed.join(OBJECT))?);
    ensure!(present == recorded.object_sha256, "the committed object is not the one that its manifest describes");
    let tools = |manifest: &Manifest| [manifest.rustc.clone(), manifest.bpf_linker.clone(), manifest.llvm.clone()];
    if tools(&recorded) != tools(fresh) {
        println!("built with other versions than recorded, so the bytes may differ: {:?}", tools(&recorded));
        return Ok(());
    }
    ensure!(
        recorded.object_sha256 == fresh.object_sha256,
        "the same sources and tools made another object: the build is not reproducible"
    );
    println!("the committed object is reproduced, byte for byte");
    Ok(())
}

/// No path of this machine may get into the object.
fn rust_flags(root: &Path) -> anyhow::Result<Vec<String>> {
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
        format!("--remap-path-prefix={}=/src", root.display()),
    ];
    for registry in std::fs::read_dir(home.join("registry/src")).into_iter().flatten() {
        flags.push(format!("--remap-path-prefix={}=/reg", registry?.path().display()));
    }
    Ok(flags)
}

/// What builds the object.
struct Tools {
    cargo: PathBuf,
    rustc: PathBuf,
    linker: PathBuf,
    strip: PathBuf,
}

impl Tools {
    fn find() -> anyhow::Result<Self> {
        let Some((cargo, rustc)) = debian_compiler().or_else(rustup_nightly) else {
            bail!("no Rust compiler here can build for BPF: it needs the library's sources. Install{HOW}");
        };
        let Some(linker) = find_program("bpf-linker") else {
            bail!("bpf-linker is missing. Install{HOW}");
        };
        let Some(strip) = ["llvm-strip-22", "llvm-strip", "rust-strip"].iter().find_map(|name| find_program(name))
        else {
            bail!("llvm-strip is missing. Install{HOW}");
        };
        Ok(Self { cargo, rustc, linker, strip })
    }

    fn cargo(&self, root: &Path) -> Command {
        let mut folders: Vec<PathBuf> = self.linker.parent().map(Path::to_owned).into_iter().collect();
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut cargo = Command::new(&self.cargo);
        // What `cargo xtask` was started with belongs to another toolchain.
        for name in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO"] {
            cargo.env_remove(name);
        }
        cargo
            .current_dir(root)
            .env("RUSTC", &self.rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("PATH", std::env::join_paths(folders).unwrap_or_default());
        cargo
    }
}

/// Debian's `rustc-web`, whose library's sources `rust-web-src` installs.
fn debian_compiler() -> Option<(PathBuf, PathBuf)> {
    let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
    (cargo.exists() && has_sources(&rustc)).then_some((cargo, rustc))
}

fn rustup_nightly() -> Option<(PathBuf, PathBuf)> {
    let which = |tool: &str| {
        let answer = Command::new("rustup").args(["which", "--toolchain", "nightly", tool]).output().ok()?;
        answer.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()))
    };
    let (cargo, rustc) = (which("cargo")?, which("rustc")?);
    has_sources(&rustc).then_some((cargo, rustc))
}

fn has_sources(rustc: &Path) -> bool {
    let Ok(answer) = Command::new(rustc).args(["--print", "sysroot"]).output() else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").exists()
}

/// In the PATH, or where this project's and cargo's own installations put it.
fn find_program(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    folders.push(root().join("target/tools/bin"));
    folders.push("/usr/lib/llvm-22/bin".into());
    folders.extend(std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin")));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn install() -> anyhow::Result<()> {
    if debian_compiler().is_none() && rustup_nightly().is_none() || find_program("llvm-strip-22").is_none() {
        crate::setup::install(&DEBIAN)?;
    }
    if find_program("bpf-linker").is_none() {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", "bpf-linker", "--version", BPF_LINKER_VERSION, "--no-default-features"])
            .args(["--features", "llvm-22", "--root"])
            .arg(root().join("target/tools"))
            .env("LLVM_PREFIX", "/usr/lib/llvm-22");
        run_quietly(&mut cargo)?;
    }
    Ok(())
}

fn version_of(program: &Path) -> anyhow::Result<String> {
    let answer = Command::new(program).arg("--version").output().with_context(|| program.display().to_string())?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    // llvm-strip says its version in the second line.
    let line = text.lines().find(|line| line.chars().any(|c| c.is_ascii_digit())).unwrap_or_default();
    Ok(line.trim().to_owned())
}

/// Runs a command; what it printed is shown when it fails.
fn run_quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{:?} failed:\n{}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
