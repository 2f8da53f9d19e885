//! Tests that load the BPF object: as root, on this machine's kernel. `SENSOR_BPF_OBJECT` names another object than the
//! committed one.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Live capture on interfaces.
mod capture_live;
/// The program in the kernel and native code on the same frames.
mod differential;
/// The gate, the counters and the verdicts.
mod promises;
