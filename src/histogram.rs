//! Counts of durations by their size: sixteen buckets from each power of two nanoseconds to the
//! next, so what is read of them is at most 6.25 % too high.
//!
//! Any thread adds. A reader that looks meanwhile sees each count as it was at some moment.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Durations below this many nanoseconds have a bucket each, and so many buckets lie between two
/// powers of two.
const FINE: u64 = 16;
const FINE_BITS: u32 = FINE.trailing_zeros();
/// The highest bit of the longest duration that is told apart: half a second to 1.07 s.
const TOP_BIT: u32 = 29;
/// How many buckets there are.
const BUCKETS: usize = (FINE as usize) * (TOP_BIT - FINE_BITS + 2) as usize;

/// The number of a duration's bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket of a duration; all from 1.07 seconds on share the last.
    #[inline]
    pub fn of(duration: Duration) -> Bucket {
        Bucket::of_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The bucket of a duration in nanoseconds.
    #[inline]
    pub fn of_ns(nanos: u64) -> Bucket {
        let nanos = nanos.min((1 << (TOP_BIT + 1)) - 1);
        if nanos < FINE {
            return Bucket(nanos as u16);
        }
        let shift = nanos.ilog2() - FINE_BITS;
        Bucket((u64::from(shift) * FINE + (nanos >> shift)) as u16)
    }

    /// The longest duration of the bucket, in nanoseconds.
    pub fn longest_ns(self) -> u64 {
        let number = u64::from(self.0);
        if number < 2 * FINE {
            return number;
        }
        let shift = number / FINE - 1;
        ((number % FINE + FINE + 1) << shift) - 1
    }
}

/// See the module's text.
pub struct Histogram(Box<[AtomicU64]>);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({})", self.total())
    }
}

impl Histogram {
    /// Adds `count` durations of a bucket.
    pub fn add(&self, bucket: Bucket, count: u64) {
        self.0[usize::from(bucket.0)].fetch_add(count, Ordering::Relaxed);
    }

    /// How many were added.
    pub fn total(&self) -> u64 {
        self.filled().map(|(_, count)| count).sum()
    }

    /// The buckets that have something, shortest durations first.
    pub fn filled(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        let counts = (0..).zip(&self.0);
        counts
            .map(|(number, count)| (Bucket(number), count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count != 0)
    }

    /// A duration that `percent` percent of what was added do not exceed, in nanoseconds; 0 if
    /// there is nothing.
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        let total = self.total();
        let wanted = ((percent / 100.0 * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in self.filled() {
            seen += count;
            if seen >= wanted {
                return bucket.longest_ns();
            }
        }
        0
    }

    /// Forgets everything.
    pub fn reset(&self) {
        for count in &self.0 {
            count.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket_and_not_in_the_one_before() {
        for nanos in (0..5000).chain((12..30).flat_map(|bit| {
            let power = 1u64 << bit;
            [power - 1, power, power + power / 3]
        })) {
            let bucket = Bucket::of(Duration::from_nanos(nanos));
            assert!(nanos <= bucket.longest_ns(), "{nanos}");
            assert!(bucket.longest_ns() <= nanos + nanos / 16, "{nanos}");
            if bucket.0 > 0 {
                assert!(Bucket(bucket.0 - 1).longest_ns() < nanos, "{nanos}");
            }
        }
    }

    #[test]
    fn what_is_too_long_shares_the_last_bucket() {
        let last = Bucket((BUCKETS - 1) as u16);
        for seconds in [2, 60, u64::MAX] {
            assert_eq!(Bucket::of(Duration::from_secs(seconds)), last);
        }
    }

    #[test]
    fn a_percentile_is_found_by_counting() {
        let histogram = Histogram::default();
        assert_eq!(histogram.percentile_ns(50.0), 0);
        for (nanos, count) in [(10, 98), (1000, 1), (100_000, 1)] {
            histogram.add(Bucket::of(Duration::from_nanos(nanos)), count);
        }
        assert_eq!(histogram.total(), 100);
        assert_eq!(histogram.percentile_ns(0.0), 10);
        assert_eq!(histogram.percentile_ns(98.0), 10);
        let near = |percent: f64, nanos: u64| {
            let found = histogram.percentile_ns(percent);
            (nanos..=nanos + nanos / 16).contains(&found)
        };
        assert!(near(98.5, 1000));
        assert!(near(100.0, 100_000));
    }
}
