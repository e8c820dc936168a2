//! EVAL and SCRIPT: where a script meets the commands it may call.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::command::args;
use crate::command::native_script::NativeRun;
use crate::command::script_calls::ScriptCalls;
use crate::command::table::Row;
use crate::command::{Access, Caller, CommandResult, Context, Outcome, observe};
use crate::error::{CommandError, KeeperError, ScriptError};
use crate::fiber::{self, Nap};
use crate::gate::Hold;
use crate::instance::Instance;
use crate::resp::reply::Reply;
use crate::script::cache::{self, Running, Script, Source};
use crate::script::lua::{Pulse, Vm, VmLimits};
use crate::script::native::Program;
use crate::script::shebang::{self, ScriptFlags};

/// How long a Lua script keeps its thread before the thread looks after other connections.
const SLICE: Duration = Duration::from_millis(2);

/// Runs a script.
///
/// `EVAL script numkeys [key [key ...]] [arg [arg ...]]`
pub fn eval(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let arguments = Arguments::parse(args)?;
    let script = by_body(ctx, args[1])?;
    run(ctx, &script, args, arguments, Permission::AsDeclared)
}

/// Runs a script that is known by its SHA-1.
///
/// `EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]`
pub fn evalsha(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    run_known(ctx, args, Permission::AsDeclared)
}

/// Runs a script that may not change anything.
///
/// `EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]`
pub fn eval_ro(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let arguments = Arguments::parse(args)?;
    let script = by_body(ctx, args[1])?;
    run(ctx, &script, args, arguments, Permission::ReadOnly)
}

/// Runs a script that is known by its SHA-1 and may not change anything.
///
/// `EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]`
pub fn evalsha_ro(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    run_known(ctx, args, Permission::ReadOnly)
}

/// Makes a script known; replies its SHA-1.
///
/// `SCRIPT LOAD script`
pub fn script_load(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let script = learn(ctx.instance, args[2], Source::Loaded)?;
    Ok(Reply::bulk(script.sha1).into())
}

/// Replies for each SHA-1 whether the script is known.
///
/// `SCRIPT EXISTS sha1 [sha1 ...]`
pub fn script_exists(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let is_known = |sha1: &&[u8]| {
        let sha1 = cache::parse_sha1(sha1);
        Reply::from(sha1.is_some_and(|sha1| ctx.instance.scripts.find(&sha1).is_some()))
    };
    Ok(Reply::Array(args[2..].iter().map(is_known).collect()).into())
}

/// Forgets all scripts.
///
/// `SCRIPT FLUSH [ASYNC | SYNC]`
pub fn script_flush(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    match args[2..] {
        [] => {}
        [mode] if args::is(mode, "ASYNC") || args::is(mode, "SYNC") => {}
        _ => {
            return Err(CommandError::ScriptFlushMode);
        }
    }
    ctx.instance.scripts.flush();
    Ok(Reply::OK.into())
}

/// Ends the running script, if it has changed nothing yet.
///
/// `SCRIPT KILL`
pub fn script_kill(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    ctx.instance.scripts.kill()?;
    Ok(Reply::OK.into())
}

/// Asks for the debugger, which is not there: the connection's scripts are refused until `NO`, as
/// Redis refuses one that it cannot compile.
///
/// `SCRIPT DEBUG YES | SYNC | NO`
pub fn script_debug(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if ctx.caller == Caller::Transaction {
        return Err(ScriptError::DebugPipelined.into());
    }
    ctx.session.wants_debugger = if args::is(args[2], "NO") {
        false
    } else if args::is(args[2], "YES") || args::is(args[2], "SYNC") {
        true
    } else {
        return Err(ScriptError::DebugMode.into());
    };
    Ok(Reply::OK.into())
}

/// What a script is answered while the debugger is wanted: the end of the session, by which a
/// debugger's shell knows that there will be none, and the reason. A transaction has one reply for
/// each request.
fn refuse_debugging(caller: Caller) -> CommandResult {
    match caller {
        Caller::Client => Ok(Outcome::Many(vec![
            Reply::Array(vec![Reply::status("<endsession>")]),
            CommandError::from(ScriptError::NoDebugger).into_reply(),
        ])),
        Caller::Transaction | Caller::Script => Err(ScriptError::NoDebugger.into()),
    }
}

/// Tells whether a known script runs natively, and if not, why.
///
/// `SCRIPT EXPLAIN sha1`
pub fn script_explain(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let script = by_sha1(ctx, args[2])?;
    let (runs, reason) = match &script.native {
        Ok(_) => ("native", Reply::Null),
        Err(reason) => ("lua", Reply::bulk(reason.to_string())),
    };
    Ok(Reply::Map(vec![
        (Reply::bulk("runs"), Reply::bulk(runs)),
        (Reply::bulk("reason"), reason),
    ])
    .into())
}

