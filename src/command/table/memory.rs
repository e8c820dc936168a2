//! Rows of MEMORY, and of what works on whole databases.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{memory, server, transfer};

use super::row::{at_least, container, exactly, row};
use super::{Categories, Flags, Keys, Origin, Row, Scope, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    row("swapdb", exactly(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .categories_too(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .scope(Scope::Whole)
        .since(Origin::Redis("4.0.0"))
        .complexity("O(1), or O(N) in the number of keys while a client watches or listens to any.")
        .syntax("index1 index2")
        .summary("Gives each of two databases the keys of the other.")
        .run(transfer::swapdb),
    container("memory", MEMORY_SUBCOMMANDS)
        .since(Origin::Redis("4.0.0"))
        .summary("Tells what keys and the process take."),
];

const MEMORY_SUBCOMMANDS: &[Row] = &[
    report_row("memory|doctor")
        .summary("Returns advice on the memory of the process.")
        .run(memory::doctor),
    report_row("memory|malloc-stats")
        .summary("Returns what the allocator tells: nothing.")
        .run(memory::malloc_stats),
    report_row("memory|purge")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .summary("Does nothing: the allocator gives memory back by itself.")
        .run(memory::purge),
    report_row("memory|stats")
        .summary("Returns figures of the memory of the process and of each database.")
        .run(memory::stats),
    row("memory|usage", at_least(3))
        .flags(&[Flags::READONLY])
        .keys(Keys::second(Usage::INSPECT))
        .since(Origin::Redis("4.0.0"))
        .complexity("O(1)")
        .syntax("key [SAMPLES count]")
        .summary("Returns the bytes of memory that a key takes.")
        .run(memory::usage),
    row("memory|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("4.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

/// Begins the row of a subcommand that tells of the whole process.
const fn report_row(name: &'static str) -> Row {
    row(name, exactly(2))
        .since(Origin::Redis("4.0.0"))
        .complexity("O(1)")
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
}
