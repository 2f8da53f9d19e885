//! The file before SQLite touches it: where it lies, that WAL can work there, and that it is created with few rights.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::store::error::StoreError;

/// The canonical path of a database, so that two names of a file share a lock, and SQLite sees no special meaning
/// (`:memory:`, `file:`) in it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    match fs::canonicalize(path) {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(path, error)),
        Err(_) => {}
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name() else {
        return Err(StoreError::io(path, io::ErrorKind::IsADirectory.into()));
    };
    match fs::canonicalize(folder) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::MissingFolder { path: folder.to_owned() })
        }
        Err(error) => Err(StoreError::io(folder, error)),
    }
}

/// The size in bytes; `None`: there is no file. Nothing here may open and close a database that exists: closing any
/// handle of a file drops the process's POSIX locks on it, those of SQLite too
/// (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
pub(super) fn size_bytes(path: &Path) -> Result<Option<u64>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

/// Makes the empty file. SQLite gives its -wal and -shm files the same rights.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path);
    file.map(drop).map_err(|error| StoreError::io(path, error))
}

/// Refuses NFS and SMB, where neither locks nor shared memory hold what WAL needs
/// (<https://www.sqlite.org/wal.html>, "WAL does not work over a network filesystem").
pub(super) fn refuse_network(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(path);
    let stat = rustix::fs::statfs(folder).map_err(|error| StoreError::io(folder, error.into()))?;
    match network_kind(stat.f_type as u32) {
        Some(kind) => Err(StoreError::NetworkFileSystem { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

/// By the numbers of statfs(2).
fn network_kind(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("nfs"),
        0xff53_4d42 => Some("cifs"),
        0x517b | 0xfe53_4d42 => Some("smb"),
        _ => None,
    }
}

/// A path with a suffix, as SQLite names the files beside a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_number() {
        assert_eq!(network_kind(0x6969), Some("nfs"));
        assert_eq!(network_kind(0xff53_4d42), Some("cifs"));
        assert_eq!(network_kind(0xfe53_4d42), Some("smb"));
        // ext4, tmpfs
        assert_eq!(network_kind(0xef53), None);
        assert_eq!(network_kind(0x0102_1994), None);
    }
}
