//! What a script's `redis.call` reaches: the same functions as a connection, with a script's rights.

use crate::command::args::{Base, Span, Unit};
use crate::command::table::{self, Flags};
use crate::command::tally::StepCommand;
use crate::command::{Caller, Context, Monitoring, Outcome, dispatch};
use crate::error::{CommandError, KeeperError, ScriptError};
use crate::keyspace::{Event, Expiry};
use crate::resp::reply::Reply;
use crate::script::cache::Running;
use crate::script::shebang::ScriptFlags;
use crate::script::{Calls, Deletion, Step};

/// Commands that change no key and yet have an effect, which a read-only script may not have.
const PUBLISHING: [&str; 2] = ["publish", "spublish"];

/// Lua looks around after a command that has ended so long after the last one: no hook sees the
/// time of a command.
const SLOW_NS: u64 = 100_000;

/// See the module's text.
pub(super) struct ScriptCalls<'c, 'a> {
    ctx: &'c mut Context<'a>,
    outer: Caller,
    read_only: bool,
    /// Whether there is memory for what it makes, or it must not be stopped half-way.
    may_take_memory: bool,
    running: Option<&'c Running>,
    /// Whether the last call of a Lua script took longer than [`SLOW_NS`].
    was_slow: bool,
}

impl<'c, 'a> ScriptCalls<'c, 'a> {
    pub(super) fn new(
        ctx: &'c mut Context<'a>,
        flags: ScriptFlags,
        read_only: bool,
        running: Option<&'c Running>,
    ) -> ScriptCalls<'c, 'a> {
        let may_take_memory = !ctx.is_memory_full || flags.contains(ScriptFlags::ALLOW_OOM);
        let outer = ctx.enter(Caller::Script);
        ScriptCalls {
            ctx,
            outer,
            read_only,
            may_take_memory,
            running,
            was_slow: false,
        }
    }
}

impl ScriptCalls<'_, '_> {
    /// `None` where it would be refused: the command has the words for it.
    #[inline]
    fn set_for(&mut self, key: &[u8], value: &[u8], lifetime_ms: &[u8]) -> Option<bool> {
        if self.read_only || !self.may_take_memory || self.ctx.is_disk_failing {
            return None;
        }
        let lifetime = Span {
            text: lifetime_ms,
            unit: Unit::Millis,
            base: Base::Now,
        };
        let deadline = lifetime.deadline("set", self.ctx);
        let expiry = Expiry::At(deadline.ok()?);
        self.ctx.key(key).set(value, expiry, Event::Set);
        self.ctx.count_step(StepCommand::Set);
        Some(true)
    }

    #[inline]
    fn remove(&mut self, deletion: Deletion, key: &[u8]) -> Option<bool> {
        if self.read_only {
            return None;
        }
        let is_removed = self.ctx.key(key).remove(Event::Del);
        self.ctx.locks().releases += u64::from(is_removed);
        self.note_deletion(deletion);
        Some(is_removed)
    }

    /// Whether the key was there, and whether it was removed.
    #[inline]
    fn remove_if_equal(
        &mut self,
        deletion: Deletion,
        key: &[u8],
        value: &[u8],
    ) -> Option<(bool, bool)> {
        if self.read_only {
            return None;
        }
        let (is_there, is_equal) = self.ctx.reading(key, |guard| {
            let is_there = guard.exists();
            let is_equal = guard.value() == Some(value);
            if is_equal {
                guard.remove(Event::Del);
            }
            (is_there, is_equal)
        });
        self.ctx.count_step(StepCommand::Get);
        if is_equal {
            self.ctx.locks().releases += 1;
            self.note_deletion(deletion);
        }
        Some((is_there, is_equal))
    }

    #[inline]
    fn release(&mut self, deletion: Deletion, key: &[u8], value: &[u8]) -> Option<bool> {
        let (was_there, is_removed) = self.remove_if_equal(deletion, key, value)?;
        if !is_removed {
            let locks = self.ctx.locks();
            locks.wrong_tokens += u64::from(was_there);
            locks.late_releases += u64::from(!was_there);
        }
        Some(is_removed)
    }

