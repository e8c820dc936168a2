//! Commands that read and write strings.

use crate::command::args::{self, Base, Span, Unit};
use crate::command::msetex::set_if_absent;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::{Event, Expiry, Signature};
use crate::resp::reply::{Blob, Reply};

/// Replies the value of a key.
///
/// `GET key`
pub fn get(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let key = ctx.read(args[1]);
    Ok(Reply::bulk_or_null(key.value()).into())
}

/// Replies the values of several keys, null where there is none.
///
/// `MGET key [key ...]`
pub fn mget(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let keys = &args[1..];
    let values = ctx.holding(keys, |ctx| {
        let value = |key: &&[u8]| Reply::bulk_or_null(ctx.read(key).value());
        keys.iter().map(value).collect()
    });
    Ok(Reply::Array(values).into())
}

/// Sets a key if it is not there.
///
/// `SETNX key value`
pub fn setnx(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let maker = Signature::new(ctx.session.client.id, ctx.now);
    let tells_refusal = ctx.tells_refusal();
    let mut key = ctx.key(args[1]);
    let is_free = !key.exists();
    if is_free {
        key.set(args[2], Expiry::Never, Event::Set);
        key.sign(maker);
        drop(key);
        ctx.locks().grants += 1;
    } else {
        let holding = tells_refusal.then(|| (key.holding(), key.signature()));
        drop(key);
        ctx.note_refusal(args[1], holding);
    }
    Ok(Reply::from(is_free).into())
}

/// Sets a key that expires after some seconds.
///
/// `SETEX key seconds value`
pub fn setex(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_with_ttl(ctx, args, Unit::Seconds, "setex")
}

/// Sets a key that expires after some milliseconds.
///
/// `PSETEX key milliseconds value`
pub fn psetex(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_with_ttl(ctx, args, Unit::Millis, "psetex")
}

fn set_with_ttl(
    ctx: &mut Context<'_>,
    args: &[&[u8]],
    unit: Unit,
    command: &'static str,
) -> CommandResult {
    let ttl = Span {
        text: args[2],
        unit,
        base: Base::Now,
    };
    let deadline = ttl.deadline(command, ctx)?;
    ctx.key(args[1])
        .set(args[3], Expiry::At(deadline), Event::Set);
    Ok(Reply::OK.into())
}

/// Sets a key and replies what it held.
///
/// `GETSET key value`
pub fn getset(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut key = ctx.read(args[1]);
    let old = Reply::bulk_or_null(key.value());
    key.set(args[2], Expiry::Never, Event::Set);
    Ok(old.into())
}

/// Replies the value of a key and deletes it.
///
/// `GETDEL key`
pub fn getdel(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut key = ctx.read(args[1]);
    let old = Reply::bulk_or_null(key.value());
    let is_removed = key.remove(Event::Del);
    drop(key);
    ctx.locks().releases += u64::from(is_removed);
    Ok(old.into())
}

/// Replies the value of a key and changes its expiry.
///
/// `GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds |
/// PERSIST]`
///
/// A deadline in the past deletes the key.
pub fn getex(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let change = GetexChange::parse(&args[2..])?;
    let deadline = match change {
        GetexChange::To(span) => Some(span.deadline("getex", ctx)),
        GetexChange::Nothing | GetexChange::Persist => None,
    };
    let mut key = ctx.read(args[1]);
    let Some(value) = key.value().map(Reply::bulk) else {
        return Ok(Reply::Null.into());
    };
    match deadline.transpose()? {
        Some(deadline) if key.has_passed(deadline) => {
            key.remove(Event::Del);
        }
        Some(deadline) => key.expire_at(deadline),
        None if matches!(change, GetexChange::Persist) => {
            key.persist();
        }
        None => {}
    }
    Ok(value.into())
}

#[derive(Clone, Copy)]
enum GetexChange<'a> {
    Nothing,
    Persist,
    To(Span<'a>),
}

