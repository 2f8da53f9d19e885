//! What `sensor doctor` asks the kernel: facts only, nothing is changed but for a program that is loaded and dropped.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::{fs, mem};

use rustix::process::{Resource, getrlimit};

use crate::capture::error::{Capability, CaptureError};
use crate::capture::iface;
use crate::capture::nic::netdev;
use crate::capture::options::{Options, Port, Role};
use crate::capture::xdp::Xdp;
use sensor_core::types::Iface;

/// How an interface is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Administratively up.
    pub is_up: bool,
    /// It has a carrier.
    pub has_carrier: bool,
    /// Somebody holds it in promiscuous mode.
    pub is_promiscuous: bool,
    /// The XDP program that is attached, as ` 12 (name)`; empty where the kernel does not tell which.
    pub xdp_owner: Option<String>,
    /// Whether the driver has XDP, where the kernel tells (Linux 6.3).
    pub native: Option<bool>,
}

/// Whether the kernel takes the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It was loaded, and dropped.
    Loaded,
    /// Why not.
    Refused(String),
}

/// How an interface is, or why it cannot be captured at all. One that is down can.
pub fn condition(iface: Iface) -> Result<Condition, CaptureError> {
    match iface::index(iface) {
        Ok(_) | Err(CaptureError::Down { .. }) => {}
        Err(error) => return Err(error),
    }
    let gone = || CaptureError::Vanished { iface: iface.as_str().to_owned() };
    let link = iface::look(iface).ok_or_else(gone)?;
    Ok(Condition {
        is_up: link.is_up,
        has_carrier: link.has_carrier,
        is_promiscuous: iface::link::promiscuity(link.index).is_ok_and(|holders| holders > 0),
        xdp_owner: iface::link::has_xdp(link.index).unwrap_or(false).then(|| iface::link::xdp_owner(link.index)),
        native: netdev::has_xdp(link.index).ok(),
    })
}

/// Capabilities that XDP needs and that are missing.
pub fn missing_for_xdp() -> Vec<&'static str> {
    CaptureError::missing(&Capability::XDP)
}

/// Capabilities that packet sockets need and that are missing.
pub fn missing_for_sockets() -> Vec<&'static str> {
    CaptureError::missing(&Capability::PACKET)
}

/// Loads the programs of both roles, and drops them.
pub fn try_program() -> Trial {
    let Some(iface) = Iface::new("lo") else { return Trial::Loaded };
    let ports = [Role::Host, Role::Mirror].map(|role| Port { iface, role });
    // The ring wants a runtime to be registered with.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let loaded = runtime.map(|runtime| runtime.block_on(async { Xdp::load(&ports, &Options::default()).map(drop) }));
    match loaded {
        Ok(Ok(())) => Trial::Loaded,
        Ok(Err(error)) => Trial::Refused(error.to_string()),
        Err(error) => Trial::Refused(error.to_string()),
    }
}

/// Whether the kernel's clock is kept right by NTP or PTP.
pub fn is_clock_synchronised() -> bool {
    // SAFETY: the struct is made of integers, for which zeros are a value; mode 0 only reads.
    let mut state: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live value of the right type.
    let answer = unsafe { libc::adjtimex(&raw mut state) };
    answer >= 0 && state.status & libc::STA_UNSYNC == 0
}

/// How many files may be open.
pub fn files_max() -> u64 {
    limit(Resource::Nofile)
}

/// How much memory may be locked, bytes.
pub fn locked_memory_max() -> u64 {
    limit(Resource::Memlock)
}

/// Whether files may be made in a folder.
pub fn may_write(folder: &Path) -> bool {
    let Ok(name) = CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: `name` is a C string that outlives the call.
    let answer = unsafe { libc::faccessat(libc::AT_FDCWD, name.as_ptr(), libc::W_OK | libc::X_OK, libc::AT_EACCESS) };
    answer == 0 && fs::metadata(folder).is_ok()
}

/// A soft limit; none at all is the largest number.
fn limit(resource: Resource) -> u64 {
    getrlimit(resource).current.unwrap_or(u64::MAX)
}
