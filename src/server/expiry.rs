//! The expiry thread: removes dead keys on time and sleeps in between.
//!
//! It is a thread and not a task, so that a deadline need not wait for a worker's batch of
//! requests. Safety does not depend on it: a lookup never shows a dead key.

use std::io;
use std::sync::Arc;

use crate::instance::Instance;
use crate::keyspace::Wake;
use crate::sync::{JoinHandle, spawn};

/// Bytes of stack: it calls nothing deep.
const STACK_BYTES: usize = 128 * 1024;

/// Starts the thread of an instance; it ends when the instance is told to stop.
///
/// # Errors
/// The system has no thread.
pub(super) fn start(instance: Arc<Instance>) -> io::Result<JoinHandle<()>> {
    spawn("expiry", STACK_BYTES, move || run(&instance))
}

fn run(instance: &Instance) {
    let keyspace = &instance.keyspace;
    while keyspace.sleep_until_due(&instance.clock) == Wake::Look {
        // Not while a script or a transaction has the keyspace to itself: no key may vanish
        // between two of its commands.
        let Some(_shared) = instance.gate.shared_unless(|| instance.is_stopping()) else {
            return;
        };
        instance.expire_due();
    }
}
