//! The parser and the encoder beside the redis-protocol crate, on random requests and replies.
//!
//! The crate's decoder recurs without limit and panics on aggregates in sets, so it only sees what
//! was made here: requests without nesting, and replies of bounded depth.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use redis_protocol::resp2::decode::{decode as decode2, decode_range};
use redis_protocol::resp2::types::{OwnedFrame as Frame2, RangeFrame};
use redis_protocol::resp3::decode::complete::decode as decode3;
use redis_protocol::resp3::types::{OwnedFrame as Frame3, VerbatimStringFormat};

use super::Protocol;
use super::encode::encode;
use super::hostile::request_bytes;
use super::reply::{Blob, Reply};
use super::request::{Limits, Parser, Progress};

/// A scalar; each has its own value, so that it can be a member of the crate's sets.
fn scalar() -> impl Strategy<Value = Reply> {
    let text = || "[ -~]{0,60}";
    prop_oneof![
        text().prop_map(|line| Reply::Status(line.into_bytes().into())),
        text().prop_map(|line| Reply::Error(line.into_bytes().into())),
        any::<i64>().prop_map(Reply::Integer),
        vec(any::<u8>(), 0..80).prop_map(Reply::bulk),
        Just(Reply::Null),
        Just(Reply::NullArray),
        any::<f64>()
            .prop_filter("nan is not equal to itself", |value| !value.is_nan())
            // The crate's sets take 0 and -0 for two members that are equal.
            .prop_map(|value| Reply::Double(value + 0.0)),
        any::<bool>().prop_map(Reply::Boolean),
        "-?[1-9][0-9]{0,60}"
            .prop_map(|digits| Reply::BigNumber(Blob::from_slice(digits.as_bytes()))),
        text().prop_map(Reply::Verbatim),
    ]
}

/// A reply up to four levels deep.
fn reply() -> impl Strategy<Value = Reply> {
    scalar().prop_recursive(3, 40, 6, |inner| {
        let pairs = vec((scalar(), inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Reply::Array),
            pairs.prop_map(|pairs| Reply::Map(distinct(pairs, |pair| &pair.0))),
            vec(scalar(), 0..6).prop_map(|members| Reply::Set(distinct(members, |member| member))),
        ]
    })
}

/// Leaves out what has the same bytes as one before: the crate would.
fn distinct<T>(items: Vec<T>, key: impl Fn(&T) -> &Reply) -> Vec<T> {
    let mut seen = HashSet::new();
    items
        .into_iter()
        .filter(|item| seen.insert(bytes(key(item), Protocol::Resp3)))
        .collect()
}

fn bytes(reply: &Reply, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    encode(reply, protocol, &mut out);
    out
}

/// What a RESP3 client should hold after reading `reply`.
fn frame3(reply: &Reply) -> Frame3 {
    let attributes = None;
    let all = |items: &[Reply]| items.iter().map(frame3).collect();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match reply {
        Reply::Status(line) => Frame3::SimpleString {
            data: line.to_vec(),
            attributes,
        },
        Reply::Error(line) => Frame3::SimpleError {
            data: text(line),
            attributes,
        },
        Reply::Integer(data) => Frame3::Number {
            data: *data,
            attributes,
        },
        Reply::Bulk(data) => Frame3::BlobString {
            data: data.to_vec(),
            attributes,
        },
        Reply::Null | Reply::NullArray => Frame3::Null,
        Reply::Array(items) => Frame3::Array {
            data: items.iter().map(frame3).collect(),
            attributes,
        },
        Reply::Push(items) => Frame3::Push {
            data: items.iter().map(frame3).collect(),
            attributes,
        },
        Reply::Set(items) => Frame3::Set {
            data: all(items),
            attributes,
        },
        Reply::Map(pairs) => Frame3::Map {
            data: pairs
                .iter()
                .map(|(key, value)| (frame3(key), frame3(value)))
                .collect(),
            attributes,
        },
        Reply::Double(data) => Frame3::Double {
            data: *data,
            attributes,
        },
        Reply::Boolean(data) => Frame3::Boolean {
            data: *data,
            attributes,
        },
        Reply::BigNumber(data) => Frame3::BigNumber {
            data: data.to_vec(),
            attributes,
        },
        Reply::Verbatim(text) => {
            let format = VerbatimStringFormat::Text;
            Frame3::VerbatimString {
                data: text.clone().into_bytes(),
                format,
                attributes,
            }
        }
    }
}

