//! Replies as Lua values and Lua values as replies, by Redis's rules for each protocol version.

use std::borrow::Cow;
use std::ffi::c_int;

use super::number::to_integer;
use super::stack::{Kind, Stack};
use crate::double;
use crate::error::{CommandError, GENERAL_CODE, ScriptError};
use crate::resp::reply::{Blob, Reply};
use crate::script::reply_size::{ReplyBudget, TooLarge};

/// Tables nested deeper than this are cut off with an error reply in their place.
/// It bounds the native stack that a reply takes, here and in the encoder.
const NESTING_MAX: usize = 500;

/// What an element of a command's reply is counted for, beside its bytes.
const PUSHED_UNITS: usize = 64;

/// Pushes the Lua value of a command's reply.
pub(super) fn push_reply(stack: &Stack, reply: &Reply) {
    let is_resp3 = stack.host.protocol.get() >= 3;
    if let Reply::Bulk(bytes) = reply {
        // A reply is pushed to its end, so that no part of it can be lost; then the script ends.
        let _ = stack.host.work(PUSHED_UNITS + bytes.len() / 8);
    }
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
        Reply::Double(value) => stack.push_bytes(&double::text(*value)),
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

/// What an element of a reply is counted for, beside its bytes: a table is asked for seven fields.
const ELEMENT_UNITS: usize = 256;

/// The reply that the value on top stands for, or an error if it takes more than `bytes_max`. The
/// value stays.
pub(super) fn reply_of_top(stack: &Stack, bytes_max: usize) -> Reply {
    let mut replies = Replies {
        stack,
        budget: ReplyBudget::new(bytes_max),
    };
    replies
        .at(stack.top(), 0)
        .unwrap_or_else(|TooLarge| CommandError::from(ScriptError::ReplyTooLarge).into_reply())
}

/// Makes replies of values, as long as they are not too large together.
struct Replies<'s, 'h> {
    stack: &'s Stack<'h>,
    budget: ReplyBudget,
}

impl Replies<'_, '_> {
    /// Counts an element of so many bytes, before it is made.
    fn take(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.budget.take(bytes)?;
        // The script has ended: what it is told now comes too late.
        let _ = self.stack.host.work(ELEMENT_UNITS + bytes);
        Ok(())
    }

    fn at(&mut self, index: c_int, depth: usize) -> Result<Reply, TooLarge> {
        let stack = self.stack;
        if depth > NESTING_MAX || !stack.try_reserve(8) {
            self.take(0)?;
            return Ok(CommandError::from(ScriptError::TooDeep).into_reply());
        }
        Ok(match stack.kind(index) {
            Kind::String => self.bulk(index)?,
            Kind::Table => return self.table(index, depth),
            kind => {
                self.take(0)?;
                match kind {
                    Kind::Number => {
                        Reply::Integer(to_integer(stack.number(index).unwrap_or_default()))
                    }
                    Kind::Boolean if stack.host.protocol.get() >= 3 => {
                        Reply::Boolean(stack.truth(index))
                    }
                    Kind::Boolean if stack.truth(index) => Reply::Integer(1),
                    _ => Reply::Null,
                }
            }
        })
    }

    fn bulk(&mut self, index: c_int) -> Result<Reply, TooLarge> {
        let bytes = self.stack.bytes(index).unwrap_or_default();
        self.take(bytes.len())?;
        Ok(Reply::bulk(bytes))
    }

    fn table(&mut self, table: c_int, depth: usize) -> Result<Reply, TooLarge> {
        let stack = self.stack;
        self.take(0)?;
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
            let reply = self.tagged(tag, depth)?;
            stack.pop(1);
            if let Some(reply) = reply {
                return Ok(reply);
            }
        }
        let mut items = Vec::new();
        for number in 1.. {
            stack.push_item(table, number);
            if stack.kind(-1) == Kind::Nil {
                stack.pop(1);
                break;
            }
            items.push(self.at(stack.top(), depth + 1)?);
            stack.pop(1);
        }
        Ok(Reply::Array(items))
    }

    /// The reply for the field `tag` on top, if it has the type that belongs to the tag.
    fn tagged(&mut self, tag: &str, depth: usize) -> Result<Option<Reply>, TooLarge> {
        let stack = self.stack;
        let at = stack.top();
        Ok(match (tag, stack.kind(at)) {
            ("err", Kind::String) => Some(Reply::Error(error_line(self.text(at)?))),
            ("ok", Kind::String) => Some(Reply::Status(line(self.text(at)?))),
            ("double", Kind::Number) => stack.number(at).map(Reply::Double),
            ("map", Kind::Table) => Some(self.map(at, depth)?),
            ("set", Kind::Table) => Some(self.set(at, depth)?),
            ("big_number", Kind::String) => {
                Some(Reply::BigNumber(Blob::from_slice(&line(self.text(at)?))))
            }
            ("verbatim_string", Kind::Table) => self.verbatim(at)?,
            _ => None,
        })
    }

    /// The bytes of the string at `index`, counted.
    fn text(&mut self, index: c_int) -> Result<&[u8], TooLarge> {
        let bytes = self.stack.string(index).unwrap_or_default();
        self.take(bytes.len())?;
        Ok(bytes)
    }

    fn map(&mut self, at: c_int, depth: usize) -> Result<Reply, TooLarge> {
        let stack = self.stack;
        let mut pairs = Vec::new();
        stack.push_nil();
        while stack.next(at) {
            let value = stack.top();
            pairs.push((self.at(value - 1, depth + 1)?, self.at(value, depth + 1)?));
            stack.pop(1);
        }
        Ok(Reply::Map(pairs))
    }

    fn set(&mut self, at: c_int, depth: usize) -> Result<Reply, TooLarge> {
        let stack = self.stack;
        let mut members = Vec::new();
        stack.push_nil();
        while stack.next(at) {
            stack.pop(1);
            members.push(self.at(stack.top(), depth + 1)?);
        }
        Ok(Reply::Set(members))
    }

    /// A verbatim string needs both fields. [`Reply::Verbatim`] is text; another format or other
    /// bytes are answered as a bulk string.
    fn verbatim(&mut self, at: c_int) -> Result<Option<Reply>, TooLarge> {
        let stack = self.stack;
        stack.push_field(at, "format");
        stack.push_field(at, "string");
        let reply = match (stack.string(-2), stack.string(-1)) {
            (Some(format), Some(bytes)) => {
                self.take(bytes.len())?;
                Some(match std::str::from_utf8(bytes) {
                    Ok(text) if format.starts_with(b"txt") => Reply::Verbatim(text.to_owned()),
                    _ => Reply::bulk(bytes),
                })
            }
            _ => None,
        };
        stack.pop(2);
        Ok(reply)
    }
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
