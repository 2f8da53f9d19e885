//! The fuzz targets' corpus and every input that ever broke one, on stable Rust.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use sensor_tests::fuzz::{TARGETS, Target};

#[test]
fn the_corpus_holds() {
    for Target { name, body } in TARGETS {
        let inputs = inputs("corpus", name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        inputs.iter().for_each(|path| run(path, body));
    }
}

#[test]
fn what_broke_once_holds() {
    for Target { name, body } in TARGETS {
        inputs("regressions", name).iter().for_each(|path| run(path, body));
    }
}

#[test]
fn every_target_is_handed_to_the_fuzzer() {
    for Target { name, .. } in TARGETS {
        let path = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains("fuzz_target!"), "{name}");
    }
}

/// An input that panics is named by the test's output, because it is printed first.
fn run(path: &Path, body: fn(&[u8])) {
    println!("{}", path.display());
    body(&std::fs::read(path).unwrap());
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = fuzz().join(kind).join(target);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
