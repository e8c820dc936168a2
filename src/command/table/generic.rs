//! Rows of the commands that work on keys of any type.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::generic;

use super::row::{at_least, exactly, row};
use super::{Arity, Categories, Flags, Keys, Origin, Row, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    generic_row("del", at_least(2))
        .flags(&[Flags::WRITE])
        .keys(Keys::every(Usage::REMOVE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the number of keys.")
        .syntax("key ...")
        .summary("Removes keys and returns how many there were.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .run(generic::del),
    generic_row("unlink", at_least(2))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::every(Usage::REMOVE))
        .since(Origin::Redis("4.0.0"))
        .complexity("O(N) in the number of keys.")
        .syntax("key ...")
        .summary("Removes keys, as DEL does.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .run(generic::del),
    generic_row("exists", at_least(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::every(Usage::INSPECT))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the number of keys.")
        .syntax("key ...")
        .summary("Returns how many of the keys exist.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .run(generic::exists),
    generic_row("type", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::INSPECT))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the type of the value at a key.")
        .run(generic::type_of),
    generic_row("keys", exactly(2))
        .flags(&[Flags::READONLY])
        .categories_too(&[Categories::DANGEROUS])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the number of keys in the database.")
        .syntax("pattern")
        .summary("Returns every key that matches a pattern.")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .run(generic::keys),
    generic_row("scan", at_least(2))
        .flags(&[Flags::READONLY])
        .since(Origin::Redis("2.8.0"))
        .complexity("O(1) for each call, O(N) in the number of keys for a whole pass.")
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .summary("Walks over the keys of the database, some with each call.")
        .tips(&["nondeterministic_output", "request_policy:special"])
        .run(generic::scan),
];

/// Begins a row of this family: every one is `@keyspace`.
const fn generic_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::KEYSPACE])
}
