//! From a request to its command: is there one, may it run now, and what did it answer.

use std::time::Duration;

use crate::command::table::{self, Flags, Row, Scope};
use crate::command::{
    Access, CommandResult, Context, Monitoring, Outcome, debug, faulty, observe, scripting,
    transaction,
};
use crate::error::{CommandError, KeeperError, Quoted};
use crate::pause::Paused;
use crate::resp::Protocol;
use crate::resp::reply::Reply;
use crate::session::Session;

/// Runs a request of a client.
pub fn run(ctx: &mut Context<'_>, request: &[&[u8]]) -> Outcome {
    match run_named(ctx, named(request), request) {
        Ok(outcome) => outcome,
        Err(error) => answer_error(ctx, error),
    }
}

/// As [`run`], where `named` is what [`named`] found before, and [`answer_error`] is left to the
/// caller: an outcome is large, and is written once where the caller wants it. So that it is, the
/// way from here to the command is one function.
///
/// # Errors
/// The command's, or why it may not run.
#[inline(always)]
pub fn run_named(
    ctx: &mut Context<'_>,
    named: Option<&'static Row>,
    request: &[&[u8]],
) -> CommandResult {
    let row = match resolve_named(named, request) {
        Ok(row) => row,
        Err(_) if is_http(request) => return Ok(Outcome::Drop),
        Err(error) => return Err(refuse(ctx, request, error)),
    };
    ctx.session.client.note_command(row);
    let is_plain = ctx.session.is_plain()
        && ctx.access != Access::Busy
        && !ctx.is_disturbed
        && ctx.loading_ms.is_none();
    if is_plain {
        return run_admitted(ctx, row, request);
    }
    if ctx.instance.faults.is_any() {
        return faulty::run(ctx, row, request);
    }
    run_if_admitted(ctx, row, request)
}

/// Runs a request that MULTI has queued: whether it may run was asked then.
pub(super) fn run_queued(ctx: &mut Context<'_>, request: &[&[u8]]) -> Outcome {
    let ran = resolve(request).and_then(|row| run_admitted(ctx, row, request));
    ran.unwrap_or_else(|error| answer_error(ctx, error))
}

/// As [`run`], for a client whose state, or the server's, may forbid the command.
pub(super) fn run_if_admitted(
    ctx: &mut Context<'_>,
    row: &'static Row,
    request: &[&[u8]],
) -> CommandResult {
    if let Err(error) = admit(ctx, row) {
        return Err(refuse(ctx, request, error));
    }
    if must_wait(ctx, row, request) {
        return Ok(Outcome::Paused);
    }
    let may_write = ctx.session.transaction.is_some() && may_write(ctx, row, request);
    let session = &mut *ctx.session;
    if let Some(transaction) = session.transaction.as_deref_mut()
        && !runs_inside_multi(row)
    {
        transaction.may_write |= may_write;
        transaction.takes_memory |= row.flags.has(Flags::DENYOOM);
        transaction::queue(transaction, &session.client, request);
        return Ok(Reply::status("QUEUED").into());
    }
    run_admitted(ctx, row, request)
}

#[inline(always)]
fn run_admitted(ctx: &mut Context<'_>, row: &'static Row, request: &[&[u8]]) -> CommandResult {
    let result = call(ctx, row, request);
    if let Ok(Outcome::Reply(reply @ Reply::Error(_))) = &result {
        ctx.count_error(reply);
    }
    result
}

/// Counts an error of [`run_named`], and makes the reply of it.
#[cold]
pub fn answer_error(ctx: &mut Context<'_>, error: CommandError) -> Outcome {
    let reply = error.into_reply();
    ctx.count_error(&reply);
    reply.into()
}

/// Runs a command that may run, and measures it.
#[inline(always)]
pub fn call(ctx: &mut Context<'_>, row: &'static Row, request: &[&[u8]]) -> CommandResult {
    // The commands of a script have laps of their own within this one.
    let mut laps = ctx.laps;
    let result = call_handler(ctx, row, request);
    if !matches!(result, Ok(Outcome::NeedsWhole)) {
        let took_ns = laps.lap_ns();
        ctx.laps = laps;
        ctx.count_call(row, took_ns, is_failure(&result));
        if took_ns >= ctx.notable_ns {
            observe::ran(ctx, row, request, Duration::from_nanos(took_ns));
        }
    }
    result
}

