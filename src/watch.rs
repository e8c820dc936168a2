//! WATCH: which connections want to know that a key changed.

//!
//! A client whose key has changed bears [`Mark::WatchBroken`] until it stops watching.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::client::{Client, Mark};

/// A watched key: database and name.
pub type WatchedKey = (usize, Box<[u8]>);

/// The watched keys of one instance, each with its watchers.
#[derive(Debug, Default)]
pub struct WatchTable {
    keys: DashMap<WatchedKey, Vec<Arc<Client>>>,
    watches: AtomicUsize,
}

impl WatchTable {
    /// Starts watching; the caller holds the key's shard, so no change slips by.
    pub fn add(&self, key: WatchedKey, watcher: &Arc<Client>) {
        self.watches.fetch_add(1, Ordering::SeqCst);
        self.keys.entry(key).or_default().push(Arc::clone(watcher));
    }

    /// Stops watching.
    pub fn remove(&self, key: WatchedKey, watcher: &Arc<Client>) {
        self.watches.fetch_sub(1, Ordering::SeqCst);
        if let Entry::Occupied(mut watchers) = self.keys.entry(key) {
            watchers
                .get_mut()
                .retain(|known| !Arc::ptr_eq(known, watcher));
            if watchers.get().is_empty() {
                watchers.remove();
            }
        }
    }

    /// A key changed.
    pub fn touch(&self, database: usize, key: &[u8]) {
        if self.watches.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(watchers) = self.keys.get(&(database, Box::from(key))) {
            watchers
                .iter()
                .for_each(|watcher| watcher.mark(Mark::WatchBroken));
        }
    }
}
