//! The machine that is measured on.

/// How many processors there are to share.
pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Its processor and kernel, as Markdown.
pub(crate) fn description() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    format!(
        "- processor: {} ({} available)\n- kernel: {}",
        model.trim_start_matches([' ', '\t', ':']),
        cpus(),
        read("/proc/sys/kernel/osrelease").trim()
    )
}
