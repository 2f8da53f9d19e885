//! The XDP program. Natively there is nothing to run: the package builds so that one `cargo build` covers the workspace.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

/// Maps, entry points, and the reads that need `unsafe`. Every decision is in the library.
#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
