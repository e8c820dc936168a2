//! Rows of the commands that tell of locks and of who waits for them.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{lock, server};

use super::row::{at_least, container, exactly, row};
use super::{Categories, Flags, Keys, Origin, Row, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[container("lock", SUBCOMMANDS)
    .since(Origin::Quintlock("0.1.0"))
    .summary("Tells who holds locks, and who wants them.")];

const KEY_BEHIND: Keys = Keys::Range {
    first: 2,
    last: Some(2),
    step: 1,
    usage: Usage::READ,
};

const SUBCOMMANDS: &[Row] = &[
    row("lock|list", at_least(2))
        .flags(&[Flags::READONLY])
        .categories_too(&[Categories::KEYSPACE])
        .since(Origin::Quintlock("0.1.0"))
        .complexity("O(N) in the number of keys in the database.")
        .syntax("[MATCH pattern] [COUNT count]")
        .summary("Tells the locks that are held, 100 unless COUNT says otherwise.")
        .tips(&["nondeterministic_output"])
        .run(lock::list),
    row("lock|info", exactly(3))
        .flags(&[Flags::READONLY])
        .keys(KEY_BEHIND)
        .since(Origin::Quintlock("0.1.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Tells who holds a lock, since when, and who was refused.")
        .tips(&["nondeterministic_output"])
        .run(lock::info),
    row("lock|top", at_least(2))
        .flags(&[Flags::READONLY])
        .categories_too(&[Categories::KEYSPACE])
        .since(Origin::Quintlock("0.1.0"))
        .complexity("O(N log N) in the number of locks that somebody was refused.")
        .syntax("[count]")
        .summary("Tells the locks with the most refusals, 10 unless a number is given.")
        .tips(&["nondeterministic_output"])
        .run(lock::top),
    row("lock|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Quintlock("0.1.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];
