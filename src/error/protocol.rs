//! Errors that end a connection: bytes that are no request, and a caller who is not let in.

use super::reply_of;
use crate::resp::reply::Reply;

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
    /// The reply that carries this error; CR and LF inside it become blanks, as in Redis.
    pub fn into_reply(self) -> Reply {
        reply_of(&self)
    }
}

/// Why a new connection is closed before its first request. It gets the line without being read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum AdmissionError {
    /// As many clients as `maxclients` are connected.
    #[error("ERR max number of clients reached")]
    TooManyClients,
    /// `protected-mode` without a password, and a client of another machine.
    #[error(
        "DENIED Redis is running in protected mode: there is no password, so only clients on this \
         machine are let in. Set requirepass, or protected-mode no."
    )]
    Protected,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_in_place_of_a_dollar_is_sent_as_it_came() {
        for (byte, shown) in [(b'P', b'P'), (0xff, 0xff), (b'\n', b' ')] {
            let line = [
                b"ERR Protocol error: expected '$', got '",
                &[shown][..],
                b"'",
            ]
            .concat();
            let reply = ProtocolError::ExpectedBulk(byte).into_reply();
            assert_eq!(reply, Reply::Error(line.into()));
        }
    }
}
