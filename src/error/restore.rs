//! What keeps a server from starting with what its files hold.

use std::io;
use std::path::{Path, PathBuf};

use super::{Damage, JournalError, StartupError};

/// Why the append-only directory cannot be used: what is wrong, where, and what to try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Another server writes there.
    #[error(
        "another server uses {} (give each server a --dir of its own)",
        .0.display()
    )]
    Locked(PathBuf),
    /// The system denies it.
    #[error("cannot {what} {}: {reason} (try another --dir, or --durability none)", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The files of the directory cannot be used.
    #[error("{fault} (try `quintlock check-journal {}`)", directory.display())]
    Files {
        /// The append-only directory.
        directory: PathBuf,
        /// What is wrong.
        fault: JournalError,
    },
    /// There are files, and nothing says which of them count.
    #[error(
        "{} is there, and {manifest} beside it is missing (bring it back, or move the files away)",
        path.display()
    )]
    Unlisted {
        /// One of them.
        path: PathBuf,
        /// The name of the list.
        manifest: String,
    },
    /// A file ends inside of a record.
    #[error("{} ends inside of a record at offset {offset} (try `quintlock check-journal --fix {}`)",
        path.display(), path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
    },
    /// A file is damaged in its middle.
    #[error("{} is damaged at offset {offset}: {what} (try `quintlock check-journal --fix {}`, \
        which leaves out all that follows)", path.display(), path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong.
        what: Damage,
    },
    /// A snapshot of a Redis that cannot be loaded.
    #[error("{} cannot be loaded: {what} (mend that with the Redis that wrote it, or move the file \
        away to start without its keys)", path.display())]
    Dump {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A request that cannot be run.
    #[error("{}: the request at offset {offset} cannot be applied: {what}", path.display())]
    Request {
        /// The file.
        path: PathBuf,
        /// Where the request begins.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
}

impl RestoreError {
    /// The system's refusal of `what` on `path`.
    pub(crate) fn system(what: &'static str, path: &Path, error: &io::Error) -> RestoreError {
        RestoreError::System {
            what,
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

impl From<RestoreError> for StartupError {
    fn from(error: RestoreError) -> StartupError {
        StartupError(error.to_string())
    }
}
