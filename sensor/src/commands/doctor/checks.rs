//! What `sensor doctor` looks at: kernel, privilege, limits, clock, folder, interfaces. Nothing is changed or attached.

use std::fs;
use std::path::{Path, PathBuf};

use crate::capture::doctor;
use crate::capture::doctor::{Condition, Trial};
use crate::capture::{iface, nic};
use crate::clock::Clock;
use crate::commands::doctor::check::{DoctorCheck, Grade};
use crate::config::machine::default_db;
use sensor_core::types::{Iface, Timestamp};

/// All checks, in the order in which problems are best fixed. `named` are the interfaces to look at; the one of the default
/// route where none was named.
pub(super) fn all(named: &[Iface], db: Option<&Path>, clock: &Clock) -> Vec<DoctorCheck> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut checks = kernel(release.trim());
    checks.extend(privilege());
    checks.extend(limits(release.trim()));
    checks.push(time(clock.now(), doctor::is_clock_synchronised()));
    checks.push(folder(&db.map_or_else(default_db, PathBuf::from)));
    let ifaces = if named.is_empty() { Vec::from_iter(iface::proc::default_route_iface()) } else { named.to_vec() };
    if ifaces.is_empty() {
        checks.push(DoctorCheck::warn("interface", "there is no default route to find one by", "name one: -i IFACE"));
    }
    checks.extend(ifaces.into_iter().flat_map(interface));
    checks
}

/// Features by the kernel's version; `privilege` tries whether the program loads.
fn kernel(release: &str) -> Vec<DoctorCheck> {
    let upgrade = "upgrade the kernel, or use `--capture packet`";
    let mut checks = vec![DoctorCheck::ok("kernel", release)];
    for (name, (major, minor), what) in [
        ("BPF ring buffer", (5, 8), "bpf_ringbuf_reserve"),
        ("XDP of large frames", (5, 18), "xdp.frags"),
        ("XDP reads by copy", (5, 18), "bpf_xdp_load_bytes"),
    ] {
        checks.push(match version(release) {
            Some(version) if version >= (major, minor) => {
                DoctorCheck::ok(name, format!("{what}, since {major}.{minor}"))
            }
            Some(_) => DoctorCheck::warn(name, format!("{what} came with {major}.{minor}"), upgrade),
            None => DoctorCheck::warn(name, "the kernel's version is not understood", upgrade),
        });
    }
    checks.push(match Path::new("/sys/kernel/btf/vmlinux").exists() {
        true => DoctorCheck::ok("BTF", "/sys/kernel/btf/vmlinux"),
        false => DoctorCheck::warn("BTF", "no /sys/kernel/btf/vmlinux", "a kernel with CONFIG_DEBUG_INFO_BTF=y"),
    });
    checks
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn privilege() -> Vec<DoctorCheck> {
    let grant = "run with `sudo`, or `setcap cap_bpf,cap_perfmon,cap_net_admin,cap_net_raw+ep $(command -v sensor)`";
    let of = |name: &str, what: &str, missing: Vec<&'static str>| match missing.is_empty() {
        true => DoctorCheck::ok(name, what),
        false => {
            let found = format!("{what} needs {}", missing.join(", "));
            DoctorCheck { is_privilege: true, ..DoctorCheck::missing(name, found, grant) }
        }
    };
    let mut checks = vec![
        of("capabilities for XDP", "loading and attaching", doctor::missing_for_xdp()),
        of("capabilities for sockets", "packet sockets, promiscuous mode", doctor::missing_for_sockets()),
    ];
    if checks[0].grade == Grade::Ok {
        checks.push(match doctor::try_program() {
            Trial::Loaded => DoctorCheck::ok("XDP program", "the kernel takes it"),
            Trial::Refused(error) => {
                DoctorCheck::warn("XDP program", error, "use `--capture packet`, which needs none")
            }
        });
    }
    checks
}

fn limits(release: &str) -> Vec<DoctorCheck> {
    let files = doctor::files_max();
    let mut checks = vec![match files >= 256 {
        true => DoctorCheck::ok("open files", files.to_string()),
        false => DoctorCheck::warn("open files", files.to_string(), "ulimit -n 4096"),
    }];
    // Later kernels do not count BPF memory against this limit, but in control groups.
    if version(release).is_some_and(|version| version < (5, 11)) {
        checks.push(match doctor::locked_memory_max() {
            bytes if bytes >= 64 << 20 => DoctorCheck::ok("locked memory", bytes.to_string()),
            bytes => DoctorCheck::missing("locked memory", format!("{bytes} bytes"), "ulimit -l unlimited"),
        });
    }
    checks
}

