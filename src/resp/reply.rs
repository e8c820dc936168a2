//! What a command answers, as a value.
//!
//! A reply knows nothing of bytes: the connection encodes it for the protocol the client chose,
//! a script turns it into a Lua value, a transaction collects it. Nothing here does I/O.

use std::borrow::Cow;

use smallvec::SmallVec;

/// A short binary string kept inline: a lock's token (36 bytes for a UUID, 40 for a SHA-1 in hex)
/// is answered without an allocation.
pub type Blob = SmallVec<[u8; 40]>;

/// One value of the Redis protocol, version 2 or 3.
///
/// The RESP3-only kinds fall back to what Redis sends a RESP2 client: a map to a flat array, a
/// set and a push to an array, a double to a bulk string, a boolean to 1 or 0, a verbatim string
/// to a bulk string.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `+OK`: a line without CR or LF.
    Status(Cow<'static, [u8]>),
    /// `-ERR ...`: code and text, without CR or LF.
    Error(Cow<'static, [u8]>),
    /// `:1`
    Integer(i64),
    /// `$3 foo`
    Bulk(Blob),
    /// `$-1` in RESP2, `_` in RESP3.
    Null,
    /// `*-1` in RESP2, `_` in RESP3.
    NullArray,
    /// `*2 ...`
    Array(Vec<Reply>),
    /// `%1 key value`
    Map(Vec<(Reply, Reply)>),
    /// `~2 ...`
    Set(Vec<Reply>),
    /// `>2 ...`: out-of-band data, such as a pub/sub message.
    Push(Vec<Reply>),
    /// `,1.5`
    Double(f64),
    /// `#t`
    Boolean(bool),
    /// `(123`
    BigNumber(Blob),
    /// `=8 txt:text`: text for people, as INFO and CLIENT LIST answer.
    Verbatim(String),
}

impl Reply {
    /// `+OK`
    pub const OK: Reply = Reply::Status(Cow::Borrowed(b"OK"));

    /// A bulk string that copies `bytes`.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Reply {
        Reply::Bulk(Blob::from_slice(bytes.as_ref()))
    }

    /// A status line known at compile time.
    pub const fn status(line: &'static str) -> Reply {
        Reply::Status(Cow::Borrowed(line.as_bytes()))
    }

    /// The bulk string, or null where there is none.
    pub fn bulk_or_null(bytes: Option<impl AsRef<[u8]>>) -> Reply {
        bytes.map_or(Reply::Null, Reply::bulk)
    }

    /// Whether this is an error line.
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}

impl From<i64> for Reply {
    fn from(value: i64) -> Reply {
        Reply::Integer(value)
    }
}

impl From<usize> for Reply {
    fn from(value: usize) -> Reply {
        Reply::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Reply {
    /// `:1` or `:0`, as Redis answers a yes or no in both protocols.
    fn from(value: bool) -> Reply {
        Reply::Integer(i64::from(value))
    }
}
