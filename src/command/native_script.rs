//! Running a native script: in which database, and under which locks.
//!
//! A script that looks at one key once holds no lock but that of its one step; any other holds the
//! shards of all its keys from its first command to its last.

use crate::command::script_calls::ScriptCalls;
use crate::command::scripting::Arguments;
use crate::command::{Context, Monitoring};
use crate::resp::reply::Reply;
use crate::script::cache::Script;
use crate::script::native::Program;

/// Runs a script.
#[inline]
pub(super) fn run(
    ctx: &mut Context<'_>,
    script: &Script,
    program: &Program,
    arguments: Arguments<'_>,
    read_only: bool,
) -> Reply {
    if program.selects() {
        select_and_run(ctx, script, program, arguments, read_only)
    } else {
        run_selected(ctx, script, program, arguments, read_only)
    }
}

/// Runs a script that selects a database first, and goes back to the former one.
fn select_and_run(
    ctx: &mut Context<'_>,
    script: &Script,
    program: &Program,
    arguments: Arguments<'_>,
    read_only: bool,
) -> Reply {
    let Arguments { keys, argv } = arguments;
    let database = ctx.session.database;
    let mut calls = ScriptCalls::new(ctx, script.flags, read_only, None);
    let selected = program.select(script.sha1_text(), keys, argv, &mut calls);
    drop(calls);
    let reply = match selected {
        Ok(()) => run_selected(ctx, script, program, arguments, read_only),
        Err(reply) => reply,
    };
    ctx.session.select(database);
    reply
}

/// Runs a script on the selected database, under the locks that it needs.
#[inline]
fn run_selected(
    ctx: &mut Context<'_>,
    script: &Script,
    program: &Program,
    arguments: Arguments<'_>,
    read_only: bool,
) -> Reply {
    let Arguments { keys, argv } = arguments;
    // Shown to monitors it is two commands, and must not be divided.
    let is_whole = ctx.monitoring == Monitoring::Off && program.is_one_lookup(keys, argv);
    if !read_only && is_whole {
        interpret(ctx, script, program, arguments, read_only)
    } else {
        ctx.holding(keys, |ctx| {
            interpret(ctx, script, program, arguments, read_only)
        })
    }
}

fn interpret(
    ctx: &mut Context<'_>,
    script: &Script,
    program: &Program,
    Arguments { keys, argv }: Arguments<'_>,
    read_only: bool,
) -> Reply {
    let mut calls = ScriptCalls::new(ctx, script.flags, read_only, None);
    program.run(script.sha1_text(), keys, argv, &mut calls)
}
