//! How long short spans of work take, one right after the other.
//!
//! Reading the system's clock waits for all that was begun before, and takes longer than a small
//! command. The processor's own counter costs less than half of that. It is used where the kernel
//! itself keeps time by it, which says that it runs evenly and alike on all cores. Its rate comes
//! from two readings of both clocks some milliseconds apart, taken by whoever happens to pass by:
//! nobody waits for it, and until it is known the system's clock is read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::system_boot_ns;

/// Where the kernel tells what it keeps time by.
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// The two readings that make a rate are so far apart: at least, so that their blur is small
/// against it, and at most, so that a machine that was suspended in between makes none.
const SPAN_NS: std::ops::Range<u64> = 20_000_000..1_000_000_000;
/// A reading of both clocks is good if the counter has moved by less meanwhile.
const BLUR_TICKS: u64 = 4_000;
/// A rate is so many nanoseconds for 2^32 ticks.
const RATE_BITS: u32 = 32;
/// What stands for a rate that is not known.
const UNKNOWN: u64 = 0;

static RATE: AtomicU64 = AtomicU64::new(UNKNOWN);

/// Spans, each from the end of the last one. They add up to the time that has passed.
#[derive(Clone, Copy, Debug)]
pub struct Laps {
    /// The end of the last one: in ticks where there is a rate, else in nanoseconds.
    last: u64,
    rate: u64,
}

impl Laps {
    /// Begins the first one, which began `now_ns` after boot.
    #[inline]
    pub(super) fn begin(now_ns: u64) -> Laps {
        #[cfg(test)]
        if crate::sim::world::is_simulated() {
            return Laps {
                last: now_ns,
                rate: UNKNOWN,
            };
        }
        let rate = RATE.load(Ordering::Relaxed);
        if rate == UNKNOWN {
            learn_rate();
            return Laps { last: now_ns, rate };
        }
        let last = ticks();
        Laps { last, rate }
    }

    /// The laps from the end of an earlier one to the end of this, in nanoseconds.
    #[inline]
    pub fn ns_since(self, earlier: Laps) -> u64 {
        let laps = self.last.saturating_sub(earlier.last);
        match self.rate {
            UNKNOWN => laps,
            rate => to_ns(laps, rate),
        }
    }

    /// How long this one has been, in nanoseconds; begins the next one.
    #[inline]
    pub fn lap_ns(&mut self) -> u64 {
        let now = match self.rate {
            UNKNOWN => system_boot_ns(),
            _ => ticks(),
        };
        let lap = now.saturating_sub(self.last);
        self.last = now;
        match self.rate {
            UNKNOWN => lap,
            rate => to_ns(lap, rate),
        }
    }
}

#[inline]
fn to_ns(ticks: u64, rate: u64) -> u64 {
    // Rounded, so that many short laps add up.
    let half = 1 << (RATE_BITS - 1);
    ((u128::from(ticks) * u128::from(rate) + half) >> RATE_BITS) as u64
}

/// Both clocks at one moment.
#[derive(Clone, Copy)]
struct Reading {
    ticks: u64,
    boot_ns: u64,
}

impl Reading {
    /// `None` if the thread was put aside in between.
    fn take() -> Option<Reading> {
        let before = ticks();
        let boot_ns = system_boot_ns();
        let blur = ticks().saturating_sub(before);
        (blur < BLUR_TICKS).then_some(Reading {
            ticks: before + blur / 2,
            boot_ns,
        })
    }

    /// The rate from an earlier reading to this one, if they are as far apart as they should be.
    fn rate_since(self, earlier: Reading) -> Option<u64> {
        let span_ns = self.boot_ns.checked_sub(earlier.boot_ns)?;
        let span = self.ticks.checked_sub(earlier.ticks)?;
        let rate = (u128::from(span_ns) << RATE_BITS).checked_div(u128::from(span))?;
        let is_plausible = SPAN_NS.contains(&span_ns) && span >= span_ns / 100;
        u64::try_from(rate).ok().filter(|_| is_plausible)
    }
}

/// Takes one of the readings that make the rate, if it is time for it.
#[cold]
fn learn_rate() {
    static IS_TRUSTED: OnceLock<bool> = OnceLock::new();
    static FIRST: Mutex<Option<Reading>> = Mutex::new(None);
    if !*IS_TRUSTED.get_or_init(kernel_trusts_counter) {
        return;
    }
    let (Some(now), Some(mut first)) = (Reading::take(), FIRST.try_lock()) else {
        return;
    };
    match *first {
        Some(earlier) if now.boot_ns.saturating_sub(earlier.boot_ns) < SPAN_NS.end => {
            if let Some(rate) = now.rate_since(earlier) {
                RATE.store(rate, Ordering::Relaxed);
            }
        }
        _ => *first = Some(now),
    }
}

fn kernel_trusts_counter() -> bool {
    cfg!(target_arch = "x86_64")
        && std::fs::read(CLOCK_SOURCE).is_ok_and(|source| source.trim_ascii() == b"tsc")
}

/// The processor's counter.
#[inline]
fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the instruction has no safe face")]
    // SAFETY: every x86-64 processor has the instruction; it reads a counter and nothing else.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_add_up_to_the_time_of_the_system_clock() {
        // The first ones are read from the system's clock, the later ones from the counter if the
        // kernel trusts it.
        for _ in 0..4 {
            let begin_ns = system_boot_ns();
            let mut laps = Laps::begin(begin_ns);
            let begun_ns = system_boot_ns();
            let (mut sum_ns, mut ending_ns) = (0, begun_ns);
            while ending_ns < begun_ns + SPAN_NS.start {
                ending_ns = system_boot_ns();
                sum_ns += laps.lap_ns();
            }
            let passed_ns = system_boot_ns() - begin_ns;
            // Two clocks that are read one after the other, on a machine with other work.
            let (least_ns, blur_ns) = (ending_ns - begun_ns, passed_ns / 100);
            assert!(sum_ns <= passed_ns + blur_ns, "{sum_ns} of {passed_ns} ns");
            assert!(sum_ns + blur_ns >= least_ns, "{sum_ns} of {least_ns} ns");
        }
        let is_known = RATE.load(Ordering::Relaxed) != UNKNOWN;
        assert!(is_known || !kernel_trusts_counter());
    }

    #[test]
    fn a_rate_needs_two_readings_that_are_neither_close_nor_far_apart() {
        let at = |ticks, boot_ns| Reading { ticks, boot_ns };
        let first = at(1_000, 5_000);
        // 2.5 ticks a nanosecond, and back.
        let rate = at(1_000 + 75_000_000, 5_000 + 30_000_000).rate_since(first);
        assert_eq!(rate.map(|rate| to_ns(2_500_000, rate)), Some(1_000_000));
        assert_eq!(at(1_001_000, 405_000).rate_since(first), None);
        assert_eq!(at(5_000_001_000, 2_000_005_000).rate_since(first), None);
        // A counter that has stood still, or begun anew.
        assert_eq!(at(1_000, 30_005_000).rate_since(first), None);
        assert_eq!(at(2_000, 30_005_000).rate_since(first), None);
        assert_eq!(at(10, 30_005_000).rate_since(first), None);
    }

    #[test]
    fn a_long_lap_does_not_overflow() {
        assert_eq!(to_ns(u64::MAX, 1 << RATE_BITS), u64::MAX);
        assert_eq!(to_ns(0, u64::MAX), 0);
    }
}
