//! Building with the cargo that built this.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

/// How something is built (`[profile.*]` in the workspace's `Cargo.toml`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For tests: quick to build again after a change.
    Dev,
    /// What packages contain and what is measured: it takes long to build.
    Dist,
    /// What a person builds: quick to build from nothing.
    Release,
}

impl Profile {
    /// Cargo's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Dist => "dist",
            Self::Release => "release",
        }
    }

    /// The folder in the target folder where its programs are.
    pub fn folder(self) -> PathBuf {
        target_folder().join(if self == Self::Dev { "debug" } else { self.name() })
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the repository").to_owned()
}

/// Where cargo builds.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Cargo in the repository's root.
pub fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root());
    command
}

/// Builds programs, named as `(package, program)`, together: what they share is compiled once.
pub fn build(profile: Profile, programs: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["build", "--locked", "--profile", profile.name()]);
    for (package, program) in programs {
        command.args(["--package", package, "--bin", program]);
    }
    match command.status()?.success() {
        true => Ok(()),
        false => bail!("the build failed; the compiler's messages are above"),
    }
}
