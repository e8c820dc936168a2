//! Publish and subscribe: who hears which channel.
//!
//! A message is written into the mailbox of each client that hears it, without an allocation of
//! its own: a hundred thousand locks may expire at one time. Publishing may happen under a shard's
//! lock (keyspace events), so nothing here takes one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::quality::RandomState;
use parking_lot::RwLock;

use crate::client::Client;
use crate::config::OutputLimit;
use crate::glob::{self, Case};
use crate::resp::encode;

/// What a subscription is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
    /// SSUBSCRIBE
    ShardChannel,
}

type Subscribers = Vec<Arc<Client>>;
type Channels = DashMap<Bytes, Subscribers, RandomState>;

/// The subscriptions of one instance.
#[derive(Default)]
pub struct PubSub {
    channels: Channels,
    shard_channels: Channels,
    patterns: RwLock<Vec<(Bytes, Subscribers)>>,
    /// Channels and patterns together: 0 lets a publisher go at once.
    subscriptions: AtomicUsize,
    /// How much a subscriber may leave unread.
    backlog_limit: RwLock<OutputLimit>,
}

impl PubSub {
    /// Sets how much a subscriber may leave unread.
    pub fn set_backlog_limit(&self, limit: OutputLimit) {
        *self.backlog_limit.write() = limit;
    }

    /// Adds a subscription that the client does not have yet.
    pub fn subscribe(&self, kind: Kind, name: &Bytes, client: &Arc<Client>) {
        self.subscriptions.fetch_add(1, Ordering::SeqCst);
        match kind {
            Kind::Channel => add(&self.channels, name, client),
            Kind::ShardChannel => add(&self.shard_channels, name, client),
            Kind::Pattern => {
                let mut patterns = self.patterns.write();
                match patterns.iter_mut().find(|(known, _)| known == name) {
                    Some((_, subscribers)) => subscribers.push(Arc::clone(client)),
                    None => patterns.push((name.clone(), vec![Arc::clone(client)])),
                }
            }
        }
    }

    /// Takes away a subscription that the client has.
    pub fn unsubscribe(&self, kind: Kind, name: &Bytes, client: &Client) {
        self.subscriptions.fetch_sub(1, Ordering::SeqCst);
        match kind {
            Kind::Channel => remove(&self.channels, name, client),
            Kind::ShardChannel => remove(&self.shard_channels, name, client),
            Kind::Pattern => {
                let mut patterns = self.patterns.write();
                if let Some((_, subscribers)) = patterns.iter_mut().find(|(known, _)| known == name)
                {
                    subscribers.retain(|known| known.id != client.id);
                }
                patterns.retain(|(_, subscribers)| !subscribers.is_empty());
            }
        }
    }

    /// Whether nobody hears any channel.
    pub fn is_unheard(&self) -> bool {
        self.subscriptions.load(Ordering::SeqCst) == 0
    }

    /// Sends a message to all who hear `channel`, by name or by pattern; tells how many.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        if self.is_unheard() {
            return 0;
        }
        let mut receivers = 0;
        if let Some(subscribers) = self.channels.get(channel) {
            receivers += self.send(&subscribers, &[b"message", channel, message]);
        }
        for (pattern, subscribers) in self.patterns.read().iter() {
            if glob::matches(pattern, channel, Case::Sensitive) {
                receivers += self.send(subscribers, &[b"pmessage", pattern, channel, message]);
            }
        }
        receivers
    }

    /// Sends several messages on one channel, in their order.
    pub fn publish_each(&self, channel: &[u8], messages: &[&[u8]]) {
        // Who hears a channel by its name and by a pattern hears each message twice in turn.
        if !self.patterns.read().is_empty() {
            for message in messages {
                self.publish(channel, message);
            }
        } else if let Some(subscribers) = self.channels.get(channel) {
            let limit = *self.backlog_limit.read();
            for client in subscribers.iter() {
                let parts: [&[u8]; 2] = [b"message", channel];
                client.send(limit, |out| {
                    encode::push_each(&parts, messages, client.protocol(), out);
                });
            }
        }
    }

    /// Sends a message to all who hear the shard channel; tells how many.
    pub fn publish_sharded(&self, channel: &[u8], message: &[u8]) -> usize {
        match self.shard_channels.get(channel) {
            Some(subscribers) => self.send(&subscribers, &[b"smessage", channel, message]),
            None => 0,
        }
    }

    /// The channels with a subscriber, those that match `pattern` where one is given.
    pub fn active(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Bytes> {
        self.by_name(kind)
            .iter()
            .map(|entry| entry.key().clone())
            .filter(|name| {
                pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive))
            })
            .collect()
    }

    /// How many hear the channel by its name.
    pub fn subscribers(&self, kind: Kind, channel: &[u8]) -> usize {
        self.by_name(kind).get(channel).map_or(0, |all| all.len())
    }

    /// How many different patterns are subscribed.
    pub fn patterns(&self) -> usize {
        self.patterns.read().len()
    }

    /// How many channels of a kind have a subscriber.
    pub fn channels(&self, kind: Kind) -> usize {
        self.by_name(kind).len()
    }

    fn by_name(&self, kind: Kind) -> &Channels {
        match kind {
            Kind::ShardChannel => &self.shard_channels,
            Kind::Channel | Kind::Pattern => &self.channels,
        }
    }

    fn send(&self, subscribers: &Subscribers, parts: &[&[u8]]) -> usize {
        let limit = *self.backlog_limit.read();
        for client in subscribers {
            client.send(limit, |out| encode::push(parts, client.protocol(), out));
        }
        subscribers.len()
    }
}

fn add(map: &Channels, name: &Bytes, client: &Arc<Client>) {
    map.entry(name.clone())
        .or_default()
        .push(Arc::clone(client));
}

fn remove(map: &Channels, name: &Bytes, client: &Client) {
    if let Entry::Occupied(mut subscribers) = map.entry(name.clone()) {
        subscribers.get_mut().retain(|known| known.id != client.id);
        if subscribers.get().is_empty() {
            subscribers.remove();
        }
    }
}
