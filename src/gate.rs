//! Who may touch the keyspace: many commands at once, or one alone.
//!
//! A batch of requests runs with [`Gate::shared`] access and locks the shards it needs. What must
//! see the keyspace stand still (a Lua script, EXEC, FLUSHALL) takes [`Gate::whole`]. A holder of
//! the whole that takes long *parks*: it keeps its access while its thread serves other
//! connections, which then wait for the gate without blocking the thread, or answer `-BUSY`.
//!
//! A holder that should have parked and has not, because it is deep in something that does not look
//! around, is called parked by the first who has waited for it, and [busy](Gate::call_busy) by the
//! first who has waited for `busy-reply-threshold`.
//!
//! Invariants: nobody blocks a thread on a gate whose holder is parked; what is said of a holder is
//! never said of the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::lock_api::ArcRwLockWriteGuard;
use tokio::sync::Notify;

use crate::sync::{self, RawRwLock, RwLock, RwLockReadGuard};

/// How long a thread blocks before it looks again whether the holder has parked.
const LOOK_AGAIN: Duration = Duration::from_micros(200);
/// How long a thread that has nothing else to do blocks before it asks whether it should go on.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// So many looks take as long as a holder may keep others waiting before it parks.
const LOOKS_MAX: u32 = 10;

/// How soon it is tried again where nobody has the whole: what runs beside ends soon.
const TRY_AGAIN: Duration = Duration::from_millis(1);

/// Access to the keyspace of one server, beside others or alone.
#[derive(Default)]
pub struct Gate {
    lock: Arc<RwLock<()>>,
    /// A [`Seen`].
    state: AtomicU64,
    moved: Notify,
}

/// How the present holder of the whole keyspace behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// There is none, or it ends within one slice of time.
    Brief,
    /// It is parked: wait for it, but not with the thread.
    Parked,
    /// It is parked for longer than `busy-reply-threshold`: others are answered `-BUSY`.
    Busy,
}

/// Which holder somebody has seen, and how it behaved: its number, and a code in two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u64);

/// The codes of [`Seen`].
const OPEN: u64 = 0;
const BRIEF: u64 = 1;
const PARKED: u64 = 2;
const BUSY: u64 = 3;

impl Seen {
    /// How the holder behaved.
    pub fn hold(self) -> Hold {
        match self.code() {
            PARKED => Hold::Parked,
            BUSY => Hold::Busy,
            _ => Hold::Brief,
        }
    }

    fn code(self) -> u64 {
        self.0 & 3
    }

