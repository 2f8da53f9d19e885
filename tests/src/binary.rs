//! The program under test: built beside the test, and never older than its sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::bpf::root;

/// `SENSOR_BINARY`, else what cargo builds beside this test.
pub fn sensor_binary() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| std::env::var_os("SENSOR_BINARY").map_or_else(beside_this, PathBuf::from)).clone()
}

/// Cargo does not build another package's program for a test of this package, so a stale one would be tested unnoticed.
fn beside_this() -> PathBuf {
    let here = std::env::current_exe().expect("a running program has a path");
    // target/debug/deps/TEST-hash, or target/release/demo
    let folder = here.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).expect("a file is in a folder");
    let binary = folder.join("sensor");
    if !is_fresh(&binary) {
        build(folder);
    }
    binary
}

/// Whether none of the sources that cargo lists beside it has changed since it was built.
fn is_fresh(binary: &Path) -> bool {
    let (Ok(sources), Some(built)) = (std::fs::read_to_string(binary.with_extension("d")), changed(binary)) else {
        return false;
    };
    // `BINARY: SOURCE SOURCE`, with a backslash before a space that belongs to a name.
    let sources = sources.replace("\\ ", "\0");
    sources.split_whitespace().skip(1).all(|source| {
        let source = source.replace('\0', " ");
        changed(Path::new(&source)).is_some_and(|changed| changed <= built)
    })
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--package", "sensor", "--profile", profile, "--target-dir"]);
    let status = command.arg(folder.parent().expect("a profile's folder is in target")).current_dir(root()).status();
    assert!(status.is_ok_and(|status| status.success()), "the sensor does not build: run `cargo build -p sensor`");
}
