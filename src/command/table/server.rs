//! Rows of the commands that tell of the server and look after it.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::server;

use super::row::{at_least, container, exactly, row};
use super::{Categories, Flags, Origin, Row, Scope};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    row("dbsize", exactly(1))
        .flags(&[Flags::READONLY, Flags::FAST])
        .categories_too(&[Categories::KEYSPACE])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Returns the number of keys in the database.")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .run(server::dbsize),
    row("flushdb", at_least(1))
        .flags(&[Flags::WRITE])
        .categories_too(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .scope(Scope::Whole)
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the number of keys in the database.")
        .syntax("[flush-type:<ASYNC | SYNC>]")
        .summary("Removes every key of this database.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(server::flushdb),
    row("flushall", at_least(1))
        .flags(&[Flags::WRITE])
        .categories_too(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .scope(Scope::Whole)
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the number of keys in all databases.")
        .syntax("[flush-type:<ASYNC | SYNC>]")
        .summary("Removes every key of every database.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(server::flushall),
    row("time", exactly(1))
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .summary("Returns the Unix time in seconds, and the microseconds of the second.")
        .tips(&["nondeterministic_output"])
        .run(server::time),
    row("info", at_least(1))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::DANGEROUS])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("[section ...]")
        .summary("Tells figures and facts of the server, by section.")
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
        .run(server::info),
    row("shutdown", at_least(1))
        .flags(&[
            Flags::ADMIN,
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::NO_MULTI,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in what is still to be written.")
        .syntax("[save-selector:<NOSAVE | SAVE>] [NOW] [FORCE] [ABORT]")
        .summary("Ends the server.")
        .run(server::shutdown),
    container("config", CONFIG_SUBCOMMANDS)
        .since(Origin::Redis("2.0.0"))
        .summary("Reads and changes settings."),
    container("command", COMMAND_SUBCOMMANDS)
        .arity(at_least(1))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("2.8.13"))
        .complexity("O(N) in the number of commands.")
        .summary("Returns the details of every command.")
        .tips(&["nondeterministic_output_order"])
        .run(server::command),
];

const CONFIG_SUBCOMMANDS: &[Row] = &[
    row("config|get", at_least(3))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of settings asked for.")
        .syntax("parameter ...")
        .summary("Returns the settings that match the patterns.")
        .run(server::config_get),
    row("config|set", at_least(4))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of settings given.")
        .syntax("data:<parameter value> ...")
        .summary("Changes settings, all of them or none.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(server::config_set),
    row("config|resetstat", exactly(2))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(1)")
        .summary("Sets the counters of INFO to zero.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(server::config_resetstat),
    row("config|rewrite", exactly(2))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.8.0"))
        .complexity("O(N) in the lines of the file.")
        .summary("Puts the present settings into the configuration file.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(server::config_rewrite),
    row("config|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

const COMMAND_SUBCOMMANDS: &[Row] = &[
    row("command|count", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("2.8.13"))
        .complexity("O(1)")
        .summary("Returns the number of commands.")
        .run(server::command_count),
    row("command|docs", at_least(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of commands.")
        .syntax("[command-name ...]")
        .summary("Returns the documentation of commands, or of all of them.")
        .tips(&["nondeterministic_output_order"])
        .run(server::command_docs),
    row("command|getkeys", at_least(3))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("2.8.13"))
        .complexity("O(N) in the number of arguments.")
        .syntax("command [arg ...]")
        .summary("Returns the keys of a whole request.")
        .run(server::command_getkeys),
    row("command|getkeysandflags", at_least(3))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of arguments.")
        .syntax("command [arg ...]")
        .summary("Returns the keys of a whole request, each with what is done with it.")
        .run(server::command_getkeysandflags),
    row("command|info", at_least(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("2.8.13"))
        .complexity("O(N) in the number of commands.")
        .syntax("[command-name ...]")
        .summary("Returns the details of commands, or of all of them.")
        .tips(&["nondeterministic_output_order"])
        .run(server::command_info),
    row("command|list", at_least(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N) in the number of commands.")
        .syntax(
            "[FILTERBY filterby:<MODULE module-name | ACLCAT category | PATTERN \
             pattern>]",
        )
        .summary("Returns the names of the commands.")
        .tips(&["nondeterministic_output_order"])
        .run(server::command_list),
    row("command|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];