/// Whether a RESP2 client that reads `frame` was told `reply`.
fn is_told2(reply: &Reply, frame: &Frame2) -> bool {
    let same = |items: Vec<&Reply>, frames: &[Frame2]| {
        items.len() == frames.len()
            && items
                .iter()
                .zip(frames)
                .all(|(item, frame)| is_told2(item, frame))
    };
    match (reply, frame) {
        (Reply::Status(line), Frame2::SimpleString(data)) => line == data,
        (Reply::Error(line), Frame2::Error(data)) => line.as_ref() == data.as_bytes(),
        (Reply::Integer(value), Frame2::Integer(data)) => value == data,
        (Reply::Boolean(value), Frame2::Integer(data)) => i64::from(*value) == *data,
        (Reply::Bulk(bytes) | Reply::BigNumber(bytes), Frame2::BulkString(data)) => {
            bytes.as_slice() == data
        }
        (Reply::Verbatim(text), Frame2::BulkString(data)) => text.as_bytes() == data,
        (Reply::Double(value), Frame2::BulkString(data)) => {
            std::str::from_utf8(data)
                .unwrap()
                .parse::<f64>()
                .unwrap()
                .to_bits()
                == value.to_bits()
        }
        (Reply::Null | Reply::NullArray, Frame2::Null) => true,
        (Reply::Array(items) | Reply::Set(items) | Reply::Push(items), Frame2::Array(frames)) => {
            same(items.iter().collect(), frames)
        }
        (Reply::Map(pairs), Frame2::Array(frames)) => same(
            pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
            frames,
        ),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn requests_are_parsed_as_the_crate_parses_them(
        arguments in vec(vec(any::<u8>(), 0..300), 1..20),
        behind in vec(any::<u8>(), 0..40),
        length in any::<proptest::sample::Index>(),
    ) {
        let mut sent = request_bytes(&arguments);
        sent.extend_from_slice(&behind);
        let sent = &sent[..length.index(sent.len() + 1)];
        let mut parser = Parser::default();
        let ours = parser.parse(sent, &Limits::default()).unwrap();
        match decode_range(sent).unwrap() {
            Some((RangeFrame::Array(items), length)) => {
                prop_assert_eq!(ours, Progress::Request { consumed: length });
                let theirs: Vec<&[u8]> = items.iter().map(|item| match item {
                    RangeFrame::BulkString((start, end)) => &sent[*start..*end],
                    other => panic!("the request holds a {other:?}"),
                }).collect();
                prop_assert_eq!(parser.arguments(sent).into_vec(), theirs);
            }
            None => {
                let is_incomplete = matches!(ours, Progress::Incomplete { .. });
                prop_assert!(is_incomplete);
            }
            other => prop_assert!(false, "the request is a {:?}", other),
        }
    }

    #[test]
    fn every_reply_is_read_back_in_resp3(reply in reply()) {
        let sent = bytes(&reply, Protocol::Resp3);
        prop_assert_eq!(decode3(&sent).unwrap(), Some((frame3(&reply), sent.len())));
    }

    #[test]
    fn every_push_is_read_back_in_resp3(items in vec(reply(), 1..4)) {
        let reply = Reply::Push(items);
        let sent = bytes(&reply, Protocol::Resp3);
        prop_assert_eq!(decode3(&sent).unwrap(), Some((frame3(&reply), sent.len())));
    }

    #[test]
    fn every_reply_is_read_back_in_resp2(reply in reply()) {
        let sent = bytes(&reply, Protocol::Resp2);
        let (frame, length) = decode2(&sent).unwrap().unwrap();
        prop_assert_eq!(length, sent.len());
        prop_assert!(is_told2(&reply, &frame), "{:?} was read as {:?}", reply, frame);
    }
}
