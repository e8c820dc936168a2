//! What keys have become, for whoever keeps it beyond the process.
//!
//! Unlike an event, which says what was done, a change says what is now: whoever replays the
//! changes of a key in their order ends with its last state, wherever in the order it begins. What
//! is changed as one is noted and told at the end, each key once, as it is then.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use smallvec::SmallVec;

use crate::clock::BootTime;

use super::databases::DatabaseChange;
use super::held::Held;
use super::shard::Shard;
use super::{Hashed, Keyspace};

/// One key, and what it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyChange<'a> {
    /// The number of the database.
    pub database: usize,
    /// The key's hash in this keyspace.
    pub hash: u64,
    /// The key's name.
    pub key: &'a [u8],
    /// What it is now.
    pub state: KeyState<'a>,
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState<'a> {
    /// It has this value and this deadline.
    Set(&'a [u8], Option<BootTime>),
    /// The same, and it was not there before, or had expired.
    New(&'a [u8], Option<BootTime>),
    /// Its value is the same as before, and this is its deadline.
    Deadline(Option<BootTime>),
    /// It is not there.
    Gone,
}

/// Who keeps changes. Called under the shards' locks: it must be quick and never touch the
/// keyspace. A key that goes because its deadline has come is not told: whoever knows the deadline
/// knows that it goes.
pub trait Recorder: Send + Sync {
    /// These changes were made as one.
    fn changed(&self, changes: &[KeyChange<'_>], now: BootTime);
    /// What a transaction has done: to whole databases, and then to keys. Nobody else has changed
    /// any meanwhile.
    fn transaction(&self, databases: &[DatabaseChange], changes: &[KeyChange<'_>]);
    /// These keys will soon be asked for and may change: what memory that needs can be fetched.
    fn foresee(&self, keys: &[Hashed<'_>]);
}

/// The recorder, once there is one.
pub(super) type RecorderSlot = OnceLock<Box<dyn Recorder>>;

/// How much of a key has changed under a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Changed {
    Nothing,
    Deadline,
    /// It was not there before.
    Created,
    Everything,
}

impl Changed {
    /// What two changes amount to, one after the other.
    pub(super) fn and(self, later: Changed) -> Changed {
        match (self, later) {
            (Changed::Created, _) => Changed::Created,
            // Its deadline has come in between: it was there before.
            (Changed::Deadline, Changed::Created) => Changed::Everything,
            _ => self.max(later),
        }
    }
}

impl Keyspace {
    /// Tells `recorder` of every change from now on. There is one; a second is not heard.
    pub fn record_to(&self, recorder: Box<dyn Recorder>) {
        let _ = self.recorder.set(recorder);
    }
}

/// Tells of one key.
#[inline(never)]
pub(super) fn tell(recorder: &dyn Recorder, change: KeyChange<'_>, now: BootTime) {
    recorder.changed(&[change], now);
}

/// What the key at `index` is now.
pub(super) fn state(shard: &Shard, index: Option<u32>, changed: Changed) -> KeyState<'_> {
    match index.map(|index| shard.at(index)) {
        None => KeyState::Gone,
        Some(entry) if changed == Changed::Deadline => KeyState::Deadline(entry.deadline()),
        Some(entry) if changed == Changed::Created => {
            KeyState::New(entry.value(), entry.deadline())
        }
        Some(entry) => KeyState::Set(entry.value(), entry.deadline()),
    }
}

impl Held<'_> {
    /// Tells the recorder of all that has changed as one.
    #[cold]
    pub(super) fn record(&mut self) {
        let Some(recorder) = self.keyspace.recorder.get() else {
            return;
        };
        if self.is_transaction() {
            self.lock_noted();
        }
        let mut changes: SmallVec<[KeyChange<'_>; 4]> = SmallVec::new();
        for (database, note) in self.notes.iter() {
            debug_assert_eq!(note.hash, self.keyspace.hasher.hash_one(&note.key[..]));
            let Some(shard) = self.shard_of(database, note.hash) else {
                debug_assert!(false, "what is noted is in a shard that is locked");
                continue;
            };
            let found = shard.find(note.hash, &note.key);
            if found.is_none() && note.changed == Changed::Created {
                continue;
            }
            changes.push(KeyChange {
                database,
                hash: note.hash,
                key: &note.key,
                state: state(shard, found, note.changed),
            });
        }
        if self.is_transaction() {
            recorder.transaction(&self.notes.databases(), &changes);
        } else {
            recorder.changed(&changes, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::keyspace::{Change, Event, Expiry, Observer};

    struct Deaf;

    impl Observer for Deaf {
        fn changed(&self, _: Change<'_>) {}
    }

    /// Each line is what was told at one time.
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    fn line(change: &KeyChange<'_>) -> String {
        let key = String::from_utf8_lossy(change.key);
        let micros = |deadline: BootTime| deadline.micros();
        match change.state {
            KeyState::Set(value, deadline) => {
                let value = String::from_utf8_lossy(value);
                format!("{key}={value}@{:?}", deadline.map(micros))
            }
            KeyState::New(value, deadline) => {
                let value = String::from_utf8_lossy(value);
                format!("+{key}={value}@{:?}", deadline.map(micros))
            }
            KeyState::Deadline(deadline) => format!("{key}@{:?}", deadline.map(micros)),
            KeyState::Gone => format!("-{key}"),
        }
    }

    impl Recorder for Arc<Lines> {
        fn changed(&self, changes: &[KeyChange<'_>], _: BootTime) {
            let lines: Vec<String> = changes.iter().map(line).collect();
            self.0.lock().push(lines.join(" "));
        }

        fn transaction(&self, databases: &[DatabaseChange], changes: &[KeyChange<'_>]) {
            let databases = databases.iter().map(|change| format!("{change:?}"));
            let keys = changes.iter().map(|change| {
                let key = line(change);
                format!("{}:{key}", change.database)
            });
            let lines: Vec<String> = databases.chain(keys).collect();
            self.0.lock().push(lines.join(" "));
        }

        fn foresee(&self, _: &[Hashed<'_>]) {}
    }

    fn recorded() -> (Keyspace, Arc<Lines>) {
        let lines = Arc::new(Lines::default());
        let keyspace = Keyspace::new(2, Box::new(Deaf));
        keyspace.record_to(Box::new(Arc::clone(&lines)));
        (keyspace, lines)
    }

    const NOW: u64 = 1_000_000;

    fn now() -> BootTime {
        BootTime::from_micros(NOW)
    }

    #[test]
    fn a_guard_tells_the_last_state_of_its_key_and_nothing_when_it_only_looked() {
        let (keyspace, lines) = recorded();
        let deadline = BootTime::from_micros(NOW + 5);
        keyspace
            .key(0, b"k", now())
            .set(b"v", Expiry::At(deadline), Event::Set);
        assert!(keyspace.key(0, b"k", now()).exists());
        keyspace.key(0, b"k", now()).persist();
        keyspace.key(0, b"k", now()).expire_at(deadline);
        keyspace.key(0, b"k", now()).remove(Event::Del);
        assert!(!keyspace.key(0, b"k", now()).remove(Event::Del));
        let expected = ["+k=v@Some(1000005)", "k@None", "k@Some(1000005)", "-k"];
        assert_eq!(*lines.0.lock(), expected);
    }

    #[test]
    fn a_key_that_was_there_is_not_new_even_if_it_went_meanwhile() {
        let (keyspace, lines) = recorded();
        let set = |value| {
            keyspace
                .key(0, b"k", now())
                .set(value, Expiry::Never, Event::Set);
        };
        set(b"1");
        set(b"2");
        let mut guard = keyspace.key(0, b"k", now());
        guard.remove(Event::Del);
        guard.set(b"3", Expiry::Never, Event::Set);
        drop(guard);
        let key = keyspace.hashed(b"k");
        let mut held = keyspace.hold(0, [key].into_iter(), now());
        held.key(0, key).remove(Event::Del);
        held.key(0, key).set(b"4", Expiry::Never, Event::Set);
        drop(held);
        assert_eq!(
            *lines.0.lock(),
            ["+k=1@None", "k=2@None", "k=3@None", "k=4@None"]
        );
    }

    #[test]
    fn a_key_whose_deadline_has_come_is_not_told() {
        let (keyspace, lines) = recorded();
        let deadline = BootTime::from_micros(NOW + 5);
        keyspace
            .key(0, b"k", now())
            .set(b"v", Expiry::At(deadline), Event::Set);
        assert!(!keyspace.key(0, b"k", deadline).exists());
        assert_eq!(keyspace.expire_due(deadline), 0);
        assert_eq!(lines.0.lock().len(), 1);
    }

    #[test]
    fn keys_that_are_held_together_are_told_together_and_each_once() {
        let (keyspace, lines) = recorded();
        let (a, b) = (keyspace.hashed(b"a"), keyspace.hashed(b"b"));
        let mut held = keyspace.hold(0, [a, b].into_iter(), now());
        held.key(0, a).set(b"1", Expiry::Never, Event::Set);
        held.key(0, a).expire_at(BootTime::from_micros(NOW + 9));
        held.key(0, b).set(b"2", Expiry::Never, Event::Set);
        held.key(0, b).remove(Event::Del);
        assert!(lines.0.lock().is_empty());
        drop(held);
        // Of a key that was there neither before nor after there is nothing to tell.
        assert_eq!(*lines.0.lock(), ["+a=1@Some(1000009)"]);
    }

    #[test]
    fn databases_that_are_emptied_or_swapped_are_told() {
        let (keyspace, lines) = recorded();
        keyspace
            .key(0, b"k", now())
            .set(b"v", Expiry::Never, Event::Set);
        keyspace.swap(0, 1, now());
        keyspace.flush(1);
        assert_eq!(
            *lines.0.lock(),
            ["+k=v@None", "Swapped(0, 1)", "Emptied(1)"]
        );
    }

    #[test]
    fn a_transaction_is_told_once_with_the_last_state_of_each_key() {
        let (keyspace, lines) = recorded();
        let set = |held: &mut Held<'_>, database, name: &[u8], value: &[u8]| {
            let key = keyspace.hashed(name);
            held.key(database, key)
                .set(value, Expiry::Never, Event::Set);
        };
        let mut held = keyspace.transaction(now());
        set(&mut held, 0, b"a", b"1");
        set(&mut held, 0, b"b", b"2");
        set(&mut held, 0, b"a", b"3");
        held.swap(0, 1);
        set(&mut held, 0, b"c", b"4");
        held.flush(0);
        set(&mut held, 0, b"d", b"5");
        assert!(lines.0.lock().is_empty());
        drop(held);
        let told = "Swapped(0, 1) Emptied(0) 1:+a=3@None 1:+b=2@None 0:+d=5@None";
        assert_eq!(*lines.0.lock(), [told]);
        drop(keyspace.transaction(now()));
        assert_eq!(lines.0.lock().len(), 1, "nothing is told of nothing");
    }

    #[test]
    fn many_emptied_keys_are_not_remembered() {
        let (keyspace, lines) = recorded();
        let mut held = keyspace.transaction(now());
        for number in 0..10_000u32 {
            let name = number.to_string();
            for database in [0, 1] {
                let key = keyspace.hashed(name.as_bytes());
                held.key(database, key).set(b"v", Expiry::Never, Event::Set);
            }
            held.flush(0);
            if number % 100 > 0 {
                held.flush(1);
            }
        }
        assert!(held.notes.len() < 1_000);
        drop(held);
        assert_eq!(lines.0.lock()[0], "Emptied(0) Emptied(1)");
    }

    #[test]
    fn a_key_whose_deadline_has_come_in_between_is_not_new() {
        let (keyspace, lines) = recorded();
        let key = keyspace.hashed(b"k");
        keyspace.key_hashed(0, key, now()).set(
            b"1",
            Expiry::At(BootTime::from_micros(NOW + 9000)),
            Event::Set,
        );
        let mut held = keyspace.transaction(now());
        held.key(0, key).expire_at(BootTime::from_micros(NOW + 5));
        keyspace.expire_due(BootTime::from_micros(NOW + 1000));
        held.key(0, key).set(b"2", Expiry::Never, Event::Set);
        drop(held);
        assert_eq!(lines.0.lock()[1], "0:k=2@None");
    }
}
