//! Which keys have changed while several shards were held, or in a transaction, each once.
//!
//! A few are searched one by one; from some more on they are found by their hash, so that a request
//! of any number of keys takes time in proportion to them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use smallvec::SmallVec;

use super::databases::{DatabaseChange, Databases};
use super::record::Changed;

/// So many notes are searched one by one: about as fast as a table.
const SEARCHED_MAX: usize = 8;

/// A key that was changed.
pub(super) struct Note {
    /// The identity of its database.
    database: usize,
    pub(super) hash: u64,
    pub(super) key: SmallVec<[u8; 32]>,
    pub(super) changed: Changed,
}

/// The notes, in the order in which their keys were first changed.
#[derive(Default)]
pub(super) struct Notes {
    list: SmallVec<[Note; 1]>,
    /// Where in the list a hash is, once there are too many to be searched.
    places: Option<Box<Places>>,
    databases: Databases,
    /// How many notes are of databases that were emptied since.
    obsolete: usize,
}

type Places = HashMap<u64, u32, BuildHasherDefault<AsIs>>;

impl Notes {
    /// Whether nothing was noted.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.databases.is_unchanged()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The notes that still mean something, with the numbers of their databases.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Note)> {
        let numbered = |note: &'_ Note| self.databases.number_of(note.database);
        let notes = self.list.iter();
        notes.filter_map(move |note| numbered(note).map(|number| (number, note)))
    }

    /// What has become of whole databases.
    pub(super) fn databases(&self) -> Vec<DatabaseChange> {
        self.databases.changes()
    }

    /// Adds that a key has changed.
    pub(super) fn add(&mut self, database: usize, hash: u64, key: &[u8], changed: Changed) {
        let identity = self.databases.identity(database);
        if let Some(at) = self.find(identity, hash, key) {
            let note = &mut self.list[at];
            note.changed = note.changed.and(changed);
            return;
        }
        self.databases.note(database);
        if let Some(places) = &mut self.places {
            places.insert(mixed(identity, hash), self.list.len() as u32);
        }
        self.list.push(Note {
            database: identity,
            hash,
            key: SmallVec::from_slice(key),
            changed,
        });
        if self.places.is_none() && self.list.len() > SEARCHED_MAX {
            self.index();
        }
    }

    /// Finds notes by their hash from now on.
    fn index(&mut self) {
        let places = (0..).zip(&self.list);
        let places = places.map(|(place, note)| (mixed(note.database, note.hash), place));
        self.places = Some(Box::new(places.collect()));
    }

    /// Adds that one of `count` databases was emptied.
    pub(super) fn empty(&mut self, count: usize, database: usize) {
        self.prepare(count);
        self.obsolete += self.databases.empty(database);
        // So there are never many more than those that mean something.
        if self.obsolete > SEARCHED_MAX && self.obsolete > self.list.len() / 2 {
            let databases = &self.databases;
            self.list
                .retain(|note| databases.number_of(note.database).is_some());
            self.obsolete = 0;
            self.index();
        }
    }

    /// Adds that two of `count` databases have changed their numbers.
    pub(super) fn swap(&mut self, count: usize, first: usize, second: usize) {
        self.prepare(count);
        self.databases.swap(first, second);
    }

    fn prepare(&mut self, count: usize) {
        let noted = self.list.iter().map(|note| note.database);
        self.databases.prepare(count, noted);
    }

    /// Where the note of a key is. Of two keys with the same hash only the latest is found: the other
    /// is noted again, and told twice.
    fn find(&self, database: usize, hash: u64, key: &[u8]) -> Option<usize> {
        let is_of = |note: &Note| {
            note.hash == hash && note.database == database && note.key.as_slice() == key
        };
        match &self.places {
            None => self.list.iter().position(is_of),
            Some(places) => {
                let place = *places.get(&mixed(database, hash))? as usize;
                is_of(&self.list[place]).then_some(place)
            }
        }
    }
}

/// The hash of a key together with its database.
fn mixed(database: usize, hash: u64) -> u64 {
    hash ^ (database as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Hashes that are drawn at random already are taken as they are.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(false, "only whole hashes are looked up");
        self.0 = bytes
            .iter()
            .fold(self.0, |sum, byte| sum << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::thread_cpu_ns;

    fn noted(count: u64, times: usize) -> Notes {
        let mut notes = Notes::default();
        for _ in 0..times {
            for number in 0..count {
                let hash = number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
                let database = (number % 2) as usize;
                notes.add(database, hash, &number.to_le_bytes(), Changed::Deadline);
            }
        }
        notes
    }

    #[test]
    fn each_key_is_noted_once_in_the_order_of_its_first_change() {
        for count in [1, 8, 9, 10, 1000] {
            let notes = noted(count, 3);
            let keys: Vec<u64> = notes
                .iter()
                .map(|(_, note)| u64::from_le_bytes(note.key[..].try_into().unwrap()))
                .collect();
            assert!(keys.into_iter().eq(0..count));
        }
    }

    #[test]
    fn what_is_changed_most_is_what_is_told() {
        let mut notes = noted(20, 1);
        let last = 19u64.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let key = &19u64.to_le_bytes();
        notes.add(1, last, key, Changed::Everything);
        notes.add(1, last, key, Changed::Deadline);
        // The same name in another database is another key, and so is another name.
        notes.add(0, last, key, Changed::Created);
        notes.add(1, last, b"other", Changed::Created);
        let last = notes.iter().skip(19);
        let changed: Vec<Changed> = last.map(|(_, note)| note.changed).collect();
        let expected = [Changed::Everything, Changed::Created, Changed::Created];
        assert_eq!(changed, expected);
    }

    /// Sixteen times the keys take about sixteen times as long, and not 256 times.
    #[test]
    fn notes_take_time_in_proportion_to_the_keys() {
        let best = |count| {
            let tries = (0..5).map(|_| {
                let start_ns = thread_cpu_ns();
                noted(count, 2);
                thread_cpu_ns() - start_ns
            });
            tries.min().unwrap_or_default()
        };
        let (few, many) = (best(4_000), best(64_000));
        assert!(
            many < few * 64,
            "{few} ns for 4,000 and {many} ns for 64,000"
        );
    }
}
