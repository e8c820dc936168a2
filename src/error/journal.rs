//! What is wrong with a file that outlived the process, and why it cannot be used.
//!
//! Each is a part of one line: the caller names the file and the offset before it.

use std::io;
use std::path::Path;

/// Why bytes of an append-only file are no records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Neither a request nor an annotation begins here.
    #[error("a record begins with '*' or '#', and here is {}", [*.0].escape_ascii())]
    Start(u8),
    /// Zero bytes stand where a record should begin, and records behind them.
    #[error("zero bytes, and records behind them")]
    Hole,
    /// The number of arguments is none, or too long.
    #[error("'*' is not followed by the number of arguments")]
    Count,
    /// An argument has no length.
    #[error("an argument does not begin with '$' and its length")]
    Length,
    /// The length of an argument is wrong, for its end is not where it should be.
    #[error("an argument does not end where its length says")]
    Terminator,
    /// The last record claims bytes that the file does not have, and hides others.
    #[error("the record claims more bytes than the file has, and there are records among them")]
    Swallowed,
    /// A line that begins with '#' has no end, or is none of text.
    #[error(
        "an annotation is longer than {} bytes or is not text",
        super::ANNOTATION_BYTES_MAX
    )]
    Annotation,
    /// An annotation of this server cannot be understood.
    #[error("the annotation of a start or an end is malformed")]
    Mark,
    /// MULTI inside of a transaction.
    #[error("MULTI inside of a transaction")]
    NestedMulti,
    /// EXEC without MULTI.
    #[error("EXEC without MULTI")]
    LoneExec,
    /// A transaction that has damage in it; none of it may be applied.
    #[error("the transaction that begins here is damaged at offset {at}: {what}")]
    Transaction {
        /// Where the damage is.
        at: u64,
        /// What it is.
        what: Box<Damage>,
    },
    /// The snapshot at the file's beginning cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFault),
}

/// Why a snapshot (RDB) cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// It does not begin as one.
    #[error("this is no RDB file: it does not begin with REDIS and a version")]
    Magic,
    /// Nobody knows yet what such a file holds.
    #[error("RDB version {0} is not known (1 to {max} and 80 are)", max = super::RDB_VERSION_MAX)]
    Version(u32),
    /// It ends too early.
    #[error("the snapshot is cut off")]
    Cut,
    /// A length or an encoding that does not exist.
    #[error("a length in the snapshot is malformed")]
    Length,
    /// A compressed string that does not give what it should.
    #[error("a compressed string in the snapshot is malformed")]
    Compression,
    /// The checksum at its end is another one.
    #[error("the checksum of the snapshot is wrong")]
    Checksum,
    /// A key of a type that this server does not have.
    #[error("the key {} in database {database} holds {kind}: Quintlock keeps strings only", key.escape_ascii())]
    Type {
        /// Which database.
        database: u64,
        /// The key.
        key: Vec<u8>,
        /// The type, with its article.
        kind: String,
    },
    /// Something beside keys that this server does not have.
    #[error("the snapshot holds {0}: Quintlock keeps strings only")]
    Content(&'static str),
    /// An opcode that is not known.
    #[error("the snapshot has an unknown part ({0})")]
    Opcode(u8),
}

/// Why the list of files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// One line is wrong.
    #[error("line {line} of the manifest: {fault}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        fault: ManifestFault,
    },
    /// It names no file.
    #[error("the manifest is empty")]
    Empty,
}

/// Why the files of an append-only directory cannot be used, checked or mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The list of files is wrong.
    #[error("{path}: {fault} (name one file of the directory to check it alone)")]
    Manifest {
        /// The manifest.
        path: String,
        /// What is wrong with it.
        fault: ManifestError,
    },
    /// A directory that is none of append-only files.
    #[error("{path} has no manifest (name the directory of the append-only files, or one file)")]
    NoManifest {
        /// The directory.
        path: String,
    },
    /// A directory of several servers.
    #[error("{path} has several manifests (name one of them)")]
    Manifests {
        /// The directory.
        path: String,
    },
    /// Somebody writes there.
    #[error("{path} is locked: a server runs on this directory (stop it first)")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// The system denies it.
    #[error("cannot {what} {path}: {reason}")]
    System {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: String,
        /// What the system says.
        reason: String,
    },
}

/// What is wrong with a line of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// No `file NAME seq N type T`.
    #[error("it is not written as `file NAME seq NUMBER type b|h|i`")]
    Form,
    /// Longer than Redis reads.
    #[error(
        "it is longer than {} bytes, or has no end",
        super::MANIFEST_LINE_BYTES_MAX
    )]
    Long,
    /// A path where a name belongs.
    #[error("a file is named by its name alone, not by a path")]
    Path,
    /// A type that does not exist.
    #[error("the type is not b, h or i")]
    Type,
    /// A second base file.
    #[error("there is a base file already")]
    SecondBase,
    /// An increment that is not behind those before it.
    #[error("the number of this increment is not higher than the one before")]
    Order,
}

impl JournalError {
    /// The system's refusal of `what` on `path`.
    pub(crate) fn system(what: &'static str, path: &Path, error: &io::Error) -> JournalError {
        JournalError::System {
            what,
            path: path.display().to_string(),
            reason: error.to_string(),
        }
    }
}
