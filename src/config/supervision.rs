//! `supervised`: who is told that the server is ready, as the setting names them.
//!
//! Telling is not done here.

/// Who is told that the server is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// Nobody.
    No,
    /// systemd.
    Systemd,
    /// upstart.
    Upstart,
    /// Whom the environment names.
    Auto,
}

impl Supervision {
    pub(super) fn parse(word: &str) -> Supervision {
        match word {
            "systemd" => Supervision::Systemd,
            "upstart" => Supervision::Upstart,
            "auto" => Supervision::Auto,
            _ => Supervision::No,
        }
    }
}
