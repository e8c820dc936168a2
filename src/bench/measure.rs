//! What a load measures, and the report of it.
//!
//! Times are nanoseconds while they are counted and microseconds where they are shown. The
//! histogram keeps three significant digits of times up to an hour.

use hdrhistogram::Histogram;
use serde_json::json;

use crate::error::BenchError;

use super::verify::WrongReplies;
use super::workload::Workload;
use super::{Options, Target, link};

/// Longer times are counted as this one.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Shorter ones are not told apart.
const LATENCY_NS_MIN: u64 = 100;

/// What one thread has counted, or all together.
pub(super) struct Tally {
    /// Replies that came in time to be counted.
    pub(super) requests: u64,
    pub(super) latency: Histogram<u64>,
    pub(super) wrong: WrongReplies,
    /// Processor time of the generator.
    pub(super) cpu_ns: u64,
    /// What there is of a vote.
    pub(super) votes: Votes,
}

/// How the votes over several servers went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// Locks that a majority granted in time.
    pub acquired: u64,
    /// Locks that were not to be had.
    pub failed: u64,
    /// Connections to servers that were lost, with their votes.
    pub lost_connections: u64,
}

impl Tally {
    pub(super) fn new() -> Result<Tally, BenchError> {
        let latency = Histogram::new_with_bounds(LATENCY_NS_MIN, LATENCY_NS_MAX, 3);
        Ok(Tally {
            requests: 0,
            latency: latency.map_err(|error| {
                link::system("count latencies", &std::io::Error::other(error.to_string()))
            })?,
            wrong: WrongReplies::default(),
            cpu_ns: 0,
            votes: Votes::default(),
        })
    }

    /// Counts `count` replies that took the same time.
    #[inline]
    pub(super) fn record(&mut self, latency_ns: u64, count: u64) {
        self.latency.saturating_record_n(latency_ns, count);
    }

    pub(super) fn merge(&mut self, other: Tally) {
        self.requests += other.requests;
        // Both have the same bounds, so each of its counts finds a place.
        let _ = self.latency.add(&other.latency);
        self.wrong.merge(other.wrong);
        self.cpu_ns += other.cpu_ns;
        self.votes.acquired += other.votes.acquired;
        self.votes.failed += other.votes.failed;
        self.votes.lost_connections += other.votes.lost_connections;
    }
}

/// Times from sending a request to its reply, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
    pub mean: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Latency {
        let at = |quantile| micros(histogram.value_at_quantile(quantile) as f64);
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: micros(histogram.max() as f64),
            mean: micros(histogram.mean()),
        }
    }
}

/// Microseconds with one digit behind the point.
fn micros(nanos: f64) -> f64 {
    (nanos / 100.0).round() / 10.0
}

/// The result of one workload.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run.
    pub workload: Workload,
    /// Where, as it was given.
    pub target: String,
    /// Connections.
    pub clients: usize,
    /// Requests in flight on each.
    pub pipeline: usize,
    /// Threads of the generator.
    pub threads: usize,
    /// Distinct keys, as asked for.
    pub keys: u64,
    /// Bytes of a token.
    pub token_length: usize,
    /// Seconds measured.
    pub seconds: f64,
    /// Replies in that time; for votes, cycles.
    pub requests: u64,
    /// Replies that were not what they should be.
    pub wrong: WrongReplies,
    /// Requests a second that were asked for.
    pub rate: Option<f64>,
    /// From sending to the reply, or from the intended time if there is a rate.
    pub latency: Latency,
    /// Processor time of the generator for each request, in microseconds.
    pub generator_cpu_us: f64,
    /// Processor time of the server for each request, in microseconds, if its process is known.
    pub server_cpu_us: Option<f64>,
    /// How votes went, if the workload has any.
    pub votes: Option<Votes>,
}

fn target_text(targets: &[Target]) -> String {
    let texts = targets.iter().map(Target::to_string);
    texts.collect::<Vec<_>>().join(",")
}

/// A rate counts as reached from this share of it on.
const REACHED: f64 = 0.99;

impl Report {
    pub(super) fn new(
        workload: Workload,
        options: &Options,
        measured_ns: u64,
        tally: Tally,
        server_cpu_ns: Option<u64>,
    ) -> Report {
        let each = |nanos: u64| nanos as f64 / 1000.0 / tally.requests.max(1) as f64;
        Report {
            workload,
            target: target_text(options.targets(workload)),
            clients: options.clients,
            pipeline: options.pipeline,
            threads: options.threads,
            keys: options.keys,
            token_length: options.token_length,
            seconds: measured_ns as f64 / 1e9,
            requests: tally.requests,
            rate: options.rate,
            latency: Latency::of(&tally.latency),
            generator_cpu_us: each(tally.cpu_ns),
            server_cpu_us: server_cpu_ns.map(each),
            votes: (workload == Workload::Redlock).then_some(tally.votes),
            wrong: tally.wrong,
        }
    }

