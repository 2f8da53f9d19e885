//! What `cargo xtask` and the programs of the tests' package share: the commands and their arguments, cargo, the BPF
//! toolchain, and the packages that they install. Modules in reading order.

/// The commands, and what each takes.
pub mod commands;
/// The words of a command line, read by a command's description.
pub mod arguments;
/// Building with cargo.
pub mod cargo;
/// Running as root.
pub mod root;
/// Programs of the tests' package.
pub mod program;
/// Debian packages.
pub mod packages;
/// Building the BPF object.
pub mod bpf;
