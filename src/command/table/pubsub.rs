//! Rows of the commands that send and receive messages.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{pubsub, server};

use super::row::{at_least, container, exactly, row};
use super::{Flags, Keys, Origin, Row, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    row("subscribe", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of channels.")
        .syntax("channel ...")
        .summary("Listens to channels.")
        .run(pubsub::subscribe),
    row("psubscribe", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of patterns.")
        .syntax("pattern ...")
        .summary("Listens to the channels that match patterns.")
        .run(pubsub::psubscribe),
    row("unsubscribe", at_least(1))
        .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of channels.")
        .syntax("[channel ...]")
        .summary("Stops listening to channels, or to all of them.")
        .run(pubsub::unsubscribe),
    row("punsubscribe", at_least(1))
        .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of patterns.")
        .syntax("[pattern ...]")
        .summary("Stops listening to patterns, or to all of them.")
        .run(pubsub::punsubscribe),
    row("ssubscribe", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .keys(Keys::every(Usage::CHANNEL))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of channels.")
        .syntax("shardchannel ...")
        .summary("Listens to shard channels.")
        .run(pubsub::ssubscribe),
    row("sunsubscribe", at_least(1))
        .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .keys(Keys::every(Usage::CHANNEL))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of channels.")
        .syntax("[shardchannel ...]")
        .summary("Stops listening to shard channels, or to all of them.")
        .run(pubsub::sunsubscribe),
    row("publish", exactly(3))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE, Flags::FAST])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of receivers and patterns.")
        .syntax("channel message")
        .summary("Sends a message to a channel.")
        .run(pubsub::publish),
    row("spublish", exactly(3))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE, Flags::FAST])
        .keys(Keys::first(Usage::CHANNEL))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of receivers.")
        .syntax("shardchannel message")
        .summary("Sends a message to a shard channel.")
        .run(pubsub::spublish),
    container("pubsub", PUBSUB_SUBCOMMANDS)
        .since(Origin::Redis("2.8.0"))
        .summary("Tells who listens to what."),
];

const PUBSUB_SUBCOMMANDS: &[Row] = &[
    row("pubsub|channels", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.8.0"))
        .complexity("O(N) in the number of channels that have a listener.")
        .syntax("[pattern]")
        .summary("Returns the channels that have a listener.")
        .run(pubsub::pubsub_channels),
    row("pubsub|numpat", exactly(2))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.8.0"))
        .complexity("O(1)")
        .summary("Returns how many patterns are listened to.")
        .run(pubsub::pubsub_numpat),
    row("pubsub|numsub", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.8.0"))
        .complexity("O(N) in the number of channels.")
        .syntax("[channel ...]")
        .summary("Returns the number of listeners of channels.")
        .run(pubsub::pubsub_numsub),
    row("pubsub|shardchannels", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of shard channels that have a listener.")
        .syntax("[pattern]")
        .summary("Returns the shard channels that have a listener.")
        .run(pubsub::pubsub_shardchannels),
    row("pubsub|shardnumsub", at_least(2))
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of channels.")
        .syntax("[shardchannel ...]")
        .summary("Returns the number of listeners of shard channels.")
        .run(pubsub::pubsub_shardnumsub),
    row("pubsub|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];
