//! MONITOR: a connection that sees every command.

use std::sync::Arc;

use crate::client::Mark;
use crate::command::{Access, Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::instance::Instance;
use crate::resp::reply::Reply;
use crate::session::Session;

/// Shows every command of every client from now on.
///
/// `MONITOR`
///
/// A line has the time, the database, the client's address and the arguments; passwords are hidden.
/// A connection that watches already gets no reply, as in Redis.
pub fn monitor(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    if ctx.caller != Caller::Client {
        return Err(CommandError::MonitorDenied);
    }
    if ctx.session.is_monitor {
        return Ok(Outcome::Many(Vec::new()));
    }
    // Whoever runs later must see that somebody watches.
    if ctx.access != Access::Whole {
        return Ok(Outcome::NeedsWhole);
    }
    ctx.session.is_monitor = true;
    ctx.session.client.mark(Mark::Monitor);
    ctx.instance.monitors.add(&ctx.session.client);
    Ok(Reply::OK.into())
}

/// The connection watches no more.
pub fn stop(instance: &Arc<Instance>, session: &mut Session) {
    if std::mem::take(&mut session.is_monitor) {
        session.client.unmark(Mark::Monitor);
        instance.monitors.remove(&session.client);
    }
}
