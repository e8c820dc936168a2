//! The parser as a connection drives it: bytes in pieces of any size, friendly or not.
//!
//! Every test here goes through `hear`, which steps over requests the way a connection does and
//! would panic on one that claims more bytes than there are.

use proptest::collection::vec;
use proptest::prelude::*;

use super::request::{Limits, Parser, Progress};
use crate::error::ProtocolError;

/// What a connection would read from its client: the requests, and how the bytes end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) requests: Vec<Vec<Vec<u8>>>,
    pub(super) end: Result<Progress, ProtocolError>,
}

/// Hands `pieces` to a parser one by one and steps over each request, as a connection does.
pub(super) fn hear<'a>(
    parser: &mut Parser,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Heard {
    let (mut buffer, mut requests) = (Vec::new(), Vec::new());
    let mut end = Ok(Progress::Incomplete { needed: 1 });
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut start = 0;
        loop {
            let rest = &buffer[start..];
            end = parser.parse(rest, limits);
            match end {
                Ok(Progress::Request { consumed }) => {
                    requests.push(
                        parser
                            .arguments(rest)
                            .iter()
                            .map(|argument| argument.to_vec())
                            .collect(),
                    );
                    start += consumed;
                }
                Ok(Progress::Empty { consumed }) => start += consumed,
                Ok(Progress::Incomplete { needed }) => {
                    assert!(needed > 0);
                    break;
                }
                Err(_) => return Heard { requests, end },
            }
        }
        buffer.drain(..start);
    }
    Heard { requests, end }
}

fn hear_whole(bytes: &[u8], limits: &Limits) -> Heard {
    hear(&mut Parser::default(), [bytes], limits)
}

/// Cuts `bytes` behind every position of `cuts` that lies inside.
pub(super) fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

