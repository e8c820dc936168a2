//! Commands on a key's deadline.

use crate::clock::{BootTime, Reading, UnixMillis};
use crate::command::args::{self, Base, Unit};
use crate::command::{CommandResult, Context};
use crate::error::{CommandError, Quoted};
use crate::keyspace::Event;
use crate::resp::reply::Reply;

/// Gives a key a time to live in seconds.
///
/// `EXPIRE key seconds [NX | XX | GT | LT]`
///
/// Replies 1 if the deadline was set, 0 without a key or where the condition fails. A time that
/// is not in the future deletes the key and replies 1.
pub fn expire(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_deadline(ctx, args, Unit::Seconds, Base::Now, "expire")
}

/// Gives a key a time to live in milliseconds.
///
/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`
pub fn pexpire(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_deadline(ctx, args, Unit::Millis, Base::Now, "pexpire")
}

/// Lets a key expire at a Unix time in seconds.
///
/// `EXPIREAT key unix-time-seconds [NX | XX | GT | LT]`
pub fn expireat(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_deadline(ctx, args, Unit::Seconds, Base::Epoch, "expireat")
}

/// Lets a key expire at a Unix time in milliseconds.
///
/// `PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]`
pub fn pexpireat(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_deadline(ctx, args, Unit::Millis, Base::Epoch, "pexpireat")
}

/// Takes a key's deadline away.
///
/// `PERSIST key`
pub fn persist(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(Reply::from(ctx.key(args[1]).persist()).into())
}

/// Replies the seconds a key has left, rounded; -1 without a deadline, -2 without a key.
///
/// `TTL key`
pub fn ttl(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let now = ctx.now;
    tell_deadline(ctx, args[1], |deadline| {
        rounded_seconds(ttl_ms(now, deadline))
    })
}

/// Replies the milliseconds a key has left; -1 without a deadline, -2 without a key.
///
/// `PTTL key`
pub fn pttl(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let now = ctx.now;
    tell_deadline(ctx, args[1], |deadline| ttl_ms(now, deadline))
}

/// Replies the Unix time of a key's deadline in seconds, rounded; -1 and -2 as TTL.
///
/// `EXPIRETIME key`
pub fn expiretime(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let clocks = ctx.clocks();
    tell_deadline(ctx, args[1], |deadline| {
        rounded_seconds(clocks.to_unix(deadline).0)
    })
}

/// Replies the Unix time of a key's deadline in milliseconds; -1 and -2 as TTL.
///
/// `PEXPIRETIME key`
pub fn pexpiretime(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let clocks = ctx.clocks();
    tell_deadline(ctx, args[1], |deadline| clocks.to_unix(deadline).0)
}

fn rounded_seconds(millis: i64) -> i64 {
    millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) >= 500)
}

fn ttl_ms(now: BootTime, deadline: BootTime) -> i64 {
    i64::try_from(now.millis_until(deadline)).unwrap_or(i64::MAX)
}

fn tell_deadline(
    ctx: &mut Context<'_>,
    name: &[u8],
    tell: impl Fn(BootTime) -> i64,
) -> CommandResult {
    let key = ctx.read(name);
    let answer = match (key.exists(), key.deadline()) {
        (false, _) => -2,
        (true, None) => -1,
        (true, Some(deadline)) => tell(deadline),
    };
    Ok(Reply::Integer(answer).into())
}

fn set_deadline(
    ctx: &mut Context<'_>,
    args: &[&[u8]],
    unit: Unit,
    base: Base,
    command: &'static str,
) -> CommandResult {
    let condition = Condition::parse(&args[3..])?;
    let when = When::parse(args[2], unit, base, command, ctx)?;
    let needs_clocks = base == Base::Epoch || condition != Condition::NONE;
    let clocks = needs_clocks.then(|| ctx.clocks());
    let now = ctx.now;
    let mut key = ctx.key(args[1]);
    if !key.exists() {
        return Ok(Reply::Integer(0).into());
    }
    if let Some(clocks) = clocks {
        let current = key.deadline().map(|deadline| clocks.to_unix(deadline));
        if !condition.holds(when.unix(clocks.unix_micros()), current) {
            return Ok(Reply::Integer(0).into());
        }
    }
    let deadline = when.deadline(now, clocks);
    if key.has_passed(deadline) {
        key.remove(Event::Del);
    } else {
        key.expire_at(deadline);
        drop(key);
        ctx.locks().extensions += 1;
    }
    Ok(Reply::Integer(1).into())
}

/// The time an EXPIRE command asks for; it may be negative.
#[derive(Clone, Copy)]
struct When {
    millis: i64,
    base: Base,
}

impl When {
    fn parse(
        text: &[u8],
        unit: Unit,
        base: Base,
        command: &'static str,
        ctx: &mut Context<'_>,
    ) -> Result<When, CommandError> {
        let number = args::integer(text)?;
        let millis = match unit {
            Unit::Millis => Some(number),
            Unit::Seconds => number.checked_mul(1000),
        };
        let mut overflows = |millis| {
            base == Base::Now && millis > i64::MAX / 2 && args::overflows_unix(millis, ctx)
        };
        match millis {
            Some(millis) if !overflows(millis) => Ok(When { millis, base }),
            _ => Err(CommandError::InvalidExpire { command }),
        }
    }

    fn unix(self, now_us: i64) -> UnixMillis {
        match self.base {
            Base::Epoch => UnixMillis(self.millis),
            Base::Now => UnixMillis(self.millis.saturating_add(now_us.div_euclid(1000))),
        }
    }

    /// `clocks` are there for a Unix time.
    fn deadline(self, now: BootTime, clocks: Option<Reading>) -> BootTime {
        match (self.base, clocks) {
            (Base::Epoch, Some(clocks)) => clocks.from_unix(UnixMillis(self.millis)),
            _ => u64::try_from(self.millis).map_or(now, |millis| now.after_millis(millis)),
        }
    }
}

/// NX, XX, GT and LT of the EXPIRE family, as they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    const NONE: Condition = Condition {
        nx: false,
        xx: false,
        gt: false,
        lt: false,
    };

    fn parse(words: &[&[u8]]) -> Result<Condition, CommandError> {
        let mut condition = Condition::NONE;
        for word in words {
            let flag = match word.to_ascii_uppercase().as_slice() {
                b"NX" => &mut condition.nx,
                b"XX" => &mut condition.xx,
                b"GT" => &mut condition.gt,
                b"LT" => &mut condition.lt,
                _ => {
                    let option = Quoted::whole(word);
                    return Err(CommandError::ExpireOption { option });
                }
            };
            *flag = true;
        }
        if condition.nx && (condition.xx || condition.gt || condition.lt) {
            return Err(CommandError::ExpireIfAbsentAndMore);
        }
        if condition.gt && condition.lt {
            return Err(CommandError::ExpireLaterAndEarlier);
        }
        Ok(condition)
    }

    /// No deadline counts as one that never comes.
    fn holds(self, wanted: UnixMillis, current: Option<UnixMillis>) -> bool {
        let is_denied = (self.nx && current.is_some())
            || (self.xx && current.is_none())
            || (self.gt && current.is_none_or(|current| wanted <= current))
            || (self.lt && current.is_some_and(|current| wanted >= current));
        !is_denied
    }
}
