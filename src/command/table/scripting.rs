//! Rows of the commands that run and keep scripts.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{scripting, server};

use super::row::{at_least, container, exactly, row};
use super::{Arity, Categories, Flags, Keys, Origin, Row, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    scripting_row("eval", at_least(3))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::STALE,
            Flags::SKIP_MONITOR,
            Flags::NO_MANDATORY_KEYS,
            Flags::MOVABLEKEYS,
        ])
        .keys(Keys::counted_by_second(Usage::READ_AND_UPDATE))
        .key_notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")
        .since(Origin::Redis("2.6.0"))
        .complexity("Depends on the script.")
        .syntax("script numkeys [key ...] [arg ...]")
        .summary("Runs a Lua script.")
        .run(scripting::eval),
    scripting_row("evalsha", at_least(3))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::STALE,
            Flags::SKIP_MONITOR,
            Flags::NO_MANDATORY_KEYS,
            Flags::MOVABLEKEYS,
        ])
        .keys(Keys::counted_by_second(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("2.6.0"))
        .complexity("Depends on the script.")
        .syntax("sha1 numkeys [key ...] [arg ...]")
        .summary("Runs a cached Lua script by its SHA-1.")
        .run(scripting::evalsha),
    scripting_row("eval_ro", at_least(3))
        .flags(&[
            Flags::READONLY,
            Flags::NOSCRIPT,
            Flags::STALE,
            Flags::SKIP_MONITOR,
            Flags::NO_MANDATORY_KEYS,
            Flags::MOVABLEKEYS,
        ])
        .keys(Keys::counted_by_second(Usage::READ))
        .key_notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")
        .since(Origin::Redis("7.0.0"))
        .complexity("Depends on the script.")
        .syntax("script numkeys [key ...] [arg ...]")
        .summary("Runs a Lua script that may not write.")
        .run(scripting::eval_ro),
    scripting_row("evalsha_ro", at_least(3))
        .flags(&[
            Flags::READONLY,
            Flags::NOSCRIPT,
            Flags::STALE,
            Flags::SKIP_MONITOR,
            Flags::NO_MANDATORY_KEYS,
            Flags::MOVABLEKEYS,
        ])
        .keys(Keys::counted_by_second(Usage::READ))
        .since(Origin::Redis("7.0.0"))
        .complexity("Depends on the script.")
        .syntax("sha1 numkeys [key ...] [arg ...]")
        .summary("Runs a cached Lua script that may not write, by its SHA-1.")
        .run(scripting::evalsha_ro),
    container("script", SCRIPT_SUBCOMMANDS)
        .since(Origin::Redis("2.6.0"))
        .summary("Manages the script cache."),
];

const SCRIPT_SUBCOMMANDS: &[Row] = &[
    scripting_row("script|load", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::STALE])
        .since(Origin::Redis("2.6.0"))
        .complexity("O(N) in the length of the script.")
        .syntax("script")
        .summary("Caches a script and returns its SHA-1.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(scripting::script_load),
    scripting_row("script|exists", at_least(3))
        .flags(&[Flags::NOSCRIPT])
        .since(Origin::Redis("2.6.0"))
        .complexity("O(N) in the number of hashes.")
        .syntax("sha1 ...")
        .summary("Tells which scripts are cached.")
        .tips(&[
            "request_policy:all_shards",
            "response_policy:agg_logical_and",
        ])
        .run(scripting::script_exists),
    scripting_row("script|flush", at_least(2))
        .flags(&[Flags::NOSCRIPT])
        .since(Origin::Redis("2.6.0"))
        .complexity("O(N) in the number of cached scripts.")
        .syntax("[flush-type:<ASYNC | SYNC>]")
        .summary("Empties the script cache.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(scripting::script_flush),
    scripting_row("script|kill", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::ALLOW_BUSY])
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .summary("Ends the running script if it has not written yet.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .run(scripting::script_kill),
    scripting_row("script|debug", exactly(3))
        .flags(&[Flags::NOSCRIPT])
        .since(Origin::Redis("3.2.0"))
        .complexity("O(1)")
        .syntax("mode:<YES | SYNC | NO>")
        .summary("Refuses the scripts of this connection: there is no debugger.")
        .run(scripting::script_debug),
    scripting_row("script|explain", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Quintlock("0.1.0"))
        .complexity("O(1)")
        .syntax("sha1")
        .summary("Tells whether a script runs natively, and if not, why.")
        .run(scripting::script_explain),
    scripting_row("script|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

/// Begins a row of this family: every one is `@scripting`.
const fn scripting_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::SCRIPTING])
}