    /// Requests a second.
    pub fn requests_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.requests as f64 / self.seconds
        } else {
            0.0
        }
    }

    /// Whether the asked rate was reached; `None` if none was asked for.
    pub fn is_rate_reached(&self) -> Option<bool> {
        self.rate
            .map(|rate| self.requests_per_second() >= rate * REACHED)
    }

    /// Whether the generator itself was at its limit, so that the figures are not the server's.
    pub fn is_generator_the_limit(&self) -> bool {
        let busy_s = self.generator_cpu_us * self.requests as f64 / 1e6;
        self.rate.is_none() && busy_s > 0.97 * self.seconds * self.threads as f64
    }

    /// One line of JSON, without its end.
    pub fn json(&self) -> String {
        let round = |value: f64, digits: f64| (value * digits).round() / digits;
        let Latency {
            p50,
            p90,
            p99,
            p99_9,
            max,
            mean,
        } = self.latency;
        let mut value = json!({
            "workload": self.workload.name(),
            "target": self.target,
            "clients": self.clients,
            "pipeline": self.pipeline,
            "threads": self.threads,
            "keys": self.keys,
            "token_length": self.token_length,
            "seconds": round(self.seconds, 1000.0),
            "requests": self.requests,
            "requests_per_second": round(self.requests_per_second(), 10.0),
            "wrong_replies": self.wrong.count,
            "rate": self.rate,
            "rate_reached": self.is_rate_reached(),
            "generator_cpu_us_per_request": round(self.generator_cpu_us, 1000.0),
            "server_cpu_us_per_request": self.server_cpu_us.map(|us| round(us, 1000.0)),
            "latency_us": {
                "p50": p50, "p90": p90, "p99": p99, "p99_9": p99_9, "max": max, "mean": mean,
            },
        });
        if let Some(votes) = self.votes {
            value["acquired"] = votes.acquired.into();
            value["failed"] = votes.failed.into();
            value["lost_connections"] = votes.lost_connections.into();
        }
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Length;
    use super::*;
    use std::time::Duration;

    fn report(rate: Option<f64>, tally: Tally) -> Report {
        let options = Options {
            target: Target::Tcp("127.0.0.1".to_owned(), 6379),
            addresses: Vec::new(),
            password: None,
            clients: 1,
            pipeline: 1,
            threads: 1,
            keys: 1,
            token_length: 36,
            ttl_ms: 30_000,
            length: Length::Requests(1000),
            warmup: Duration::ZERO,
            rate,
            server_pid: None,
        };
        Report::new(
            Workload::Get,
            &options,
            1_000_000_000,
            tally,
            Some(2_000_000),
        )
    }

    /// 990 fast replies and 10 slow ones, counted by two threads.
    fn tally() -> Tally {
        let (mut first, mut second) = (Tally::new().unwrap(), Tally::new().unwrap());
        first.record(100_000, 990);
        second.record(5_000_000, 10);
        (first.requests, second.requests) = (990, 10);
        first.cpu_ns = 500_000;
        first.merge(second);
        first
    }

    #[test]
    fn percentiles_are_microseconds_with_three_digits() {
        let latency = report(None, tally()).latency;
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.001;
        assert!(
            near(latency.p50, 100.0) && near(latency.p99, 100.0),
            "{latency:?}"
        );
        assert!(
            near(latency.p99_9, 5000.0) && near(latency.max, 5000.0),
            "{latency:?}"
        );
        assert!(near(latency.mean, 149.0), "{latency:?}");
    }

    #[test]
    fn processor_time_is_told_for_each_request() {
        let report = report(None, tally());
        assert_eq!(report.generator_cpu_us, 0.5);
        assert_eq!(report.server_cpu_us, Some(2.0));
        assert!(!report.is_generator_the_limit());
        let mut busy = tally();
        busy.cpu_ns = 990_000_000;
        assert!(self::report(None, busy).is_generator_the_limit());
    }

    #[test]
    fn a_rate_is_reached_at_99_percent() {
        assert_eq!(report(None, tally()).is_rate_reached(), None);
        assert_eq!(report(Some(1010.0), tally()).is_rate_reached(), Some(true));
        assert_eq!(report(Some(1011.0), tally()).is_rate_reached(), Some(false));
    }

    #[test]
    fn no_time_is_too_long_to_be_counted() {
        let mut tally = Tally::new().unwrap();
        tally.record(u64::MAX, 1);
        tally.record(0, 1);
        assert_eq!(tally.latency.len(), 2);
    }
}
