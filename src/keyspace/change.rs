//! What the keyspace tells of itself.
//!
//! Every change to a key is told once, under its shard's lock, so all who listen hear the
//! changes of one key in their order. Where nobody listens it costs one test of a number.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What happened to a key, under the name that keyspace notifications give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A string was set.
    Set,
    /// A counter was moved.
    IncrBy,
    /// A deadline was given.
    Expire,
    /// The deadline was taken away.
    Persist,
    /// The key was deleted.
    Del,
    /// The deadline came.
    Expired,
    /// A key was made that was not there; told before the event that made it.
    New,
    /// A read found no key. Nothing changed.
    KeyMiss,
    /// The key went with its whole database. Told to WATCH; Redis sends no notification.
    Flushed,
}

/// The class of an event, by the letter that `notify-keyspace-events` selects it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `g`
    Generic,
    /// `$`
    String,
    /// `x`
    Expired,
    /// `n`
    New,
    /// `m`
    KeyMiss,
}

impl Event {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Event::Set => "set",
            Event::IncrBy => "incrby",
            Event::Expire => "expire",
            Event::Persist => "persist",
            Event::Del => "del",
            Event::Expired => "expired",
            Event::New => "new",
            Event::KeyMiss => "keymiss",
            Event::Flushed => "flushed",
        }
    }

    /// The class it belongs to; none is never notified.
    pub fn class(self) -> Option<Class> {
        match self {
            Event::Set | Event::IncrBy => Some(Class::String),
            Event::Expire | Event::Persist | Event::Del => Some(Class::Generic),
            Event::Expired => Some(Class::Expired),
            Event::New => Some(Class::New),
            Event::KeyMiss => Some(Class::KeyMiss),
            Event::Flushed => None,
        }
    }

    /// Whether the key is another one afterwards: what WATCH wants to know.
    pub fn is_modification(self) -> bool {
        !matches!(self, Event::New | Event::KeyMiss)
    }
}

/// One event on one key.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The number of the database.
    pub database: usize,
    /// The key's name.
    pub key: &'a [u8],
    /// What happened.
    pub event: Event,
}

/// Who wants to know. Called under a shard's lock: it must be quick and never touch the keyspace.
pub trait Observer: Send + Sync {
    /// One key changed.
    fn changed(&self, change: Change<'_>);
}

/// The observer with the number of reasons it has to listen.
pub(super) struct Watched {
    observer: Box<dyn Observer>,
    reasons: AtomicUsize,
}

impl Watched {
    pub(super) fn new(observer: Box<dyn Observer>) -> Watched {
        Watched {
            observer,
            reasons: AtomicUsize::new(0),
        }
    }

    pub(super) fn start_listening(&self) {
        self.reasons.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn stop_listening(&self) {
        self.reasons.fetch_sub(1, Ordering::SeqCst);
    }

    #[inline]
    pub(super) fn is_listening(&self) -> bool {
        self.reasons.load(Ordering::Relaxed) != 0
    }

    #[inline]
    pub(super) fn tell(&self, database: usize, key: &[u8], event: Event) {
        if self.is_listening() {
            self.observer.changed(Change {
                database,
                key,
                event,
            });
        }
    }
}