/// As [`call`], for a command of a native script: its time is told of the script alone, since
/// reading the clock would take as long as the command.
pub fn call_unmeasured(
    ctx: &mut Context<'_>,
    row: &'static Row,
    request: &[&[u8]],
) -> CommandResult {
    let result = call_handler(ctx, row, request);
    ctx.count_untimed_call(row, is_failure(&result));
    if ctx.monitoring != Monitoring::Off {
        observe::tell_monitors(ctx, row, request);
    }
    result
}

#[inline(always)]
fn call_handler(ctx: &mut Context<'_>, row: &'static Row, request: &[&[u8]]) -> CommandResult {
    if row.scope == Scope::Whole && ctx.access == Access::Beside {
        return Ok(Outcome::NeedsWhole);
    }
    if ctx.is_disk_failing && row.flags.has(Flags::WRITE) && !only_removes(row) {
        return Err(disk_failing(ctx));
    }
    match row.run {
        Some(run) => run(ctx, request),
        None => Err(unknown_subcommand(row, request)),
    }
}

/// Whether the command may run though nothing can be kept: a release that a restart forgets makes a
/// lock live longer, a grant that it forgets gives a lock away.
fn only_removes(row: &Row) -> bool {
    matches!(
        row.name,
        "del" | "unlink" | "getdel" | "delex" | "delifeq" | "flushdb" | "flushall"
    )
}

#[cold]
fn disk_failing(ctx: &Context<'_>) -> CommandError {
    let keeper = ctx.instance.keeper.get();
    let reason = keeper.map_or_else(String::new, |keeper| keeper.failure());
    KeeperError::DiskFailing { reason }.into()
}

fn is_failure(result: &CommandResult) -> bool {
    match result {
        Ok(Outcome::Reply(Reply::Error(_))) | Err(_) => true,
        // The answer to a wrong password comes later.
        Ok(Outcome::Blocked(blocked)) => matches!(blocked.reply, Reply::Error(_)),
        Ok(_) => false,
    }
}

/// The row of a request, whose argument count fits it.
///
/// # Errors
/// No such command or subcommand, or too few or too many arguments.
pub fn resolve(request: &[&[u8]]) -> Result<&'static Row, CommandError> {
    resolve_named(named(request), request)
}

/// The command that the first argument names.
#[inline]
pub fn named(request: &[&[u8]]) -> Option<&'static Row> {
    table::find(request.first()?)
}

#[inline(always)]
fn resolve_named(
    named: Option<&'static Row>,
    request: &[&[u8]],
) -> Result<&'static Row, CommandError> {
    let row = named.ok_or_else(|| unknown_command(request))?;
    let row = match request.get(1) {
        Some(subcommand) if !row.subcommands.is_empty() => row
            .find_subcommand(subcommand)
            .ok_or_else(|| unknown_subcommand(row, request))?,
        _ => row,
    };
    if row.accepts(request.len()) {
        Ok(row)
    } else {
        Err(CommandError::WrongArity {
            command: row.name.into(),
        })
    }
}

/// Whether a connection in a special state may run this command now.
fn admit(ctx: &Context<'_>, row: &Row) -> Result<(), CommandError> {
    let session = &*ctx.session;
    if !session.is_authenticated && !row.flags.has(Flags::NO_AUTH) {
        return Err(CommandError::NoAuth);
    }
    if row.name == "debug" {
        debug::check_allowed(ctx)?;
    }
    if session.is_monitor && (row.flags.has(Flags::WRITE) || row.flags.has(Flags::READONLY)) {
        return Err(CommandError::MonitorTouchesKeys);
    }
    if session.transaction.is_some() && row.flags.has(Flags::NO_MULTI) {
        return Err(CommandError::NotInsideMulti);
    }
    if ctx.is_memory_full && ctx.access != Access::Busy && takes_memory(session, row) {
        return Err(KeeperError::OutOfMemory.into());
    }
    if session.protocol == Protocol::Resp2 && session.is_subscribed() && !runs_while_subscribed(row)
    {
        return Err(CommandError::NotWhileSubscribed { command: row.name });
    }
    if let Some(rest_ms) = ctx.loading_ms
        && !row.flags.has(Flags::LOADING)
    {
        let seconds = rest_ms.div_ceil(1000);
        return Err(KeeperError::Loading { seconds }.into());
    }
    if ctx.access == Access::Busy && !row.flags.has(Flags::ALLOW_BUSY) {
        return Err(CommandError::Busy);
    }
    Ok(())
}

