//! Commands that read or change a part of a string, or reckon with one that has a fraction.
//!
//! A change makes the value anew; its deadline stays. No string grows past `proto-max-bulk-len`.

use crate::command::args;
use crate::command::long_double::LongDouble;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::{Event, Expiry, Form};
use crate::resp::reply::Reply;

/// Adds bytes at the end of a string, made if there is none; replies its new length.
///
/// `APPEND key value`
pub fn append(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let bytes_max = ctx.instance.config.settings.proto_max_bulk_len();
    let mut key = ctx.key(args[1]);
    let Some(old) = key.value() else {
        key.set(args[2], Expiry::Keep, Event::Append);
        return Ok(Reply::from(args[2].len()).into());
    };
    check_length(old.len(), args[2].len(), bytes_max)?;
    let new = [old, args[2]].concat();
    key.set_formed(&new, Form::Edited, Expiry::Keep, Event::Append);
    Ok(Reply::from(new.len()).into())
}

/// Overwrites a string from an offset on, with zero bytes where there was nothing; replies its
/// length.
///
/// `SETRANGE key offset value`
///
/// An empty value changes nothing and makes no key.
pub fn setrange(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let offset = args::integer(args[2])?;
    let offset = usize::try_from(offset).map_err(|_| CommandError::Offset)?;
    let patch = args[3];
    let bytes_max = ctx.instance.config.settings.proto_max_bulk_len();
    let mut key = ctx.key(args[1]);
    let old = key.value().unwrap_or_default();
    if patch.is_empty() {
        return Ok(Reply::from(old.len()).into());
    }
    check_length(offset, patch.len(), bytes_max)?;
    let end = offset + patch.len();
    let mut new = Vec::with_capacity(end.max(old.len()));
    new.extend_from_slice(old);
    new.resize(end.max(old.len()), 0);
    new[offset..end].copy_from_slice(patch);
    key.set_formed(&new, Form::Edited, Expiry::Keep, Event::SetRange);
    Ok(Reply::from(new.len()).into())
}

fn check_length(length: usize, more: usize, bytes_max: u64) -> Result<(), CommandError> {
    match length.checked_add(more) {
        Some(total) if total as u64 <= bytes_max => Ok(()),
        _ => Err(CommandError::StringTooLong),
    }
}

/// Replies the bytes of a string from one place to another, both included; negative places count
/// from its end.
///
/// `GETRANGE key start end`, `SUBSTR key start end`
pub fn getrange(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let (start, end) = (args::integer(args[2])?, args::integer(args[3])?);
    let key = ctx.read(args[1]);
    let value = key.value().unwrap_or_default();
    Ok(Reply::bulk(range_of(value, start, end)).into())
}

/// Two places before the beginning are both the first byte, unless the first of them is behind the
/// second: Redis tells that before it looks at the length.
fn range_of(value: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let from_start = |place: i64| match place {
        ..0 => place.saturating_add(length).max(0),
        _ => place,
    };
    let start = from_start(start);
    let end = from_start(end).min(length - 1);
    let place = |place: i64| usize::try_from(place).ok();
    let range = place(start).zip(place(end));
    range
        .and_then(|(start, end)| value.get(start..=end))
        .unwrap_or_default()
}

/// Adds a number that may have a fraction; replies the sum. A missing key counts from 0.
///
/// `INCRBYFLOAT key increment`
pub fn incrbyfloat(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let number = |text| LongDouble::parse(text).ok_or(CommandError::NotAFloat);
    let mut key = ctx.key(args[1]);
    let old = key.value().map_or(Ok(LongDouble::ZERO), number)?;
    let sum = old
        .checked_add(number(args[2])?)
        .ok_or(CommandError::NotANumber)?
        .to_string();
    let event = Event::IncrByFloat;
    key.set_formed(sum.as_bytes(), Form::Written, Expiry::Keep, event);
    Ok(Reply::bulk(sum).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_string() {
        for (start, end, expected) in [
            (0, 2, "abc"),
            (1, 1, "b"),
            (-2, -1, "cd"),
            (0, -1, "abcd"),
            (-100, 100, "abcd"),
            (-100, -50, "a"),
            (-50, -100, ""),
            (-1, -2, ""),
            (2, 1, ""),
            (4, 9, ""),
            (i64::MIN, i64::MAX, "abcd"),
            (i64::MAX, i64::MIN, ""),
            (i64::MIN, i64::MIN, "a"),
        ] {
            assert_eq!(range_of(b"abcd", start, end), expected.as_bytes());
            assert_eq!(range_of(b"", start, end), b"");
        }
    }
}
