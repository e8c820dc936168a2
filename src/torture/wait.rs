//! Waiting that the end of the run cuts short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Stopwatch;

/// The longest that somebody does not notice that the run is over.
const NOTICE: Duration = Duration::from_millis(20);

/// Waits until `at_ns` by the run's clock; tells whether the run goes on.
pub(super) fn wait_until(clock: Stopwatch, at_ns: u64, is_over: &AtomicBool) -> bool {
    loop {
        if is_over.load(Ordering::Relaxed) {
            return false;
        }
        let left_ns = at_ns.saturating_sub(clock.elapsed_ns());
        if left_ns == 0 {
            return true;
        }
        std::thread::park_timeout(Duration::from_nanos(left_ns).min(NOTICE));
    }
}
