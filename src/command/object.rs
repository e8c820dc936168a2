//! OBJECT: how a value is kept, in the words of Redis.
//!
//! All values are kept alike here. What Redis would answer follows from a value's bytes and from
//! how it came to be ([`Form`]); what follows from nothing that is noted is refused.

use crate::command::args;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::{Form, KeyGuard};
use crate::resp::reply::Reply;

/// The longest text that Redis keeps in one allocation with its header, in bytes.
const EMBEDDED_BYTES_MAX: usize = 44;
/// Integers that Redis has only once, and the count of references that it shows for them.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;
const SHARED_REFERENCES: i64 = i32::MAX as i64;

/// Replies the encoding of a value: `int`, `embstr` or `raw`; null without a key.
///
/// `OBJECT ENCODING key`
pub fn encoding(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let key = ctx.inspect(args[2]);
    let Some(value) = key.value() else {
        return Ok(Reply::Null.into());
    };
    let encoding = match key.form() {
        Some(Form::Edited) => "raw",
        _ if integer(&key).is_some() => "int",
        _ if value.len() <= EMBEDDED_BYTES_MAX => "embstr",
        _ => "raw",
    };
    Ok(Reply::bulk(encoding).into())
}

/// Replies how many references Redis would have to a value; null without a key.
///
/// `OBJECT REFCOUNT key`
pub fn refcount(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let key = ctx.inspect(args[2]);
    if !key.exists() {
        return Ok(Reply::Null.into());
    }
    let is_shared = key.form() == Some(Form::Given)
        && integer(&key).is_some_and(|number| SHARED_INTEGERS.contains(&number));
    let references = if is_shared { SHARED_REFERENCES } else { 1 };
    Ok(Reply::Integer(references).into())
}

/// The integer that a value is kept as.
fn integer(key: &KeyGuard<'_>) -> Option<i64> {
    match key.form()? {
        Form::Given | Form::Copied => args::parse_integer(key.value()?),
        Form::Written | Form::Edited => None,
    }
}

/// Refuses: that would cost a write with every read. Null without a key.
///
/// `OBJECT IDLETIME key`
pub fn idletime(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    refuse(ctx, args[2], CommandError::IdleTimeNotTracked)
}

/// Refuses, as Redis does under every policy of eviction but two. Null without a key.
///
/// `OBJECT FREQ key`
pub fn freq(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    refuse(ctx, args[2], CommandError::FrequencyNotTracked)
}

fn refuse(ctx: &mut Context<'_>, name: &[u8], error: CommandError) -> CommandResult {
    if ctx.inspect(name).exists() {
        Err(error)
    } else {
        Ok(Reply::Null.into())
    }
}
