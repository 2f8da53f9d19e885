//! One writer a database: a `flock` on a file beside it, held as long as the writer lives. The kernel releases it however
//! the process ends, so a lock file that is left behind locks nobody out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::store::error::StoreError;
use crate::store::file;

/// The lock. Dropping it releases it.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the database at `path`, and writes our pid into it for the error message of a second writer.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let name = file::beside(path, ".lock");
        let fail = |error| StoreError::io(&name, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&name)
            .map_err(fail)?;
        if !try_lock(&file, &name)? {
            return Err(StoreError::Locked { path: path.to_owned(), pid: pid(&mut file) });
        }
        // On a full disk the lock holds without the pid.
        if file.set_len(0).is_ok() {
            drop(writeln!(file, "{}", std::process::id()));
        }
        Ok(Self { _file: file })
    }
}

/// Whether a writer holds the lock of the database at `path`. Unreadable counts as not held.
pub(super) fn is_held(path: &Path) -> bool {
    File::open(file::beside(path, ".lock"))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Tries for some milliseconds: a reader's [`is_held`] holds the lock for microseconds, and must not make a writer fail.
fn try_lock(file: &File, name: &Path) -> Result<bool, StoreError> {
    for _ in 0..10 {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::Error(error)) => return Err(StoreError::io(name, error)),
        }
    }
    Ok(false)
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
