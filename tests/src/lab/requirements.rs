//! Whether this machine can run the lab: root, and the programs that a test needs. Where something is missing a test
//! says so and ends; under `CI=true` that is a failure.

use std::path::Path;

use super::tools;
use crate::bpf::require_root;

/// Whether the lab can be built here: as root, with its daemons installed. Under `CI=true` it must be.
pub fn possible() -> bool {
    require_root() && has(&tools::missing())
}

/// Whether the hosts with daemons can be run beside a crowd here. Under `CI=true` they must be.
pub fn has_services() -> bool {
    has(&tools::missing_services())
}

/// Whether switches' and routers' daemons can be run here. Under `CI=true` they must be.
pub fn has_links() -> bool {
    has(&tools::missing_links())
}

/// Whether the daemons that announce themselves can be run here. Under `CI=true` they must be.
pub fn has_announcers() -> bool {
    has(&tools::missing_announcers())
}

/// Whether the scanners can be run here. Under `CI=true` they must be.
pub fn has_scanners() -> bool {
    require_root() && has(&tools::missing_scanners())
}

/// Whether there is a journal daemon to start. Under `CI=true` there must be.
pub fn has_journald() -> bool {
    has(if Path::new(tools::JOURNALD).exists() { &[] } else { &[tools::JOURNALD] })
}

fn has(missing: &[&str]) -> bool {
    let missing = missing.join(" ");
    assert!(missing.is_empty() || std::env::var_os("CI").is_none_or(|ci| ci != "true"), "no {missing}, and CI=true");
    if !missing.is_empty() {
        eprintln!("skipped: this machine has no {missing}; `cargo xtask test` installs it");
    }
    missing.is_empty()
}
