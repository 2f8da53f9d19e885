//! What `sensor doctor` asks the kernel. Nothing is changed: the trial XDP program is unloaded at once.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::{fs, mem};

use rustix::process::{Resource, getrlimit};

use crate::capture::error::{Capability, CaptureError};
use crate::capture::iface;
use crate::capture::nic::netdev;
use crate::capture::options::{Options, Port, PortRole};
use crate::capture::xdp::Xdp;
use sensor_core::types::Iface;

/// State of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Administratively up.
    pub is_up: bool,
    /// It has a carrier (a link is detected).
    pub has_carrier: bool,
    /// At least one holder keeps it in promiscuous mode.
    pub is_promiscuous: bool,
    /// The attached XDP program, as ` 12 (name)`; an empty string when the kernel does not report which.
    pub xdp_owner: Option<String>,
    /// Whether the driver supports XDP; `None` when the kernel does not report it (before Linux 6.3).
    pub native: Option<bool>,
}

/// Result of loading the XDP programs for a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// They were loaded and unloaded again.
    Loaded,
    /// The kernel rejected them; the reason.
    Refused(String),
}

/// State of an interface, or why it cannot be captured on. An interface that is down is no error.
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

/// Missing capabilities that XDP needs.
pub fn missing_for_xdp() -> Vec<&'static str> {
    CaptureError::missing(&Capability::XDP)
}

/// Missing capabilities that packet sockets need.
pub fn missing_for_sockets() -> Vec<&'static str> {
    CaptureError::missing(&Capability::PACKET)
}

/// Loads the XDP programs of both roles and unloads them.
pub fn try_program() -> Trial {
    let Some(iface) = Iface::new("lo") else { return Trial::Loaded };
    let ports = [PortRole::Host, PortRole::Mirror].map(|role| Port { iface, role });
    // The ring buffer registers itself with a tokio runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let loaded = runtime.map(|runtime| runtime.block_on(async { Xdp::load(&ports, &Options::default()).map(drop) }));
    match loaded {
        Ok(Ok(())) => Trial::Loaded,
        Ok(Err(error)) => Trial::Refused(error.to_string()),
        Err(error) => Trial::Refused(error.to_string()),
    }
}

/// Whether the kernel's clock is synchronised by NTP or PTP.
pub fn is_clock_synchronised() -> bool {
    // SAFETY: the struct is made of integers, for which zeros are a value; mode 0 only reads.
    let mut state: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live value of the right type.
    let answer = unsafe { libc::adjtimex(&raw mut state) };
    answer >= 0 && state.status & libc::STA_UNSYNC == 0
}

/// Maximum number of open files (soft limit).
pub fn files_max() -> u64 {
    limit(Resource::Nofile)
}

/// Maximum amount of locked memory in bytes (soft limit).
pub fn locked_memory_max() -> u64 {
    limit(Resource::Memlock)
}

/// Whether files may be created in a directory.
pub fn may_write(folder: &Path) -> bool {
    let Ok(name) = CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: `name` is a C string that outlives the call.
    let answer = unsafe { libc::faccessat(libc::AT_FDCWD, name.as_ptr(), libc::W_OK | libc::X_OK, libc::AT_EACCESS) };
    answer == 0 && fs::metadata(folder).is_ok()
}

/// A soft limit; `u64::MAX` when there is none.
fn limit(resource: Resource) -> u64 {
    getrlimit(resource).current.unwrap_or(u64::MAX)
}
