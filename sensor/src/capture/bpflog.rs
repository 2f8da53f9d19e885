//! Log lines of the BPF program, for its developers: only an object built with `cargo xtask build-ebpf --log` has them.

use std::io::Write as _;

use aya::Ebpf;
use aya_log::EbpfLogger;

/// Writes lines to standard error.
#[derive(Debug)]
pub(super) struct Stderr;

/// The log of a loaded object; `None` when it was built without one.
pub(super) fn open(ebpf: &mut Ebpf) -> Option<EbpfLogger<Stderr>> {
    EbpfLogger::init_with_logger(ebpf, Stderr).ok()
}

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // An error on standard error cannot be reported anywhere.
        let _ = writeln!(std::io::stderr().lock(), "sensor: bpf: {}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}