pub(super) fn request_bytes(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[test]
fn a_request_in_small_segments_costs_linear_time() {
    let arguments = vec![b"12345678".to_vec(); 100_000];
    let bytes = request_bytes(&arguments);
    let mut parser = Parser::default();
    let heard = hear(&mut parser, bytes.chunks(1460), &Limits::default());
    assert_eq!(heard.requests, [arguments]);
    assert!(
        parser.steps() < bytes.len() / 5,
        "{} steps for {} bytes",
        parser.steps(),
        bytes.len()
    );
}

#[test]
fn a_line_byte_by_byte_costs_linear_time() {
    for mark in ["*", "x", "*1\r\n$"] {
        let bytes = [mark.as_bytes(), &[b'1'; 60_000]].concat();
        let mut parser = Parser::default();
        let heard = hear(&mut parser, bytes.chunks(1), &Limits::default());
        assert_eq!(heard.end, Ok(Progress::Incomplete { needed: 1 }));
        assert!(
            parser.steps() < 4 * bytes.len(),
            "{} steps for {} bytes",
            parser.steps(),
            bytes.len()
        );
    }
}

#[test]
fn a_line_may_wait_for_its_end_up_to_the_limit() {
    let limits = Limits::default();
    let rows: [(&[u8], ProtocolError); 4] = [
        (b"x", ProtocolError::InlineTooLong),
        (b"*", ProtocolError::MultibulkHeaderTooLong),
        (b"*1\r\n$", ProtocolError::BulkHeaderTooLong),
        (b"*1\r\n\0", ProtocolError::BulkHeaderTooLong),
    ];
    for (start, error) in rows {
        let line_start = start
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        let mut bytes = start.to_vec();
        bytes.resize(line_start + 65_536, b'1');
        assert_eq!(
            hear_whole(&bytes, &limits).end,
            Ok(Progress::Incomplete { needed: 1 })
        );
        bytes.push(b'1');
        assert_eq!(hear_whole(&bytes, &limits).end, Err(error));
    }
    // A line that comes with its end is taken for what it is.
    let bytes = [b"ECHO ".as_slice(), &[b'a'; 65_600], b"\r\n"].concat();
    assert_eq!(hear_whole(&bytes, &limits).requests[0][1].len(), 65_600);
    let bytes = [b"*".as_slice(), &[b'1'; 70_000], b"\r\n"].concat();
    assert_eq!(
        hear_whole(&bytes, &limits).end,
        Err(ProtocolError::MultibulkLength)
    );
}

#[test]
fn a_large_request_does_not_keep_its_memory() {
    let (mut parser, limits) = (Parser::default(), Limits::default());
    let many = request_bytes(&vec![vec![]; 50_000]);
    let long = [b"a".repeat(60_000).as_slice(), b"\n"].concat();
    for request in [&many, &long] {
        let consumed = request.len();
        assert_eq!(
            parser.parse(request, &limits),
            Ok(Progress::Request { consumed })
        );
        assert!(parser.held_bytes() > 50_000);
    }
    assert_eq!(
        parser.parse(b"", &limits),
        Ok(Progress::Incomplete { needed: 1 })
    );
    assert!(parser.held_bytes() <= 16 * 1024);
    assert!(!parser.is_half_read());
}

#[test]
fn before_auth_requests_are_small() {
    let limits = Limits {
        authenticated: false,
        ..Limits::default()
    };
    let end = |bytes: &[u8]| hear_whole(bytes, &limits).end;
    assert_eq!(
        end(b"*11\r\n"),
        Err(ProtocolError::UnauthenticatedMultibulkLength)
    );
    assert_eq!(end(b"*10\r\n"), Ok(Progress::Incomplete { needed: 1 }));
    assert_eq!(
        end(b"*1\r\n$16385\r\n"),
        Err(ProtocolError::UnauthenticatedBulkLength)
    );
    assert_eq!(
        end(b"*1\r\n$16384\r\n"),
        Ok(Progress::Incomplete { needed: 16_386 })
    );
    assert_eq!(end(b"*2147483648\r\n"), Err(ProtocolError::MultibulkLength));
    assert_eq!(end(b"*1\r\n$536870913\r\n"), Err(ProtocolError::BulkLength));
    let inline = b"a ".repeat(30);
    let heard = hear(&mut Parser::default(), [inline.as_slice(), b"\n"], &limits);
    assert_eq!(heard.requests[0].len(), 30);
}

#[test]
fn no_configured_limit_lets_a_request_pass_four_gibibytes() {
    let limits = Limits {
        bulk_bytes: u64::MAX,
        ..Limits::default()
    };
    let end = |bytes: &[u8]| hear_whole(bytes, &limits).end;
    assert_eq!(
        end(b"*1\r\n$4294967276\r\n"),
        Ok(Progress::Incomplete {
            needed: 4_294_967_278
        })
    );
    assert_eq!(
        end(b"*1\r\n$4294967279\r\n"),
        Err(ProtocolError::BulkLength)
    );
    assert_eq!(
        end(b"*1\r\n$9223372036854775807\r\n"),
        Err(ProtocolError::BulkLength)
    );
}

/// Bytes that look enough like requests to reach every branch.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => proptest::sample::select(vec![
            "*", "$", "\r\n", "\r", "\n", "\0", "\"", "'", "\\", "\\x", " ", "-", "+", "0", "1", "2",
            "3", "12", "2147483647", "99999999999999999999", "*1\r\n", "*2\r\n$1\r\na\r\n", "$0\r\n\r\n",
            "*3\r\n$4\r\n", "PING\r\n", "*-1\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..8),
    ];
    vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn hostile_bytes_are_heard_the_same_however_they_are_cut(
        bytes in hostile(),
        cuts in vec(any::<usize>(), 0..8),
    ) {
        let limits = Limits { inline_bytes: 4096, ..Limits::default() };
        let mut parser = Parser::default();
        let heard = hear(&mut parser, cut(&bytes, &cuts), &limits);
        // An argument takes 7 bytes on the wire, or 2 in an inline command, and 8 here.
        prop_assert!(parser.held_bytes() <= 10 * bytes.len() + 64);
        prop_assert_eq!(&heard, &hear_whole(&bytes, &limits));
        let one_by_one = hear(&mut Parser::default(), bytes.chunks(1), &limits);
        prop_assert_eq!(&heard, &one_by_one);
        let held: usize = heard.requests.iter().flatten().map(Vec::len).sum();
        prop_assert!(held <= bytes.len());
    }

    #[test]
    fn requests_are_heard_as_they_were_sent(
        sent in vec(vec(vec(any::<u8>(), 0..1200), 1..12), 1..4),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|arguments| request_bytes(arguments)).collect();
        let heard = hear(&mut Parser::default(), cut(&bytes, &cuts), &Limits::default());
        prop_assert_eq!(heard.requests, sent);
    }
}
