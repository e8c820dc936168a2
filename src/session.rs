//! What one connection is doing: its database, protocol, transaction and subscriptions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::client::{Client, Mark};
use crate::pubsub::Kind;
use crate::resp::Protocol;
use crate::script::cache::LastScripts;
use crate::watch::WatchedKey;

/// A request kept for later: its arguments, the command's name first.
pub type OwnedRequest = Vec<Vec<u8>>;

/// See the module's text.
pub struct Session {
    /// The part that others see.
    pub client: Arc<Client>,
    /// The selected database.
    pub database: usize,
    /// The protocol of its replies.
    pub protocol: Protocol,
    /// Whether it may do more than introduce itself.
    pub is_authenticated: bool,
    /// Open between MULTI and EXEC or DISCARD.
    pub transaction: Option<Box<Transaction>>,
    /// Open from WATCH to EXEC, DISCARD or UNWATCH.
    pub watch: Option<Box<Watch>>,
    /// The script it ran last.
    pub last_scripts: LastScripts,
    /// Made with the first subscription.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// Whether it sees every command, and may touch no key itself.
    pub is_monitor: bool,
    /// Which replies are sent.
    pub replies: Replies,
    /// Whether SCRIPT DEBUG has asked for the debugger: scripts are refused, since whoever debugs
    /// one expects that it changes nothing.
    pub wants_debugger: bool,
}

/// Which replies a connection gets, by CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// All.
    On,
    /// None. What is published to it is sent all the same.
    Off,
    /// All but that to the request after this one.
    SkipNext,
    /// All but that to this request.
    Skip,
    /// None, and nothing else either: a fault has lost one, and the next would be taken for it.
    Lost,
}

/// What MULTI has queued.
#[derive(Default)]
pub struct Transaction {
    /// The requests in their order.
    pub requests: Vec<OwnedRequest>,
    /// Whether one was refused when it was queued: EXEC will not run the others.
    pub is_aborted: bool,
    /// Whether one may change a key: CLIENT PAUSE then holds EXEC back.
    pub may_write: bool,
    /// Whether one may need more memory: beyond `maxmemory` EXEC is refused.
    pub takes_memory: bool,
}

/// The keys that WATCH looks after.
#[derive(Default)]
pub struct Watch {
    /// The keys, each with whether it was there.
    pub keys: Vec<(WatchedKey, Presence)>,
}

/// Whether a watched key was there when WATCH came: one that expires since then has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It was.
    Present,
    /// It was not, or its deadline had come.
    Absent,
}

/// The names a connection has subscribed.
#[derive(Default)]
pub struct Subscriptions {
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    shard_channels: BTreeSet<Bytes>,
}

impl Subscriptions {
    /// The names of one kind.
    pub fn names(&mut self, kind: Kind) -> &mut BTreeSet<Bytes> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::ShardChannel => &mut self.shard_channels,
        }
    }

    /// The count that a confirmation of `kind` shows: channels and patterns count together.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::ShardChannel => self.shard_channels.len(),
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
        }
    }

    /// Whether there is none left.
    pub fn is_empty(&self) -> bool {
        self.count(Kind::Channel) + self.count(Kind::ShardChannel) == 0
    }
}

impl Session {
    /// A connection's state before its first request.
    pub fn new(client: Arc<Client>, is_authenticated: bool) -> Session {
        Session {
            client,
            database: 0,
            protocol: Protocol::Resp2,
            is_authenticated,
            transaction: None,
            watch: None,
            last_scripts: LastScripts::default(),
            subscriptions: None,
            is_monitor: false,
            replies: Replies::On,
            wants_debugger: false,
        }
    }

    /// Selects a database.
    pub fn select(&mut self, database: usize) {
        self.database = database;
        let shown = u16::try_from(database).unwrap_or(u16::MAX);
        self.client.database.store(shown, Ordering::Relaxed);
    }

    /// Chooses which replies are sent; in vain once one was lost.
    pub fn choose_replies(&mut self, replies: Replies) {
        if self.replies != Replies::Lost {
            self.replies = replies;
        }
    }

    /// Loses a reply, and with it all that would follow.
    pub fn lose_replies(&mut self) {
        self.replies = Replies::Lost;
        self.client.mark(Mark::Silent);
    }

    /// Speaks another protocol from the next reply on.
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.client.set_protocol(protocol);
    }

    /// Whether nothing but its own meaning decides if a command may run.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.is_authenticated
            && self.transaction.is_none()
            && self.subscriptions.is_none()
            && !self.is_monitor
    }

    /// Whether it has a subscription and, speaking RESP2, may do little else.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions
            .as_ref()
            .is_some_and(|subscriptions| !subscriptions.is_empty())
    }
}
