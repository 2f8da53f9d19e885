//! What the configuration takes from the machine it runs on: its name, the user, the folder for state.

use std::path::{Path, PathBuf};

/// The database when none is named: in systemd's state directory, in root's, or in the user's.
pub fn default_db() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(list) = folder("STATE_DIRECTORY") {
        // systemd separates several directories with colons; ours is the first.
        let first = list.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        return Path::new(&first).join("sensor.db");
    }
    if user() == 0 {
        return PathBuf::from("/var/lib/sensor/sensor.db");
    }
    let state = folder("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| folder("HOME").map(|home| Path::new(&home).join(".local/state")));
    state.unwrap_or_default().join("sensor/sensor.db")
}

/// The state file of `sensor watch` when none is named: beside the default database, but root has a folder for it.
pub(super) fn default_watch_state() -> PathBuf {
    if std::env::var_os("STATE_DIRECTORY").is_none() && user() == 0 {
        return PathBuf::from("/var/lib/sensor-watch/watch.json");
    }
    default_db().with_file_name("watch.json")
}

/// This machine's name, as `uname -n` prints it; `sensor` where it has none.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "sensor".to_owned() } else { name }
}

/// The number of the user by whose rights this process acts; 0: root.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
