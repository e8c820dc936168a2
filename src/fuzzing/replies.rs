//! Replies of every kind: what is sent is a reply to its last byte, in both protocols.

use super::Choices;
use crate::resp::Protocol;
use crate::resp::encode;
use crate::resp::reply::Reply;

const DEPTH_MAX: usize = 6;
const ITEMS_MAX: u8 = 5;

/// A tree of replies.
pub(super) fn replies(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    check(&reply(&mut choices, 0));
}

/// # Panics
/// A client would lose its place behind this reply.
pub(super) fn check(reply: &Reply) {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut out = Vec::new();
        encode::encode(reply, protocol, &mut out);
        let end = skip(&out, 0, protocol);
        assert_eq!(end, Some(out.len()), "{reply:?}: {}", out.escape_ascii());
    }
}

fn reply(choices: &mut Choices<'_>, depth: usize) -> Reply {
    let is_leaf = depth == DEPTH_MAX;
    let items = |choices: &mut Choices<'_>| -> Vec<Reply> {
        let count = choices.byte() % (ITEMS_MAX + 1);
        (0..count).map(|_| reply(choices, depth + 1)).collect()
    };
    match choices.byte() % 14 {
        0 => Reply::Status(text(choices).into()),
        1 => Reply::Error(text(choices).into()),
        2 => Reply::Integer(choices.number() as i64),
        3 => Reply::bulk(text(choices)),
        4 => Reply::NullArray,
        5 => Reply::Double(f64::from_bits(choices.number())),
        6 => Reply::Boolean(choices.byte() % 2 == 1),
        7 => Reply::BigNumber(choices.number().to_string().as_bytes().into()),
        8 => Reply::Verbatim(String::from_utf8_lossy(&text(choices)).into_owned()),
        9 if !is_leaf => Reply::Array(items(choices)),
        10 if !is_leaf => Reply::Set(items(choices)),
        11 if !is_leaf => Reply::Push(items(choices)),
        12 if !is_leaf => {
            let count = choices.byte() % (ITEMS_MAX + 1);
            let pair = |_| (reply(choices, depth + 1), reply(choices, depth + 1));
            Reply::Map((0..count).map(pair).collect())
        }
        _ => Reply::Null,
    }
}

fn text(choices: &mut Choices<'_>) -> Vec<u8> {
    let length = usize::from(choices.byte());
    choices.take(length).to_vec()
}

/// Where the reply that begins at `at` ends, if one does; written apart from the encoder.
fn skip(bytes: &[u8], at: usize, protocol: Protocol) -> Option<usize> {
    let mark = *bytes.get(at)?;
    let line_end = at + bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&bytes[at + 1..line_end]);
    let mut next = line_end + 2;
    let is_resp3 = protocol == Protocol::Resp3;
    match mark {
        b'+' | b'-' => {
            let text = &bytes[at + 1..line_end];
            return (!text.iter().any(|byte| b"\r\n".contains(byte))).then_some(next);
        }
        b':' => return line.ok()?.parse::<i64>().is_ok().then_some(next),
        b'$' | b'*' if line == Ok("-1") => return (!is_resp3).then_some(next),
        b'$' => {}
        b'=' if is_resp3 => {}
        b'*' => {}
        b'_' => return (is_resp3 && line == Ok("")).then_some(next),
        b'#' => return (is_resp3 && matches!(line, Ok("t" | "f"))).then_some(next),
        b',' => return (is_resp3 && line.ok()?.parse::<f64>().is_ok()).then_some(next),
        b'(' => return (is_resp3 && line.ok()?.parse::<u128>().is_ok()).then_some(next),
        b'%' | b'~' | b'>' if is_resp3 => {}
        _ => return None,
    }
    let count: usize = line.ok()?.parse().ok()?;
    if matches!(mark, b'$' | b'=') {
        let end = next.checked_add(count)?;
        return (bytes.get(end..end + 2)? == b"\r\n").then_some(end + 2);
    }
    for _ in 0..count * if mark == b'%' { 2 } else { 1 } {
        next = skip(bytes, next, protocol)?;
    }
    Some(next)
}