impl<'a> GetexChange<'a> {
    fn parse(options: &[&'a [u8]]) -> Result<GetexChange<'a>, CommandError> {
        let mut change = GetexChange::Nothing;
        let mut rest = options;
        while let [word, after @ ..] = rest {
            rest = after;
            if args::is(word, "PERSIST") && !matches!(change, GetexChange::To(_)) {
                change = GetexChange::Persist;
                continue;
            }
            let (Some((unit, base)), [text, after @ ..]) = (args::expiry_option(word), rest) else {
                return Err(CommandError::Syntax);
            };
            match change {
                GetexChange::Nothing => {}
                GetexChange::To(known) if (known.unit, known.base) == (unit, base) => {}
                _ => return Err(CommandError::Syntax),
            }
            change = GetexChange::To(Span { text, unit, base });
            rest = after;
        }
        Ok(change)
    }
}

/// Sets several keys.
///
/// `MSET key value [key value ...]`
pub fn mset(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let pairs = pairs(args, "mset")?;
    let keys: Vec<&[u8]> = pairs.iter().map(|pair| pair[0]).collect();
    ctx.holding(&keys, |ctx| set_pairs(ctx, pairs));
    Ok(Reply::OK.into())
}

/// Sets several keys if none of them is there.
///
/// `MSETNX key value [key value ...]`
pub fn msetnx(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let pairs = pairs(args, "msetnx")?;
    Ok(Reply::from(set_if_absent(ctx, pairs, Expiry::Never)).into())
}

fn pairs<'a, 'b>(
    args: &'a [&'b [u8]],
    command: &'static str,
) -> Result<&'a [[&'b [u8]; 2]], CommandError> {
    match args[1..].as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(CommandError::WrongArity {
            command: command.into(),
        }),
    }
}

fn set_pairs(ctx: &mut Context<'_>, pairs: &[[&[u8]; 2]]) {
    for [key, value] in pairs {
        ctx.key(key).set(value, Expiry::Never, Event::Set);
    }
}

/// Replies the length of a value in bytes, 0 without a key.
///
/// `STRLEN key`
pub fn strlen(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let key = ctx.read(args[1]);
    Ok(Reply::from(key.value().map_or(0, <[u8]>::len)).into())
}

/// Adds 1.
///
/// `INCR key`
pub fn incr(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    increment(ctx, args[1], 1)
}

/// Subtracts 1.
///
/// `DECR key`
pub fn decr(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    increment(ctx, args[1], -1)
}

/// Adds an integer.
///
/// `INCRBY key increment`
pub fn incrby(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    increment(ctx, args[1], args::integer(args[2])?)
}

/// Subtracts an integer; the smallest one has no opposite and is refused.
///
/// `DECRBY key decrement`
pub fn decrby(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let decrement = args::integer(args[2])?;
    let increment_by = decrement.checked_neg().ok_or(CommandError::NoOpposite)?;
    increment(ctx, args[1], increment_by)
}

/// The fencing token's home: a missing key counts from 0, and a TTL stays.
fn increment(ctx: &mut Context<'_>, name: &[u8], by: i64) -> CommandResult {
    let mut key = ctx.key(name);
    let old = key.value().map_or(Ok(0), args::integer)?;
    let new = old.checked_add(by).ok_or(CommandError::Overflow)?;
    let mut digits = itoa::Buffer::new();
    key.set(digits.format(new).as_bytes(), Expiry::Keep, Event::IncrBy);
    Ok(Reply::Integer(new).into())
}

/// Replies the XXH3 digest of a value as 16 hexadecimal digits, null without a key.
///
/// `DIGEST key`
pub fn digest(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let key = ctx.read(args[1]);
    let hex = |value| Reply::Bulk(Blob::from_slice(digest_of(value).as_bytes()));
    Ok(key.value().map_or(Reply::Null, hex).into())
}

/// XXH3-64 with seed 0, most significant digit first.
pub fn digest_of(value: &[u8]) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(value))
}
