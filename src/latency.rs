//! Latency events: what took longer than `latency-monitor-threshold`, a history for each kind.
//!
//! As in Redis an event keeps the worst sample of each second, the latest 160 of them, and its
//! worst ever. What is an event, and what is too long, is decided by the caller.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Samples that an event keeps.
const SAMPLES_MAX: usize = 160;

/// See the module's text.
#[derive(Default)]
pub struct Latency(Mutex<Vec<(&'static str, Series)>>);

/// The history of one event; it has at least one sample.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The oldest first.
    pub samples: VecDeque<Sample>,
    /// The worst since the start or the last reset.
    pub worst_ms: u64,
}

/// The worst of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Seconds since 1970.
    pub unix_s: i64,
    /// How long it took.
    pub took_ms: u64,
}

impl Latency {
    /// Adds a sample to an event.
    pub fn add(&self, event: &'static str, sample: Sample) {
        let mut events = self.0.lock();
        let series = match events.iter_mut().find(|(name, _)| *name == event) {
            Some((_, series)) => series,
            None => {
                events.push((event, Series::default()));
                let last = events.len() - 1;
                &mut events[last].1
            }
        };
        series.worst_ms = series.worst_ms.max(sample.took_ms);
        match series.samples.back_mut() {
            Some(last) if last.unix_s == sample.unix_s => {
                last.took_ms = last.took_ms.max(sample.took_ms);
            }
            _ => {
                if series.samples.len() == SAMPLES_MAX {
                    series.samples.pop_front();
                }
                series.samples.push_back(sample);
            }
        }
    }

    /// Every event with its history, in the order in which they came up.
    pub fn events(&self) -> Vec<(&'static str, Series)> {
        self.0.lock().clone()
    }

    /// The history of an event, if there is one.
    pub fn history(&self, event: &[u8]) -> Option<Series> {
        let events = self.0.lock();
        let found = events.iter().find(|(name, _)| is_named(name, event));
        found.map(|(_, series)| series.clone())
    }

    /// Forgets the events of these names, or all for no name; tells how many there were.
    pub fn reset(&self, names: &[&[u8]]) -> usize {
        let mut events = self.0.lock();
        let before = events.len();
        events.retain(|(event, _)| {
            !names.is_empty() && !names.iter().any(|name| is_named(event, name))
        });
        before - events.len()
    }
}

fn is_named(event: &str, name: &[u8]) -> bool {
    event.as_bytes().eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(unix_s: i64, took_ms: u64) -> Sample {
        Sample { unix_s, took_ms }
    }

    #[test]
    fn a_second_keeps_its_worst_sample() {
        let latency = Latency::default();
        for (unix_s, took_ms) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            latency.add("command", sample(unix_s, took_ms));
        }
        let series = latency.history(b"COMMAND").unwrap();
        assert_eq!(series.samples, [sample(1, 9), sample(2, 3)]);
        assert_eq!(series.worst_ms, 9);
    }

    #[test]
    fn an_event_keeps_its_latest_samples_and_its_worst() {
        let latency = Latency::default();
        for second in 0..200 {
            latency.add("command", sample(second, if second == 0 { 50 } else { 1 }));
        }
        let series = latency.history(b"command").unwrap();
        assert_eq!(series.samples.len(), SAMPLES_MAX);
        assert_eq!(series.samples.front(), Some(&sample(40, 1)));
        assert_eq!(series.worst_ms, 50);
    }

    #[test]
    fn a_reset_takes_the_named_events_or_all() {
        let latency = Latency::default();
        latency.add("command", sample(1, 1));
        latency.add("fast-command", sample(1, 1));
        assert_eq!(latency.reset(&[b"nosuch"]), 0);
        assert_eq!(latency.reset(&[b"command", b"command"]), 1);
        assert_eq!(latency.reset(&[]), 1);
        assert!(latency.events().is_empty());
    }
}
