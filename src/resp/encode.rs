//! Replies to bytes, for either version of the protocol.
//!
//! What a lock server answers all day (lines, integers, bulk strings, nulls and arrays of those)
//! is written by hand. The scalars that only RESP3 has are left to the redis-protocol crate, which
//! nothing else in the server names. Its maps and sets are hash tables, and would lose the order
//! of the pairs, drop members that are equal, and panic on a member that is itself an aggregate,
//! so the headers of aggregates are written here too; so are doubles, whose digits are Redis's own.

use redis_protocol::resp3::encode::complete::encode_borrowed;
use redis_protocol::resp3::types::{BorrowedFrame, VerbatimStringFormat};

use super::Protocol;
use super::reply::Reply;
use crate::double;

/// Appends `reply` to `out` as a client that speaks `protocol` reads it.
///
/// A CR or LF inside a status or error line becomes a space: a line cannot end early, whoever
/// made it.
pub fn encode(reply: &Reply, protocol: Protocol, out: &mut Vec<u8>) {
    let is_resp3 = protocol == Protocol::Resp3;
    match reply {
        Reply::Status(text) if **text == *b"OK" => out.extend_from_slice(b"+OK\r\n"),
        Reply::Status(text) => line(b'+', text, out),
        Reply::Error(text) => line(b'-', text, out),
        Reply::Integer(value) => header(b':', *value, out),
        Reply::Bulk(bytes) => bulk(bytes, out),
        Reply::Null if is_resp3 => out.extend_from_slice(b"_\r\n"),
        Reply::Null => out.extend_from_slice(b"$-1\r\n"),
        Reply::NullArray if is_resp3 => out.extend_from_slice(b"_\r\n"),
        Reply::NullArray => out.extend_from_slice(b"*-1\r\n"),
        Reply::Array(items) => aggregate(b'*', items, protocol, out),
        Reply::Set(items) => aggregate(if is_resp3 { b'~' } else { b'*' }, items, protocol, out),
        Reply::Push(items) => aggregate(if is_resp3 { b'>' } else { b'*' }, items, protocol, out),
        Reply::Map(pairs) => map(pairs, protocol, out),
        Reply::Double(value) if is_resp3 => line(b',', &double::text(*value), out),
        Reply::Double(value) => bulk(&double::text(*value), out),
        Reply::Boolean(data) if is_resp3 => resp3(
            &BorrowedFrame::Boolean {
                data: *data,
                attributes: None,
            },
            out,
        ),
        Reply::Boolean(data) => header(b':', i64::from(*data), out),
        Reply::BigNumber(data) if is_resp3 => resp3(
            &BorrowedFrame::BigNumber {
                data,
                attributes: None,
            },
            out,
        ),
        Reply::BigNumber(digits) => bulk(digits, out),
        Reply::Verbatim(text) if is_resp3 => {
            let (data, format) = (text.as_bytes(), VerbatimStringFormat::Text);
            resp3(
                &BorrowedFrame::VerbatimString {
                    data,
                    format,
                    attributes: None,
                },
                out,
            );
        }
        Reply::Verbatim(text) => bulk(text.as_bytes(), out),
    }
}

/// Appends what answers no request: a push of these parts, as [`Reply::Push`] of bulk strings.
pub fn push(parts: &[&[u8]], protocol: Protocol, out: &mut Vec<u8>) {
    if let Some((last, parts)) = parts.split_last() {
        push_each(parts, &[last], protocol, out);
    }
}

/// Appends a push for each of `lasts`: of `parts`, and of it as the last part.
pub fn push_each(parts: &[&[u8]], lasts: &[&[u8]], protocol: Protocol, out: &mut Vec<u8>) {
    let Some((first, others)) = lasts.split_first() else {
        return;
    };
    let start = out.len();
    header(push_mark(protocol), count(parts.len() + 1), out);
    for part in parts {
        bulk(part, out);
    }
    let beginning = start..out.len();
    bulk(first, out);
    for last in others {
        out.extend_from_within(beginning.clone());
        bulk(last, out);
    }
}

