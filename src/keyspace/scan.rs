//! Walking a database piece by piece, as SCAN and KEYS do.
//!
//! Entries never move, so a cursor is a shard and an index in it: a key that is there from the
//! first call to the last is met exactly once.

use crate::clock::BootTime;

use super::{Keyspace, SHARDS};

/// Where a walk goes on; 0 is the start and, in an answer, the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub u64);

impl Cursor {
    /// The walk's start, and its end.
    pub const START: Cursor = Cursor(0);

    fn new(shard: usize, index: u32) -> Cursor {
        Cursor(u64::from(index) * SHARDS as u64 + shard as u64)
    }

    fn shard(self) -> usize {
        (self.0 % SHARDS as u64) as usize
    }

    fn index(self) -> u32 {
        u32::try_from(self.0 / SHARDS as u64).unwrap_or(u32::MAX)
    }
}

/// A key that a walk has met.
#[derive(Clone, Copy, Debug)]
pub struct Walked<'a> {
    /// Its name.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// When it ends, if it does.
    pub deadline: Option<BootTime>,
}

impl Keyspace {
    /// Shows up to `count` living keys to `visit`, from `cursor` on; tells where to go on,
    /// [`Cursor::START`] when everything has been seen.
    pub fn walk(
        &self,
        database: usize,
        cursor: Cursor,
        count: usize,
        now: BootTime,
        mut visit: impl FnMut(Walked<'_>),
    ) -> Cursor {
        let is_loading = self.is_loading();
        let mut visited = 0;
        let mut start = cursor.index();
        let slots = self.made_slots(database);
        for (number, slot) in slots.iter().enumerate().skip(cursor.shard()) {
            let shard = slot.shard.lock();
            for (index, entry) in shard.entries_from(start) {
                if visited >= count {
                    return Cursor::new(number, index);
                }
                visited += 1;
                if is_loading || !entry.is_expired(now) {
                    visit(Walked {
                        key: entry.key(),
                        value: entry.value(),
                        deadline: entry.deadline(),
                    });
                }
            }
            start = 0;
        }
        Cursor::START
    }
}
