//! One run of a program, and what it took as the kernel counted it.

use std::process::{Command, ExitStatus};
use std::time::Instant;

use anyhow::Context as _;

/// What one run of a program took.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) rss_kib: u64,
}

/// Runs it to its end. The caller judges its exit status: some programs fail where a host is silent.
pub(crate) fn measure(command: &mut Command) -> anyhow::Result<(Turn, ExitStatus)> {
    let begun = Instant::now();
    let child = command.spawn().with_context(|| format!("{:?} cannot be started", command.get_program()))?;
    let (usage, status) = wait(child.id())?;
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let turn = Turn {
        wall_s: begun.elapsed().as_secs_f64(),
        cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        rss_kib: usage.ru_maxrss.unsigned_abs(),
    };
    Ok((turn, status))
}

/// Waits for a child and returns its resource usage (`wait4(2)`), which the standard library does not offer.
fn wait(pid: u32) -> anyhow::Result<(libc::rusage, ExitStatus)> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut status = 0;
    // SAFETY: all-zero bytes are a valid `rusage`, which is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live variables of the right types, and the child is ours and not yet waited for.
    let got = unsafe { libc::wait4(pid.cast_signed(), &raw mut status, 0, &raw mut usage) };
    if got < 0 {
        return Err(std::io::Error::last_os_error()).context("wait4");
    }
    Ok((usage, ExitStatus::from_raw(status)))
}

/// The median by wall time; the upper one of an even number.
pub(crate) fn median(turns: &mut [Turn]) -> Turn {
    turns.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    turns[turns.len() / 2]
}