fn time(now: Timestamp, is_synchronised: bool) -> DoctorCheck {
    // The start of 2024, before this program was written.
    if now < Timestamp::from_secs(1_704_067_200) {
        return DoctorCheck::missing("clock", "it is years behind", "timedatectl set-ntp true");
    }
    match is_synchronised {
        true => DoctorCheck::ok("clock", "synchronised"),
        false => DoctorCheck::warn("clock", "not synchronised by NTP or PTP", "timedatectl set-ntp true"),
    }
}

fn folder(db: &Path) -> DoctorCheck {
    let folder = db.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = folder.display().to_string();
    if !folder.is_dir() {
        return DoctorCheck::warn(
            "state directory",
            format!("{shown} is not there yet"),
            format!("install -d -m 750 {shown}"),
        );
    }
    match doctor::may_write(folder) {
        true => DoctorCheck::ok("state directory", shown),
        false => DoctorCheck::missing(
            "state directory",
            format!("{shown} cannot be written"),
            "name a database with --db, or use sudo",
        ),
    }
}

fn interface(iface: Iface) -> Vec<DoctorCheck> {
    let name = |what: &str| format!("{iface} {what}");
    let condition = match doctor::condition(iface) {
        Ok(condition) => condition,
        Err(error) => return vec![DoctorCheck::missing(iface.to_string(), error.to_string(), "ip link")],
    };
    let Condition { is_up, has_carrier, is_promiscuous, xdp_owner, native } = condition;
    let mut checks = vec![match (is_up, has_carrier) {
        (true, true) => DoctorCheck::ok(name("state"), "up, with a carrier"),
        (true, false) => DoctorCheck::warn(name("state"), "no carrier", "look at the cable and the switch's port"),
        (false, _) => DoctorCheck::missing(name("state"), "down", format!("ip link set {iface} up")),
    }];
    checks.push(match native {
        Some(true) => DoctorCheck::ok(name("XDP"), "in the driver"),
        Some(false) => DoctorCheck::ok(name("XDP"), "not in the driver: the generic mode is used"),
        None => DoctorCheck::ok(
            name("XDP"),
            "whether the driver has it is found when it is attached (Linux 6.3 tells before)",
        ),
    });
    checks.push(match xdp_owner {
        None => DoctorCheck::ok(name("XDP programs"), "none is attached"),
        Some(owner) if owner.contains("(sensor_") => {
            DoctorCheck::ok(name("XDP programs"), format!("a sensor's:{owner}"))
        }
        Some(owner) => DoctorCheck::missing(
            name("XDP programs"),
            format!("another program{owner} is attached"),
            format!("`ip link set {iface} xdp off`, or stop its owner, or use `--capture packet`"),
        ),
    });
    let offloads = nic::active(iface);
    if offloads.is_empty() {
        checks.push(DoctorCheck::ok(name("offloads"), "frames are seen as they were on the wire"));
    }
    checks.extend(offloads.iter().map(|offload| {
        DoctorCheck::warn(
            name("offloads"),
            offload.effect,
            format!("`{}`, or run with --fix-nic", offload.fix_command(iface)),
        )
    }));
    checks.push(match is_promiscuous {
        true => DoctorCheck::ok(name("promiscuous mode"), "on"),
        false => DoctorCheck::ok(name("promiscuous mode"), "off; a mirror port is held in it while a sensor runs"),
    });
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[DoctorCheck], expected: &[Grade]) {
        assert_eq!(found.iter().map(|check| check.grade).collect::<Vec<_>>(), expected, "{found:?}");
    }

    #[test]
    fn features_by_kernel_version() {
        use Grade::{Ok, Warn};
        check(&kernel("6.1.0-31-amd64")[..4], &[Ok, Ok, Ok, Ok]);
        check(&kernel("5.15.0")[..4], &[Ok, Ok, Warn, Warn]);
        check(&kernel("5.4.0-rc1")[..4], &[Ok, Warn, Warn, Warn]);
        check(&kernel("?")[..4], &[Ok, Warn, Warn, Warn]);
    }

    #[test]
    fn a_clock_that_lost_its_time() {
        let later = Timestamp::from_secs(1_800_000_000);
        check(
            &[time(Timestamp::from_secs(5), true), time(later, false), time(later, true)],
            &[Grade::Missing, Grade::Warn, Grade::Ok],
        );
    }

    #[test]
    fn every_problem_names_its_fix() {
        let all = [kernel("5.4.0"), limits("5.4.0"), interface(Iface::new("nowhere0").expect("a name"))].concat();
        assert!(all.iter().all(|check| check.grade == Grade::Ok || check.mend.is_some()), "{all:?}");
    }
}
