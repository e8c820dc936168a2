//! Who was refused a lock: what LOCK tells of the keys that more than one client wanted.
//!
//! It is written when a conditional SET is refused and at no other time, so a lock that nobody else
//! wants costs nothing here. A record belongs to one holding of its key, known by a number
//! ([`KeyGuard::holding`](crate::keyspace::KeyGuard::holding)): when the next refusal or question
//! finds another one, the record begins again. The table has a fixed number of places; the record
//! that was longest without a refusal makes room, as far as one bit tells. While it is full a key gets
//! in with its second refusal only: a client that is refused once by each of many keys throws nothing
//! out, and costs little.
//!
//! A part of the table may be locked by somebody who holds a shard, never the other way round.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::client::Client;
use crate::clock::BootTime;

const PARTS: usize = 16;

/// Refused clients that a record remembers; the one longest silent makes room.
const REFUSED_MAX: usize = 8;

/// Hashes of keys that were refused once while a part was full.
const CANDIDATES: usize = 256;

/// See the module's text.
pub struct Contention {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
    records_max: AtomicUsize,
}

/// The refusals of one holding of a key.
#[derive(Clone, Debug)]
pub struct Record {
    /// The key's name.
    pub key: Box<[u8]>,
    /// How many there were.
    pub refusals: u64,
    /// The client that holds it, if it was known and connected at the first of them.
    pub holder: Option<Arc<Client>>,
    /// The clients that were refused, at most 8.
    pub refused: Vec<Refused>,
    database: usize,
    holding: u64,
    latest: usize,
    /// Refused since it was last asked to make room.
    is_recent: bool,
}

/// A client that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Who, connected or not.
    pub client: Arc<Client>,
    /// How often.
    pub tries: u64,
    /// When first.
    pub first: BootTime,
    /// When last.
    pub last: BootTime,
}

/// One refusal.
pub struct Refusal<'a> {
    /// The number of the database.
    pub database: usize,
    /// The key's name.
    pub key: &'a [u8],
    /// Which holding of it.
    pub holding: u64,
    /// Who wanted it.
    pub client: &'a Arc<Client>,
    /// When.
    pub now: BootTime,
}

/// The records by a hash of database and key; `order` has each of these hashes once.
#[derive(Default)]
struct Part {
    records: HashMap<u64, Record, RandomState>,
    order: VecDeque<u64>,
    /// Each at the place that its hash says; empty until the part is full.
    candidates: Vec<u64>,
}

impl Default for Contention {
    fn default() -> Contention {
        Contention {
            parts: Default::default(),
            hasher: RandomState::default(),
            records_max: AtomicUsize::new(0),
        }
    }
}

impl Contention {
    /// Keeps at most so many records from now on, evenly spread over 16 parts; 0 keeps none.
    pub fn set_records_max(&self, records_max: usize) {
        self.records_max.store(records_max, Ordering::Relaxed);
        for part in &self.parts {
            let mut part = part.lock();
            while part.records.len() > self.part_max() {
                part.make_room();
            }
        }
    }

    /// Notes a refusal; `find_holder` is asked at the first one of a holding.
    pub fn note(&self, refusal: Refusal<'_>, find_holder: impl FnOnce() -> Option<Arc<Client>>) {
        let part_max = self.part_max();
        if part_max == 0 {
            return;
        }
        let hash = self.hash(refusal.database, refusal.key);
        let mut part = self.parts[hash as usize % PARTS].lock();
        let part = &mut *part;
        match part.records.get_mut(&hash) {
            Some(record) if record.is_of(&refusal) => record.add(&refusal),
            Some(record) => *record = Record::new(&refusal, find_holder()),
            None => {
                if part.records.len() >= part_max {
                    if !part.is_candidate(hash) {
                        return;
                    }
                    part.make_room();
                }
                part.order.push_back(hash);
                part.records
                    .insert(hash, Record::new(&refusal, find_holder()));
            }
        }
    }

    /// The refusals of this holding of a key. A record of another holding is dropped; without a
    /// holding, as when the key is gone, any record is.
    pub fn look(&self, database: usize, key: &[u8], holding: Option<u64>) -> Option<Record> {
        let hash = self.hash(database, key);
        let mut part = self.parts[hash as usize % PARTS].lock();
        let record = part.records.get(&hash)?;
        if Some(record.holding) == holding && record.is_for(database, key) {
            return Some(record.clone());
        }
        part.records.remove(&hash);
        part.order.retain(|known| *known != hash);
        None
    }

    /// The keys of a database that have a record, most refusals first. Whether they are still held
    /// is not known here.
    pub fn most_refused(&self, database: usize) -> Vec<(u64, Box<[u8]>)> {
        let mut found = Vec::new();
        for part in &self.parts {
            let part = part.lock();
            let records = part.records.values();
            let records = records.filter(|record| record.database == database);
            found.extend(records.map(|record| (record.refusals, record.key.clone())));
        }
        found.sort_unstable_by(|(a, a_key), (b, b_key)| b.cmp(a).then(a_key.cmp(b_key)));
        found
    }

    fn part_max(&self) -> usize {
        self.records_max.load(Ordering::Relaxed).div_ceil(PARTS)
    }

    fn hash(&self, database: usize, key: &[u8]) -> u64 {
        self.hasher.hash_one((database, key))
    }
}

impl Part {
    /// Whether the hash was asked for lately; from now on it was.
    fn is_candidate(&mut self, hash: u64) -> bool {
        self.candidates.resize(CANDIDATES, 0);
        let place = (hash >> 32) as usize % CANDIDATES;
        std::mem::replace(&mut self.candidates[place], hash) == hash
    }

