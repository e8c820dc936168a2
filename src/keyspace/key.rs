//! One key, looked up, under its shard's lock.
//!
//! What is done to a key is told here, and nowhere else, to whoever listens.

use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use crate::clock::BootTime;
use crate::sync::MutexGuard;

use super::change::Event;
use super::expiry::ExpiredKey;
use super::notes::Notes;
use super::payload::Form;
use super::record::{self, Changed, KeyChange};
use super::shard::Shard;
use super::signature::Signature;
use super::table::BUCKET_BYTES;
use super::{Keyspace, Slot};

/// What becomes of a key's deadline when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The key has none any more.
    Never,
    /// It stays as it is.
    Keep,
    /// It is this one.
    At(BootTime),
}

/// One key, looked up, with its shard locked: nobody else changes it meanwhile.
///
/// Invariant: what is found here lives. A key past its deadline was removed by the lookup, or is
/// not found while expired keys are kept. While files are read, every key lives.
pub struct KeyGuard<'a> {
    keyspace: &'a Keyspace,
    slot: &'a Slot,
    shard: ShardRef<'a>,
    database: usize,
    hash: u64,
    key: &'a [u8],
    now: BootTime,
    found: Option<u32>,
    /// Whether the key has expired and must not be removed now.
    is_kept: bool,
    changed: Changed,
}

/// What a key holds, out of its shard: RENAME, COPY and MOVE carry it to another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The value.
    pub value: SmallVec<[u8; 64]>,
    /// How it came to be.
    pub form: Form,
    /// When it ends, if it does.
    pub deadline: Option<BootTime>,
}

/// A shard locked for one key, or lent by a [`Held`](super::Held), with the notes of what has changed.
pub(super) enum ShardRef<'a> {
    Locked(MutexGuard<'a, Shard>),
    Noted(MutexGuard<'a, Shard>, &'a mut Notes),
    Lent(&'a mut Shard, &'a mut Notes),
}

impl Deref for ShardRef<'_> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        match self {
            ShardRef::Locked(guard) | ShardRef::Noted(guard, _) => guard,
            ShardRef::Lent(shard, _) => shard,
        }
    }
}

impl DerefMut for ShardRef<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        match self {
            ShardRef::Locked(guard) | ShardRef::Noted(guard, _) => guard,
            ShardRef::Lent(shard, _) => shard,
        }
    }
}

