//! What the integration tests share. Modules in reading order.

/// The BPF program run on given frames, without an interface.
pub mod bpf;
/// Frames made by hand, byte by byte.
pub mod frames;
/// The program under test.
pub mod binary;
/// Captures with their truth: expressions that must hold after a replay.
pub mod cases;
/// Bodies of the fuzz targets: plain functions that a test runs over the corpus.
pub mod fuzz;
/// Namespaces that make a switch with a mirror port, real daemons and hosts.
pub mod lab;
/// README and manual: what they name and show, and a machine on which it works.
pub mod manual;
/// Lists of correlator operations made from arbitrary bytes.
pub mod operations;
/// The answers of an independent decoder, and how ours compare.
pub mod oracle;
/// Which packets may leave the prober, and which did.
pub mod safety;
/// Which file is which module, and which uses which.
pub mod house;
/// Seeded networks whose truth is known.
pub mod simulation;
