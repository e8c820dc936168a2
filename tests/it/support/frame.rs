//! One reply of the Redis protocol, read strictly and printed in the transcripts' notation.
//!
//! This reader exists to find where a reply ends and to keep its exact bytes, so it is written
//! apart from the server's own codec and accepts only what a server may send: canonical lengths,
//! CRLF after everything. Invariant: [`Frame::encode`] of a frame that was read is what was read.

use std::fmt::{self, Write as _};

use super::words::{is_plain, quoted};

/// A reply, as its type byte and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `+ - : , # ( _`: one line.
    Line(u8, Vec<u8>),
    /// `$ = !`: a length and that many bytes.
    Blob(u8, Vec<u8>),
    /// `$-1` or `*-1`.
    Null(u8),
    /// `* % ~ >`: a map has its keys and values in turn.
    Aggregate(u8, Vec<Frame>),
}

/// Replies nest at most this deep; deeper ones are taken for a fault of the server.
const DEPTH_MAX: usize = 32;

impl Frame {
    /// The first frame of `bytes` and its length, or `None` where it has not all arrived.
    ///
    /// # Errors
    /// A sentence about what no server may send.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Frame, usize)>, String> {
        Frame::read_nested(bytes, 0, DEPTH_MAX)
    }

    fn read_nested(
        bytes: &[u8],
        start: usize,
        depth: usize,
    ) -> Result<Option<(Frame, usize)>, String> {
        if depth == 0 {
            return Err(format!("a reply nested more than {DEPTH_MAX} deep"));
        }
        let Some((line, mut at)) = line_at(bytes, start)? else {
            return Ok(None);
        };
        let (&kind, text) = line.split_first().ok_or("an empty line for a reply")?;
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => {
                Ok(Some((Frame::Line(kind, text.to_vec()), at)))
            }
            b'$' | b'*' if text == b"-1" => Ok(Some((Frame::Null(kind), at))),
            b'$' | b'=' | b'!' => {
                let end = at + canonical_length(text)?;
                if bytes.len() < end + 2 {
                    return Ok(None);
                }
                if &bytes[end..end + 2] != b"\r\n" {
                    return Err("a bulk string without CRLF behind it".to_owned());
                }
                Ok(Some((Frame::Blob(kind, bytes[at..end].to_vec()), end + 2)))
            }
            b'*' | b'%' | b'~' | b'>' => {
                let mut count = canonical_length(text)?;
                if kind == b'%' {
                    count *= 2;
                }
                let mut children = Vec::new();
                for _ in 0..count {
                    match Frame::read_nested(bytes, at, depth - 1)? {
                        Some((child, end)) => {
                            children.push(child);
                            at = end;
                        }
                        None => return Ok(None),
                    }
                }
                Ok(Some((Frame::Aggregate(kind, children), at)))
            }
            other => Err(format!("a reply that begins with byte {other:#04x}")),
        }
    }

    /// The bytes of this frame on the wire.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        self.encode_into(&mut wire);
        wire
    }

    fn encode_into(&self, wire: &mut Vec<u8>) {
        let head = |wire: &mut Vec<u8>, kind: &u8, count: usize| {
            wire.push(*kind);
            wire.extend_from_slice(count.to_string().as_bytes());
            wire.extend_from_slice(b"\r\n");
        };
        match self {
            Frame::Line(kind, text) => {
                wire.push(*kind);
                wire.extend_from_slice(text);
                wire.extend_from_slice(b"\r\n");
            }
            Frame::Blob(kind, bytes) => {
                head(wire, kind, bytes.len());
                wire.extend_from_slice(bytes);
                wire.extend_from_slice(b"\r\n");
            }
            Frame::Null(kind) => wire.extend_from_slice(&[*kind, b'-', b'1', b'\r', b'\n']),
            Frame::Aggregate(kind, children) => {
                let per_entry = if *kind == b'%' { 2 } else { 1 };
                head(wire, kind, children.len() / per_entry);
                for child in children {
                    child.encode_into(wire);
                }
            }
        }
    }

    /// Whether only RESP3 has this frame, or one inside it.
    pub(crate) fn is_resp3(&self) -> bool {
        match self {
            Frame::Line(kind, _) | Frame::Blob(kind, _) => !b"+-:$".contains(kind),
            Frame::Null(_) => false,
            Frame::Aggregate(kind, children) => {
                *kind != b'*' || children.iter().any(Frame::is_resp3)
            }
        }
    }

    /// Whether a set in this frame holds an aggregate.
    pub(crate) fn has_aggregate_in_set(&self) -> bool {
        let Frame::Aggregate(kind, children) = self else {
            return false;
        };
        let is_aggregate = |child: &Frame| matches!(child, Frame::Aggregate(..));
        (*kind == b'~' && children.iter().any(is_aggregate))
            || children.iter().any(Frame::has_aggregate_in_set)
    }

    /// This frame with an array in the place of every set.
    pub(crate) fn with_arrays_for_sets(&self) -> Frame {
        match self {
            Frame::Aggregate(kind, children) => Frame::Aggregate(
                if *kind == b'~' { b'*' } else { *kind },
                children.iter().map(Frame::with_arrays_for_sets).collect(),
            ),
            other => other.clone(),
        }
    }

    fn write_nested(&self, out: &mut String) {
        match self {
            Frame::Line(kind, text) => {
                out.push(char::from(*kind));
                if text.is_empty() || is_plain(text) {
                    out.push_str(&String::from_utf8_lossy(text));
                } else {
                    out.push_str(&quoted(text));
                }
            }
            Frame::Blob(kind, bytes) => {
                out.push(char::from(*kind));
                out.push_str(&quoted(bytes));
            }
            Frame::Null(kind) => {
                out.push(char::from(*kind));
                out.push_str("-1");
            }
            Frame::Aggregate(kind, children) => {
                let per_entry = if *kind == b'%' { 2 } else { 1 };
                let _ = write!(out, "{}{}", char::from(*kind), children.len() / per_entry);
                for child in children {
                    out.push(' ');
                    child.write_nested(out);
                }
            }
        }
    }
}

