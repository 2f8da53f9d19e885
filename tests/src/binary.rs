//! The program under test.

use std::path::PathBuf;

/// `SENSOR_BINARY`, else what cargo built beside this test.
pub fn sensor_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SENSOR_BINARY") {
        return path.into();
    }
    let here = std::env::current_exe().expect("a running program has a path");
    // target/debug/deps/TEST-hash, or target/debug/xtask
    let found = here.ancestors().skip(1).take(2).map(|folder| folder.join("sensor")).find(|path| path.is_file());
    found.expect("the sensor is not built: run `cargo build -p sensor` first")
}
