//! The captures from public sources that lie beside the repository where the project is developed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::bpf::root;

/// The folder that was named, else that of `SENSOR_PCAPS_DIR`, else the one beside the repository.
pub fn folder(named: Option<&str>) -> PathBuf {
    let by_variable = || std::env::var_os("SENSOR_PCAPS_DIR").map(PathBuf::from);
    named.map(PathBuf::from).or_else(by_variable).unwrap_or_else(|| root().join("../shared/pcaps"))
}

/// Paths below `folder`, sorted; only those that contain `word`.
pub fn below(folder: &Path, word: Option<&str>) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(&inner).with_context(|| format!("{}: cannot be read", inner.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_str().context("a path that is not UTF-8")?;
                files.push(name.to_owned());
            }
        }
    }
    files.retain(|file| word.is_none_or(|word| file.contains(word)));
    files.sort();
    Ok(files)
}
