//! Failed AUTHs: how fast they are answered, and how often the log tells of them.
//!
//! The answer is Redis's in any case, and a right password is never kept waiting. Who guesses
//! faster than `auth-failures-per-second`, on however many connections, gets each answer when its
//! turn comes.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::BootTime;

/// No answer waits longer: somebody who only has an old password should still be told so.
const WAIT_MAX_US: u64 = 1_000_000;
/// The log tells of failures no more often.
const LOG_PAUSE_US: u64 = 10_000_000;

/// The failed AUTHs of one server.
#[derive(Debug, Default)]
pub struct AuthFailures {
    /// When the failures so far have had their turns, in boot microseconds.
    busy_until_us: AtomicU64,
    /// Failures that the log has not told of.
    untold: AtomicU64,
    /// When it told of some, in boot microseconds; 0 for never.
    told_us: AtomicU64,
}

impl AuthFailures {
    /// Counts a failure at `now`; tells when it may be answered, if not at once. Of `per_second`
    /// failures, 0 for any number, all are answered at once if none came in the second before.
    pub fn answer_at(&self, now: BootTime, per_second: u32) -> Option<BootTime> {
        let turn_us = 1_000_000 / u64::from(per_second).max(1);
        if per_second == 0 {
            return None;
        }
        let now_us = now.micros();
        let next = |busy_until_us: u64| {
            let free_us = busy_until_us.max(now_us.saturating_sub(1_000_000));
            Some((free_us + turn_us).min(now_us + WAIT_MAX_US))
        };
        let order = Ordering::Relaxed;
        let before = self.busy_until_us.fetch_update(order, order, next);
        let turn_ends_us = before.ok().and_then(next).unwrap_or(now_us);
        (turn_ends_us > now_us).then(|| BootTime::from_micros(turn_ends_us))
    }

    /// Counts a failure at `now`; tells how many there were since the log told of some, if it is
    /// time to tell of these.
    pub fn to_log(&self, now: BootTime) -> Option<u64> {
        let order = Ordering::Relaxed;
        self.untold.fetch_add(1, order);
        let (now_us, told_us) = (now.micros(), self.told_us.load(order));
        let is_due = told_us == 0 || now_us.saturating_sub(told_us) >= LOG_PAUSE_US;
        let is_mine = is_due
            && self
                .told_us
                .compare_exchange(told_us, now_us, order, order)
                .is_ok();
        is_mine.then(|| self.untold.swap(0, order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> BootTime {
        BootTime::from_micros(10_000_000 + us)
    }

    #[test]
    fn a_second_s_worth_is_answered_at_once_and_then_one_a_turn() {
        let failures = AuthFailures::default();
        for _ in 0..100 {
            assert_eq!(failures.answer_at(at(0), 100), None);
        }
        assert_eq!(failures.answer_at(at(0), 100), Some(at(10_000)));
        assert_eq!(failures.answer_at(at(0), 100), Some(at(20_000)));
        assert_eq!(failures.answer_at(at(20_000), 100), Some(at(30_000)));
        // While nobody fails, turns are saved up again, for a second at most.
        assert_eq!(failures.answer_at(at(40_000), 100), None);
        assert_eq!(failures.answer_at(at(40_000), 100), Some(at(50_000)));
        for _ in 0..100 {
            assert_eq!(failures.answer_at(at(60_000_000), 100), None);
        }
        assert!(failures.answer_at(at(60_000_000), 100).is_some());
    }

    #[test]
    fn no_answer_waits_longer_than_a_second_and_without_a_limit_none_waits() {
        let failures = AuthFailures::default();
        for _ in 0..10_000 {
            let end = failures.answer_at(at(0), 3);
            assert!(end.is_none_or(|end| end <= at(1_000_000)), "{end:?}");
        }
        assert_eq!(failures.answer_at(at(0), 3), Some(at(1_000_000)));
        assert_eq!(failures.answer_at(at(0), 0), None);
    }

    #[test]
    fn the_log_tells_of_the_first_failure_and_then_of_all_in_ten_seconds() {
        let failures = AuthFailures::default();
        assert_eq!(failures.to_log(at(0)), Some(1));
        for us in 1..500 {
            assert_eq!(failures.to_log(at(us)), None);
        }
        assert_eq!(failures.to_log(at(LOG_PAUSE_US)), Some(500));
        assert_eq!(failures.to_log(at(LOG_PAUSE_US + 1)), None);
    }
}
