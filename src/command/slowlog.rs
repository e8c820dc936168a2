//! SLOWLOG: the commands that took longest.

use crate::command::{CommandResult, Context, args};
use crate::error::{CommandError, Quoted};
use crate::resp::reply::Reply;
use crate::slowlog::Entry;

/// Entries that GET shows unless it is told how many.
const SHOWN: usize = 10;

/// Replies the latest entries, -1 for all of them.
///
/// `SLOWLOG GET [count]`
///
/// An entry is an array: id, Unix time in seconds, run time in microseconds, arguments, address and
/// name of the client.
pub fn get(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let count = match args[2..] {
        [] => SHOWN,
        [count] => match args::parse_integer(count) {
            Some(-1) => usize::MAX,
            Some(count) => usize::try_from(count).map_err(|_| CommandError::SlowlogCount)?,
            None => return Err(CommandError::SlowlogCount),
        },
        _ => {
            return Err(CommandError::SubcommandArity {
                container: "slowlog",
                subcommand: Quoted::cut(args[1]),
            });
        }
    };
    let entries = ctx.instance.slowlog.latest(count);
    Ok(Reply::Array(entries.iter().map(shown).collect()).into())
}

fn shown(entry: &Entry) -> Reply {
    Reply::Array(vec![
        Reply::Integer(entry.id),
        Reply::Integer(entry.unix_s),
        Reply::Integer(i64::try_from(entry.took_us).unwrap_or(i64::MAX)),
        Reply::Array(entry.arguments.iter().map(Reply::bulk).collect()),
        Reply::bulk(&entry.peer),
        Reply::bulk(&entry.client_name),
    ])
}

/// Replies the number of entries.
///
/// `SLOWLOG LEN`
pub fn len(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::from(ctx.instance.slowlog.len()).into())
}

/// Forgets the entries.
///
/// `SLOWLOG RESET`
pub fn reset(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    ctx.instance.slowlog.reset();
    Ok(Reply::OK.into())
}
