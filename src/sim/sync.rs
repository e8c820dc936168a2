//! The names of `sync.rs` in tests: the system's locks, threads and timers outside of a simulation;
//! inside, whoever would wait hands on its turn.
//!
//! A lock is the real one: it is tried, and if it is taken the others run until something has
//! changed. So a lock that is held while its holder is interrupted keeps out whom it should.

use std::future::poll_fn;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use parking_lot::RawRwLock;
use parking_lot::lock_api::ArcRwLockWriteGuard;

use super::world::{ActorHandle, here, is_simulated, step, with_here};

/// Tries until it succeeds, or a time has come.
fn acquire<G>(until_ns: Option<u64>, attempt: impl Fn() -> Option<G>) -> Option<G> {
    step();
    let mut is_first = true;
    loop {
        if let Some(guard) = attempt() {
            return Some(guard);
        }
        let here = here();
        match until_ns {
            Some(until_ns) if here.world.now_ns() >= until_ns => return None,
            Some(_) => here.rest(20_000),
            None => here.contend(is_first),
        }
        is_first = false;
    }
}

/// As `parking_lot` has it.
#[derive(Debug, Default)]
pub struct Mutex<T: ?Sized>(parking_lot::Mutex<T>);

/// As `parking_lot` has it.
#[derive(Debug)]
pub struct MutexGuard<'a, T: ?Sized>(parking_lot::MutexGuard<'a, T>);

impl<T> Mutex<T> {
    /// A lock that nobody has.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(parking_lot::Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if is_simulated()
            && let Some(guard) = acquire(None, || self.0.try_lock())
        {
            return MutexGuard(guard);
        }
        MutexGuard(self.0.lock())
    }

    /// Takes the lock if nobody has it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().map(MutexGuard)
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    /// The guard inside lets the lock go: whoever has this one may name it a thing to be dropped.
    fn drop(&mut self) {}
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// As `parking_lot` has it.
#[derive(Debug, Default)]
pub struct RwLock<T>(Arc<parking_lot::RwLock<T>>);

/// As `parking_lot` has it.
pub type RwLockReadGuard<'a, T> = parking_lot::RwLockReadGuard<'a, T>;

impl<T> RwLock<T> {
    /// Waits for the lock beside others.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        match is_simulated() {
            true => acquire(None, || self.0.try_read()).unwrap_or_else(|| self.0.read()),
            false => self.0.read(),
        }
    }

    /// Takes the lock beside others if nobody has it alone.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        step();
        self.0.try_read()
    }

    /// Waits for the lock for a time.
    pub fn try_read_for(&self, limit: Duration) -> Option<RwLockReadGuard<'_, T>> {
        match until(limit) {
            Some(until_ns) => acquire(Some(until_ns), || self.0.try_read()),
            None => self.0.try_read_for(limit),
        }
    }

    /// Waits for the lock alone.
    pub fn write(&self) -> parking_lot::RwLockWriteGuard<'_, T> {
        match is_simulated() {
            true => acquire(None, || self.0.try_write()).unwrap_or_else(|| self.0.write()),
            false => self.0.write(),
        }
    }

    /// The same, with a guard that owns the lock.
    pub fn write_arc(&self) -> ArcRwLockWriteGuard<RawRwLock, T> {
        match is_simulated() {
            true => acquire(None, || self.0.try_write_arc()).unwrap_or_else(|| self.0.write_arc()),
            false => self.0.write_arc(),
        }
    }

    /// Waits for that for a time.
    pub fn try_write_arc_for(&self, limit: Duration) -> Option<ArcRwLockWriteGuard<RawRwLock, T>> {
        match until(limit) {
            Some(until_ns) => acquire(Some(until_ns), || self.0.try_write_arc()),
            None => self.0.try_write_arc_for(limit),
        }
    }
}

/// When a limit is over, in a simulation.
fn until(limit: Duration) -> Option<u64> {
    with_here(|here| here.world.now_ns() + limit.as_nanos() as u64)
}

/// As `parking_lot` has it.
#[derive(Debug, Default)]
pub struct Condvar(parking_lot::Condvar);

/// Whether a wait has ended by its time.
#[derive(Clone, Copy, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether it has.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar(parking_lot::Condvar::new())
    }

    /// What wakes those who wait: actors know each other by it.
    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Wakes one.
    pub fn notify_one(&self) {
        if with_here(|here| here.world.wake_one(self.key())).is_none() {
            self.0.notify_one();
        }
    }

    /// Wakes all.
    pub fn notify_all(&self) {
        if with_here(|here| here.world.wake(self.key())).is_none() {
            self.0.notify_all();
        }
    }

    /// Waits to be woken.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        match is_simulated() {
            true => {
                let wait = || here().wait(self.key(), None);
                parking_lot::MutexGuard::unlocked(&mut guard.0, wait);
            }
            false => self.0.wait(&mut guard.0),
        }
    }

    /// Waits to be woken, or for a time.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> WaitTimeoutResult {
        match until(limit) {
            Some(until_ns) => {
                let wait = || here().wait(self.key(), Some(until_ns));
                WaitTimeoutResult(!parking_lot::MutexGuard::unlocked(&mut guard.0, wait))
            }
            None => WaitTimeoutResult(self.0.wait_for(&mut guard.0, limit).timed_out()),
        }
    }
}

/// A thread, or an actor.
pub struct JoinHandle<T>(Joined<T>);

enum Joined<T> {
    Thread(std::thread::JoinHandle<T>),
    Actor(ActorHandle),
}

impl JoinHandle<()> {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// What it has panicked with.
    pub fn join(self) -> std::thread::Result<()> {
        match self.0 {
            Joined::Thread(thread) => thread.join(),
            Joined::Actor(actor) => {
                actor.join();
                Ok(())
            }
        }
    }
}

/// Starts a thread, or an actor.
///
/// # Errors
/// The system has no thread.
pub fn spawn(
    name: &str,
    stack_bytes: usize,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    if is_simulated() {
        let here = here();
        let actor = here.spawn(name, &here.process, work);
        return Ok(JoinHandle(Joined::Actor(actor)));
    }
    let builder = std::thread::Builder::new().name(name.to_owned());
    let thread = builder.stack_size(stack_bytes).spawn(work)?;
    Ok(JoinHandle(Joined::Thread(thread)))
}

/// Ends after `rest`.
pub async fn sleep(rest: Duration) {
    let Some(until_ns) = until(rest) else {
        return tokio::time::sleep(rest).await;
    };
    poll_fn(|task| match here().world.now_ns() >= until_ns {
        true => Poll::Ready(()),
        false => {
            super::executor::wake_at(until_ns, task.waker());
            Poll::Pending
        }
    })
    .await;
}
