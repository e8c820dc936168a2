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
    /// A counter was moved by a number with a fraction.
    IncrByFloat,
    /// A string grew at its end.
    Append,
    /// A part of a string was overwritten.
    SetRange,
    /// The key got another name.
    RenameFrom,
    /// The key is what another one was.
    RenameTo,
    /// The key is a copy of another one.
    CopyTo,
    /// The key went to another database.
    MoveFrom,
    /// The key came from another database.
    MoveTo,
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
    /// The key came or went with a whole database that changed its number. Told to WATCH; Redis
    /// sends no notification.
    Swapped,
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
            Event::IncrByFloat => "incrbyfloat",
            Event::Append => "append",
            Event::SetRange => "setrange",
            Event::RenameFrom => "rename_from",
            Event::RenameTo => "rename_to",
            Event::CopyTo => "copy_to",
            Event::MoveFrom => "move_from",
            Event::MoveTo => "move_to",
            Event::Expire => "expire",
            Event::Persist => "persist",
            Event::Del => "del",
            Event::Expired => "expired",
            Event::New => "new",
            Event::KeyMiss => "keymiss",
            Event::Flushed => "flushed",
            Event::Swapped => "swapped",
        }
    }

    /// The class it belongs to; none is never notified.
    pub fn class(self) -> Option<Class> {
        match self {
            Event::Set | Event::IncrBy | Event::IncrByFloat | Event::Append | Event::SetRange => {
                Some(Class::String)
            }
            Event::Expire
            | Event::Persist
            | Event::Del
            | Event::RenameFrom
            | Event::RenameTo
            | Event::CopyTo
            | Event::MoveFrom
            | Event::MoveTo => Some(Class::Generic),
            Event::Expired => Some(Class::Expired),
            Event::New => Some(Class::New),
            Event::KeyMiss => Some(Class::KeyMiss),
            Event::Flushed | Event::Swapped => None,
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

    /// The deadlines of these keys came, in this order.
    fn expired(&self, database: usize, keys: &[&[u8]]) {
        for key in keys {
            let event = Event::Expired;
            self.changed(Change {
                database,
                key,
                event,
            });
        }
    }
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

    pub(super) fn tell_expired(&self, database: usize, keys: &[&[u8]]) {
        if self.is_listening() {
            self.observer.expired(database, keys);
        }
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
