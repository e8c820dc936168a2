//! Rows of the commands that show what other commands do: SLOWLOG, LATENCY, MONITOR.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{latency, monitor, server, slowlog};

use super::row::{at_least, container, exactly, row};
use super::{Flags, Origin, Row};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    container("slowlog", SLOWLOG_SUBCOMMANDS)
        .since(Origin::Redis("2.2.12"))
        .summary("Shows the commands that took longest."),
    container("latency", LATENCY_SUBCOMMANDS)
        .since(Origin::Redis("2.8.13"))
        .summary("Shows what took too long, and how long commands take."),
    row("monitor", exactly(1))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Shows every command of every client.")
        .run(monitor::monitor),
];

const SLOWLOG_SUBCOMMANDS: &[Row] = &[
    row("slowlog|get", at_least(2))
        .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.2.12"))
        .complexity("O(N) in the number of entries asked for.")
        .syntax("[count]")
        .summary("Returns the latest slow commands.")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .run(slowlog::get),
    row("slowlog|len", exactly(2))
        .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.2.12"))
        .complexity("O(1)")
        .summary("Returns how many slow commands are kept.")
        .tips(&[
            "request_policy:all_nodes",
            "response_policy:agg_sum",
            "nondeterministic_output",
        ])
        .run(slowlog::len),
    row("slowlog|reset", exactly(2))
        .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.2.12"))
        .complexity("O(N) in the number of entries.")
        .summary("Forgets the slow commands.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(slowlog::reset),
    row("slowlog|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

const LATENCY_SUBCOMMANDS: &[Row] = &[
    latency_row("latency|doctor", 2)
        .summary("Returns a report in sentences.")
        .run(latency::doctor),
    latency_row("latency|graph", 3)
        .syntax("event")
        .summary("Draws the samples of an event.")
        .run(latency::graph),
    latency_row("latency|histogram", 2)
        .arity(at_least(2))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of commands.")
        .syntax("[command ...]")
        .summary("Returns how many runs of each command took how long.")
        .run(latency::histogram),
    latency_row("latency|history", 3)
        .syntax("event")
        .summary("Returns the samples of an event.")
        .run(latency::history),
    latency_row("latency|latest", 2)
        .summary("Returns the latest sample of each event.")
        .run(latency::latest),
    row("latency|reset", at_least(2))
        .flags(LATENCY_FLAGS)
        .since(Origin::Redis("2.8.13"))
        .complexity("O(1)")
        .syntax("[event ...]")
        .summary("Forgets the samples of events, or of all.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
        .run(latency::reset),
    row("latency|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.8.13"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

const LATENCY_FLAGS: &[Flags] = &[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE];

/// Begins a row of LATENCY that shows something: these are alike.
const fn latency_row(name: &'static str, arguments: usize) -> Row {
    row(name, exactly(arguments))
        .flags(LATENCY_FLAGS)
        .since(Origin::Redis("2.8.13"))
        .complexity("O(1)")
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ])
}
