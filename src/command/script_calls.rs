//! What a script's `redis.call` reaches: the same functions as a connection, with a script's rights.

use std::sync::LazyLock;

use crate::command::table::{self, Flags, Row};
use crate::command::{Caller, Context, Monitoring, Outcome, dispatch};
use crate::error::{CommandError, KeeperError, ScriptError};
use crate::keyspace::Event;
use crate::resp::reply::Reply;
use crate::script::cache::Running;
use crate::script::shebang::ScriptFlags;
use crate::script::{Calls, Deletion};

/// Commands that change no key and yet have an effect, which a read-only script may not have.
const PUBLISHING: [&str; 2] = ["publish", "spublish"];

static EXISTS: LazyLock<Option<&'static Row>> = LazyLock::new(|| table::find(b"exists"));

/// See the module's text.
pub(super) struct ScriptCalls<'c, 'a> {
    ctx: &'c mut Context<'a>,
    outer: Caller,
    read_only: bool,
    /// Whether there is memory for what it makes, or it must not be stopped half-way.
    may_take_memory: bool,
    running: Option<&'c Running>,
}

impl<'c, 'a> ScriptCalls<'c, 'a> {
    pub(super) fn new(
        ctx: &'c mut Context<'a>,
        flags: ScriptFlags,
        read_only: bool,
        running: Option<&'c Running>,
    ) -> ScriptCalls<'c, 'a> {
        let may_take_memory = !ctx.is_memory_full || flags.contains(ScriptFlags::ALLOW_OOM);
        let outer = std::mem::replace(&mut ctx.caller, Caller::Script);
        ScriptCalls {
            ctx,
            outer,
            read_only,
            may_take_memory,
            running,
        }
    }
}

impl ScriptCalls<'_, '_> {
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
            Some(_) => dispatch::call(self.ctx, row, args),
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

    fn remove_if_equal(&mut self, deletion: Deletion, key: &[u8], value: &[u8]) -> Option<bool> {
        if self.read_only || self.running.is_some() {
            return None;
        }
        if self.ctx.monitoring != Monitoring::Off {
            self.count_failed_release(key, value);
            return None;
        }
        let mut guard = self.ctx.read(key);
        let is_there = guard.exists();
        let is_equal = guard.value() == Some(value);
        if is_equal {
            guard.remove(Event::Del);
            self.may_take_memory = true;
        }
        drop(guard);
        self.ctx.count_script_get();
        let locks = self.ctx.locks();
        match (is_there, is_equal) {
            (_, true) => locks.releases += 1,
            (true, false) => locks.wrong_tokens += 1,
            (false, false) => locks.late_releases += 1,
        }
        if is_equal {
            match deletion {
                Deletion::Del => self.ctx.count_script_del(),
                Deletion::Unlink => self.ctx.count_script_unlink(),
            }
        }
        Some(is_equal)
    }

    fn holds_value(&mut self, key: &[u8], value: &[u8]) -> Option<bool> {
        if self.ctx.monitoring != Monitoring::Off {
            return None;
        }
        let holds = self.ctx.read(key).value() == Some(value);
        self.ctx.count_script_get();
        Some(holds)
    }

    fn exists(&mut self, key: &[u8]) -> Option<bool> {
        if self.ctx.monitoring != Monitoring::Off {
            return None;
        }
        let exists = (*EXISTS)?;
        let is_there = self.ctx.read(key).exists();
        self.ctx.count_untimed_call(exists, false);
        Some(is_there)
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
