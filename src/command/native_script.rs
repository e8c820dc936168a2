//! Running a native script: whether it may, in which database, and under which locks.
//!
//! A script that looks at one key once holds no lock but that of its one step; any other holds the
//! shards of all its keys from its first command to its last. Nobody can interrupt it, so one that
//! might take long is left to Lua.

use crate::command::script_calls::ScriptCalls;
use crate::command::scripting::Arguments;
use crate::command::{Context, Monitoring, observe};
use crate::resp::reply::Reply;
use crate::script::cache::Script;
use crate::script::native::Program;

/// A native script, and what it is run with.
#[derive(Clone, Copy)]
pub(super) struct NativeRun<'r> {
    pub(super) script: &'r Script,
    pub(super) program: &'r Program,
    /// As monitors are shown it.
    pub(super) request: &'r [&'r [u8]],
    pub(super) arguments: Arguments<'r>,
    pub(super) read_only: bool,
}

impl NativeRun<'_> {
    /// Runs the script; `None` if Lua must run it, since it might take long.
    #[inline]
    pub(super) fn reply(self, ctx: &mut Context<'_>) -> Option<Reply> {
        let Arguments { keys, argv } = self.arguments;
        if !self.program.is_small(keys, argv) {
            return self.reply_if_bounded(ctx);
        }
        self.begin(ctx);
        if self.program.selects() {
            return Some(self.select_and_run(ctx));
        }
        // Shown to monitors it is two commands, and must not be divided.
        let is_whole = ctx.monitoring == Monitoring::Off && self.program.is_one_lookup(keys, argv);
        Some(if !self.read_only && is_whole {
            self.interpret(ctx)
        } else {
            ctx.holding(keys, |ctx| self.interpret(ctx))
        })
    }

    /// Runs a script that is not small, if the strings it is given are short enough.
    #[cold]
    fn reply_if_bounded(self, ctx: &mut Context<'_>) -> Option<Reply> {
        let Arguments { keys, argv } = self.arguments;
        if self.program.selects() {
            return None;
        }
        ctx.holding(keys, |ctx| {
            let value_bytes = |key: &[u8]| ctx.key(key).value().map_or(0, <[u8]>::len);
            if !self.program.is_bounded(keys, argv, value_bytes) {
                return None;
            }
            self.begin(ctx);
            Some(self.interpret(ctx))
        })
    }

    fn begin(self, ctx: &mut Context<'_>) {
        ctx.count_native_script();
        observe::before_script(ctx, self.request);
    }

    /// Runs a script that selects a database first, and goes back to the former one.
    fn select_and_run(self, ctx: &mut Context<'_>) -> Reply {
        let Arguments { keys, argv } = self.arguments;
        let database = ctx.session.database;
        let mut calls = ScriptCalls::new(ctx, self.script.flags, self.read_only, None);
        let selected = (self.program).select(self.script.sha1_text(), keys, argv, &mut calls);
        drop(calls);
        let reply = match selected {
            Ok(()) => ctx.holding(keys, |ctx| self.interpret(ctx)),
            Err(reply) => reply,
        };
        ctx.session.select(database);
        reply
    }

    fn interpret(self, ctx: &mut Context<'_>) -> Reply {
        let Arguments { keys, argv } = self.arguments;
        let mut calls = ScriptCalls::new(ctx, self.script.flags, self.read_only, None);
        (self.program).run(self.script.sha1_text(), keys, argv, &mut calls)
    }
}
