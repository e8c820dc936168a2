//! Keys that will be asked for soon: hashed once, with their memory on its way.
//!
//! A request names its key to the prefetch and, a little later, to its command. Both mean the very
//! same bytes, so the second finds the hash by where the key stands, and not by reading it.

use smallvec::SmallVec;

use super::Keyspace;

/// Of how many keys the memory is fetched ahead: three for each request that is parsed ahead, and
/// some more.
const KEYS: usize = 64;
/// How many keys of one request are looked through for the one that is asked for.
const KEYS_OF_ONE: usize = 4;

/// A key with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<'a> {
    pub(super) key: &'a [u8],
    pub(super) hash: u64,
}

impl Hashed<'_> {
    /// The key's hash in its keyspace.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

/// See the module's text.
#[derive(Default)]
pub struct Foreseen<'a> {
    keys: SmallVec<[Hashed<'a>; KEYS]>,
    /// Where the keys of the present request begin.
    present: usize,
}

impl<'a> Foreseen<'a> {
    /// Forgets the keys of requests that have run.
    pub fn clear(&mut self) {
        self.keys.clear();
    }

    /// Adds a key, unless there are enough.
    #[inline]
    pub fn add(&mut self, keyspace: &Keyspace, key: &'a [u8]) {
        if self.keys.len() < KEYS {
            self.keys.push(keyspace.hashed(key));
        }
    }

    /// How many there are, and so where the keys of the next request will begin.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Begins to fetch the memory of all of them.
    pub fn prefetch(&self, keyspace: &Keyspace, database: usize) {
        keyspace.prefetch(database, &self.keys);
        if let Some(recorder) = keyspace.recorder.get() {
            recorder.foresee(&self.keys);
        }
    }

    /// The request whose keys begin there is the present one.
    #[inline]
    pub fn turn_to(&mut self, present: usize) {
        self.present = present;
    }

    /// The key with its hash.
    #[inline]
    pub fn hashed<'k>(&self, keyspace: &Keyspace, key: &'k [u8]) -> Hashed<'k> {
        /// Apart, so that a key that is found costs no more than the finding.
        #[inline(never)]
        fn not_foreseen<'k>(keyspace: &Keyspace, key: &'k [u8]) -> Hashed<'k> {
            keyspace.hashed(key)
        }
        let known = self.keys.get(self.present..).unwrap_or_default();
        for Hashed { key: known, hash } in known.iter().take(KEYS_OF_ONE) {
            if std::ptr::eq(*known, key) {
                return Hashed { key, hash: *hash };
            }
        }
        not_foreseen(keyspace, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::keyspace::{Change, Event, Expiry, Observer};

    struct Nobody;

    impl Observer for Nobody {
        fn changed(&self, _: Change<'_>) {}
    }

    #[test]
    fn a_key_has_the_same_hash_foreseen_or_not() {
        let keyspace = Keyspace::new(1, Box::new(Nobody));
        let buffer = b"lock:orders:1 lock:orders:2 lock:orders:2".to_vec();
        let keys: Vec<&[u8]> = buffer.split(|byte| *byte == b' ').collect();
        let mut foreseen = Foreseen::default();
        for key in &keys {
            foreseen.add(&keyspace, key);
        }
        foreseen.prefetch(&keyspace, 0);
        let others: [&[u8]; 3] = [&buffer[1..13], &buffer[..12], b"lock:orders:1"];
        for present in 0..=keys.len() {
            foreseen.turn_to(present);
            for key in keys.iter().chain(&others) {
                let hashed = foreseen.hashed(&keyspace, key);
                assert_eq!(hashed.hash, keyspace.hashed(key).hash);
                assert_eq!(hashed.key, *key);
            }
        }
    }

    #[test]
    fn no_more_keys_are_foreseen_than_there_is_room_for() {
        let keyspace = Keyspace::new(1, Box::new(Nobody));
        let now = Clock::manual().now();
        let names: Vec<String> = (0..100).map(|number| format!("lock:{number}")).collect();
        let mut foreseen = Foreseen::default();
        for name in &names {
            foreseen.add(&keyspace, name.as_bytes());
        }
        assert_eq!(foreseen.len(), KEYS);
        foreseen.prefetch(&keyspace, 0);
        for name in &names {
            let key = foreseen.hashed(&keyspace, name.as_bytes());
            let mut key = keyspace.key_hashed(0, key, now);
            key.set(b"token", Expiry::Never, Event::Set);
        }
        for name in &names {
            assert!(keyspace.key(0, name.as_bytes(), now).exists());
        }
        foreseen.clear();
        assert!(foreseen.is_empty());
    }
}
