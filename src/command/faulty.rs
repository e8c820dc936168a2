//! Running a client's request while a fault is in force.
//!
//! DEBUG is always obeyed, so that a fault can be lifted; so are the commands by which a
//! connection introduces itself, without which DEBUG may be out of reach.

use crate::command::table::{Flags, Row};
use crate::command::{CommandResult, Context, Outcome, dispatch};
use crate::error::CommandError;
use crate::resp::reply::Reply;
use crate::session::Replies;

/// As [`dispatch::run`], for a request that a fault may hold back, refuse or leave unanswered.
#[cold]
pub(super) fn run(ctx: &mut Context<'_>, row: &'static Row, request: &[&[u8]]) -> CommandResult {
    let faults = &ctx.instance.faults;
    let is_exempt = row.name == "debug" || row.flags.has(Flags::NO_AUTH);
    if !is_exempt && faults.pause_end(ctx.now).is_some() {
        return Ok(Outcome::Paused);
    }
    if !is_exempt && faults.refuses() {
        return Err(dispatch::refuse(ctx, request, CommandError::Refused));
    }
    let result = dispatch::run_if_admitted(ctx, row, request);
    // An error is answered: it is NOSCRIPT to a client that will send the script itself.
    let has_run = !matches!(
        result,
        Err(_) | Ok(Outcome::NeedsWhole | Outcome::Paused | Outcome::Reply(Reply::Error(_)))
    );
    let is_heard = ctx.session.replies != Replies::Lost;
    if has_run && is_heard && row.keys.are_possible() && ctx.instance.faults.loses_reply() {
        ctx.session.lose_replies();
    }
    result
}
