//! The sections that have a line for each command, or for each code of an error.

use std::fmt::Write as _;

use crate::clock::BootTime;
use crate::command::table;
use crate::instance::Instance;

pub(super) fn commandstats(instance: &Instance, _now: BootTime, text: &mut String) {
    for row in table::all() {
        let count = instance.stats.commands.of(row);
        let (calls, rejected) = (count.calls(), count.rejected.read());
        if calls == 0 && rejected == 0 {
            continue;
        }
        let usec = count.nanos.read() / 1000;
        let usec_per_call = count.nanos.read() as f64 / 1000.0 / calls.max(1) as f64;
        let _ = write!(
            text,
            "cmdstat_{}:calls={calls},usec={usec},usec_per_call={usec_per_call:.2},\
             rejected_calls={rejected},failed_calls={}\r\n",
            row.name,
            count.failed.read(),
        );
    }
}

pub(super) fn errorstats(instance: &Instance, _now: BootTime, text: &mut String) {
    for (code, count) in instance.stats.errors.read() {
        let _ = write!(text, "errorstat_{code}:count={count}\r\n");
    }
}

pub(super) fn latencystats(instance: &Instance, _now: BootTime, text: &mut String) {
    let observation = &instance.config.settings.observation;
    if !observation.is_latency_tracked() {
        return;
    }
    let percentiles = observation.percentiles();
    for row in table::all() {
        let times = instance.stats.commands.of(row).times();
        let Some(times) = times.filter(|times| times.total() > 0) else {
            continue;
        };
        let shares: Vec<String> = percentiles
            .iter()
            .map(|percent| {
                let us = times.percentile_ns(*percent) as f64 / 1000.0;
                format!("p{percent}={us:.3}")
            })
            .collect();
        let _ = write!(
            text,
            "latency_percentiles_usec_{}:{}\r\n",
            row.name,
            shares.join(",")
        );
    }
}
