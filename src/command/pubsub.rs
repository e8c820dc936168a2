//! Publish and subscribe.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::command::{Caller, CommandResult, Context, Outcome};
use crate::error::{CommandError, Quoted};
use crate::instance::Instance;
use crate::pubsub::Kind;
use crate::resp::reply::Reply;
use crate::session::{Session, Subscriptions};

/// `SUBSCRIBE channel [channel ...]`
pub fn subscribe(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(subscribe_all(ctx, Kind::Channel, &args[1..]))
}

/// `PSUBSCRIBE pattern [pattern ...]`
pub fn psubscribe(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(subscribe_all(ctx, Kind::Pattern, &args[1..]))
}

/// Refused in a transaction, unlike SUBSCRIBE.
///
/// `SSUBSCRIBE shardchannel [shardchannel ...]`
pub fn ssubscribe(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if ctx.caller == Caller::Transaction {
        return Err(CommandError::ShardSubscriptionInExec);
    }
    Ok(subscribe_all(ctx, Kind::ShardChannel, &args[1..]))
}

/// `UNSUBSCRIBE [channel [channel ...]]`
pub fn unsubscribe(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(unsubscribe_some(ctx, Kind::Channel, &args[1..]))
}

/// `PUNSUBSCRIBE [pattern [pattern ...]]`
pub fn punsubscribe(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(unsubscribe_some(ctx, Kind::Pattern, &args[1..]))
}

/// `SUNSUBSCRIBE [shardchannel [shardchannel ...]]`
pub fn sunsubscribe(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(unsubscribe_some(ctx, Kind::ShardChannel, &args[1..]))
}

/// Sends a message; replies how many clients it went to.
///
/// `PUBLISH channel message`
pub fn publish(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(Reply::from(ctx.instance.pubsub.publish(args[1], args[2])).into())
}

/// Sends a message to a shard channel; replies how many clients it went to.
///
/// `SPUBLISH shardchannel message`
pub fn spublish(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let receivers = ctx.instance.pubsub.publish_sharded(args[1], args[2]);
    Ok(Reply::from(receivers).into())
}

/// `PUBSUB CHANNELS [pattern]`
pub fn pubsub_channels(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    active_channels(ctx, Kind::Channel, args)
}

/// `PUBSUB SHARDCHANNELS [pattern]`
pub fn pubsub_shardchannels(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    active_channels(ctx, Kind::ShardChannel, args)
}

/// `PUBSUB NUMSUB [channel [channel ...]]`
pub fn pubsub_numsub(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    subscriber_counts(ctx, Kind::Channel, &args[2..])
}

/// `PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]`
pub fn pubsub_shardnumsub(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    subscriber_counts(ctx, Kind::ShardChannel, &args[2..])
}

/// `PUBSUB NUMPAT`
pub fn pubsub_numpat(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::from(ctx.instance.pubsub.patterns()).into())
}

/// Ends all subscriptions of a connection, without telling it.
pub fn unsubscribe_everything(instance: &Arc<Instance>, session: &mut Session) {
    let Some(mut subscriptions) = session.subscriptions.take() else {
        return;
    };
    for kind in [Kind::Channel, Kind::Pattern, Kind::ShardChannel] {
        for name in std::mem::take(subscriptions.names(kind)) {
            instance.pubsub.unsubscribe(kind, &name, &session.client);
        }
        count_subscriptions(session, kind, 0);
    }
}

fn subscribe_all(ctx: &mut Context<'_>, kind: Kind, names: &[&[u8]]) -> Outcome {
    let session = &mut *ctx.session;
    let subscriptions = session.subscriptions.get_or_insert_default();
    let mut confirmations = Vec::with_capacity(names.len());
    for name in names {
        let name = Bytes::copy_from_slice(name);
        if subscriptions.names(kind).insert(name.clone()) {
            ctx.instance.pubsub.subscribe(kind, &name, &session.client);
        }
        let verb = verb(kind, Verb::Subscribe);
        confirmations.push(confirmation(verb, Some(&name), subscriptions, kind));
    }
    let count = subscriptions.names(kind).len();
    count_subscriptions(session, kind, count);
    Outcome::Many(confirmations)
}

fn unsubscribe_some(ctx: &mut Context<'_>, kind: Kind, names: &[&[u8]]) -> Outcome {
    let session = &mut *ctx.session;
    let mut subscriptions = session.subscriptions.take().unwrap_or_default();
    let all: BTreeSet<Bytes>;
    let names: Vec<Bytes> = if names.is_empty() {
        all = subscriptions.names(kind).clone();
        all.into_iter().collect()
    } else {
        names
            .iter()
            .map(|name| Bytes::copy_from_slice(name))
            .collect()
    };
    let verb = verb(kind, Verb::Unsubscribe);
    let mut confirmations = Vec::with_capacity(names.len().max(1));
    for name in &names {
        if subscriptions.names(kind).remove(name) {
            ctx.instance.pubsub.unsubscribe(kind, name, &session.client);
        }
        confirmations.push(confirmation(verb, Some(name), &subscriptions, kind));
    }
    if names.is_empty() {
        confirmations.push(confirmation(verb, None, &subscriptions, kind));
    }
    count_subscriptions(session, kind, subscriptions.names(kind).len());
    if !subscriptions.is_empty() {
        session.subscriptions = Some(subscriptions);
    }
    Outcome::Many(confirmations)
}

#[derive(Clone, Copy)]
enum Verb {
    Subscribe,
    Unsubscribe,
}

fn verb(kind: Kind, verb: Verb) -> &'static str {
    match (kind, verb) {
        (Kind::Channel, Verb::Subscribe) => "subscribe",
        (Kind::Pattern, Verb::Subscribe) => "psubscribe",
        (Kind::ShardChannel, Verb::Subscribe) => "ssubscribe",
        (Kind::Channel, Verb::Unsubscribe) => "unsubscribe",
        (Kind::Pattern, Verb::Unsubscribe) => "punsubscribe",
        (Kind::ShardChannel, Verb::Unsubscribe) => "sunsubscribe",
    }
}

fn confirmation(
    verb: &str,
    name: Option<&Bytes>,
    subscriptions: &Subscriptions,
    kind: Kind,
) -> Reply {
    Reply::Push(vec![
        Reply::bulk(verb),
        Reply::bulk_or_null(name),
        Reply::from(subscriptions.count(kind)),
    ])
}

fn count_subscriptions(session: &Session, kind: Kind, count: usize) {
    let client = &session.client;
    let counter = match kind {
        Kind::Channel => &client.channels,
        Kind::Pattern => &client.patterns,
        Kind::ShardChannel => &client.shard_channels,
    };
    counter.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
}

fn active_channels(ctx: &Context<'_>, kind: Kind, args: &[&[u8]]) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::SubcommandArity {
            container: "pubsub",
            subcommand: Quoted::cut(args[1]),
        });
    }
    let channels = ctx.instance.pubsub.active(kind, args.get(2).copied());
    Ok(Reply::Array(channels.iter().map(Reply::bulk).collect()).into())
}

fn subscriber_counts(ctx: &Context<'_>, kind: Kind, channels: &[&[u8]]) -> CommandResult {
    let counts = channels.iter().flat_map(|channel| {
        let count = ctx.instance.pubsub.subscribers(kind, channel);
        [Reply::bulk(channel), Reply::from(count)]
    });
    Ok(Reply::Array(counts.collect()).into())
}
