//! CLIENT PAUSE and UNPAUSE.

use crate::clock::BootTime;
use crate::command::{CommandResult, Context, args};
use crate::error::{CommandError, Quoted};
use crate::pause::Paused;
use crate::resp::reply::Reply;

/// Holds back the commands of all clients for some milliseconds, or those that may write.
///
/// `CLIENT PAUSE timeout [WRITE | ALL]`
///
/// It runs while nothing else does, so no write is under way when it is answered. Meanwhile expired
/// keys are not found and not removed. A second pause makes the first longer and stricter, never
/// shorter; one of ALL holds back CLIENT UNPAUSE too.
pub fn pause(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let what = match args[3..] {
        [] => Paused::Everything,
        [word] if args::is(word, "ALL") => Paused::Everything,
        [word] if args::is(word, "WRITE") => Paused::Writes,
        [_] => return Err(CommandError::PauseMode),
        _ => {
            return Err(CommandError::SubcommandArity {
                container: "client",
                subcommand: Quoted::cut(args[1]),
            });
        }
    };
    let end = args::timeout_end(args[2], ctx.now)?;
    let end = ctx.instance.pause.begin(what, end, ctx.now);
    ctx.instance.keyspace.keep_expired_until(end);
    Ok(Reply::OK.into())
}

/// Ends the pause.
///
/// `CLIENT UNPAUSE`
pub fn unpause(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    ctx.instance.pause.end_now();
    let long_ago = BootTime::from_micros(0);
    ctx.instance.keyspace.keep_expired_until(long_ago);
    ctx.instance.ring_timers();
    Ok(Reply::OK.into())
}