/// What a caller lets a script do, beside what its first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    AsDeclared,
    ReadOnly,
}

fn run_known(ctx: &mut Context<'_>, request: &[&[u8]], permission: Permission) -> CommandResult {
    // What cannot be a name is refused before the number of keys is looked at.
    let Some(sha1) = cache::parse_sha1(request[1]) else {
        return Err(CommandError::NoScript);
    };
    let arguments = Arguments::parse(request)?;
    let scripts = &ctx.instance.scripts;
    let Some(script) = scripts.find_again(&sha1, &mut ctx.session.last_scripts) else {
        return Err(CommandError::NoScript);
    };
    let result = run(ctx, &script, request, arguments, permission);
    ctx.session.last_scripts.keep(script);
    result
}

fn by_sha1(ctx: &Context<'_>, text: &[u8]) -> Result<Arc<Script>, CommandError> {
    cache::parse_sha1(text)
        .and_then(|sha1| ctx.instance.scripts.find(&sha1))
        .ok_or(CommandError::NoScript)
}

fn by_body(ctx: &Context<'_>, body: &[u8]) -> Result<Arc<Script>, CommandError> {
    match ctx.instance.scripts.find(&cache::sha1_of(body)) {
        Some(script) => Ok(script),
        None => learn(ctx.instance, body, Source::Evaluated),
    }
}

/// Compiles a script, natively or else in Lua, and keeps it.
fn learn(instance: &Instance, body: &[u8], source: Source) -> Result<Arc<Script>, CommandError> {
    let (flags, _) = shebang::parse(body)?;
    let native = Program::compile(body);
    if native.is_err() {
        with_vm(instance, |vm| vm.check(body))??;
    }
    let script = Arc::new(Script::new(body, flags, native));
    let evaluated_max = instance.config.settings.script_cache_size();
    instance
        .scripts
        .keep(Arc::clone(&script), source, evaluated_max);
    Ok(script)
}

/// KEYS and ARGV of a script.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) keys: &'a [&'a [u8]],
    pub(super) argv: &'a [&'a [u8]],
}

impl<'a> Arguments<'a> {
    /// Of a request such as `EVAL script numkeys ...`.
    fn parse(request: &'a [&'a [u8]]) -> Result<Arguments<'a>, CommandError> {
        let (count, rest) = (args::integer(request[2])?, &request[3..]);
        let count = usize::try_from(count).map_err(|_| CommandError::NegativeKeyCount)?;
        match rest.split_at_checked(count) {
            Some((keys, argv)) => Ok(Arguments { keys, argv }),
            None => Err(CommandError::KeyCountTooLarge),
        }
    }
}

fn run(
    ctx: &mut Context<'_>,
    script: &Script,
    request: &[&[u8]],
    arguments: Arguments<'_>,
    permission: Permission,
) -> CommandResult {
    if ctx.session.wants_debugger {
        return refuse_debugging(ctx.caller);
    }
    let read_only = match permission {
        Permission::AsDeclared => script.flags.contains(ScriptFlags::NO_WRITES),
        Permission::ReadOnly if may_write(script.flags) => {
            return Err(ScriptError::WritesUnderReadOnly.into());
        }
        Permission::ReadOnly => true,
    };
    if ctx.is_memory_full && may_take_memory(script.flags) {
        return Err(KeeperError::OutOfMemory.into());
    }
    if let Ok(program) = &script.native {
        let run = NativeRun {
            script,
            program,
            request,
            arguments,
            read_only,
        };
        if let Some(reply) = run.reply(ctx) {
            return Ok(reply.into());
        }
    }
    if ctx.access != Access::Whole {
        return Ok(Outcome::NeedsWhole);
    }
    observe::before_script(ctx, request);
    ctx.instance.stats.scripts_lua.add(1);
    run_lua(ctx, script, arguments, read_only).map(Outcome::from)
}

/// Whether a request for a script cannot change anything, as far as the script's first line tells.
/// One that cannot be run at all changes nothing either.
pub fn is_read_only(instance: &Instance, row: &Row, request: &[&[u8]]) -> bool {
    let flags = if row.name == "eval" {
        shebang::parse(request[1]).ok().map(|(flags, _)| flags)
    } else {
        let sha1 = cache::parse_sha1(request[1]);
        let script = sha1.and_then(|sha1| instance.scripts.find(&sha1));
        script.map(|script| script.flags)
    };
    flags.is_none_or(|flags| flags.contains(ScriptFlags::NO_WRITES))
}

