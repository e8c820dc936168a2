//! How much happens in a second: between one INFO and the next.
//!
//! Redis samples ten times a second. This server does not wake to count, so a rate is the mean
//! since the last time that somebody asked, at least a tenth of a second ago.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::BootTime;
use crate::stats::Stats;

/// What is asked again within this time is answered as before.
const LEAST: Duration = Duration::from_millis(100);

/// See the module's text.
#[derive(Debug, Default)]
pub struct Rates(Mutex<Option<Reading>>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: BootTime,
    counts: [u64; 3],
    rates: PerSecond,
}

/// Means of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerSecond {
    /// Commands run.
    pub commands: f64,
    /// Bytes read from sockets.
    pub input_bytes: f64,
    /// Bytes written to sockets.
    pub output_bytes: f64,
}

impl Rates {
    /// Begins anew, as at the start.
    pub fn reset(&self) {
        *self.0.lock() = None;
    }

    /// The rates at `now`, on a server that was started at `started`.
    pub fn at(&self, now: BootTime, started: BootTime, stats: &Stats) -> PerSecond {
        let counts = [
            stats.commands.calls(),
            stats.input_bytes.read(),
            stats.output_bytes.read(),
        ];
        let mut last = self.0.lock();
        let before = last.unwrap_or(Reading {
            at: started,
            counts: [0; 3],
            rates: PerSecond::default(),
        });
        let span = Duration::from_micros(now.micros().saturating_sub(before.at.micros()));
        if span < LEAST {
            return before.rates;
        }
        // After CONFIG RESETSTAT a count is smaller than it was.
        let rate = |index: usize| {
            let more = counts[index].saturating_sub(before.counts[index]);
            more as f64 / span.as_secs_f64()
        };
        let rates = PerSecond {
            commands: rate(0),
            input_bytes: rate(1),
            output_bytes: rate(2),
        };
        *last = Some(Reading {
            at: now,
            counts,
            rates,
        });
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_mean_since_the_last_look() {
        let (rates, stats) = (Rates::default(), Stats::default());
        let at = |ms: u64| BootTime::from_micros(1 + ms * 1000);
        stats.input_bytes.add(2000);
        let look = |ms| rates.at(at(ms), at(0), &stats).input_bytes;
        assert!((look(2000) - 1000.0).abs() < 1e-6);
        stats.input_bytes.add(300);
        assert!((look(2050) - 1000.0).abs() < 1e-6, "too early");
        assert!((look(2100) - 3000.0).abs() < 1e-6);
        assert!(look(5000).abs() < 1e-6);
    }
}
