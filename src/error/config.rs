//! What is wrong with a configuration: told in one line, and in the block that Redis prints.

use super::StartupError;

/// A configuration that the server must not start with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// One of its lines is wrong.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It cannot be read, or does not fit together.
    #[error("{0}")]
    Other(String),
}

/// A wrong line of a configuration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{place}: '{line}': {reason}")]
pub struct LineError {
    /// File and line, or what else was read.
    pub place: String,
    /// The place in Redis's words, which name no file.
    pub redis_place: String,
    /// The line, as it can be shown.
    pub line: String,
    /// What is wrong, and what to do.
    pub reason: String,
    /// What is wrong in Redis's words, where they are others.
    pub redis_reason: Option<&'static str>,
}

impl LineError {
    /// The block that tools look for, as Redis prints it.
    pub fn block(&self, program: &str) -> String {
        let LineError {
            redis_place, line, ..
        } = self;
        let reason = self.redis_reason.unwrap_or(&self.reason);
        format!(
            "\n*** FATAL CONFIG FILE ERROR ({program}) ***\n{redis_place}\n>>> '{line}'\n{reason}\n"
        )
    }
}

impl From<ConfigError> for StartupError {
    fn from(error: ConfigError) -> StartupError {
        StartupError(error.to_string())
    }
}
