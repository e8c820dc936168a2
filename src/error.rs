//! Every error text of the server, in one place.
//!
//! Three kinds that never mix: a [`ProtocolError`] is answered and ends the connection, a
//! [`CommandError`] is answered and the connection lives on, a [`StartupError`] is one line on
//! standard error and an exit code. The `Display` of the first two is the exact line that Redis
//! sends, code first; a test replays them beside a real server.

use std::borrow::Cow;
use std::fmt;

use crate::resp::reply::Reply;

/// A command that failed. Its `Display` is the reply line without the leading `-`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// Options that contradict each other, or a word that is no option.
    #[error("ERR syntax error")]
    Syntax,
    /// An argument that should be a 64-bit integer and is not.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// The key holds another type than the command works on.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// Too few or too many arguments; `command` in lower case, `container|subcommand` for one.
    #[error("ERR wrong number of arguments for '{command}' command")]
    WrongArity {
        /// The full name in lower case.
        command: Cow<'static, str>,
    },
    /// An expiry that is not positive or does not fit.
    #[error("ERR invalid expire time in '{command}' command")]
    InvalidExpire {
        /// The name in lower case.
        command: &'static str,
    },
    /// INCR and its kin past the 64-bit range.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// A database number past `databases`.
    #[error("ERR DB index is out of range")]
    DatabaseOutOfRange,
    /// An EVALSHA of a script that is not cached.
    #[error("NOSCRIPT No matching script. Please use EVAL.")]
    NoScript,
    /// CONFIG SET of a setting that is not known; `name` as it was given.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")]
    ConfigUnknown {
        /// As it was given.
        name: String,
    },
    /// CONFIG SET of a value or a setting that cannot be; nothing was changed.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    ConfigRefused {
        /// The first setting that is wrong.
        name: String,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The connection has not shown the password.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// A script has run past `busy-reply-threshold`.
    #[error(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    )]
    Busy,
    /// A text that is put together where the error is found: code, space, sentence.
    #[error("{0}")]
    Text(String),
    /// As `Text`, with bytes that came from a client.
    #[error("{}", String::from_utf8_lossy(.0))]
    Bytes(Vec<u8>),
}

impl CommandError {
    /// An error with the general code `ERR`.
    pub fn general(text: impl fmt::Display) -> CommandError {
        CommandError::Text(format!("ERR {text}"))
    }

    /// An error with the general code `ERR` that shows up to 128 bytes of what a client sent.
    pub fn quoting(before: &str, quoted: &[u8], after: &str) -> CommandError {
        let shown = &quoted[..quoted.len().min(128)];
        let parts = [b"ERR ", before.as_bytes(), shown, after.as_bytes()];
        CommandError::Bytes(parts.concat())
    }

    /// The reply that carries this error; CR and LF inside it become spaces, as in Redis.
    pub fn into_reply(self) -> Reply {
        let mut line = match self {
            CommandError::Bytes(line) => line,
            other => other.to_string().into_bytes(),
        };
        for byte in &mut line {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        Reply::Error(Cow::Owned(line))
    }
}

/// Bytes that are no request. The line is sent, then the connection is closed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// `*abc`, or more arguments than the limit.
    #[error("ERR Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// A multibulk header that does not end within the inline limit.
    #[error("ERR Protocol error: too big mbulk count string")]
    MultibulkHeaderTooLong,
    /// `$abc`, `$-5`, or a bulk longer than `proto-max-bulk-len`.
    #[error("ERR Protocol error: invalid bulk length")]
    BulkLength,
    /// A bulk header that does not end within the inline limit.
    #[error("ERR Protocol error: too big bulk count string")]
    BulkHeaderTooLong,
    /// An argument that does not begin with `$`; the byte is shown as it came.
    #[error("ERR Protocol error: expected '$', got '{}'", *.0 as char)]
    ExpectedBulk(u8),
    /// An inline command without a line end within the limit.
    #[error("ERR Protocol error: too big inline request")]
    InlineTooLong,
    /// An inline command with an open quote.
    #[error("ERR Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// Before AUTH a request may have 10 arguments.
    #[error("ERR Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// Before AUTH an argument may have 16,384 bytes.
    #[error("ERR Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
}

impl ProtocolError {
    /// The reply that carries this error. The byte that stood in the place of a `$` is shown as
    /// it came, whatever it is; a CR or LF becomes a space, as in Redis.
    pub fn into_reply(self) -> Reply {
        let mut line = match self {
            ProtocolError::ExpectedBulk(byte) => {
                let mut line = ProtocolError::ExpectedBulk(b' ').to_string().into_bytes();
                if let [.., shown, _] = line.as_mut_slice() {
                    *shown = byte;
                }
                line
            }
            other => other.to_string().into_bytes(),
        };
        for byte in &mut line {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        Reply::Error(Cow::Owned(line))
    }
}

/// What keeps the server from starting: one line that says what failed and what to try.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(pub String);
