//! `maxmemory`: how much memory the keys may take, and whether they take more.
//!
//! What counts is what keys take, not what the process has: that falls when a key goes. It is
//! summed up at most once a millisecond, unless the limit was passed: then each batch looks again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::Stopwatch;
use crate::keyspace::Keyspace;

/// For how many microseconds a look that found room is good.
const LOOK_US: u64 = 1000;

/// See the module's text.
#[derive(Debug)]
pub struct MemoryLimit {
    /// 0 for none.
    bytes: AtomicU64,
    is_passed: AtomicBool,
    /// When the next look is due.
    due_us: AtomicU64,
    watch: Stopwatch,
}

impl Default for MemoryLimit {
    fn default() -> MemoryLimit {
        MemoryLimit {
            bytes: AtomicU64::new(0),
            is_passed: AtomicBool::new(false),
            due_us: AtomicU64::new(0),
            watch: Stopwatch::start(),
        }
    }
}

impl MemoryLimit {
    /// Limits the memory of keys to so many bytes; 0 for no limit.
    pub fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.due_us.store(0, Ordering::Relaxed);
    }

    /// Whether the keys take more than they may.
    #[inline]
    pub fn is_passed(&self, keyspace: &Keyspace) -> bool {
        match self.bytes.load(Ordering::Relaxed) {
            0 => false,
            limit => self.look(limit, keyspace),
        }
    }

    #[cold]
    fn look(&self, limit: u64, keyspace: &Keyspace) -> bool {
        let now_us = u64::try_from(self.watch.elapsed().as_micros()).unwrap_or(u64::MAX);
        let is_due = now_us >= self.due_us.load(Ordering::Relaxed);
        if !is_due && !self.is_passed.load(Ordering::Relaxed) {
            return false;
        }
        self.due_us.store(now_us + LOOK_US, Ordering::Relaxed);
        let is_passed = keyspace.used_bytes() > limit;
        self.is_passed.store(is_passed, Ordering::Relaxed);
        is_passed
    }
}