/// Whether a script with a first line of its own says that it may change keys.
fn may_write(flags: ScriptFlags) -> bool {
    !flags.contains(ScriptFlags::COMPATIBLE) && !flags.contains(ScriptFlags::NO_WRITES)
}

/// Whether a script with a first line of its own does not say that it can do without more memory.
fn may_take_memory(flags: ScriptFlags) -> bool {
    may_write(flags) && !flags.contains(ScriptFlags::ALLOW_OOM)
}

fn run_lua(
    ctx: &mut Context<'_>,
    script: &Script,
    arguments: Arguments<'_>,
    read_only: bool,
) -> Result<Reply, CommandError> {
    let Arguments { keys, argv } = arguments;
    let instance = Arc::clone(ctx.instance);
    let running = instance.scripts.begin();
    let pulse = pulse(&instance, &running);
    let database = ctx.session.database;
    let reply = with_vm(&instance, |vm| {
        let mut calls = ScriptCalls::new(ctx, script.flags, read_only, Some(&running));
        vm.put_lasting(&instance.scripts.lasting());
        let reply = vm.run(
            script.sha1_text(),
            &script.body,
            keys,
            argv,
            &mut calls,
            &pulse,
        );
        instance.scripts.set_lasting(vm.lasting());
        reply
    });
    ctx.session.select(database);
    ctx.is_half_done |= running.is_half_done();
    instance.scripts.end();
    reply
}

/// What a running script does now and then: hear of SCRIPT KILL, and leave its thread to others.
fn pulse<'a>(instance: &'a Instance, running: &'a Running) -> impl Fn() -> Pulse + 'a {
    let start = Stopwatch::start();
    let slice = Cell::new(start);
    move || {
        if slice.get().elapsed() >= SLICE {
            let threshold_ms = instance.config.settings.busy_reply_threshold_ms();
            let is_busy =
                threshold_ms.is_some_and(|ms| start.elapsed() >= Duration::from_millis(ms));
            instance
                .gate
                .park(if is_busy { Hold::Busy } else { Hold::Parked });
            fiber::pause(Nap::Turn);
            slice.set(Stopwatch::start());
        }
        if instance.is_stopping() {
            running.note_cut();
            Pulse::Kill
        } else if running.is_killed() {
            Pulse::Kill
        } else {
            Pulse::Continue
        }
    }
}

thread_local! {
    /// The Lua of each instance on this thread, by instance number, with the epoch of its scripts.
    static VMS: RefCell<HashMap<u64, (Rc<Vm>, u64)>> = RefCell::new(HashMap::new());
}

/// Calls `act` with this thread's Lua for the instance, made when it is first needed. Nothing is
/// borrowed meanwhile: a script may pause in there.
fn with_vm<R>(instance: &Instance, act: impl FnOnce(&Vm) -> R) -> Result<R, CommandError> {
    let epoch = instance.scripts.epoch();
    let limit_bytes = instance.config.settings.lua_memory_limit();
    let memory_bytes = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let known = VMS.with_borrow(|vms| vms.get(&instance.number).cloned());
    let vm = match known {
        Some((vm, known_epoch)) if known_epoch == epoch => vm,
        Some((vm, _)) => {
            vm.forget_all();
            vm
        }
        None => {
            let vm = Vm::new(VmLimits { memory_bytes });
            Rc::new(vm?)
        }
    };
    vm.limit_memory(memory_bytes);
    // Once it stops, its Lua is forgotten on each thread, and a new one would stay.
    if !instance.is_stopping() {
        VMS.with_borrow_mut(|vms| vms.insert(instance.number, (Rc::clone(&vm), epoch)));
    }
    Ok(act(&vm))
}

/// Frees this thread's Lua of an instance that is gone.
pub fn forget_vm(instance_number: u64) {
    VMS.with_borrow_mut(|vms| vms.remove(&instance_number));
}

#[cfg(test)]
mod tests {
    use crate::command::table;
    use crate::script::native::native_keys;

    /// A native script holds the shards of its KEYS: it must know every key that a command touches.
    #[test]
    fn a_native_script_knows_a_commands_keys_as_the_table_does() {
        let arguments: [&[u8]; 4] = [b"1", b"2", b"3", b"4"];
        let mut known = 0;
        for row in table::commands() {
            let Some(keys) = native_keys(row.name.as_bytes()) else {
                continue;
            };
            let request = [&[row.name.as_bytes()][..], &arguments].concat();
            let in_table: Vec<usize> = row.keys_of(&request).collect();
            let natively: Vec<usize> = (0..arguments.len())
                .filter(|index| keys.contains(*index))
                .map(|index| index + 1)
                .collect();
            assert_eq!(natively, in_table, "{}", row.name);
            known += 1;
        }
        assert!(known > 25, "only {known} commands are native");
    }
}
