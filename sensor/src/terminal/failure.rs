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
    /// An interface that cannot be captured from.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Wrong usage or configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A capture file that was read up to a damaged place.
    #[error("{0}")]
    Damaged(FileError),
    /// A capture file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Events or sightings that could not be written anywhere.
    #[error("{0}")]
    Lost(String),
    /// `sensor doctor` found something missing.
    #[error("{missing} of what the sensor needs is missing here; the list above says how to fix it")]
    Unfit {
        /// How many checks found something missing.
        missing: usize,
        /// Whether one of them found a missing privilege.
        privilege: bool,
    },
    /// No running sensor answers for this database.
    #[error("no sensor runs with the database {}; start one with `sensor run`, or name its database with --db", .0.display())]
    NotRunning(PathBuf),
    /// The running sensor refused a request.
    #[error("{0}")]
    Refused(String),
    /// A file that cannot be written, or another system call that failed.
    #[error("{what}: {error}")]
    System {
        /// The thing and what failed, and where it helps what to do.
        what: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// `sensor watch`: what it needs, or an alert that failed.
    #[error("{0}")]
    Watch(String),
    /// The database cannot be opened, read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of SNMP credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The list of vendors cannot be used.
    #[error(transparent)]
    Vendor(#[from] VendorError),
}

impl Failure {
    /// For `map_err`: `what` is the thing and what to do about it.
    pub fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }

    /// 2: usage or configuration. 3: a privilege is missing. 4: the system, a file or a peer failed. 5: data was lost.
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