fn push_mark(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Resp2 => b'*',
        Protocol::Resp3 => b'>',
    }
}

/// A line of text behind its mark.
#[inline]
fn line(mark: u8, text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 3);
    out.push(mark);
    out.extend(text.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        other => other,
    }));
    out.extend_from_slice(b"\r\n");
}

/// A number behind its mark: an integer, or the header of what follows.
#[inline]
fn header(mark: u8, number: i64, out: &mut Vec<u8>) {
    // What a lock is answered, and the length of its token: written at one go.
    if let Ok(short @ 0..=99) = u8::try_from(number) {
        let (tens, ones) = (b'0' + short / 10, b'0' + short % 10);
        match short {
            0..=9 => out.extend_from_slice(&[mark, ones, b'\r', b'\n']),
            _ => out.extend_from_slice(&[mark, tens, ones, b'\r', b'\n']),
        }
        return;
    }
    let mut digits = itoa::Buffer::new();
    out.push(mark);
    out.extend_from_slice(digits.format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A string behind its length.
#[inline]
fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + BULK_FRAME_BYTES);
    header(b'$', count(bytes.len()), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Replies behind their number.
fn aggregate(mark: u8, items: &[Reply], protocol: Protocol, out: &mut Vec<u8>) {
    header(mark, count(items.len()), out);
    for item in items {
        encode(item, protocol, out);
    }
}

/// Pairs behind their number; RESP2 counts keys and values one by one.
fn map(pairs: &[(Reply, Reply)], protocol: Protocol, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Resp2 => header(b'*', count(pairs.len()).saturating_mul(2), out),
        Protocol::Resp3 => header(b'%', count(pairs.len()), out),
    }
    for (key, value) in pairs {
        encode(key, protocol, out);
        encode(value, protocol, out);
    }
}

/// A scalar that RESP2 does not have.
#[cold]
fn resp3(frame: &BorrowedFrame<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + frame.encode_len(false), 0);
    let written = encode_borrowed(&mut out[start..], frame, false)
        .expect("the encoder fails for want of space only, and the frame was asked for its length");
    out.truncate(start + written);
}

