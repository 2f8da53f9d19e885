//! Defaults that depend on the machine.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

/// The database when none is named: systemd's state directory, root's, or the user's.
pub fn default_db() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(list) = folder("STATE_DIRECTORY") {
        // systemd separates several directories with colons; ours is the first.
        let first = list.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        return Path::new(&first).join("sensor.db");
    }
    // SAFETY: `geteuid` has no preconditions and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        return PathBuf::from("/var/lib/sensor/sensor.db");
    }
    let state = folder("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| folder("HOME").map(|home| Path::new(&home).join(".local/state")));
    state.unwrap_or_default().join("sensor/sensor.db")
}

/// This box's name (gethostname(2)).
pub fn host_name() -> String {
    // Linux's `HOST_NAME_MAX`, and a NUL.
    let mut name = [0_u8; 65];
    // SAFETY: the call writes at most as many bytes as the buffer has.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|name| result == 0 && !name.is_empty());
    name.map_or_else(|| "sensor".to_owned(), |name| name.to_string_lossy().into_owned())
}
