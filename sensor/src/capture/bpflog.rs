//! The BPF program's own log lines, for whoever changes it: an object built with `cargo xtask build-ebpf --log` has them,
//! the committed one does not.

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
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr().lock(), "sensor: bpf: {}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}
