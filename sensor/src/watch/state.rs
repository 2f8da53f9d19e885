//! What survives the watcher: its place in the journal, the ids it has seen, and how far each alert has come. It is one
//! small file that is replaced as a whole, and covers only what was delivered or is in the spool.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::watch::gate::Gate;
use crate::watch::sequence::Sequences;
use crate::watch::spool::Position;

/// What is saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The last journal entry whose event is delivered or in the spool.
    pub cursor: Option<String>,
    /// Where to begin where there is no cursor: microseconds since 1970.
    pub since_us: i64,
    /// The ids that came, by database.
    pub sequences: Sequences,
    /// How far each alert has come, by its name.
    pub alerts: BTreeMap<String, AlertProgress>,
}

/// How far an alert has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertProgress {
    /// Events before this are delivered, or counted in the gate.
    pub position: Position,
    /// What the alert held back.
    pub gate: Gate,
}

/// The file, locked against another watcher.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// Held as long as this lives.
    _lock: File,
}

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another watcher has it.
    #[error("{0}: another `sensor watch` keeps its state there; stop it, or name another file with --state")]
    Busy(PathBuf),
    /// The file is not ours, or damaged.
    #[error("{path}: not a watcher's state ({error}); move it away to begin anew, or name another file with --state")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// It cannot be read or written.
    #[error("{path}: {error}; name another file with --state")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl StateFile {
    /// Locks the file and reads it; `None` where there is none yet. Makes its folder.
    pub fn open(path: &Path) -> Result<(Self, Option<State>), StateError> {
        let failed = |error| StateError::Io { path: path.to_owned(), error };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = File::options().create(true).append(true).open(beside(path, ".lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(StateError::Busy(path.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        let state = match std::fs::read(path) {
            Ok(text) => {
                let damaged = |error| StateError::Damaged { path: path.to_owned(), error };
                Some(serde_json::from_slice(&text).map_err(damaged)?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok((Self { path: path.to_owned(), _lock: lock }, state))
    }

    /// Replaces the file: after a crash there is either the old one or the new one.
    pub fn save(&self, state: &State) -> io::Result<()> {
        let partial = beside(&self.path, ".part");
        let mut file = File::create(&partial)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.sync_all()?;
        std::fs::rename(&partial, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
pub(super) mod fixture {
    use std::path::PathBuf;

    /// A folder that goes away with the test.
    pub(in crate::watch) struct Folder(PathBuf);

    impl Folder {
        pub(in crate::watch) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sensor-watch-{name}-{}", std::process::id()));
            drop(std::fs::remove_dir_all(&path));
            std::fs::create_dir_all(&path).expect("the temporary folder can be written");
            Self(path)
        }

        pub(in crate::watch) fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::watch::state::fixture::Folder;

    #[test]
    fn what_was_saved_is_read_again() {
        let folder = Folder::new("state");
        let path = folder.file("deep/watch.json");
        let (store, state) = StateFile::open(&path).unwrap();
        assert_eq!(state, None);
        let mut state = State { cursor: Some("s=1".to_owned()), since_us: 5, ..State::default() };
        state.sequences.take("d", crate::watch::entry::Rank { id: 3, previous: 2 });
        state.alerts.insert(
            "a".to_owned(),
            AlertProgress { position: Position { segment: 2, offset: 9 }, ..AlertProgress::default() },
        );
        store.save(&state).unwrap();
        let busy = StateFile::open(&path).unwrap_err().to_string();
        assert!(busy.contains("another `sensor watch`"), "{busy}");
        drop(store);
        assert_eq!(StateFile::open(&path).unwrap().1, Some(state));
    }

    #[test]
    fn a_damaged_file_is_kept_and_named() {
        let folder = Folder::new("state-damaged");
        std::fs::write(folder.file("w"), "{\"cursor\":").unwrap();
        let error = StateFile::open(&folder.file("w")).unwrap_err().to_string();
        assert!(
            error.contains("not a watcher's state") && error.contains("--state") && !error.contains('\n'),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(folder.file("w")).unwrap(), "{\"cursor\":");
    }
}
