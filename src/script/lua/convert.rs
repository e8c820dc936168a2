//! Replies as Lua values and Lua values as replies, by Redis's rules for each protocol version.

use std::borrow::Cow;
use std::ffi::c_int;

use super::number::{format_general, to_integer};
use super::stack::{Kind, Stack};
use crate::error::{CommandError, GENERAL_CODE, ScriptError};
use crate::resp::reply::{Blob, Reply};

/// Tables nested deeper than this are cut off with an error reply in their place.
/// It bounds the native stack that a reply takes, here and in the encoder.
const NESTING_MAX: usize = 500;

/// Pushes the Lua value of a command's reply.
pub(super) fn push_reply(stack: &Stack, reply: &Reply) {
    let is_resp3 = stack.host.protocol.get() >= 3;
    match reply {
        Reply::Status(line) => push_tagged(stack, "ok", |stack| stack.push_bytes(line)),
        Reply::Error(line) => push_command_error(stack, line),
        Reply::Integer(value) => stack.push_number(*value as f64),
        Reply::Bulk(bytes) => stack.push_bytes(bytes),
        Reply::Null | Reply::NullArray if is_resp3 => stack.push_nil(),
        Reply::Null | Reply::NullArray => stack.push_boolean(false),
        Reply::Array(items) | Reply::Push(items) => push_items(stack, items.iter()),
        Reply::Map(pairs) if is_resp3 => push_tagged(stack, "map", |stack| {
            stack.push_table(0, pairs.len());
            for (key, value) in pairs {
                push_reply(stack, key);
                push_reply(stack, value);
                if stack.set_pair(-3).is_err() {
                    stack.pop(2);
                }
            }
        }),
        Reply::Map(pairs) => push_items(stack, pairs.iter().flat_map(|(key, value)| [key, value])),
        Reply::Set(items) if is_resp3 => push_tagged(stack, "set", |stack| {
            stack.push_table(0, items.len());
            for item in items {
                push_reply(stack, item);
                stack.push_boolean(true);
                if stack.set_pair(-3).is_err() {
                    stack.pop(2);
                }
            }
        }),
        Reply::Set(items) => push_items(stack, items.iter()),
        Reply::Double(value) if is_resp3 => {
            push_tagged(stack, "double", |stack| stack.push_number(*value))
        }
        Reply::Double(value) => stack.push_bytes(format_general(*value, 17).as_bytes()),
        Reply::Boolean(value) if is_resp3 => stack.push_boolean(*value),
        Reply::Boolean(value) => stack.push_number(f64::from(u8::from(*value))),
        Reply::BigNumber(digits) if is_resp3 => {
            push_tagged(stack, "big_number", |stack| stack.push_bytes(digits));
        }
        Reply::BigNumber(digits) => stack.push_bytes(digits),
        Reply::Verbatim(text) if is_resp3 => push_tagged(stack, "verbatim_string", |stack| {
            stack.push_table(0, 2);
            stack.push_bytes(text.as_bytes());
            stack.set_field(-2, "string");
            stack.push_bytes(b"txt");
            stack.set_field(-2, "format");
        }),
        Reply::Verbatim(text) => stack.push_bytes(text.as_bytes()),
    }
}

/// Pushes the error table of a command that failed; it is marked as counted already.
pub(super) fn push_command_error(stack: &Stack, line: &[u8]) {
    stack.push_error_table(line);
    stack.push_boolean(true);
    stack.set_field(-2, "ignore_error_stats_update");
}

fn push_tagged(stack: &Stack, tag: &str, push_value: impl FnOnce(&Stack)) {
    stack.push_table(0, 1);
    push_value(stack);
    stack.set_field(-2, tag);
}

fn push_items<'r>(stack: &Stack, items: impl Iterator<Item = &'r Reply>) {
    stack.push_table(items.size_hint().0, 0);
    for (item, number) in items.zip(1..) {
        push_reply(stack, item);
        stack.set_item(-2, number);
    }
}

/// The reply that the value on top stands for. The value stays.
pub(super) fn reply_of_top(stack: &Stack) -> Reply {
    reply_at(stack, stack.top(), 0)
}

fn reply_at(stack: &Stack, index: c_int, depth: usize) -> Reply {
    if depth > NESTING_MAX || !stack.try_reserve(8) {
        return CommandError::from(ScriptError::TooDeep).into_reply();
    }
    match stack.kind(index) {
        Kind::String => Reply::bulk(stack.bytes(index).unwrap_or_default()),
        Kind::Number => Reply::Integer(to_integer(stack.number(index).unwrap_or_default())),
        Kind::Boolean if stack.host.protocol.get() >= 3 => Reply::Boolean(stack.truth(index)),
        Kind::Boolean if stack.truth(index) => Reply::Integer(1),
        Kind::Table => reply_of_table(stack, index, depth),
        _ => Reply::Null,
    }
}

