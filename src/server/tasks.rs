//! Waiting for the last task of a server that stops.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Held by every task of a server; the last one to drop it wakes who waits.
#[derive(Clone)]
pub(super) struct TaskGuard {
    _last: Arc<Last>,
}

/// Waits for the tasks.
pub(super) struct Tasks {
    ended: Arc<Ended>,
    running: Weak<Last>,
}

struct Last {
    ended: Arc<Ended>,
}

#[derive(Default)]
struct Ended {
    is_over: Mutex<bool>,
    bell: Condvar,
}

impl Drop for Last {
    fn drop(&mut self) {
        *self.ended.is_over.lock() = true;
        self.ended.bell.notify_all();
    }
}

impl Tasks {
    /// The waiting end, and the guard to be cloned for each task.
    pub(super) fn new() -> (Tasks, TaskGuard) {
        let ended = Arc::new(Ended::default());
        let last = Arc::new(Last {
            ended: Arc::clone(&ended),
        });
        let tasks = Tasks {
            ended,
            running: Arc::downgrade(&last),
        };
        (tasks, TaskGuard { _last: last })
    }

    /// Waits until every guard is dropped; tells whether that was within `limit`.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let mut is_over = self.ended.is_over.lock();
        if !*is_over && self.running.strong_count() > 0 {
            self.ended.bell.wait_for(&mut is_over, limit);
        }
        *is_over
    }
}
