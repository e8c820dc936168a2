//! MSETEX: several locks at once, with one time to live.

use crate::command::args;
use crate::command::condition::Condition;
use crate::command::set::{Answer, Options};
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::{Event, Expiry, Signature};
use crate::resp::reply::Reply;

/// Sets several keys that expire together, under a condition that holds for all or for none.
///
/// `MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds |
/// EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]`
///
/// Replies 1 if all were set, 0 if none was.
pub fn msetex(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let (pairs, words) = split(&args[1..])?;
    let mut options = Options::none();
    options.read(words)?;
    let is_conditional = match (options.condition, options.answer) {
        (Condition::Always, Answer::Ok) => false,
        (Condition::IfPresent, Answer::Ok) => true,
        (Condition::IfAbsent, Answer::Ok) => {
            let expiry = options.expiry("msetex", ctx)?;
            return Ok(Reply::from(set_if_absent(ctx, pairs, expiry)).into());
        }
        _ => return Err(CommandError::Syntax),
    };
    let expiry = options.expiry("msetex", ctx)?;
    let keys = keys_of(pairs);
    let is_set = ctx.holding(&keys, |ctx| {
        let holds = !is_conditional || keys.iter().all(|key| ctx.key(key).exists());
        if holds {
            for [name, value] in pairs {
                let mut key = ctx.key(name);
                // The same token again extends a lock, which stays its maker's.
                let is_extended = is_conditional && key.value() == Some(value);
                let signature = key.signature().filter(|_| is_extended);
                key.set(value, expiry, Event::Set);
                key.sign(signature);
            }
        }
        holds
    });
    if is_set && is_conditional {
        ctx.locks().extensions += pairs.len() as u64;
    }
    Ok(Reply::from(is_set).into())
}

/// Makes all of the keys, or none if one of them is there; tells whether it made them.
///
/// Each key counts as a lock, granted or refused.
pub(super) fn set_if_absent(ctx: &mut Context<'_>, pairs: &[[&[u8]; 2]], expiry: Expiry) -> bool {
    let maker = Signature::new(ctx.session.client.id, ctx.now);
    let tells_refusal = ctx.tells_refusal();
    let keys = keys_of(pairs);
    let mut granted = 0;
    let refused = ctx.holding(&keys, |ctx| {
        let mut refused = Vec::new();
        for name in &keys {
            let key = ctx.key(name);
            if key.exists() {
                let holding = tells_refusal.then(|| (key.holding(), key.signature()));
                refused.push((*name, holding));
            }
        }
        if refused.is_empty() {
            for [name, value] in pairs {
                let mut key = ctx.key(name);
                // A key that is named twice is one lock.
                granted += u64::from(!key.exists());
                key.set(value, expiry, Event::Set);
                key.sign(maker);
            }
        }
        refused
    });
    ctx.locks().grants += granted;
    for (name, holding) in &refused {
        ctx.note_refusal(name, *holding);
    }
    refused.is_empty()
}

fn keys_of<'b>(pairs: &[[&'b [u8]; 2]]) -> Vec<&'b [u8]> {
    pairs.iter().map(|pair| pair[0]).collect()
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
