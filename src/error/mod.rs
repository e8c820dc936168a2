//! Every error text of the server, in one place.
//!
//! Three kinds that never mix: a [`ProtocolError`] is answered and ends the connection, a
//! [`CommandError`] is answered and the connection lives on, a [`StartupError`] is one line on
//! standard error and an exit code; a [`ConfigError`] becomes one. The `Display` of the first two is the exact line that Redis
//! sends, code first.
//!
//! Invariant: each character of a `Display` is one byte of the line, so that the bytes of a
//! client ([`Quoted`]) come back as they came.

mod bench;
mod command;
mod config;
mod fault;
mod journal;
mod keeper;
mod protocol;
mod quoted;
mod restore;
mod script;
mod setting;
mod torture;

use std::borrow::Cow;
use std::fmt;

pub use bench::BenchError;
pub use command::CommandError;
pub use config::{ConfigError, LineError};
pub use fault::FaultError;
pub use journal::{Damage, JournalError, ManifestError, ManifestFault, SnapshotFault};
pub use keeper::KeeperError;
pub use protocol::{AdmissionError, ProtocolError};
pub use quoted::Quoted;
pub use restore::RestoreError;
pub use script::{ScriptError, error_reply_line};
pub use setting::SettingError;
pub use torture::TortureError;

use crate::resp::reply::Reply;

/// The code of an error that has none of its own, and the blank behind it.
pub const GENERAL_CODE: &str = "ERR ";

/// The most bytes of an annotation, its line end with it: Redis reads a line into 128.
pub const ANNOTATION_BYTES_MAX: usize = 127;

/// The most bytes of a line of the manifest, as in Redis.
pub const MANIFEST_LINE_BYTES_MAX: usize = 1023;

/// The highest version of an RDB file of Redis that is known; Valkey's own are 80 and up.
pub const RDB_VERSION_MAX: u32 = 13;

/// What keeps the server from starting: one line that says what failed and what to try.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(pub String);

/// The bytes of an error's line; CR and LF become blanks, as in Redis.
fn line_of(error: &impl fmt::Display) -> Vec<u8> {
    let byte_of = |character: char| match character {
        '\r' | '\n' => b' ',
        character => u8::try_from(character).unwrap_or(b'?'),
    };
    error.to_string().chars().map(byte_of).collect()
}

fn reply_of(error: &impl fmt::Display) -> Reply {
    Reply::Error(Cow::Owned(line_of(error)))
}

impl CommandError {
    /// The bytes of the reply line, without the leading `-`; CR and LF inside it are blanks.
    pub fn into_line(self) -> Vec<u8> {
        line_of(&self)
    }

    /// The reply that carries this error.
    pub fn into_reply(self) -> Reply {
        reply_of(&self)
    }
}

#[cfg(test)]
mod tests;
