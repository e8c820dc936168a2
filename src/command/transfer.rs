//! Commands that give a key's value another name or another database.
//!
//! Value and deadline go over as they are: the deadline is the same microsecond, not made anew
//! from what is left. Both shards are locked meanwhile, whichever databases they belong to.

use crate::command::args;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::{Content, Event, Form};
use crate::resp::reply::Reply;

/// Renames a key; one that has the new name already is replaced.
///
/// `RENAME key newkey`
pub fn rename(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    rename_to(ctx, args[1], args[2], Existing::IsReplaced)?;
    Ok(Reply::OK.into())
}

/// Renames a key unless there is one of the new name; replies whether it did.
///
/// `RENAMENX key newkey`
pub fn renamenx(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let is_renamed = rename_to(ctx, args[1], args[2], Existing::Stays)?;
    Ok(Reply::from(is_renamed).into())
}

/// What becomes of a key that is where another one is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    IsReplaced,
    Stays,
}

fn rename_to(
    ctx: &mut Context<'_>,
    from: &[u8],
    to: &[u8],
    existing: Existing,
) -> Result<bool, CommandError> {
    ctx.holding(&[from, to], |ctx| {
        let content = ctx.key(from).content().ok_or(CommandError::NoSuchKey)?;
        let is_taken = existing == Existing::Stays && ctx.key(to).exists();
        if from == to || is_taken {
            return Ok(false);
        }
        ctx.key(to).put(&content);
        ctx.key(from).remove(Event::RenameFrom);
        ctx.key(to).tell(Event::RenameTo);
        Ok(true)
    })
}

/// Copies a key; replies whether it did.
///
/// `COPY source destination [DB destination-db] [REPLACE]`
pub fn copy(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let options = CopyOptions::parse(&args[3..], ctx)?;
    let here = ctx.session.database;
    let (from, to, there) = (args[1], args[2], options.database);
    if (here, from) == (there, to) {
        return Err(CommandError::SameObject);
    }
    let is_copied = ctx.holding_each(&[(here, from), (there, to)], |ctx| {
        let Some(content) = ctx.read(from).content() else {
            return false;
        };
        let mut copy = ctx.key_in(there, to);
        if options.existing == Existing::Stays && copy.exists() {
            return false;
        }
        copy.put(&copied(content));
        copy.tell(Event::CopyTo);
        true
    });
    Ok(Reply::from(is_copied).into())
}

/// Redis shares small integers between keys, but not with a copy.
fn copied(content: Content) -> Content {
    let form = match content.form {
        Form::Given => Form::Copied,
        form => form,
    };
    Content { form, ..content }
}

struct CopyOptions {
    database: usize,
    existing: Existing,
}

impl CopyOptions {
    fn parse(words: &[&[u8]], ctx: &Context<'_>) -> Result<CopyOptions, CommandError> {
        let mut options = CopyOptions {
            database: ctx.session.database,
            existing: Existing::Stays,
        };
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = after;
            if args::is(word, "REPLACE") {
                options.existing = Existing::IsReplaced;
            } else if args::is(word, "DB")
                && let [number, after @ ..] = rest
            {
                options.database = args::database(number, &ctx.instance.keyspace)?;
                rest = after;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// Moves a key to another database, unless there is one of its name; replies whether it did.
///
/// `MOVE key db`
pub fn move_to(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let (name, here) = (args[1], ctx.session.database);
    let there = args::database(args[2], &ctx.instance.keyspace)?;
    if here == there {
        return Err(CommandError::SameObject);
    }
    let is_moved = ctx.holding_each(&[(here, name), (there, name)], |ctx| {
        let Some(content) = ctx.key(name).content() else {
            return false;
        };
        if ctx.key_in(there, name).exists() {
            return false;
        }
        ctx.key_in(there, name).put(&content);
        ctx.key(name).remove(Event::MoveFrom);
        ctx.key_in(there, name).tell(Event::MoveTo);
        true
    });
    Ok(Reply::from(is_moved).into())
}

/// Gives each of two databases the keys of the other.
///
/// `SWAPDB index1 index2`
pub fn swapdb(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let number = |text| args::parse_integer(text).and_then(|number| i32::try_from(number).ok());
    let first = number(args[1]).ok_or(CommandError::FirstDatabase)?;
    let second = number(args[2]).ok_or(CommandError::SecondDatabase)?;
    let keyspace = &ctx.instance.keyspace;
    let existing = |number| args::existing_database(number, keyspace);
    let (first, second) = (existing(first)?, existing(second)?);
    ctx.swap(first, second);
    Ok(Reply::OK.into())
}