    fn with(self, code: u64) -> Seen {
        Seen(self.0 & !3 | code)
    }
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
    /// Access beside others.
    ///
    /// # Errors
    /// A parked holder has the whole.
    #[inline]
    pub fn shared(&self) -> Result<Shared<'_>, Seen> {
        let guard = match self.lock.try_read() {
            Some(guard) => guard,
            None => self.wait(|| self.lock.try_read_for(LOOK_AGAIN))?,
        };
        Ok(Shared { _guard: guard })
    }

    /// Access alone.
    ///
    /// # Errors
    /// A parked holder has it, or those that run beside each other take long to end.
    pub fn whole(self: &Arc<Gate>) -> Result<Whole, Seen> {
        let guard = self.wait(|| self.lock.try_write_arc_for(LOOK_AGAIN))?;
        Ok(self.enter(guard))
    }

    /// Blocks until `attempt` succeeds, but not for longer than a holder of the whole may need: who
    /// is then still there is parked.
    #[cold]
    fn wait<T>(&self, attempt: impl Fn() -> Option<T>) -> Result<T, Seen> {
        let mut seen = self.seen();
        let mut looks = 0;
        while seen.hold() == Hold::Brief {
            if let Some(access) = attempt() {
                return Ok(access);
            }
            let now = self.seen();
            looks = if now == seen { looks + 1 } else { 0 };
            if looks >= LOOKS_MAX {
                self.call(now, PARKED);
                let is_held = now.code() != OPEN;
                return Err(if is_held { now.with(PARKED) } else { now });
            }
            seen = now;
        }
        Err(seen)
    }

    fn enter(self: &Arc<Gate>, guard: ArcRwLockWriteGuard<RawRwLock, ()>) -> Whole {
        // Nobody else enters now, and what others say of the last holder fails.
        let next = Seen((self.seen().0 & !3).wrapping_add(4));
        self.state.store(next.with(BRIEF).0, Ordering::SeqCst);
        Whole {
            gate: Arc::clone(self),
            guard: Some(guard),
        }
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
        self.enter(self.lock.write_arc())
    }

    /// Which holder there is at present, and how it behaves.
    pub fn seen(&self) -> Seen {
        Seen(self.state.load(Ordering::SeqCst))
    }

    /// How the present holder behaves.
    pub fn hold(&self) -> Hold {
        self.seen().hold()
    }

    /// Waits until there is another holder than the one that was `seen`, or it behaves otherwise.
    /// After [`Hold::Brief`] there is nothing to wait for: who was refused may try again.
    pub async fn moved_from(&self, seen: Seen) {
        if seen.code() == OPEN {
            return sync::sleep(TRY_AGAIN).await;
        }
        if seen.hold() == Hold::Brief {
            return;
        }
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.seen() != seen {
                return;
            }
            moved.await;
        }
    }

    /// Says of the holder that was `seen`, if it is there still, that it is busy.
    pub fn call_busy(&self, seen: Seen) {
        if seen.hold() == Hold::Parked {
            self.call(seen, BUSY);
        }
    }

    /// Says something of the holder that was `seen`, if there is one and it has not moved since.
    fn call(&self, seen: Seen, code: u64) {
        let (before, after) = (seen.0, seen.with(code).0);
        if seen.code() != OPEN
            && self
                .state
                .compare_exchange(before, after, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            self.moved.notify_waiters();
        }
    }

    /// What the holder of the whole tells the others before it leaves its thread to them.
    pub fn park(&self, hold: Hold) {
        let code = match hold {
            Hold::Brief => BRIEF,
            Hold::Parked => PARKED,
            Hold::Busy => BUSY,
        };
        self.set(code);
    }

    /// For the holder alone: who comes between says of it what it will be told next.
    fn set(&self, code: u64) {
        let seen = self.seen();
        if seen.code() != code {
            self.state.store(seen.with(code).0, Ordering::SeqCst);
            self.moved.notify_waiters();
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // In this order: once it is unlocked, the next holder may park, and its word must stand.
        self.gate.set(OPEN);
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
        assert!(shared.is_ok());
        drop(shared);
        let whole = gate.whole().unwrap();
        gate.park(Hold::Parked);
        assert!(gate.shared().is_err());
        assert!(gate.whole().is_err());
        drop(whole);
        assert!(gate.shared().is_ok());
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
        let seen = Seen(BRIEF);
        let moved = std::pin::pin!(gate.moved_from(seen));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(moved.poll(&mut task).is_ready());
    }

    #[test]
    fn a_holder_that_does_not_park_is_called_parked_by_who_waits_and_busy_by_who_waits_longer() {
        let gate = Arc::new(Gate::default());
        let whole = gate.whole().unwrap();
        let seen = gate.shared().err().unwrap();
        assert_eq!(seen.hold(), Hold::Parked);
        gate.call_busy(seen);
        assert_eq!(gate.hold(), Hold::Busy);
        assert!(gate.whole().is_err());
        drop(whole);
        assert_eq!(gate.hold(), Hold::Brief);
        assert!(gate.shared().is_ok());
    }

    #[test]
    fn what_is_said_of_a_holder_is_never_said_of_the_next_one() {
        let gate = Arc::new(Gate::default());
        let first = gate.whole().unwrap();
        gate.park(Hold::Parked);
        let seen = gate.seen();
        drop(first);
        let _second = gate.whole().unwrap();
        gate.park(Hold::Parked);
        gate.call_busy(seen);
        assert_eq!(gate.hold(), Hold::Parked);
    }

    #[test]
    fn nobody_is_called_anything_while_nobody_has_the_whole() {
        let gate = Arc::new(Gate::default());
        let shared = gate.shared();
        assert!(gate.whole().is_err());
        assert_eq!(gate.hold(), Hold::Brief);
        drop(shared);
        assert!(gate.whole().is_ok());
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
                    let _second = gate.whole_blocking();
                    gate.park(Hold::Parked);
                    is_dropped.recv().unwrap();
                    assert_eq!(gate.hold(), Hold::Parked);
                });
                drop(first);
                dropped.send(()).unwrap();
            });
        }
    }
}
