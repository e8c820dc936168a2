//! Commands on keys of any type.

use crate::command::args;
use crate::command::condition::Condition;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::glob;
use crate::keyspace::{Cursor, Event, Walked};
use crate::resp::reply::Reply;

/// Deletes keys; replies how many there were. UNLINK is the same: values are small.
///
/// `DEL key [key ...]`
pub fn del(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if let [_, name] = args {
        let is_removed = ctx.key(name).remove(Event::Del);
        ctx.locks().releases += u64::from(is_removed);
        return Ok(Reply::from(is_removed).into());
    }
    let keys = &args[1..];
    let removed = ctx.holding(keys, |ctx| {
        let remove = |key: &&&[u8]| ctx.key(key).remove(Event::Del);
        keys.iter().filter(remove).count()
    });
    ctx.locks().releases += removed as u64;
    Ok(Reply::from(removed).into())
}

/// Counts the keys that are there; one named twice counts twice.
///
/// `EXISTS key [key ...]`
pub fn exists(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if let [_, name] = args {
        return Ok(Reply::from(ctx.read(name).exists()).into());
    }
    let keys = &args[1..];
    let found = ctx.holding(keys, |ctx| {
        let is_there = |key: &&&[u8]| ctx.read(key).exists();
        keys.iter().filter(is_there).count()
    });
    Ok(Reply::from(found).into())
}

/// Counts the keys that are there, as EXISTS does: when a key was last used is not noted.
///
/// `TOUCH key [key ...]`
pub fn touch(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    exists(ctx, args)
}

/// Replies a key drawn at random, null without a key.
///
/// `RANDOMKEY`
pub fn randomkey(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let keyspace = &ctx.instance.keyspace;
    let key = keyspace.random_key(ctx.session.database, ctx.now);
    Ok(Reply::bulk_or_null(key).into())
}

/// Replies the type of a key: `string` or `none`.
///
/// `TYPE key`
pub fn type_of(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let name = if ctx.read(args[1]).exists() {
        "string"
    } else {
        "none"
    };
    Ok(Reply::status(name).into())
}

/// Deletes a key under a condition: how a lock is released without a script.
///
/// `DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]`
///
/// 0 for a missing key, whatever the condition.
pub fn delex(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let condition = match args[2..] {
        [] => Some(Condition::Always),
        [word, operand] => Condition::comparing(word, operand),
        _ => {
            return Err(CommandError::WrongArity {
                command: "delex".into(),
            });
        }
    };
    remove_if(ctx, args[1], condition)
}

/// Deletes a key if it has this value: Valkey's spelling of `DELEX key IFEQ value`.
///
/// `DELIFEQ key value`
pub fn delifeq(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    remove_if(ctx, args[1], Some(Condition::IfEqual(args[2])))
}

/// Like Redis, looks at the key before it complains of a word that is no condition.
fn remove_if(
    ctx: &mut Context<'_>,
    name: &[u8],
    condition: Option<Condition<'_>>,
) -> CommandResult {
    let mut key = ctx.key(name);
    if !key.exists() {
        drop(key);
        if condition != Some(Condition::Always) {
            ctx.locks().late_releases += 1;
        }
        return Ok(Reply::from(false).into());
    }
    let condition = condition.ok_or(CommandError::DelexCondition)?;
    let is_removed = condition.holds(key.value())? && key.remove(Event::Del);
    drop(key);
    if is_removed {
        ctx.locks().releases += 1;
    } else {
        ctx.locks().wrong_tokens += 1;
    }
    Ok(Reply::from(is_removed).into())
}

/// Replies every key that matches a glob pattern.
///
/// `KEYS pattern`
pub fn keys(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut found = Vec::new();
    ctx.instance.keyspace.walk(
        ctx.session.database,
        Cursor::START,
        usize::MAX,
        ctx.now,
        |Walked { key, .. }| {
            if glob::matches_key(args[1], key) {
                found.push(Reply::bulk(key));
            }
        },
    );
    Ok(Reply::Array(found).into())
}

/// Walks the keys of a database piece by piece.
///
/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
///
/// A key that is there during the whole walk is met exactly once.
pub fn scan(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let cursor = parse_cursor(args[1])?;
    let options = ScanOptions::parse(&args[2..])?;
    let mut found = Vec::new();
    let next = ctx.instance.keyspace.walk(
        ctx.session.database,
        cursor,
        options.count,
        ctx.now,
        |Walked { key, .. }| {
            if options.accepts(key) {
                found.push(Reply::bulk(key));
            }
        },
    );
    let next = Reply::bulk(next.0.to_string());
    Ok(Reply::Array(vec![next, Reply::Array(found)]).into())
}

/// As C's `strtoul` reads it, on which Redis relies: nothing is 0, and a minus wraps round.
fn parse_cursor(text: &[u8]) -> Result<Cursor, CommandError> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut number = 0u64;
    for digit in digits {
        number = Some(digit.wrapping_sub(b'0'))
            .filter(|value| *value <= 9)
            .and_then(|value| number.checked_mul(10)?.checked_add(u64::from(value)))
            .ok_or(CommandError::Cursor)?;
    }
    if digits.is_empty() && !text.is_empty() {
        return Err(CommandError::Cursor);
    }
    Ok(Cursor(if is_negative {
        number.wrapping_neg()
    } else {
        number
    }))
}

struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    wants_strings: bool,
}

impl<'a> ScanOptions<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<ScanOptions<'a>, CommandError> {
        let mut options = ScanOptions {
            pattern: None,
            count: 10,
            wants_strings: true,
        };
        let mut rest = words;
        while let [word, after @ ..] = rest {
            let [operand, after @ ..] = after else {
                return Err(CommandError::Syntax);
            };
            if args::is(word, "MATCH") {
                options.pattern = Some(operand);
            } else if args::is(word, "COUNT") {
                let count = args::integer(operand)?;
                if count < 1 {
                    return Err(CommandError::Syntax);
                }
                options.count = usize::try_from(count).unwrap_or(usize::MAX);
            } else if args::is(word, "TYPE") {
                options.wants_strings = args::is(operand, "string");
            } else {
                return Err(CommandError::Syntax);
            }
            rest = after;
        }
        Ok(options)
    }

    fn accepts(&self, key: &[u8]) -> bool {
        self.wants_strings
            && self
                .pattern
                .is_none_or(|pattern| glob::matches_key(pattern, key))
    }
}
