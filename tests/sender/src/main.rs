//! The sending program. Natively there is nothing to run: the package builds so that one `cargo build` covers the
//! workspace.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

/// The map, the entry point, and the writes that need `unsafe`.
#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
