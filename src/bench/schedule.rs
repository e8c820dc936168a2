//! When turns should be sent, if a rate says so.
//!
//! The turns of a thread are due at equal distances from its start, whether or not the server is
//! ready for them: one that waits for a free connection is late from the moment it was due.

use std::time::Duration;

/// Times at equal distances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    interval_ns: f64,
    /// Turns that have been taken.
    taken: u64,
}

/// Below this the loop looks again at once: the system's timers are coarser.
const SPIN_NS: u64 = 2_000_000;

impl Schedule {
    /// `rate` turns a second, above 0.
    pub(super) fn new(rate: f64) -> Schedule {
        Schedule {
            interval_ns: 1e9 / rate,
            taken: 0,
        }
    }

    /// When the next turn is due.
    fn next_ns(&self) -> u64 {
        (self.taken as f64 * self.interval_ns) as u64
    }

    /// Takes the next turn and tells when it was due, if that is not in the future.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.next_ns();
        (due_ns <= now_ns).then(|| {
            self.taken += 1;
            due_ns
        })
    }

    /// How long a loop may wait for replies before it looks for due turns again.
    pub(super) fn wait(&self, now_ns: u64) -> Duration {
        let left_ns = self.next_ns().saturating_sub(now_ns);
        // Rounded down, for the loop must not sleep through the moment.
        Duration::from_nanos(left_ns.saturating_sub(SPIN_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_due_at_equal_distances_and_stay_due() {
        let mut schedule = Schedule::new(1000.0);
        assert_eq!(schedule.take(0), Some(0));
        assert_eq!(schedule.take(999_999), None);
        let late: Vec<u64> = std::iter::from_fn(|| schedule.take(3_500_000)).collect();
        assert_eq!(late, [1_000_000, 2_000_000, 3_000_000]);
    }

    #[test]
    fn the_wait_ends_before_the_next_turn_is_due() {
        let mut schedule = Schedule::new(10.0);
        assert_eq!(schedule.wait(0), Duration::ZERO);
        schedule.take(0);
        assert_eq!(schedule.wait(0), Duration::from_millis(98));
        assert_eq!(schedule.wait(99_000_000), Duration::ZERO);
    }
}
