//! Locks, threads and timers: what one thread of a server waits for another by.
//!
//! Whatever is held or waited for while a disk is used, or while a script has the keyspace to
//! itself, goes by these names. In a program they are those of `parking_lot`, of the standard
//! library and of tokio, at no cost; in a test that is a simulation they are those of its scheduler.

#[cfg(test)]
pub use crate::sim::sync::{
    Condvar, JoinHandle, Mutex, MutexGuard, RawRwLock, RwLock, RwLockReadGuard, sleep, spawn,
};
#[cfg(not(test))]
pub use system::{
    Condvar, JoinHandle, Mutex, MutexGuard, RawRwLock, RwLock, RwLockReadGuard, sleep, spawn,
};

#[cfg(not(test))]
mod system {
    use std::io;
    use std::time::Duration;

    pub use std::thread::JoinHandle;

    pub use parking_lot::{Condvar, Mutex, MutexGuard, RawRwLock, RwLock, RwLockReadGuard};

    /// Starts a thread.
    ///
    /// # Errors
    /// The system has none.
    pub fn spawn(
        name: &str,
        stack_bytes: usize,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(stack_bytes)
            .spawn(work)
    }

    /// Ends after `rest`.
    pub async fn sleep(rest: Duration) {
        tokio::time::sleep(rest).await;
    }
}
