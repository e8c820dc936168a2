//! Replies of a server, one by one: for questions asked outside of the measurement, and for those
//! within it that are not what they should be.
//!
//! The load asks nothing that is answered with an aggregate, so none is let through to the decoder,
//! which would follow nested ones without limit.

use std::fmt;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;

/// The longest reply that is waited for, in bytes.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// Letters of a reply that are shown.
const SHOWN_MAX: usize = 120;

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Status(Vec<u8>),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
}

/// The first reply of `bytes` and its length; `None` while it is incomplete.
///
/// # Errors
/// What came instead of a reply.
pub(crate) fn first_answer(bytes: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    match bytes.first() {
        None => return Ok(None),
        Some(b'+' | b'-' | b':' | b'$') => {}
        Some(_) => return Err(format!("'{}' came for a reply", shown(bytes))),
    }
    let decoded = decode(bytes).map_err(|_| format!("'{}' came for a reply", shown(bytes)))?;
    let Some((frame, length)) = decoded else {
        return if bytes.len() < REPLY_BYTES_MAX {
            Ok(None)
        } else {
            Err(format!("a reply is longer than {REPLY_BYTES_MAX} bytes"))
        };
    };
    let answer = match frame {
        OwnedFrame::SimpleString(text) => Answer::Status(text),
        OwnedFrame::Error(text) => Answer::Error(text),
        OwnedFrame::Integer(number) => Answer::Integer(number),
        OwnedFrame::BulkString(bytes) => Answer::Bulk(bytes),
        OwnedFrame::Null => Answer::Null,
        OwnedFrame::Array(_) => return Err("an array came for a reply".to_owned()),
    };
    Ok(Some((answer, length)))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Status(text) => write!(f, "{}", shown(text)),
            Answer::Error(text) => write!(f, "{}", shown(text.as_bytes())),
            Answer::Integer(number) => write!(f, "(integer) {number}"),
            Answer::Bulk(bytes) => write!(f, "\"{}\"", shown(bytes)),
            Answer::Null => write!(f, "(nil)"),
        }
    }
}

/// The beginning of a text, safe to print.
fn shown(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(SHOWN_MAX)];
    let mut text = beginning.escape_ascii().to_string().replace("\\'", "'");
    text = text.replace("\\\"", "\"");
    if beginning.len() < bytes.len() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_one_by_one_with_their_length() {
        let rows: [(&[u8], &str, usize); 6] = [
            (b"+OK\r\n:1\r\n", "OK", 5),
            (b":-12\r\n", "(integer) -12", 6),
            (b"$2\r\nab\r\n+", "\"ab\"", 8),
            (b"$-1\r\n", "(nil)", 5),
            (b"-ERR 'x'\r\n", "ERR 'x'", 10),
            (b"$3\r\na\x1bb\r\n", "\"a\\x1bb\"", 9),
        ];
        for (bytes, text, length) in rows {
            let (answer, taken) = first_answer(bytes).unwrap().unwrap();
            assert_eq!((answer.to_string().as_str(), taken), (text, length));
        }
    }

    #[test]
    fn part_of_a_reply_is_waited_for() {
        for part in ["", "+", "+OK\r", "$5\r\nab", "$-", ":1"] {
            assert_eq!(first_answer(part.as_bytes()), Ok(None), "{part:?}");
        }
        let endless = vec![b'+'; REPLY_BYTES_MAX];
        assert!(first_answer(&endless).unwrap_err().contains("longer than"));
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for text in ["HTTP/1.1 400 Bad Request\r\n", "*1\r\n:1\r\n", ":x\r\n"] {
            let fault = first_answer(text.as_bytes()).unwrap_err();
            assert!(fault.contains("came for a reply"), "{fault}");
        }
    }
}