impl<'a> KeyGuard<'a> {
    pub(super) fn lock(
        keyspace: &'a Keyspace,
        database: usize,
        slot: &'a Slot,
        hash: u64,
        key: &'a [u8],
        now: BootTime,
    ) -> KeyGuard<'a> {
        let shard = ShardRef::Locked(slot.shard.lock());
        KeyGuard::look_up(keyspace, database, slot, shard, hash, key, now)
    }

    /// A guard is large: it is made where it stays, and so at the end.
    #[inline(always)]
    pub(super) fn look_up(
        keyspace: &'a Keyspace,
        database: usize,
        slot: &'a Slot,
        mut shard: ShardRef<'a>,
        hash: u64,
        key: &'a [u8],
        now: BootTime,
    ) -> KeyGuard<'a> {
        let (found, is_kept) = match shard.find(hash, key) {
            Some(index) if shard.at(index).is_expired(now) => match keyspace.fate_of_expired(now) {
                ExpiredKey::Found => (Some(index), false),
                ExpiredKey::Hidden => (None, true),
                ExpiredKey::Removed => {
                    shard.remove(hash, index);
                    keyspace.tell_expired(database, &[key]);
                    (None, false)
                }
            },
            found => (found, false),
        };
        KeyGuard {
            keyspace,
            slot,
            shard,
            database,
            hash,
            key,
            now,
            found,
            is_kept,
            changed: Changed::Nothing,
        }
    }

    /// Whether the key is there.
    pub fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// The key's value, if it is there.
    pub fn value(&self) -> Option<&[u8]> {
        self.found.map(|index| self.shard.at(index).value())
    }

    /// The key's deadline: `None` without a key and for a key that lives for ever.
    pub fn deadline(&self) -> Option<BootTime> {
        self.found.and_then(|index| self.shard.at(index).deadline())
    }

    /// Whether the key would expire at once with this deadline. None does while files are read.
    pub fn has_passed(&self, deadline: BootTime) -> bool {
        deadline <= self.now && !self.keyspace.is_loading()
    }

    /// How the key's value came to be.
    pub fn form(&self) -> Option<Form> {
        self.found.map(|index| self.shard.at(index).form())
    }

    /// All that the key holds.
    pub fn content(&self) -> Option<Content> {
        let entry = self.shard.at(self.found?);
        Some(Content {
            value: SmallVec::from_slice(entry.value()),
            form: entry.form(),
            deadline: entry.deadline(),
        })
    }

    /// Bytes of memory that the key takes, its bucket among them.
    pub fn size_bytes(&self) -> Option<usize> {
        let entry = self.shard.at(self.found?);
        Some(entry.size_bytes() + BUCKET_BYTES)
    }

    /// Sets a value that a client gave, made or replaced, and tells `event`; then its expiry.
    #[inline]
    pub fn set(&mut self, value: &[u8], expiry: Expiry, event: Event) {
        self.set_formed(value, Form::Given, expiry, event);
    }

    /// As [`KeyGuard::set`], for a value that came to be in another way.
    #[inline]
    pub fn set_formed(&mut self, value: &[u8], form: Form, expiry: Expiry, event: Event) {
        let was_found = self.found.is_some();
        let index = self.store(value, form);
        if !was_found {
            self.tell(Event::New);
        }
        self.tell(event);
        match expiry {
            Expiry::Keep => {}
            Expiry::Never => self.shard.persist(index),
            Expiry::At(deadline) => self.expire_at(deadline),
        }
    }

    /// Puts what another key holds in place of all that is here, deadline included. Like Redis, it
    /// tells that the key is new even if there was one, and leaves it to the caller to tell why.
    pub fn put(&mut self, content: &Content) {
        let index = self.store(&content.value, content.form);
        self.tell(Event::New);
        match content.deadline {
            None => self.shard.persist(index),
            Some(deadline) => self.schedule(index, deadline),
        }
    }

    /// Puts a value into the key's entry, made if there is none.
    #[inline]
    fn store(&mut self, value: &[u8], form: Form) -> u32 {
        let index = match self.found {
            Some(index) => {
                self.changed = Changed::Everything;
                self.shard.replace_value(index, self.key, value, form);
                index
            }
            None => {
                self.changed = self.changed.max(Changed::Created);
                if self.is_kept {
                    self.remove_kept();
                }
                let buckets = self.shard.table().buckets();
                let index = self.shard.insert(self.hash, self.key, value, form);
                if self.shard.table().buckets() != buckets {
                    self.slot.whereabouts.note(self.shard.table());
                }
                index
            }
        };
        self.found = Some(index);
        index
    }

    /// Notes who made the key, where there is room to keep it. The next value is unsigned again.
    #[inline]
    pub fn sign(&mut self, signature: Option<Signature>) {
        if let (Some(index), Some(signature)) = (self.found, signature) {
            self.shard.sign(index, signature);
        }
    }

    /// Who made the key, and when, if that is known.
    pub fn signature(&self) -> Option<Signature> {
        self.found.and_then(|index| self.shard.signature(index))
    }

    /// A number that stays the same while the key has the same value from the same maker.
    pub fn holding(&self) -> u64 {
        self.keyspace
            .hasher
            .hash_one((self.value(), self.signature()))
    }

    /// Gives the key, if it is there, a deadline.
    pub fn expire_at(&mut self, deadline: BootTime) {
        if let Some(index) = self.found {
            self.schedule(index, deadline);
            self.tell(Event::Expire);
        }
    }

    fn schedule(&mut self, index: u32, deadline: BootTime) {
        self.changed = self.changed.max(Changed::Deadline);
        let due = self.shard.expire_at(index, deadline, self.now);
        self.slot.note_due(due, &self.keyspace.alarm);
    }

    /// Takes the deadline away; tells whether there was one.
    pub fn persist(&mut self) -> bool {
        match self.found {
            Some(index) if self.shard.at(index).deadline().is_some() => {
                self.shard.persist(index);
                self.changed = self.changed.max(Changed::Deadline);
                self.tell(Event::Persist);
                true
            }
            _ => false,
        }
    }

    /// Removes the key and tells `event`; tells whether it was there.
    pub fn remove(&mut self, event: Event) -> bool {
        match self.found.take() {
            Some(index) => {
                self.shard.remove(self.hash, index);
                self.changed = Changed::Everything;
                self.tell(event);
                true
            }
            None => false,
        }
    }

    /// A value takes the place of one that has expired and was kept.
    #[cold]
    fn remove_kept(&mut self) {
        self.is_kept = false;
        if let Some(index) = self.shard.find(self.hash, self.key) {
            self.shard.remove(self.hash, index);
            self.keyspace.tell_expired(self.database, &[self.key]);
        }
    }

    /// Tells of an event on this key.
    #[inline]
    pub fn tell(&self, event: Event) {
        self.keyspace.watched.tell(self.database, self.key, event);
    }
}

impl Drop for KeyGuard<'_> {
    /// Tells the recorder what the key is now, or has it told with the other keys that are held:
    /// while the shard is still locked, so that the changes of a key are told in their order.
    ///
    /// Nothing here takes the guard's own address, or it could not live in registers.
    #[inline]
    fn drop(&mut self) {
        if self.changed == Changed::Nothing {
            return;
        }
        let Some(recorder) = self.keyspace.recorder.get() else {
            return;
        };
        match &mut self.shard {
            ShardRef::Lent(_, notes) | ShardRef::Noted(_, notes) => {
                notes.add(self.database, self.hash, self.key, self.changed);
            }
            ShardRef::Locked(shard) => {
                let state = record::state(shard, self.found, self.changed);
                let change = KeyChange {
                    database: self.database,
                    hash: self.hash,
                    key: self.key,
                    state,
                };
                record::tell(&**recorder, change, self.now);
            }
        }
    }
}
