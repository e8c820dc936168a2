//! LATENCY: what took too long, and how long commands take.

mod doctor;
mod graph;

use crate::command::table::{self, Row};
use crate::command::{CommandResult, Context};
use crate::error::{CommandError, Quoted};
use crate::histogram::Histogram;
use crate::latency::Sample;
use crate::resp::reply::Reply;

/// Replies the latest and the worst sample of each event.
///
/// `LATENCY LATEST`
pub fn latest(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let events = ctx.instance.latency.events();
    let line = |(event, series): &(&str, crate::latency::Series)| {
        let last = series.samples.back()?;
        Some(Reply::Array(vec![
            Reply::bulk(event),
            Reply::Integer(last.unix_s),
            millis(last.took_ms),
            millis(series.worst_ms),
        ]))
    };
    Ok(Reply::Array(events.iter().filter_map(line).collect()).into())
}

/// Replies the samples of an event: Unix time in seconds and milliseconds.
///
/// `LATENCY HISTORY event`
pub fn history(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let series = ctx.instance.latency.history(args[2]).unwrap_or_default();
    let pair =
        |sample: &Sample| Reply::Array(vec![Reply::Integer(sample.unix_s), millis(sample.took_ms)]);
    Ok(Reply::Array(series.samples.iter().map(pair).collect()).into())
}

/// Draws the samples of an event.
///
/// `LATENCY GRAPH event`
pub fn graph(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let events = ctx.instance.latency.events();
    let found = events
        .iter()
        .find(|(event, _)| event.as_bytes().eq_ignore_ascii_case(args[2]));
    let Some((event, series)) = found else {
        return Err(CommandError::NoLatencySamples {
            event: Quoted::whole(args[2]),
        });
    };
    let unix_s = ctx.instance.clock.unix_micros().div_euclid(1_000_000);
    Ok(Reply::Verbatim(graph::draw(event, series, unix_s)).into())
}

/// Replies a report in sentences.
///
/// `LATENCY DOCTOR`
pub fn doctor(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::Verbatim(doctor::report(ctx.instance)).into())
}

/// Forgets the samples of events, or all; replies how many events there were.
///
/// `LATENCY RESET [event [event ...]]`
pub fn reset(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(Reply::from(ctx.instance.latency.reset(&args[2..])).into())
}

/// Replies for each command how many runs took at most 1, 2, 4, ... microseconds.
///
/// `LATENCY HISTOGRAM [command [command ...]]`
///
/// A bound at which nothing is added is left out. Commands that have not run are left out, too.
pub fn histogram(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    ctx.settle_counts();
    let rows: Vec<&Row> = match &args[2..] {
        [] => table::all().collect(),
        names => names.iter().flat_map(|name| rows_of(name)).collect(),
    };
    let counted = rows.into_iter().filter_map(|row| {
        let times = ctx.instance.stats.commands.of(row).times()?;
        let total = times.total();
        (total > 0).then(|| (Reply::bulk(row.name), cumulative(times, total)))
    });
    Ok(Reply::Map(counted.collect()).into())
}

/// The row of a name; of a container the rows inside.
fn rows_of(name: &[u8]) -> Vec<&'static Row> {
    match table::find_path(name) {
        None => Vec::new(),
        Some(row) if row.subcommands.is_empty() => vec![row],
        // The table has them with their counters' places, the container without.
        Some(row) => std::iter::once(row)
            .chain(row.subcommands)
            .filter_map(|row| table::find_path(row.name.as_bytes()))
            .collect(),
    }
}

fn cumulative(times: &Histogram, total: u64) -> Reply {
    let count = |count: u64| Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let mut bounds: Vec<(Reply, Reply)> = Vec::new();
    let (mut bound_ns, mut seen, mut shown) = (FIRST_BOUND_NS, 0, 0);
    let mut filled = times.filled().peekable();
    while shown < total {
        while let Some((_, more)) = filled.next_if(|(bucket, _)| bucket.longest_ns() < bound_ns) {
            seen += more;
        }
        if seen > shown {
            bounds.push((count(label_us(bound_ns)), count(seen)));
            shown = seen;
        } else if filled.peek().is_none() {
            break;
        }
        bound_ns *= 2;
    }
    let calls = (Reply::bulk("calls"), count(total));
    let histogram = (Reply::bulk("histogram_usec"), Reply::Map(bounds));
    Reply::Map(vec![calls, histogram])
}

/// The first bound, and the distance of Redis's labels from the powers of two: its histograms keep
/// 128 values apart from one to the next, and it tells the end of the first of them.
const FIRST_BOUND_NS: u64 = 1024;

fn label_us(bound_ns: u64) -> u64 {
    (bound_ns + bound_ns / 128 - 1) / 1000
}

fn millis(ms: u64) -> Reply {
    Reply::Integer(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::histogram::Bucket;

    #[test]
    fn bounds_have_the_labels_of_redis() {
        let labels: Vec<u64> = (0..12).map(|n| label_us(FIRST_BOUND_NS << n)).collect();
        assert_eq!(labels, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113]);
    }

    #[test]
    fn counts_add_up_and_idle_bounds_are_left_out() {
        let times = Histogram::default();
        for (us, count) in [(1, 3), (30, 2), (2_000_000, 1)] {
            times.add(Bucket::of(Duration::from_micros(us)), count);
        }
        let Reply::Map(fields) = cumulative(&times, times.total()) else {
            panic!("a map")
        };
        assert_eq!(fields[0].1, Reply::Integer(6));
        let Reply::Map(bounds) = &fields[1].1 else {
            panic!("a map")
        };
        let pair = |label, count| (Reply::Integer(label), Reply::Integer(count));
        assert_eq!(bounds[..], [pair(1, 3), pair(33, 5), pair(1_082_130, 6)]);
    }
}
