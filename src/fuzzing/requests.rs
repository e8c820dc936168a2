//! A client's bytes: however they are cut, the same requests are read.

use super::Choices;
use crate::error::ProtocolError;
use crate::resp::request::{Limits, Parser, Progress};
use crate::resp::whole;

/// What a connection reads.
#[derive(Debug, PartialEq)]
struct Heard {
    requests: Vec<Vec<Vec<u8>>>,
    /// Bytes of the whole requests.
    consumed: usize,
    error: Option<ProtocolError>,
}

/// Limits, the size of the pieces, the bytes.
pub(super) fn requests(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let limits = match choices.byte() % 3 {
        0 => Limits::default(),
        1 => Limits {
            bulk_bytes: 40,
            arguments: 5,
            ..Limits::default()
        },
        _ => Limits {
            authenticated: false,
            ..Limits::default()
        },
    };
    let step = usize::from(choices.byte()) + 1;
    let bytes = choices.bytes;
    let whole = hear([bytes], &limits);
    assert_eq!(hear(bytes.chunks(step), &limits), whole, "in pieces");
    let written: Vec<u8> = whole
        .requests
        .iter()
        .flat_map(|words| write(words))
        .collect();
    // An inline request may have longer words than the limits allow others.
    let again = hear([written.as_slice()], &Limits::default());
    assert_eq!(again.requests, whole.requests, "written again");
    assert_eq!(again.consumed, written.len());
}

fn hear<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Heard {
    let mut parser = Parser::default();
    let mut heard = Heard {
        requests: Vec::new(),
        consumed: 0,
        error: None,
    };
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let rest = &buffer[heard.consumed..];
            let short = whole::whole(rest).filter(|_| whole::is_enough(limits));
            let is_new = !parser.is_half_read();
            match parser.parse(rest, limits) {
                Ok(Progress::Request { consumed }) => {
                    let arguments = parser.arguments(rest);
                    if let Some((short, length)) = short.filter(|_| is_new) {
                        assert_eq!((&short, length), (&arguments, consumed), "the short way");
                    }
                    let words = arguments.iter().map(|word| word.to_vec());
                    heard.requests.push(words.collect());
                    heard.consumed += consumed;
                }
                Ok(Progress::Empty { consumed }) => {
                    assert!(short.is_none(), "the short way sees a request");
                    heard.consumed += consumed;
                }
                Ok(Progress::Incomplete { needed }) => {
                    assert!(needed > 0 && short.is_none());
                    break;
                }
                Err(error) => {
                    assert!(short.is_none(), "the short way sees no error");
                    heard.error = Some(error);
                    return heard;
                }
            }
        }
    }
    heard
}

/// A request as every client writes it.
fn write(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