/// Whether there must be memory for the command: for what it makes, or to queue it.
fn takes_memory(session: &Session, row: &Row) -> bool {
    match &session.transaction {
        Some(transaction) if row.name == "exec" => transaction.takes_memory,
        Some(_) => !runs_inside_multi(row),
        None => row.flags.has(Flags::DENYOOM),
    }
}

/// Whether CLIENT PAUSE holds the command back.
fn must_wait(ctx: &Context<'_>, row: &Row, request: &[&[u8]]) -> bool {
    match ctx.paused {
        None => false,
        Some(Paused::Everything) => true,
        Some(Paused::Writes) => match &ctx.session.transaction {
            Some(transaction) if row.name == "exec" => transaction.may_write,
            _ => may_write(ctx, row, request),
        },
    }
}

/// Whether a pause of writes holds the command back: it may change a key, or publish, or is a
/// script that does not say that it will not.
pub fn may_write(ctx: &Context<'_>, row: &Row, request: &[&[u8]]) -> bool {
    match row.name {
        "eval" | "evalsha" => !scripting::is_read_only(ctx.instance, row, request),
        "publish" | "spublish" => true,
        _ => row.flags.has(Flags::WRITE),
    }
}

/// A refused request spoils the transaction it belongs to; a refused EXEC ends it.
#[cold]
pub(super) fn refuse(
    ctx: &mut Context<'_>,
    request: &[&[u8]],
    error: CommandError,
) -> CommandError {
    let row = request.first().and_then(|name| table::find(name));
    let row = row.and_then(|row| match request.get(1) {
        Some(name) if !row.subcommands.is_empty() => row.find_subcommand(name),
        _ => Some(row),
    });
    let client = &ctx.session.client;
    if let Some(row) = row {
        client.note_command(row);
        ctx.instance.stats.commands.of(row).rejected.add(1);
    } else {
        client.note_no_command();
    }
    if row.is_some_and(|row| row.name == "exec") {
        return transaction::abort(ctx, error);
    }
    if let Some(transaction) = ctx.session.transaction.as_deref_mut() {
        transaction.is_aborted = true;
    }
    error
}

fn runs_inside_multi(row: &Row) -> bool {
    matches!(
        row.name,
        "exec" | "discard" | "multi" | "watch" | "quit" | "reset"
    )
}

fn runs_while_subscribed(row: &Row) -> bool {
    matches!(
        row.name,
        "subscribe"
            | "unsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "ssubscribe"
            | "sunsubscribe"
            | "ping"
            | "quit"
            | "reset"
    )
}

/// A browser or a cross-site request talks to the port: nothing it sends is run.
fn is_http(request: &[&[u8]]) -> bool {
    let name = request.first().copied().unwrap_or_default();
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

fn unknown_command(request: &[&[u8]]) -> CommandError {
    let (name, arguments) = match request {
        [name, arguments @ ..] => (*name, arguments),
        [] => (&b""[..], request),
    };
    CommandError::UnknownCommand {
        name: Quoted::cut(name),
        arguments: Quoted::arguments(arguments),
    }
}

fn unknown_subcommand(row: &'static Row, request: &[&[u8]]) -> CommandError {
    CommandError::UnknownSubcommand {
        container: row.name,
        subcommand: Quoted::cut(request.get(1).copied().unwrap_or_default()),
    }
}
