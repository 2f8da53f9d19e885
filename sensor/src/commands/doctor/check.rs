//! The result of one check of `sensor doctor`.

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    /// The sensor does not work without it.
    Missing,
    /// As it should be.
    Ok,
    /// The sensor works, with a restriction.
    Warn,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DoctorCheck {
    /// What was looked at.
    pub name: String,
    /// How well it is.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// The command that fixes it, or what else does.
    pub mend: Option<String>,
    /// A privilege is missing.
    pub is_privilege: bool,
}

impl Grade {
    /// The word in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ok => "ok",
            Self::Warn => "warn",
        }
    }
}

impl DoctorCheck {
    /// All is well.
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), grade: Grade::Ok, found: found.into(), mend: None, is_privilege: false }
    }

    /// There is a restriction.
    pub fn warn(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { grade: Grade::Warn, mend: Some(mend.into()), ..Self::ok(name, found) }
    }

    /// The sensor does not work like this.
    pub fn missing(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { grade: Grade::Missing, mend: Some(mend.into()), ..Self::ok(name, found) }
    }
}
