//! Who may touch the keyspace: many commands at once, or one alone.
//!
//! A batch of requests runs with [`Gate::shared`] access and locks the shards it needs. What must
//! see the keyspace stand still (a Lua script, EXEC, FLUSHALL) takes [`Gate::whole`]. A holder of
//! the whole that takes long *parks*: it keeps its access while its thread serves other
//! connections, which then wait for the gate without blocking the thread, or answer `-BUSY`.
//!
//! Invariant: nobody blocks a thread on a gate whose holder is parked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::lock_api::ArcRwLockWriteGuard;
use tokio::sync::Notify;

use crate::sync::{RawRwLock, RwLock, RwLockReadGuard};

/// How long a thread blocks before it looks again whether the holder has parked.
const LOOK_AGAIN: Duration = Duration::from_micros(200);
/// How long a thread that has nothing else to do blocks before it asks whether it should go on.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// See the module's text.
#[derive(Default)]
pub struct Gate {
    lock: Arc<RwLock<()>>,
    state: AtomicU8,
    moved: Notify,
}

/// How the present holder of the whole keyspace behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Hold {
    /// There is none, or it ends within one slice of time.
    Brief = 0,
    /// It is parked: wait for it, but not with the thread.
    Parked = 1,
    /// It is parked for longer than `busy-reply-threshold`: others are answered `-BUSY`.
    Busy = 2,
}

/// Access beside others.
pub struct Shared<'a> {
    _guard: RwLockReadGuard<'a, ()>,
}

/// Access alone. Dropping it opens the gate.
pub struct Whole {
    gate: Arc<Gate>,
    guard: Option<ArcRwLockWriteGuard<RawRwLock, ()>>,
}

impl Gate {
    /// Access beside others; `None` while a parked holder has the whole.
    #[inline]
    pub fn shared(&self) -> Option<Shared<'_>> {
        let guard = match self.lock.try_read() {
            Some(guard) => guard,
            None => self.shared_after_wait()?,
        };
        Some(Shared { _guard: guard })
    }

    #[cold]
    fn shared_after_wait(&self) -> Option<RwLockReadGuard<'_, ()>> {
        while self.hold() == Hold::Brief {
            if let Some(guard) = self.lock.try_read_for(LOOK_AGAIN) {
                return Some(guard);
            }
        }
        None
    }

    /// Access alone; `None` while a parked holder has it.
    pub fn whole(self: &Arc<Gate>) -> Option<Whole> {
        while self.hold() == Hold::Brief {
            if let Some(guard) = self.lock.try_write_arc_for(LOOK_AGAIN) {
                return Some(Whole {
                    gate: Arc::clone(self),
                    guard: Some(guard),
                });
            }
        }
        None
    }

    /// Access beside others for a thread that has nothing else to do.
    pub fn shared_blocking(&self) -> Shared<'_> {
        Shared {
            _guard: self.lock.read(),
        }
    }

    /// The same; `None` once `gives_up` says so, which is asked a few times a second.
    pub fn shared_unless(&self, gives_up: impl Fn() -> bool) -> Option<Shared<'_>> {
        while !gives_up() {
            if let Some(guard) = self.lock.try_read_for(ASK_AGAIN) {
                return Some(Shared { _guard: guard });
            }
        }
        None
    }

    /// Access alone for a thread that has nothing else to do.
    pub fn whole_blocking(self: &Arc<Gate>) -> Whole {
        Whole {
            gate: Arc::clone(self),
            guard: Some(self.lock.write_arc()),
        }
    }

    /// How the present holder behaves.
    pub fn hold(&self) -> Hold {
        match self.state.load(Ordering::SeqCst) {
            1 => Hold::Parked,
            2 => Hold::Busy,
            _ => Hold::Brief,
        }
    }

    /// Waits until the hold is another than `seen`. After [`Hold::Brief`] there is nothing to wait
    /// for: who was refused may just try again.
    pub async fn moved_from(&self, seen: Hold) {
        if seen == Hold::Brief {
            return;
        }
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.hold() != seen {
                return;
            }
            moved.await;
        }
    }

    /// What the holder of the whole tells the others before it leaves its thread to them.
    pub fn park(&self, hold: Hold) {
        if self.hold() != hold {
            self.set_hold(hold);
        }
    }

    fn set_hold(&self, hold: Hold) {
        self.state.store(hold as u8, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // In this order: once it is unlocked, the next holder may park, and its word must stand.
        self.gate.park(Hold::Brief);
        self.guard = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_excludes_and_opens_again() {
        let gate = Arc::new(Gate::default());
        let shared = gate.shared();
        assert!(shared.is_some());
        drop(shared);
        let whole = gate.whole().unwrap();
        gate.park(Hold::Parked);
        assert!(gate.shared().is_none());
        assert!(gate.whole().is_none());
        drop(whole);
        assert!(gate.shared().is_some());
    }

    #[test]
    fn who_waits_for_a_parked_holder_may_give_up() {
        let gate = Arc::new(Gate::default());
        assert!(gate.shared_unless(|| true).is_none());
        let whole = gate.whole().unwrap();
        gate.park(Hold::Parked);
        let asked = std::cell::Cell::new(0);
        let gives_up = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        assert!(gate.shared_unless(gives_up).is_none());
        drop(whole);
        assert!(gate.shared_unless(|| false).is_some());
    }

    #[test]
    fn whoever_was_refused_by_a_holder_that_has_ended_since_does_not_wait() {
        let gate = Gate::default();
        let moved = std::pin::pin!(gate.moved_from(Hold::Brief));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(moved.poll(&mut task).is_ready());
    }

    #[test]
    fn an_opened_gate_never_shows_the_hold_of_its_last_holder_to_the_next_one() {
        let gate = Arc::new(Gate::default());
        for _ in 0..200 {
            let first = gate.whole().unwrap();
            gate.park(Hold::Parked);
            let (dropped, is_dropped) = std::sync::mpsc::channel();
            std::thread::scope(|scope| {
                let gate = &gate;
                scope.spawn(move || {
                    let _guard = gate.lock.write();
                    gate.park(Hold::Parked);
                    is_dropped.recv().unwrap();
                    assert_eq!(gate.hold(), Hold::Parked);
                    gate.park(Hold::Brief);
                });
                drop(first);
                dropped.send(()).unwrap();
            });
        }
    }
}
