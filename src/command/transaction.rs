//! MULTI, EXEC and WATCH.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::client::{Client, Mark};
use crate::command::{Access, Caller, CommandResult, Context, Outcome, dispatch};
use crate::error::{CommandError, GENERAL_CODE, Quoted};
use crate::instance::Instance;
use crate::resp::reply::Reply;
use crate::session::{Presence, Session, Transaction};

/// Begins to queue requests.
///
/// `MULTI`
pub fn multi(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    if ctx.session.transaction.is_some() {
        return Err(CommandError::NestedMulti);
    }
    ctx.session.transaction = Some(Box::default());
    ctx.session.client.queued.store(1, Ordering::Relaxed);
    Ok(Reply::OK.into())
}

/// Queues a request of an open transaction; in vain where EXEC will not run it in any case.
pub fn queue(transaction: &mut Transaction, client: &Client, request: &[&[u8]]) {
    if transaction.is_aborted || client.has(Mark::WatchBroken) {
        return;
    }
    let owned = request.iter().map(|argument| argument.to_vec()).collect();
    transaction.requests.push(owned);
    client.queued.fetch_add(1, Ordering::Relaxed);
}

/// Runs the queued requests while nothing else runs.
///
/// `EXEC`
///
/// Null if a watched key has changed, an error if a request could not be queued. A request that
/// fails when it runs does not stop the others.
pub fn exec(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let Some(transaction) = ctx.session.transaction.as_deref() else {
        return Err(CommandError::ExecWithoutMulti);
    };
    if transaction.is_aborted {
        abandon(ctx);
        return Err(CommandError::ExecAborted);
    }
    if ctx.access != Access::Whole {
        return Ok(Outcome::NeedsWhole);
    }
    let is_dirty = has_watched_key_changed(ctx);
    let transaction = ctx.session.transaction.take();
    stop_watching(ctx.instance, ctx.session);
    let (Some(transaction), false) = (transaction, is_dirty) else {
        abandon(ctx);
        return Ok(Reply::NullArray.into());
    };
    let caller = ctx.enter(Caller::Transaction);
    let mut replies = Vec::with_capacity(transaction.requests.len());
    for request in &transaction.requests {
        let request: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
        match dispatch::run_queued(ctx, &request) {
            Outcome::Reply(reply) | Outcome::Close(reply) => replies.push(reply),
            Outcome::Many(many) => replies.extend(many),
            Outcome::Drop | Outcome::NeedsWhole | Outcome::Paused | Outcome::Blocked(_) => {
                debug_assert!(false, "a queued request runs at once");
            }
        }
    }
    ctx.caller = caller;
    // CLIENT INFO within it shows it.
    abandon(ctx);
    Ok(Reply::Array(replies).into())
}

/// Forgets the queued requests and the watched keys.
///
/// `DISCARD`
pub fn discard(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    if ctx.session.transaction.is_none() {
        return Err(CommandError::DiscardWithoutMulti);
    }
    abandon(ctx);
    Ok(Reply::OK.into())
}

/// Lets the next EXEC fail if one of these keys changes before.
///
/// `WATCH key [key ...]`
pub fn watch(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if ctx.session.transaction.is_some() {
        return Err(CommandError::WatchInsideMulti);
    }
    let instance = ctx.instance;
    let database = ctx.session.database;
    let mut watch = ctx.session.watch.take().unwrap_or_else(|| {
        instance.keyspace.start_listening();
        Box::default()
    });
    for name in &args[1..] {
        let watched = (database, Box::from(*name));
        if watch.keys.iter().any(|(known, _)| *known == watched) {
            continue;
        }
        // Under the key's lock, so that no change falls between the look and the watch.
        let client = Arc::clone(&ctx.session.client);
        let key = ctx.key(name);
        let presence = if key.exists() {
            Presence::Present
        } else {
            Presence::Absent
        };
        instance.watches.add(watched.clone(), &client);
        drop(key);
        watch.keys.push((watched, presence));
    }
    ctx.session.watch = Some(watch);
    Ok(Reply::OK.into())
}

/// Forgets the watched keys.
///
/// `UNWATCH`
pub fn unwatch(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    stop_watching(ctx.instance, ctx.session);
    Ok(Reply::OK.into())
}

/// Ends a transaction without running it, and the watch with it.
pub fn abandon(ctx: &mut Context<'_>) {
    ctx.session.transaction = None;
    ctx.session.client.queued.store(0, Ordering::Relaxed);
    stop_watching(ctx.instance, ctx.session);
}

/// Ends a transaction whose EXEC was refused, and tells why.
pub fn abort(ctx: &mut Context<'_>, refusal: CommandError) -> CommandError {
    abandon(ctx);
    let line = refusal.into_line();
    let reason = line.strip_prefix(GENERAL_CODE.as_bytes()).unwrap_or(&line);
    CommandError::ExecRefused {
        reason: Quoted::whole(reason),
    }
}

/// Ends the watch of a connection.
pub fn stop_watching(instance: &Arc<Instance>, session: &mut Session) {
    let Some(watch) = session.watch.take() else {
        return;
    };
    for (key, _) in watch.keys {
        instance.watches.remove(key, &session.client);
    }
    // Nobody finds the client by a key any more, so nobody marks it again.
    session.client.unmark(Mark::WatchBroken);
    instance.keyspace.stop_listening();
}

/// Looking a key up tells of its expiry, which marks the watch; a key that had expired before
/// WATCH came is told to it too, so what counts is whether it was there then.
fn has_watched_key_changed(ctx: &mut Context<'_>) -> bool {
    let Some(watch) = ctx.session.watch.as_deref() else {
        return false;
    };
    let (instance, now) = (ctx.instance, ctx.now);
    for ((database, name), presence) in &watch.keys {
        if *presence == Presence::Present && !instance.keyspace.key(*database, name, now).exists() {
            return true;
        }
    }
    ctx.session.client.has(Mark::WatchBroken)
}
