//! DEBUG's subcommands that make something go wrong.

use std::sync::Arc;
use std::time::Duration;

use crate::command::{Access, Caller, CommandResult, Context, Outcome, args};
use crate::error::CommandError;
use crate::fault::{COUNT_MAX, Fault, FaultKind, SPAN_MAX};
use crate::resp::reply::Reply;

/// Lets a fault happen, once no other command runs; `None` if the arguments are none of `kind`.
pub(super) fn inflict(
    ctx: &mut Context<'_>,
    kind: FaultKind,
    args: &[&[u8]],
) -> Option<CommandResult> {
    let fault = match parse(kind, args)? {
        Ok(fault) => fault,
        Err(error) => return Some(Err(error)),
    };
    if ctx.access != Access::Whole {
        return Some(Ok(Outcome::NeedsWhole));
    }
    let client = Arc::clone(&ctx.session.client);
    ctx.instance.inflict(fault, Some(client.id));
    ctx.renew_time();
    // After a crash nobody hears this.
    Some(Ok(match (fault, ctx.caller) {
        (Fault::RestartEmpty, Caller::Client) => Outcome::Close(Reply::OK),
        (Fault::RestartEmpty, _) => {
            client.close();
            Reply::OK.into()
        }
        _ => Reply::OK.into(),
    }))
}

fn parse(kind: FaultKind, args: &[&[u8]]) -> Option<Result<Fault, CommandError>> {
    let fault = match (kind, args) {
        (FaultKind::Advance, [step]) => span(step).map(Fault::Advance),
        (FaultKind::Crash, []) => Ok(Fault::Crash),
        (FaultKind::Delay, [by]) => delay(by, b"0"),
        (FaultKind::Delay, [by, jitter]) => delay(by, jitter),
        (FaultKind::Drop, [replies]) => count(replies).map(Fault::Drop),
        (FaultKind::Pause, [length]) => span(length).map(Fault::Pause),
        (FaultKind::Refuse, []) => Ok(Fault::Refuse(None)),
        (FaultKind::Refuse, [commands]) => {
            count(commands).map(|commands| Fault::Refuse(Some(commands)))
        }
        (FaultKind::Reset, []) => Ok(Fault::Reset),
        (FaultKind::RestartEmpty, []) => Ok(Fault::RestartEmpty),
        _ => return None,
    };
    Some(fault)
}

fn delay(by: &[u8], jitter: &[u8]) -> Result<Fault, CommandError> {
    let (by, jitter) = (span(by)?, span(jitter)?);
    Ok(Fault::Delay { by, jitter })
}

/// A span in milliseconds, up to [`SPAN_MAX`].
fn span(text: &[u8]) -> Result<Duration, CommandError> {
    let millis = u64::try_from(args::integer(text)?).map_err(|_| CommandError::NotAnInteger)?;
    let span = Duration::from_millis(millis);
    (span <= SPAN_MAX)
        .then_some(span)
        .ok_or(CommandError::NotAnInteger)
}

/// A number of commands, up to [`COUNT_MAX`].
fn count(text: &[u8]) -> Result<u64, CommandError> {
    let count = u64::try_from(args::integer(text)?).map_err(|_| CommandError::NotAnInteger)?;
    (count <= COUNT_MAX)
        .then_some(count)
        .ok_or(CommandError::NotAnInteger)
}
