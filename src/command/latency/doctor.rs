//! LATENCY DOCTOR: what the samples tell, and what to look at.

use std::fmt::Write as _;

use crate::instance::Instance;
use crate::latency::Series;

/// The report.
pub(super) fn report(instance: &Instance) -> String {
    let observation = &instance.config.settings.observation;
    let Some(threshold) = observation.latency_threshold() else {
        return "Latency is not watched: latency-monitor-threshold is 0. CONFIG SET \
                latency-monitor-threshold <milliseconds> records what takes longer.\n"
            .to_owned();
    };
    let events = instance.latency.events();
    if events.is_empty() {
        return format!(
            "Nothing took {} ms or longer since the start or the last LATENCY RESET.\n",
            threshold.as_millis()
        );
    }
    let mut text = String::new();
    for (number, (event, series)) in (1..).zip(&events) {
        let _ = writeln!(text, "{number}. {}", sentence(event, series));
    }
    text.push_str("\nWhat to look at:\n\n");
    let slow = observation.slowlog_slower_than();
    if slow.is_none_or(|slow| slow > threshold) {
        let _ = writeln!(
            text,
            "- SLOWLOG misses some of these commands. CONFIG SET slowlog-log-slower-than {} keeps \
             all of them.",
            threshold.as_micros()
        );
    }
    text.push_str(
        "- SLOWLOG GET names the commands. EVAL in Lua, EXEC, KEYS, FLUSHALL and DEBUG SLEEP keep \
         other clients waiting.\n\
         - SCRIPT EXPLAIN tells why a script does not run natively, beside others.\n\
         - INFO latencystats tells how long each command takes as a rule.\n",
    );
    text
}

fn sentence(event: &str, series: &Series) -> String {
    let count = series.samples.len() as u64;
    let sum: u64 = series.samples.iter().map(|sample| sample.took_ms).sum();
    let mean = sum / count.max(1);
    let deviation = |sample: &crate::latency::Sample| sample.took_ms.abs_diff(mean);
    let spread = series.samples.iter().map(deviation).sum::<u64>() / count.max(1);
    format!(
        "{event}: {count} samples, {mean} ms on average, mean deviation {spread} ms, worst ever {} \
         ms.",
        series.worst_ms
    )
}