fn reply_of_table(stack: &Stack, table: c_int, depth: usize) -> Reply {
    // The order is Redis's: the first field that has the right type decides.
    for tag in [
        "err",
        "ok",
        "double",
        "map",
        "set",
        "big_number",
        "verbatim_string",
    ] {
        stack.push_field(table, tag);
        let reply = reply_of_tagged(stack, tag, depth);
        stack.pop(1);
        if let Some(reply) = reply {
            return reply;
        }
    }
    let mut items = Vec::new();
    for number in 1.. {
        stack.push_item(table, number);
        if stack.kind(-1) == Kind::Nil {
            stack.pop(1);
            break;
        }
        items.push(reply_at(stack, stack.top(), depth + 1));
        stack.pop(1);
    }
    Reply::Array(items)
}

/// The reply for the field `tag` on top, if it has the type that belongs to the tag.
fn reply_of_tagged(stack: &Stack, tag: &str, depth: usize) -> Option<Reply> {
    let at = stack.top();
    match (tag, stack.kind(at)) {
        ("err", Kind::String) => stack.string(at).map(|text| Reply::Error(error_line(text))),
        ("ok", Kind::String) => stack.string(at).map(|text| Reply::Status(line(text))),
        ("double", Kind::Number) => stack.number(at).map(Reply::Double),
        ("map", Kind::Table) => Some(map(stack, at, depth)),
        ("set", Kind::Table) => Some(set(stack, at, depth)),
        ("big_number", Kind::String) => stack
            .string(at)
            .map(|text| Reply::BigNumber(Blob::from_slice(&line(text)))),
        ("verbatim_string", Kind::Table) => verbatim(stack, at),
        _ => None,
    }
}

fn map(stack: &Stack, at: c_int, depth: usize) -> Reply {
    let mut pairs = Vec::new();
    stack.push_nil();
    while stack.next(at) {
        let value = stack.top();
        pairs.push((
            reply_at(stack, value - 1, depth + 1),
            reply_at(stack, value, depth + 1),
        ));
        stack.pop(1);
    }
    Reply::Map(pairs)
}

fn set(stack: &Stack, at: c_int, depth: usize) -> Reply {
    let mut members = Vec::new();
    stack.push_nil();
    while stack.next(at) {
        stack.pop(1);
        members.push(reply_at(stack, stack.top(), depth + 1));
    }
    Reply::Set(members)
}

/// A verbatim string needs both fields. [`Reply::Verbatim`] is text; another format or other
/// bytes are answered as a bulk string.
fn verbatim(stack: &Stack, at: c_int) -> Option<Reply> {
    stack.push_field(at, "format");
    stack.push_field(at, "string");
    let (format, string) = (stack.string(-2), stack.string(-1));
    let reply = match (format, string) {
        (Some(format), Some(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) if format.starts_with(b"txt") => Some(Reply::Verbatim(text.to_owned())),
            _ => Some(Reply::bulk(bytes)),
        },
        _ => None,
    };
    stack.pop(2);
    reply
}

/// One line as C sees it: up to a NUL, with CR and LF as blanks.
fn line(text: &[u8]) -> Cow<'static, [u8]> {
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    let blanked = |byte: &u8| {
        if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            *byte
        }
    };
    Cow::Owned(text[..end].iter().map(blanked).collect())
}

/// As [`line()`], without line ends at the end: Redis trims them off errors alone.
fn error_line(text: &[u8]) -> Cow<'static, [u8]> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let end = text
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    line(&text[..end])
}

/// The reply for a run that failed: the error table of the message handler is on top.
pub(super) fn error_reply(stack: &Stack, sha1_hex: &str) -> Reply {
    let table = stack.top();
    if stack.kind(table) != Kind::Table {
        let text = stack.string(table).unwrap_or(b"unknown error");
        return Reply::Error(line(&[GENERAL_CODE.as_bytes(), text].concat()));
    }
    stack.push_field(table, "err");
    stack.push_field(table, "source");
    stack.push_field(table, "line");
    let mut text = stack
        .bytes(-3)
        .map_or_else(|| ScriptError::Unknown.line(), <[u8]>::to_vec);
    if let (Some(source), Some(number)) = (stack.bytes(-2), stack.bytes(-1)) {
        text.extend_from_slice(format!(" script: {sha1_hex}, on ").as_bytes());
        text.extend_from_slice(source);
        text.push(b':');
        text.extend_from_slice(number);
        text.push(b'.');
    }
    stack.pop(3);
    Reply::Error(line(&text))
}
