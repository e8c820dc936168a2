//! SET: how a lock is taken.

use crate::command::args::{self, Span};
use crate::command::condition::Condition;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::{Event, Expiry, Signature};
use crate::resp::reply::Reply;

/// Sets a key, under a condition and with an expiry if asked for.
///
/// `SET key value [NX | XX | IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] [GET]
/// [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]`
///
/// Null where the condition fails. With GET the old value is the reply, whether it was set or
/// not. With a deadline in the past the reply is OK, and the key is gone at the next lookup.
pub fn set(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if let Some(lifetime) = lifetime_of_lock(&args[3..]) {
        return take(ctx, args[1], args[2], lifetime);
    }
    let mut options = Options::none();
    options.read(&args[3..])?;
    let expiry = options.expiry("set", ctx)?;
    let maker = match options.condition {
        Condition::IfAbsent => Signature::new(ctx.session.client.id, ctx.now),
        _ => None,
    };
    let tells_refusal = ctx.tells_refusal();
    let mut key = match options.answer {
        Answer::Ok => ctx.key(args[1]),
        Answer::OldValue => ctx.read(args[1]),
    };
    let old = match options.answer {
        Answer::OldValue => Some(Reply::bulk_or_null(key.value())),
        Answer::Ok => None,
    };
    let is_set = options.condition.holds(key.value())?;
    if !is_set {
        if options.condition == Condition::IfAbsent {
            let holding = tells_refusal.then(|| (key.holding(), key.signature()));
            drop(key);
            ctx.note_refusal(args[1], holding);
        }
        return Ok(match old {
            Some(old) => old.into(),
            None => Reply::Null.into(),
        });
    }
    let signature = match options.condition {
        Condition::IfAbsent => maker,
        // The same token again extends a lock, which stays its maker's.
        Condition::Always => None,
        _ if key.value() == Some(args[2]) => key.signature(),
        _ => None,
    };
    key.set(args[2], expiry, Event::Set);
    key.sign(signature);
    drop(key);
    match options.condition {
        Condition::IfAbsent => ctx.locks().grants += 1,
        Condition::IfPresent | Condition::IfEqual(_) | Condition::IfDigest(_) => {
            ctx.locks().extensions += 1;
        }
        Condition::Always | Condition::IfNotEqual(_) | Condition::IfNotDigest(_) => {}
    }
    Ok(match old {
        Some(old) => old.into(),
        None => Reply::OK.into(),
    })
}

/// Takes a lock: SET with NX and an expiry, which is nearly every SET that a lock server sees.
fn take(ctx: &mut Context<'_>, name: &[u8], token: &[u8], lifetime: Span<'_>) -> CommandResult {
    let deadline = lifetime.deadline("set", ctx)?;
    let maker = Signature::new(ctx.session.client.id, ctx.now);
    let tells_refusal = ctx.tells_refusal();
    let mut key = ctx.key(name);
    if key.exists() {
        let holding = tells_refusal.then(|| (key.holding(), key.signature()));
        drop(key);
        ctx.note_refusal(name, holding);
        return Ok(Reply::Null.into());
    }
    key.set(token, Expiry::At(deadline), Event::Set);
    key.sign(maker);
    drop(key);
    ctx.locks().grants += 1;
    Ok(Reply::OK.into())
}

/// The expiry among these options, if NX is the only other one.
#[inline]
fn lifetime_of_lock<'a>(options: &[&'a [u8]]) -> Option<Span<'a>> {
    let (word, text) = match *options {
        [nx, word, text] if args::is(nx, "NX") => (word, text),
        [word, text, nx] if args::is(nx, "NX") => (word, text),
        _ => return None,
    };
    let (unit, base) = args::expiry_option(word)?;
    Some(Span { text, unit, base })
}

/// What SET's options say, as they were given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options<'a> {
    pub(super) condition: Condition<'a>,
    lifetime: Lifetime<'a>,
    pub(super) answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime<'a> {
    Unlimited,
    Keep,
    Until(Span<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Ok,
    OldValue,
}

impl<'a> Options<'a> {
    /// What SET does without options.
    pub(super) const fn none() -> Options<'a> {
        Options {
            condition: Condition::Always,
            lifetime: Lifetime::Unlimited,
            answer: Answer::Ok,
        }
    }

    /// Reads all the options. A repeated one is accepted, except the comparing ones; the last
    /// number counts.
    pub(super) fn read(&mut self, words: &[&'a [u8]]) -> Result<(), CommandError> {
        let mut rest = words;
        while let [word, after @ ..] = rest {
            let used = self.take(word, after.first().copied())?;
            rest = &after[used..];
        }
        Ok(())
    }

    /// What the options mean now, to `command`.
    #[inline]
    pub(super) fn expiry(
        &self,
        command: &'static str,
        ctx: &mut Context<'_>,
    ) -> Result<Expiry, CommandError> {
        Ok(match self.lifetime {
            Lifetime::Keep => Expiry::Keep,
            Lifetime::Unlimited => Expiry::Never,
            Lifetime::Until(span) => Expiry::At(span.deadline(command, ctx)?),
        })
    }

    /// Takes the option `word`; tells how many arguments behind it belong to it.
    fn take(&mut self, word: &[u8], operand: Option<&'a [u8]>) -> Result<usize, CommandError> {
        if args::is(word, "NX") {
            return self.require(Condition::IfAbsent);
        }
        if args::is(word, "XX") {
            return self.require(Condition::IfPresent);
        }
        if args::is(word, "GET") {
            self.answer = Answer::OldValue;
            return Ok(0);
        }
        if args::is(word, "KEEPTTL") && !matches!(self.lifetime, Lifetime::Until(_)) {
            self.lifetime = Lifetime::Keep;
            return Ok(0);
        }
        let Some(operand) = operand else {
            return Err(CommandError::Syntax);
        };
        if let Some((unit, base)) = args::expiry_option(word) {
            match self.lifetime {
                Lifetime::Unlimited => {}
                Lifetime::Until(known) if (known.unit, known.base) == (unit, base) => {}
                Lifetime::Until(_) | Lifetime::Keep => return Err(CommandError::Syntax),
            }
            self.lifetime = Lifetime::Until(Span {
                text: operand,
                unit,
                base,
            });
            return Ok(1);
        }
        match Condition::comparing(word, operand) {
            Some(condition) if self.condition == Condition::Always => {
                self.condition = condition;
                Ok(1)
            }
            _ => Err(CommandError::Syntax),
        }
    }

    fn require(&mut self, condition: Condition<'a>) -> Result<usize, CommandError> {
        if self.condition != Condition::Always && self.condition != condition {
            return Err(CommandError::Syntax);
        }
        self.condition = condition;
        Ok(0)
    }
}