    /// Drops the oldest record that was not refused lately.
    fn make_room(&mut self) {
        while let Some(hash) = self.order.pop_front() {
            match self.records.get_mut(&hash) {
                Some(record) if record.is_recent => {
                    record.is_recent = false;
                    self.order.push_back(hash);
                }
                _ => {
                    self.records.remove(&hash);
                    return;
                }
            }
        }
    }
}

impl Record {
    fn new(refusal: &Refusal<'_>, holder: Option<Arc<Client>>) -> Record {
        Record {
            key: refusal.key.into(),
            refusals: 1,
            holder,
            refused: vec![Refused::new(refusal)],
            database: refusal.database,
            holding: refusal.holding,
            latest: 0,
            is_recent: false,
        }
    }

    fn is_for(&self, database: usize, key: &[u8]) -> bool {
        self.database == database && *self.key == *key
    }

    fn is_of(&self, refusal: &Refusal<'_>) -> bool {
        self.holding == refusal.holding && self.is_for(refusal.database, refusal.key)
    }

    fn add(&mut self, refusal: &Refusal<'_>) {
        self.refusals += 1;
        self.is_recent = true;
        let is_same = |one: &Refused| one.client.id == refusal.client.id;
        if let Some(index) = self.refused.iter().position(is_same) {
            let one = &mut self.refused[index];
            one.tries += 1;
            one.last = refusal.now;
            self.latest = index;
            return;
        }
        if self.refused.len() < REFUSED_MAX {
            self.latest = self.refused.len();
            self.refused.push(Refused::new(refusal));
            return;
        }
        let silent = (0..REFUSED_MAX).min_by_key(|index| self.refused[*index].last);
        self.latest = silent.unwrap_or(0);
        self.refused[self.latest] = Refused::new(refusal);
    }

    /// The latest refusal.
    pub fn latest(&self) -> Option<&Refused> {
        self.refused.get(self.latest)
    }
}

impl Refused {
    fn new(refusal: &Refusal<'_>) -> Refused {
        Refused {
            client: Arc::clone(refusal.client),
            tries: 1,
            first: refusal.now,
            last: refusal.now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Address;

    fn client(id: u64) -> Arc<Client> {
        let address = Address::unix(&"/run/a.sock".into());
        Arc::new(Client::new(id, address, 3, BootTime::from_micros(1)))
    }

    fn table(records_max: usize) -> Contention {
        let table = Contention::default();
        table.set_records_max(records_max);
        table
    }

    fn refuse(table: &Contention, key: &[u8], holding: u64, client: &Arc<Client>, at_us: u64) {
        let refusal = Refusal {
            database: 0,
            key,
            holding,
            client,
            now: BootTime::from_micros(at_us),
        };
        table.note(refusal, || None);
    }

    #[test]
    fn refusals_of_one_holding_add_up_and_end_with_it() {
        let table = table(100);
        let (a, b) = (client(1), client(2));
        for (client, at_us) in [(&a, 10), (&b, 20), (&a, 30)] {
            refuse(&table, b"k", 7, client, at_us);
        }
        let record = table.look(0, b"k", Some(7)).unwrap();
        assert_eq!((record.refusals, record.refused.len()), (3, 2));
        let latest = record.latest().unwrap();
        assert_eq!((latest.client.id, latest.tries), (1, 2));
        assert_eq!(latest.first, BootTime::from_micros(10));
        refuse(&table, b"k", 8, &b, 40);
        assert_eq!(table.look(0, b"k", Some(8)).unwrap().refusals, 1);
        assert!(table.look(0, b"k", None).is_none());
        assert!(table.look(0, b"k", Some(8)).is_none(), "it was dropped");
        assert!(table.look(1, b"k", Some(8)).is_none());
    }

    #[test]
    fn a_record_remembers_the_clients_that_came_last() {
        let table = table(100);
        let clients: Vec<_> = (1..=20).map(client).collect();
        for (at_us, client) in (1..).zip(&clients) {
            refuse(&table, b"k", 7, client, at_us);
        }
        let record = table.look(0, b"k", Some(7)).unwrap();
        assert_eq!((record.refusals, record.refused.len()), (20, REFUSED_MAX));
        assert!(record.refused.iter().all(|one| one.client.id > 12));
        assert_eq!(record.latest().unwrap().client.id, 20);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_what_is_refused_again() {
        let table = table(160);
        let a = client(1);
        for number in 0..5000 {
            refuse(&table, b"hot", 1, &a, number);
            refuse(&table, format!("cold{number}").as_bytes(), 1, &a, number);
        }
        assert!(table.most_refused(0).len() <= 160);
        assert_eq!(table.most_refused(0)[0], (5000, b"hot"[..].into()));
        assert!(table.look(0, b"new", Some(1)).is_none());
        refuse(&table, b"new", 1, &a, 6000);
        assert!(
            table.look(0, b"new", Some(1)).is_none(),
            "once is not enough"
        );
        refuse(&table, b"new", 1, &a, 6001);
        assert!(table.look(0, b"new", Some(1)).is_some());
        for part in &table.parts {
            let part = part.lock();
            assert_eq!(part.records.len(), part.order.len());
        }
        table.set_records_max(0);
        assert!(table.most_refused(0).is_empty());
        refuse(&table, b"hot", 1, &a, 1);
        assert!(table.most_refused(0).is_empty(), "0 keeps none");
    }
}
