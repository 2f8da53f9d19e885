//! Why a command ended early, and the exit code that says so to scripts.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::error::CaptureError;
use crate::capture::file::error::FileError;
use crate::config::error::ConfigError;
use crate::probe::snmp::CredentialsError;
use crate::store::error::StoreError;
use crate::vendor::VendorError;

/// Why a command ended early. Its text is one line that names the thing, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Capturing.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Usage or configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A capture file whose end could not be read.
    #[error("{0}")]
    Damaged(FileError),
    /// A capture file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Events or sightings that could not be kept.
    #[error("{0}")]
    Lost(String),
    /// `sensor doctor` found what does not work.
    #[error("{missing} of what the sensor needs is missing here; the list says what mends it")]
    Unfit {
        /// How many.
        missing: usize,
        /// Whether some of it is privilege.
        privilege: bool,
    },
    /// Nobody answers for this database.
    #[error("no sensor runs with the database {}; start one with `sensor run`, or name its database with --db", .0.display())]
    NotRunning(PathBuf),
    /// The running sensor does not do what it was asked to.
    #[error("{0}")]
    Refused(String),
    /// A file of ours that cannot be written, or another system call.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// What came of it.
        error: std::io::Error,
    },
    /// What the watcher needs, or an alert of it.
    #[error("{0}")]
    Watch(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SNMP credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The list of vendors.
    #[error(transparent)]
    Vendor(#[from] VendorError),
}

impl Failure {
    /// For `map_err`: `what` is the thing and what to do about it.
    pub fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }

    /// 2 usage or configuration, 3 missing privilege, 4 the world, 5 data was lost.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Config(_) | Self::Credentials(_) | Self::Refused(_) => 2,
            Self::Capture(error) if error.is_privilege() => 3,
            Self::Unfit { privilege: true, .. } => 3,
            Self::Damaged(_) | Self::Lost(_) => 5,
            Self::Capture(_)
            | Self::File(_)
            | Self::Watch(_)
            | Self::Store(_)
            | Self::System { .. }
            | Self::Vendor(_)
            | Self::Unfit { .. }
            | Self::NotRunning(_) => 4,
        })
    }
}
