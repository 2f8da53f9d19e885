//! The committed BPF object was built from the sources at hand.

use sensor_tests::bpf::{object_path, root};
use xtask::bpf::digest::{digest_in, sha256, source_digest};

const REBUILD: &str = "run `cargo xtask build-ebpf` and commit sensor-ebpf/prebuilt";

#[test]
fn the_object_was_built_from_these_sources() {
    let object = std::fs::read(object_path()).unwrap();
    assert_eq!(digest_in(&object), Some(source_digest(&root()).unwrap()), "{REBUILD}");
}

#[test]
fn the_manifest_describes_the_object() {
    let folder = root().join("sensor-ebpf/prebuilt");
    let object = std::fs::read(folder.join("sensor.bpfel.o")).unwrap();
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["object_sha256"], sha256(&object).unwrap(), "{REBUILD}");
    assert_eq!(manifest["source_digest"], source_digest(&root()).unwrap(), "{REBUILD}");
}

#[test]
fn no_path_of_the_builder_is_in_the_object() {
    let object = std::fs::read(object_path()).unwrap();
    for path in [root().to_string_lossy().as_bytes(), b"/.cargo/registry", b"/home/"] {
        assert!(!object.windows(path.len()).any(|window| window == path), "{}", String::from_utf8_lossy(path));
    }
}

#[test]
fn the_object_does_not_log() {
    let object = std::fs::read(object_path()).unwrap();
    assert!(!object.windows(8).any(|window| window == b"AYA_LOGS"), "built with the feature `log`");
}
