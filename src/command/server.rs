//! Commands on the server.

use crate::command::args;
use crate::command::{CommandResult, Context, docs, introspection, table};
use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::info;
use crate::resp::reply::Reply;

/// Replies the Unix time: seconds, and microseconds of the second.
///
/// `TIME`
pub fn time(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let unix_us = ctx.clocks().unix_micros();
    let parts = [unix_us.div_euclid(1_000_000), unix_us.rem_euclid(1_000_000)];
    let parts = parts.map(|part| Reply::bulk(part.to_string()));
    Ok(Reply::Array(parts.into()).into())
}

/// Replies the number of keys in the selected database.
///
/// `DBSIZE`
pub fn dbsize(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let size = ctx.instance.keyspace.size(ctx.session.database);
    Ok(Reply::from(size.keys).into())
}

/// Removes every key of the selected database.
///
/// `FLUSHDB [ASYNC | SYNC]`
pub fn flushdb(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    check_flush_mode(args)?;
    ctx.flush(ctx.session.database);
    Ok(Reply::OK.into())
}

/// Removes every key of every database.
///
/// `FLUSHALL [ASYNC | SYNC]`
pub fn flushall(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    check_flush_mode(args)?;
    for database in 0..ctx.instance.keyspace.databases() {
        ctx.flush(database);
    }
    Ok(Reply::OK.into())
}

fn check_flush_mode(args: &[&[u8]]) -> Result<(), CommandError> {
    match args[1..] {
        [] => Ok(()),
        [mode] if args::is(mode, "ASYNC") || args::is(mode, "SYNC") => Ok(()),
        _ => Err(CommandError::Syntax),
    }
}

/// Replies facts and counters as text.
///
/// `INFO [section [section ...]]`
pub fn info(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    ctx.settle_counts();
    Ok(Reply::Verbatim(info::text(ctx.instance, ctx.now, &args[1..])).into())
}

/// Replies the settings whose names match a pattern.
///
/// `CONFIG GET parameter [parameter ...]`
pub fn config_get(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let found = ctx.instance.config.get(&args[2..]);
    let pairs = found
        .into_iter()
        .map(|(name, value)| (Reply::bulk(name), Reply::bulk(value)));
    Ok(Reply::Map(pairs.collect()).into())
}

/// Changes settings: all of them, or none.
///
/// `CONFIG SET parameter value [parameter value ...]`
pub fn config_set(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let (pairs, []) = args[2..].as_chunks() else {
        return Err(CommandError::Syntax);
    };
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    ctx.instance.set_config(&pairs)?;
    ctx.renew_notable();
    ctx.renew_memory();
    Ok(Reply::OK.into())
}

/// Puts the present settings into the configuration file.
///
/// `CONFIG REWRITE`
pub fn config_rewrite(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    match ctx.instance.config.rewrite() {
        Ok(()) => tracing::info!("CONFIG REWRITE executed with success."),
        Err(error) => {
            tracing::warn!("CONFIG REWRITE failed: {error}");
            return Err(error);
        }
    }
    Ok(Reply::OK.into())
}

/// Counts from 0 again.
///
/// `CONFIG RESETSTAT`
pub fn config_resetstat(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    ctx.settle_counts();
    ctx.instance.stats.reset();
    ctx.instance.keyspace.reset_expired();
    Ok(Reply::OK.into())
}

/// Stops the server; the connection ends without a reply.
///
/// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`
///
/// No snapshots are taken, so SAVE has nothing to write and is refused as a failed save is. The
/// journal is closed on the way out, however the server ends.
pub fn shutdown(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut wants = Shutdown::default();
    for word in &args[1..] {
        let flag = match word.to_ascii_uppercase().as_slice() {
            b"NOSAVE" => &mut wants.nosave,
            b"SAVE" => &mut wants.save,
            b"NOW" => &mut wants.now,
            b"FORCE" => &mut wants.force,
            b"ABORT" => &mut wants.abort,
            _ => return Err(CommandError::Syntax),
        };
        *flag = true;
    }
    let has_other = wants.nosave || wants.save || wants.now || wants.force;
    if (wants.abort && has_other) || (wants.nosave && wants.save) {
        return Err(CommandError::Syntax);
    }
    if wants.abort {
        return Err(CommandError::NoShutdown);
    }
    if wants.save && !wants.force {
        return Err(CommandError::ShutdownFailed);
    }
    tracing::info!("a client asked for SHUTDOWN");
    ctx.instance.stop();
    Ok(super::Outcome::Drop)
}

#[derive(Default)]
struct Shutdown {
    nosave: bool,
    save: bool,
    now: bool,
    force: bool,
    abort: bool,
}

/// Describes every command.
///
/// `COMMAND`
pub fn command(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(introspection::command().into())
}

/// Replies how many commands there are.
///
/// `COMMAND COUNT`
pub fn command_count(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(introspection::count().into())
}

/// Describes the named commands, or every one.
///
/// `COMMAND INFO [command-name [command-name ...]]`
pub fn command_info(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(introspection::info(args).into())
}

/// Documents the named commands, or every one.
///
/// `COMMAND DOCS [command-name [command-name ...]]`
pub fn command_docs(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(introspection::documentation(args).into())
}

/// Replies the names of the commands.
///
/// `COMMAND LIST [FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]`
pub fn command_list(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let matches: introspection::Glob = |pattern, text| glob::matches(pattern, text, Case::Ignored);
    introspection::list(args, matches).map(Into::into)
}

/// Replies the keys of a whole request.
///
/// `COMMAND GETKEYS command [arg [arg ...]]`
pub fn command_getkeys(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    introspection::keys_of_request(args).map(Into::into)
}

/// Replies the keys of a whole request, each with what is done with it.
///
/// `COMMAND GETKEYSANDFLAGS command [arg [arg ...]]`
pub fn command_getkeysandflags(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    introspection::keys_and_flags_of_request(args).map(Into::into)
}

/// Explains the subcommands of a container.
///
/// `CONFIG HELP` and its like
pub fn help(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    match args.first().and_then(|name| table::find(name)) {
        Some(container) => Ok(docs::help(container).into()),
        None => Err(CommandError::Syntax),
    }
}
