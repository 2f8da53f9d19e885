//! The XDP program. Natively it is an empty program, so that one `cargo build` covers the whole workspace.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

/// The program for the kernel: maps, entry points, and the reads and writes that need `unsafe`. What a frame is and
/// whether it is reported, the library decides.
#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
