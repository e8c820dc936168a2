//! MSETEX: several locks at once, with one time to live.

use crate::command::args;
use crate::command::condition::Condition;
use crate::command::set::{Answer, Options};
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::Event;
use crate::resp::reply::Reply;

/// Sets several keys that expire together, under a condition that holds for all or for none.
///
/// `MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds |
/// EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]`
///
/// Replies 1 if all were set, 0 if none was.
pub fn msetex(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let (pairs, words) = split(&args[1..])?;
    let options = Options::parse(words)?;
    let must_exist = match (options.condition, options.answer) {
        (Condition::Always, Answer::Ok) => None,
        (Condition::IfAbsent, Answer::Ok) => Some(false),
        (Condition::IfPresent, Answer::Ok) => Some(true),
        _ => return Err(CommandError::Syntax),
    };
    let expiry = options.expiry("msetex", ctx)?;
    let keys: Vec<&[u8]> = pairs.iter().map(|pair| pair[0]).collect();
    let is_set = ctx.holding(&keys, |ctx| {
        let holds = must_exist
            .is_none_or(|expected| keys.iter().all(|key| ctx.key(key).exists() == expected));
        if holds {
            for [key, value] in pairs {
                ctx.key(key).set(value, expiry, Event::Set);
            }
        }
        holds
    });
    Ok(Reply::from(is_set).into())
}

/// Keys with their values, and the options.
type Parts<'a, 'b> = (&'a [[&'b [u8]; 2]], &'a [&'b [u8]]);

/// The pairs, as many as the first argument says, and the words behind them.
fn split<'a, 'b>(args: &'a [&'b [u8]]) -> Result<Parts<'a, 'b>, CommandError> {
    let [count, rest @ ..] = args else {
        return Err(CommandError::MsetexCount);
    };
    let count = args::parse_integer(count)
        .and_then(|count| i32::try_from(count).ok())
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(CommandError::MsetexCount)?;
    let (pairs, words) = rest
        .split_at_checked(count.saturating_mul(2))
        .ok_or(CommandError::MsetexPairs)?;
    Ok((pairs.as_chunks().0, words))
}
