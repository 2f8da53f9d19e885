//! The corpus of the fuzz targets, and every input that ever broke one, on stable Rust.

use std::path::{Path, PathBuf};

use sensor_tests::fuzz::{TARGETS, Target};

#[test]
fn no_input_of_the_corpus_breaks_its_target() {
    for Target { name, body } in TARGETS {
        let inputs = inputs("corpus", name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        inputs.iter().for_each(|path| run(path, body));
    }
}

#[test]
fn no_input_that_once_broke_a_target_does_so_again() {
    for Target { name, body } in TARGETS {
        inputs("regressions", name).iter().for_each(|path| run(path, body));
    }
}

#[test]
fn every_target_has_an_entry_for_the_fuzzer() {
    for Target { name, .. } in TARGETS {
        let path = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains("fuzz_target!"), "{name}");
    }
}

/// The path is printed first, so that the output names an input that panics.
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
