//! Ctrl-C while a lab exists: whatever waits gives up with an error, so that everything is dropped, and thereby
//! removed, in order. A process that the signal kills would leave its namespaces and daemons behind.

use std::sync::atomic::{AtomicBool, Ordering};

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C, SIGTERM and a closed terminal end what waits, not the process.
pub fn catch() {
    let handler: extern "C" fn(libc::c_int) = remember;
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler has the signature that the kernel calls, and only stores to an atomic.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Whether such a signal has come since.
pub fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}

extern "C" fn remember(_signal: libc::c_int) {
    HAPPENED.store(true, Ordering::Relaxed);
}
