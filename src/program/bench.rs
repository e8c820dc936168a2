//! `quintlock bench`: runs workloads and tells their results.
//!
//! Results go to standard output, a bar to standard error and only while that is a terminal. The
//! first Ctrl-C ends the present workload with the figures so far and starts no other; the second
//! ends the program.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::Ordering;

use crate::bench::{self, Report};
use crate::cli::{BenchOptions, CliError, Format};
use crate::error::BenchError;

use super::load::{Bar, SecondSignal, stop_on_interrupt};
use super::raise_descriptor_limit;

/// Columns of the longest workload's name.
const NAME_COLUMNS: usize = 14;

/// Runs the workloads, one after another.
///
/// # Errors
/// What keeps one from running, or wrong replies.
pub fn run(options: &BenchOptions) -> Result<(), CliError> {
    let stop = stop_on_interrupt(SecondSignal::EndsTheProgram)?;
    let load = &options.load;
    let connections = (load.clients + 1) * load.addresses.len().max(1);
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    raise_descriptor_limit(connections);
    let mut faults = Vec::new();
    for workload in &options.workloads {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let bar = Bar::start(workload.name(), NAME_COLUMNS);
        let report = bench::run(load, *workload, &stop, &mut |progress| {
            let requests = grouped(progress.replies as f64, 0);
            bar.show(progress.done, format!("{requests} requests"));
        });
        bar.finish();
        let report = report?;
        let text = match options.format {
            Format::Table => table(&report),
            Format::Json => report.json() + "\n",
        };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| BenchError::System {
                what: "tell the results",
                reason: error.to_string(),
            })?;
        faults.extend(wrong_replies(&report));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(CliError::WrongReplies(faults.join("; ")))
    }
}

/// What was wrong with the replies, if anything was.
fn wrong_replies(report: &Report) -> Option<String> {
    let wrong = &report.wrong;
    (wrong.count > 0).then(|| {
        format!(
            "{} of {} replies to {} were wrong: {}",
            wrong.count,
            report.requests,
            report.workload.name(),
            wrong.samples.join(", ")
        )
    })
}

/// The result for people.
fn table(report: &Report) -> String {
    let mut text = format!(
        "{} on {}: {} clients, {} in flight each, {} keys\n",
        report.workload.name(),
        report.target,
        report.clients,
        report.pipeline,
        report.keys
    );
    let mut row = |name: &str, value: String, unit: &str| {
        let _ = writeln!(text, "  {name:<18}{value:>14} {unit}");
    };
    let votes = report.votes;
    let unit = if votes.is_some() {
        "cycles"
    } else {
        "requests"
    };
    row(
        "done",
        grouped(report.requests as f64, 0),
        &format!("{unit} in {:.3} s", report.seconds),
    );
    row("a second", grouped(report.requests_per_second(), 0), unit);
    if let Some(votes) = votes {
        row("acquired", grouped(votes.acquired as f64, 0), "locks");
        row("failed", grouped(votes.failed as f64, 0), "locks");
        let lost = grouped(votes.lost_connections as f64, 0);
        row("servers lost", lost, "connections");
    }
    row("wrong replies", grouped(report.wrong.count as f64, 0), "");
    let latency = report.latency;
    for (name, value) in [
        ("latency p50", latency.p50),
        ("latency p90", latency.p90),
        ("latency p99", latency.p99),
        ("latency p99.9", latency.p99_9),
        ("latency max", latency.max),
        ("latency mean", latency.mean),
    ] {
        row(name, grouped(value, 1), "us");
    }
    if let Some(server_us) = report.server_cpu_us {
        row("server's CPU", grouped(server_us, 3), "us each");
    }
    row(
        "generator's CPU",
        grouped(report.generator_cpu_us, 3),
        "us each",
    );
    if let (Some(rate), Some(false)) = (report.rate, report.is_rate_reached()) {
        let _ = writeln!(
            text,
            "  The rate of {} requests a second was not reached.",
            grouped(rate, 0)
        );
    }
    if report.is_generator_the_limit() {
        text.push_str(
            "  The generator was busy all the time: the server may be faster (--threads).\n",
        );
    }
    text
}

/// A number with a comma after each three digits before the point.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (text.as_str(), String::new()),
    };
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (value, decimals, text) in [
            (0.0, 0, "0"),
            (999.0, 0, "999"),
            (1000.0, 0, "1,000"),
            (1_234_567.86, 1, "1,234,567.9"),
        ] {
            assert_eq!(grouped(value, decimals), text);
        }
    }
}
