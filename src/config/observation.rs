//! The settings of what watches commands: the slow log, the latency monitor, DEBUG's door.
//!
//! A batch of requests reads them once. [`Settings::refresh`](super::Settings) is the only writer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::time::Duration;

use parking_lot::RwLock;

use super::typed::Table;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Observation {
    slowlog_slower_than_us: AtomicI64,
    slowlog_entries_max: AtomicU64,
    latency_threshold_ms: AtomicU64,
    is_latency_tracked: AtomicBool,
    percentiles: RwLock<Arc<[f64]>>,
}

/// Who may use a guarded command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardedAccess {
    /// `no`
    Nobody,
    /// `local`: clients of this machine.
    Local,
    /// `yes`
    Everybody,
}

impl GuardedAccess {
    pub(super) fn parse(word: &str) -> GuardedAccess {
        match word {
            "yes" => GuardedAccess::Everybody,
            "local" => GuardedAccess::Local,
            _ => GuardedAccess::Nobody,
        }
    }
}

impl Observation {
    pub(super) fn refresh(&self, table: &Table<'_>) {
        self.slowlog_slower_than_us
            .store(table.integer("slowlog-log-slower-than"), Relaxed);
        self.slowlog_entries_max
            .store(table.long_count("slowlog-max-len"), Relaxed);
        self.latency_threshold_ms
            .store(table.long_count("latency-monitor-threshold"), Relaxed);
        self.is_latency_tracked
            .store(table.switch("latency-tracking"), Relaxed);
        *self.percentiles.write() = table
            .percentiles("latency-tracking-info-percentiles")
            .into();
    }

    /// `slowlog-log-slower-than`: `None` if nothing is logged.
    pub fn slowlog_slower_than(&self) -> Option<Duration> {
        let us = u64::try_from(self.slowlog_slower_than_us.load(Relaxed)).ok()?;
        Some(Duration::from_micros(us))
    }

    /// `slowlog-max-len`: how many entries are kept.
    pub fn slowlog_entries_max(&self) -> usize {
        usize::try_from(self.slowlog_entries_max.load(Relaxed)).unwrap_or(usize::MAX)
    }

    /// `latency-monitor-threshold`: `None` if no event is recorded.
    pub fn latency_threshold(&self) -> Option<Duration> {
        let ms = self.latency_threshold_ms.load(Relaxed);
        (ms != 0).then(|| Duration::from_millis(ms))
    }

    /// `latency-tracking`: whether each command has a histogram.
    pub fn is_latency_tracked(&self) -> bool {
        self.is_latency_tracked.load(Relaxed)
    }

    /// `latency-tracking-info-percentiles`: what INFO's latencystats tells, from 0 to 100.
    pub fn percentiles(&self) -> Arc<[f64]> {
        Arc::clone(&self.percentiles.read())
    }

    /// The shortest run of a command that anybody wants to hear of; `None` if nobody does.
    pub fn notable(&self) -> Option<Duration> {
        let slow = self.slowlog_slower_than();
        let late = self.latency_threshold();
        slow.into_iter().chain(late).min()
    }
}
