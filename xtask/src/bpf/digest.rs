//! What an object was built from, as one number: a hash over the sources, which the object carries.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// What stands before the digest in the object's bytes.
pub const DIGEST_MARK: &str = "sensor-source-digest:";

/// One hash over everything of ours that decides what the object is: the sources, the versions of aya-ebpf, the
/// profile.
pub fn source_digest(root: &Path) -> anyhow::Result<String> {
    let mut files = files_under(&root.join("sensor-ebpf/src"))?;
    files.push(root.join("sensor-ebpf/Cargo.toml"));
    files.sort();
    let mut hashed = Vec::new();
    let mut add = |name: &str, text: &[u8]| {
        hashed.extend_from_slice(format!("{name} {}\n", text.len()).as_bytes());
        hashed.extend_from_slice(text);
    };
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        add(&name, &std::fs::read(&file)?);
    }
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    for package in lock.split("[[package]]").filter(|package| package.trim_start().starts_with("name = \"aya-ebpf")) {
        let facts: Vec<&str> = package
            .lines()
            .filter(|line| ["name", "version", "checksum"].iter().any(|key| line.starts_with(key)))
            .collect();
        add("Cargo.lock", facts.join("\n").as_bytes());
    }
    let workspace = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let profile = workspace.split("\n[").find(|table| table.starts_with("profile.bpf]")).unwrap_or_default();
    add("Cargo.toml", profile.trim_end().as_bytes());
    sha256(&hashed)
}

/// The digest that an object carries.
pub fn digest_in(object: &[u8]) -> Option<String> {
    let mark = DIGEST_MARK.as_bytes();
    let at = object.windows(mark.len()).position(|window| window == mark)? + mark.len();
    String::from_utf8(object.get(at..at + 64)?.to_vec()).ok()
}

/// Hexadecimal SHA-256, by the system's program: a library for it would be most of what xtask has to compile.
pub fn sha256(bytes: &[u8]) -> anyhow::Result<String> {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("sha256sum (coreutils) cannot be started")?;
    // It answers at the end of its input, so writing all of it first cannot block.
    child.stdin.take().context("its input is piped")?.write_all(bytes)?;
    let output = child.wait_with_output()?;
    let sum = String::from_utf8(output.stdout)?;
    anyhow::ensure!(output.status.success(), "sha256sum: {}", output.status);
    sum.get(..64).map(str::to_owned).context("sha256sum printed no sum")
}

fn files_under(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(files_under(&path)?),
            false => files.push(path),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_sum() {
        // FIPS 180-2, appendix B.1.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc").ok().as_deref(), Some(sum));
    }

    #[test]
    fn the_digest_is_found_behind_its_mark() {
        let digest = "5".repeat(64);
        let object = format!("\0\0{DIGEST_MARK}{digest}\0\0");
        assert_eq!(digest_in(object.as_bytes()), Some(digest));
        assert_eq!(digest_in(b"nothing of the kind"), None);
    }
}