/// A length as the protocol writes it.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The most that stands around a bulk string: mark, length, two line ends.
const BULK_FRAME_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::resp::reply::Blob;

    fn both(reply: &Reply) -> (Vec<u8>, Vec<u8>) {
        let (mut resp2, mut resp3) = (Vec::new(), Vec::new());
        encode(reply, Protocol::Resp2, &mut resp2);
        encode(reply, Protocol::Resp3, &mut resp3);
        (resp2, resp3)
    }

    #[test]
    fn pushes_are_those_of_replies() {
        let (channel, messages): (_, [&[u8]; 3]) = (b"ch", [b"", b"lock", &[b'x'; 300]]);
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let (mut at_once, mut by_reply) = (b"before".to_vec(), b"before".to_vec());
            push_each(&[b"message", channel], &messages, protocol, &mut at_once);
            for message in messages {
                let parts = [b"message", &channel[..], message].map(Reply::bulk);
                encode(&Reply::Push(parts.to_vec()), protocol, &mut by_reply);
            }
            assert_eq!(at_once, by_reply);
        }
    }

    /// The answers of `DEBUG PROTOCOL <kind>` of Redis 7.0.15. It refuses a push in RESP2, where
    /// the message of a channel is an array.
    #[test]
    #[expect(
        clippy::approx_constant,
        reason = "the digits that the server was given"
    )]
    fn every_kind_has_the_bytes_of_redis() {
        let three = || vec![Reply::Integer(0), Reply::Integer(1), Reply::Integer(2)];
        let flags = [false, true, false];
        let pairs = three().into_iter().zip(flags.map(Reply::Boolean)).collect();
        let push = vec![Reply::bulk("server-cpu-usage"), Reply::Integer(42)];
        let big = b"1234567999999999999999999999999999999";
        let rows: [(Reply, &[u8], &[u8]); 14] = [
            (
                Reply::bulk("Hello World"),
                b"$11\r\nHello World\r\n",
                b"$11\r\nHello World\r\n",
            ),
            (Reply::Integer(12345), b":12345\r\n", b":12345\r\n"),
            (Reply::Double(3.141), b"$5\r\n3.141\r\n", b",3.141\r\n"),
            (Reply::Null, b"$-1\r\n", b"_\r\n"),
            (Reply::NullArray, b"*-1\r\n", b"_\r\n"),
            (
                Reply::Array(three()),
                b"*3\r\n:0\r\n:1\r\n:2\r\n",
                b"*3\r\n:0\r\n:1\r\n:2\r\n",
            ),
            (
                Reply::Set(three()),
                b"*3\r\n:0\r\n:1\r\n:2\r\n",
                b"~3\r\n:0\r\n:1\r\n:2\r\n",
            ),
            (
                Reply::Map(pairs),
                b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n",
                b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n",
            ),
            (
                Reply::Push(push),
                b"*2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n",
                b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n",
            ),
            (
                Reply::Verbatim("This is a verbatim\nstring".to_owned()),
                b"$25\r\nThis is a verbatim\nstring\r\n",
                b"=29\r\ntxt:This is a verbatim\nstring\r\n",
            ),
            (Reply::Boolean(true), b":1\r\n", b"#t\r\n"),
            (Reply::Boolean(false), b":0\r\n", b"#f\r\n"),
            (
                Reply::BigNumber(Blob::from_slice(big)),
                b"$37\r\n1234567999999999999999999999999999999\r\n",
                b"(1234567999999999999999999999999999999\r\n",
            ),
            (Reply::OK, b"+OK\r\n", b"+OK\r\n"),
        ];
        for (reply, resp2, resp3) in rows {
            let (ours2, ours3) = both(&reply);
            assert_eq!(
                ours2.escape_ascii().to_string(),
                resp2.escape_ascii().to_string()
            );
            assert_eq!(
                ours3.escape_ascii().to_string(),
                resp3.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn every_number_has_its_decimal_digits() {
        for number in (-120..1200).chain([i64::MIN, i64::MAX]) {
            let expected = format!(":{number}\r\n");
            assert_eq!(both(&Reply::Integer(number)).0, expected.as_bytes());
        }
    }

    #[test]
    fn a_line_cannot_be_ended_from_inside() {
        let forged = |text: &'static [u8]| Cow::Borrowed(text);
        assert_eq!(both(&Reply::Status(forged(b"a\r\n:1"))).0, b"+a  :1\r\n");
        assert_eq!(both(&Reply::Error(forged(b"ERR \n\r"))).1, b"-ERR   \r\n");
    }

    #[test]
    fn a_reply_is_appended_to_what_is_there() {
        let mut out = b"+OK\r\n".to_vec();
        for reply in [
            Reply::Boolean(true),
            Reply::bulk(""),
            Reply::Array(vec![]),
            Reply::Integer(i64::MIN),
        ] {
            encode(&reply, Protocol::Resp3, &mut out);
        }
        assert_eq!(
            out,
            b"+OK\r\n#t\r\n$0\r\n\r\n*0\r\n:-9223372036854775808\r\n"
        );
    }

    #[test]
    fn a_map_keeps_its_order_and_a_set_its_doubles_and_aggregates() {
        let pair = |key: &str| {
            (
                Reply::bulk(key),
                Reply::Set(vec![Reply::Map(vec![]), Reply::Map(vec![])]),
            )
        };
        let reply = Reply::Map(["z", "a", "m", "a"].map(pair).to_vec());
        let set = "~2\r\n%0\r\n%0\r\n";
        let expected =
            format!("%4\r\n$1\r\nz\r\n{set}$1\r\na\r\n{set}$1\r\nm\r\n{set}$1\r\na\r\n{set}");
        assert_eq!(
            both(&reply).1.escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string()
        );
    }
}
