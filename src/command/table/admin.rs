//! Rows of DEBUG, of what belongs to replication, clusters, modules, users and the disk, and of
//! LOLWUT.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{connection, debug, lolwut, replication, server};

use super::row::{at_least, container, exactly, row};
use super::{Categories, Flags, Origin, Row};

/// The rows of the group `server`.
pub(super) const SERVER_ROWS: &[Row] = &[
    row("debug", at_least(2))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("1.0.0"))
        .complexity("Depends on the subcommand.")
        .syntax("subcommand [arg ...]")
        .summary("Looks into the server or makes trouble, for tests: DEBUG HELP.")
        .run(debug::debug),
    row("role", exactly(1))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST])
        .categories_too(&[Categories::ADMIN, Categories::DANGEROUS])
        .since(Origin::Redis("2.8.12"))
        .complexity("O(1)")
        .summary("Returns the role in replication: a primary without replicas.")
        .run(replication::role),
    replicaof_row("replicaof")
        .since(Origin::Redis("5.0.0"))
        .run(replication::replicaof),
    replicaof_row("slaveof")
        .since(Origin::Redis("1.0.0"))
        .deprecated("5.0.0", "`REPLICAOF`")
        .run(replication::replicaof),
    row("save", exactly(1))
        .flags(&[
            Flags::ADMIN,
            Flags::NOSCRIPT,
            Flags::NO_ASYNC_LOADING,
            Flags::NO_MULTI,
        ])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Refused: no snapshots are taken.")
        .run(replication::save),
    row("bgsave", at_least(1))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("[SCHEDULE]")
        .summary("Refused: no snapshots are taken.")
        .run(replication::bgsave),
    row("bgrewriteaof", exactly(1))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Writes the append-only file anew, in the background.")
        .run(replication::bgrewriteaof),
    row("lastsave", exactly(1))
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .categories_too(&[Categories::ADMIN, Categories::DANGEROUS])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Returns the Unix time of the start, as there is no save.")
        .tips(&["nondeterministic_output"])
        .run(replication::lastsave),
    container("module", MODULE_SUBCOMMANDS)
        .since(Origin::Redis("4.0.0"))
        .summary("Tells of modules, of which there are none."),
    container("acl", ACL_SUBCOMMANDS)
        .since(Origin::Redis("6.0.0"))
        .summary("Tells of users, of which there is one."),
    row("lolwut", at_least(1))
        .flags(&[Flags::READONLY, Flags::FAST])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .syntax("[VERSION version]")
        .summary("Draws a picture and tells the version.")
        .run(lolwut::lolwut),
];

const MODULE_SUBCOMMANDS: &[Row] = &[
    row("module|list", exactly(2))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT])
        .since(Origin::Redis("4.0.0"))
        .complexity("O(1)")
        .tips(&["nondeterministic_output_order"])
        .summary("Returns the loaded modules: none.")
        .run(replication::module_list),
    row("module|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

const ACL_SUBCOMMANDS: &[Row] = &[
    row("acl|whoami", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.0.0"))
        .complexity("O(1)")
        .summary("Returns the name of this connection's user.")
        .run(connection::whoami),
    row("acl|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

/// The rows of the group `cluster`.
pub(super) const CLUSTER_ROWS: &[Row] = &[
    cluster_row("readonly")
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .since(Origin::Redis("3.0.0")),
    cluster_row("readwrite")
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .since(Origin::Redis("3.0.0")),
    cluster_row("asking")
        .flags(&[Flags::FAST])
        .since(Origin::Redis("3.0.0")),
    row("cluster", at_least(2))
        .since(Origin::Redis("3.0.0"))
        .complexity("O(1)")
        .syntax("subcommand [arg ...]")
        .summary("Refused: this is no Redis Cluster.")
        .run(replication::cluster),
];

/// The rows of the group `generic`.
pub(super) const WAIT_ROWS: &[Row] = &[
    row("wait", exactly(3))
        .flags(&[Flags::BLOCKING])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("3.0.0"))
        .complexity("O(1)")
        .syntax("numreplicas timeout")
        .summary("Waits for replicas, of which there are none.")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .run(replication::wait),
    row("waitaof", exactly(4))
        .flags(&[Flags::BLOCKING])
        .categories_too(&[Categories::CONNECTION])
        .since(Origin::Redis("7.2.0"))
        .complexity("O(1)")
        .syntax("numlocal numreplicas timeout")
        .summary("Waits for the disk, and for replicas, of which there are none.")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .run(replication::waitaof),
];

const fn replicaof_row(name: &'static str) -> Row {
    row(name, exactly(3))
        .flags(&[
            Flags::ADMIN,
            Flags::NOSCRIPT,
            Flags::STALE,
            Flags::NO_ASYNC_LOADING,
        ])
        .complexity("O(1)")
        .syntax("host port")
        .summary("Accepts NO ONE; replication is refused.")
}

const fn cluster_row(name: &'static str) -> Row {
    row(name, exactly(1))
        .categories_too(&[Categories::CONNECTION])
        .complexity("O(1)")
        .summary("Refused: this is no Redis Cluster.")
        .run(replication::only_in_cluster)
}
