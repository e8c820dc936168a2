//! Client-side caching: there is none, and nobody is told otherwise.

use crate::command::{CommandResult, Context, args};
use crate::error::CommandError;
use crate::resp::reply::Reply;

/// Refuses to tell of changed keys; what is off may be switched off.
///
/// `CLIENT TRACKING ON | OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN]
/// [OPTOUT] [NOLOOP]`
pub fn tracking(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut rest = &args[3..];
    while let [word, after @ ..] = rest {
        rest = match (word.to_ascii_uppercase().as_slice(), after) {
            (b"BCAST" | b"OPTIN" | b"OPTOUT" | b"NOLOOP", _) => after,
            (b"PREFIX", [_, after @ ..]) => after,
            (b"REDIRECT", [id, after @ ..]) => {
                args::integer(id)?;
                after
            }
            _ => return Err(CommandError::Syntax),
        };
    }
    match args[2].to_ascii_uppercase().as_slice() {
        b"ON" => Err(CommandError::NoTracking),
        b"OFF" => Ok(Reply::OK.into()),
        _ => Err(CommandError::Syntax),
    }
}

/// Tells that nothing is tracked.
///
/// `CLIENT TRACKINGINFO`
pub fn trackinginfo(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let pair = |name: &str, value: Reply| (Reply::bulk(name), value);
    Ok(Reply::Map(vec![
        pair("flags", Reply::Set(vec![Reply::bulk("off")])),
        pair("redirect", Reply::Integer(-1)),
        pair("prefixes", Reply::Array(Vec::new())),
    ])
    .into())
}

/// Tells that nothing is redirected.
///
/// `CLIENT GETREDIR`
pub fn getredir(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::Integer(-1).into())
}

/// Refuses: it has a meaning only while keys are tracked.
///
/// `CLIENT CACHING YES | NO`
pub fn caching(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Err(CommandError::CachingWithoutTracking)
}
