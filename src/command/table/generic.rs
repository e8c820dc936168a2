//! Rows of the commands that work on keys of any type.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{generic, object, server, transfer};

use super::row::{at_least, container, exactly, row};
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
        .tips(&[
            "nondeterministic_output",
            "request_policy:special",
            "response_policy:special",
        ])
        .run(generic::scan),
    generic_row("touch", at_least(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::every(Usage::INSPECT))
        .since(Origin::Redis("3.2.1"))
        .complexity("O(N) in the number of keys.")
        .syntax("key ...")
        .summary("Returns how many of the keys exist, as EXISTS does.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .run(generic::touch),
    generic_row("randomkey", exactly(1))
        .flags(&[Flags::READONLY])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Returns a key drawn at random.")
        .tips(&[
            "request_policy:all_shards",
            "response_policy:special",
            "nondeterministic_output",
        ])
        .run(generic::randomkey),
    generic_row("rename", exactly(3))
        .flags(&[Flags::WRITE])
        .keys(Keys::Pair {
            first: Usage::READ_AND_REMOVE,
            second: Usage::OVERWRITE,
        })
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the length of the value.")
        .syntax("key newkey")
        .summary("Renames a key and replaces what has the new name.")
        .run(transfer::rename),
    generic_row("renamenx", exactly(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::Pair {
            first: Usage::READ_AND_REMOVE,
            second: Usage::INSERT,
        })
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the length of the value.")
        .syntax("key newkey")
        .summary("Renames a key if nothing has the new name.")
        .run(transfer::renamenx),
    generic_row("copy", at_least(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::Pair {
            first: Usage::READ,
            second: Usage::OVERWRITE,
        })
        .since(Origin::Redis("6.2.0"))
        .complexity("O(N) in the length of the value.")
        .syntax("source destination [DB destination-db] [REPLACE]")
        .summary("Copies a key with its expiry.")
        .run(transfer::copy),
    generic_row("move", exactly(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the length of the value.")
        .syntax("key db")
        .summary("Moves a key to another database.")
        .run(transfer::move_to),
    container("object", OBJECT_SUBCOMMANDS)
        .since(Origin::Redis("2.2.3"))
        .summary("Tells how a value is kept."),
];

const OBJECT_SUBCOMMANDS: &[Row] = &[
    object_row("object|encoding")
        .since(Origin::Redis("2.2.3"))
        .summary("Returns the encoding that Redis has for the value.")
        .run(object::encoding),
    object_row("object|freq")
        .since(Origin::Redis("4.0.0"))
        .summary("Is refused: how often a key is used is not counted.")
        .run(object::freq),
    object_row("object|idletime")
        .since(Origin::Redis("2.2.3"))
        .summary("Is refused: when a key was last used is not noted.")
        .run(object::idletime),
    object_row("object|refcount")
        .since(Origin::Redis("2.2.3"))
        .summary("Returns how many references Redis has to the value.")
        .run(object::refcount),
    generic_row("object|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

/// Begins the row of a subcommand that looks at a key.
const fn object_row(name: &'static str) -> Row {
    generic_row(name, exactly(3))
        .flags(&[Flags::READONLY])
        .keys(Keys::second(Usage::INSPECT))
        .complexity("O(1)")
        .syntax("key")
        .tips(&["nondeterministic_output"])
}

/// Begins a row of this family: every one is `@keyspace`.
const fn generic_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::KEYSPACE])
}