    #[inline]
    fn note_deletion(&mut self, deletion: Deletion) {
        self.may_take_memory = true;
        self.ctx.count_step(match deletion {
            Deletion::Del => StepCommand::Del,
            Deletion::Unlink => StepCommand::Unlink,
        });
    }

    /// MONITOR shows the two commands of a compare-and-delete as they are written, so they run one
    /// by one; whether it will succeed is known all the same, since its shard is locked.
    fn count_failed_release(&mut self, key: &[u8], value: &[u8]) {
        let guard = self.ctx.key(key);
        let (is_there, is_equal) = (guard.exists(), guard.value() == Some(value));
        drop(guard);
        let locks = self.ctx.locks();
        locks.wrong_tokens += u64::from(is_there && !is_equal);
        locks.late_releases += u64::from(!is_there);
    }
}

impl Drop for ScriptCalls<'_, '_> {
    fn drop(&mut self) {
        self.ctx.caller = self.outer;
    }
}

impl Calls for ScriptCalls<'_, '_> {
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError> {
        let row = args
            .first()
            .and_then(|name| table::find(name))
            .and_then(|row| match args.get(1) {
                Some(name) if !row.subcommands.is_empty() => row.find_subcommand(name),
                _ => Some(row),
            })
            .ok_or(ScriptError::UnknownCommand)?;
        if !row.accepts(args.len()) {
            return Err(ScriptError::WrongArity.into());
        }
        if row.flags.has(Flags::NOSCRIPT) {
            return Err(ScriptError::Forbidden.into());
        }
        if row.flags.has(Flags::WRITE) || PUBLISHING.contains(&row.name) {
            if self.read_only {
                return Err(ScriptError::ReadOnly.into());
            }
            if row.flags.has(Flags::DENYOOM) && !self.may_take_memory {
                return Err(KeeperError::OutOfMemory.into());
            }
            self.may_take_memory |= row.flags.has(Flags::WRITE);
            if let Some(running) = self.running {
                running.note_write();
            }
        }
        let outcome = match self.running {
            Some(_) => {
                let before = self.ctx.laps;
                let outcome = dispatch::call(self.ctx, row, args);
                self.was_slow = self.ctx.laps.ns_since(before) > SLOW_NS;
                outcome
            }
            None => dispatch::call_unmeasured(self.ctx, row, args),
        };
        match outcome? {
            Outcome::Reply(reply) | Outcome::Close(reply) => Ok(reply),
            Outcome::Many(replies) => Ok(Reply::Array(replies)),
            Outcome::Drop | Outcome::NeedsWhole | Outcome::Paused | Outcome::Blocked(_) => {
                Err(ScriptError::Forbidden.into())
            }
        }
    }

    fn step(&mut self, key: &[u8], step: Step<'_>) -> Option<bool> {
        if self.running.is_some() {
            return None;
        }
        // Monitors are shown the commands as they are written.
        if self.ctx.monitoring != Monitoring::Off {
            if let Step::Release(_, value) = step
                && !self.read_only
            {
                self.count_failed_release(key, value);
            }
            return None;
        }
        match step {
            Step::Exists => {
                self.ctx.count_step(StepCommand::Exists);
                Some(self.ctx.reading(key, |guard| guard.exists()))
            }
            Step::Holds(value) => {
                self.ctx.count_step(StepCommand::Get);
                Some(self.ctx.reading(key, |guard| guard.value() == Some(value)))
            }
            Step::SetFor(value, lifetime_ms) => self.set_for(key, value, lifetime_ms),
            Step::Remove(deletion) => self.remove(deletion, key),
            Step::RemoveIfEqual(deletion, value) => {
                let (_, is_removed) = self.remove_if_equal(deletion, key, value)?;
                Some(is_removed)
            }
            Step::Release(deletion, value) => self.release(deletion, key, value),
        }
    }

    fn was_slow(&self) -> bool {
        self.was_slow
    }

    fn reply_bytes_max(&self) -> usize {
        let limit = self.ctx.instance.config.settings.script_reply_limit();
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    fn is_command(&self, name: &[u8]) -> bool {
        table::find(name).is_some()
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        let message = String::from_utf8_lossy(message);
        match level {
            0 => tracing::trace!("{message}"),
            1 => tracing::debug!("{message}"),
            2 => tracing::info!("{message}"),
            _ => tracing::warn!("{message}"),
        }
    }
}
