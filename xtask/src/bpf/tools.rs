//! What builds the object: a Rust compiler with its library's sources, bpf-linker and LLVM's strip; where they are
//! found, and how they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cargo::root;
use crate::packages;

const BPF_LINKER_VERSION: &str = "0.13.0";
/// Debian's compiler with its library's sources, and the LLVM that bpf-linker is built on.
const DEBIAN: [&str; 5] = ["llvm-22-dev", "libpolly-22-dev", "rustc-web", "cargo-web", "rust-web-src"];
const HOW: &str = "\n  on Debian:   apt-get install llvm-22-dev libpolly-22-dev rustc-web cargo-web rust-web-src\
                   \n  elsewhere:   rustup toolchain install nightly --component rust-src, and LLVM 22\
                   \n  both:        cargo install bpf-linker --version 0.13.0\
                   \nor let `cargo xtask build-ebpf --install` do it (Debian, root)";

/// What builds the object.
pub(super) struct Tools {
    cargo: PathBuf,
    /// The compiler.
    pub(super) rustc: PathBuf,
    /// bpf-linker.
    pub(super) linker: PathBuf,
    /// llvm-strip.
    pub(super) strip: PathBuf,
}

impl Tools {
    /// Those of this machine.
    pub(super) fn find() -> anyhow::Result<Self> {
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

    /// Cargo with this compiler and linker, in the repository's root.
    pub(super) fn cargo(&self) -> Command {
        let mut folders: Vec<PathBuf> = self.linker.parent().map(Path::to_owned).into_iter().collect();
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut cargo = Command::new(&self.cargo);
        // What `cargo xtask` was started with belongs to another toolchain.
        for name in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO"] {
            cargo.env_remove(name);
        }
        cargo
            .current_dir(root())
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

/// Installs what is missing: on Debian, as root or by sudo.
pub fn install() -> anyhow::Result<()> {
    if debian_compiler().is_none() && rustup_nightly().is_none() || find_program("llvm-strip-22").is_none() {
        packages::install(&DEBIAN)?;
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

/// The line of `--version` that has a number.
pub(super) fn version_of(program: &Path) -> anyhow::Result<String> {
    let answer = Command::new(program).arg("--version").output().with_context(|| program.display().to_string())?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    // llvm-strip says its version in the second line.
    let line = text.lines().find(|line| line.chars().any(|c| c.is_ascii_digit())).unwrap_or_default();
    Ok(line.trim().to_owned())
}

/// Runs a command; what it printed is shown when it fails.
pub(super) fn run_quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{:?} failed:\n{}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