/// The notation of the transcripts: `+OK`, `$"v1"`, `*2 :1 $"x"`. A status or error that stands
/// alone is written without quotes where nothing is lost by it.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Frame::Line(kind @ (b'+' | b'-'), text) = self {
            let words = text.split(|byte| *byte == b' ');
            if words.clone().count() > 1 && words.clone().all(is_plain) {
                return write!(f, "{}{}", char::from(*kind), String::from_utf8_lossy(text));
            }
        }
        let mut out = String::new();
        self.write_nested(&mut out);
        f.write_str(&out)
    }
}

/// The line that starts at `start`, and where the next one does.
fn line_at(bytes: &[u8], start: usize) -> Result<Option<(&[u8], usize)>, String> {
    let rest = bytes.get(start..).unwrap_or_default();
    let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Ok(None);
    };
    match (rest[end], rest.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some((&rest[..end], start + end + 2))),
        (b'\r', None) => Ok(None),
        _ => Err(format!(
            "a line that does not end in CRLF: {}",
            quoted(&rest[..end])
        )),
    }
}

fn canonical_length(text: &[u8]) -> Result<usize, String> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|digits| {
            let length = digits.parse::<usize>().ok()?;
            (length.to_string() == digits).then_some(length)
        })
        .ok_or_else(|| format!("{} for a length", quoted(text)))
}

#[test]
fn a_frame_is_read_once_all_of_it_is_there_and_encodes_to_what_was_read() {
    let wire = b"*4\r\n$2\r\nv1\r\n:-1\r\n%1\r\n+a\r\n_\r\n*-1\r\n";
    for length in 0..wire.len() {
        assert_eq!(
            Frame::read(&wire[..length]),
            Ok(None),
            "after {length} bytes"
        );
    }
    let (frame, length) = Frame::read(wire).unwrap().unwrap();
    assert_eq!(length, wire.len());
    assert_eq!(frame.encode(), wire);
    assert_eq!(frame.to_string(), r#"*4 $"v1" :-1 %1 +a _ *-1"#);
}

#[test]
fn a_reply_that_no_server_may_send_is_refused() {
    for wire in [
        &b"$01\r\nx\r\n"[..],
        b"$1\r\nxyz",
        b"+OK\n",
        b"?\r\n",
        b"\r\n",
        b"$-2\r\n",
    ] {
        assert!(Frame::read(wire).is_err(), "{}", quoted(wire));
    }
}
