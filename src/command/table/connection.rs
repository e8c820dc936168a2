//! Rows of the commands that concern one connection.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{connection, server};

use super::row::{at_least, container, exactly, row};
use super::{Arity, Categories, Flags, Origin, Row};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    connection_row("select", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("index")
        .summary("Chooses the database of this connection.")
        .run(connection::select),
    connection_row("ping", at_least(1))
        .flags(&[Flags::FAST])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("[message]")
        .summary("Answers PONG, or the message.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(connection::ping),
    connection_row("echo", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("message")
        .summary("Returns the message.")
        .run(connection::echo),
    connection_row("quit", at_least(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::NO_AUTH,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .summary("Answers OK and closes the connection.")
        .run(connection::quit),
    connection_row("reset", exactly(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::NO_AUTH,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Puts the connection back into its first state.")
        .run(connection::reset),
    connection_row("hello", at_least(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::NO_AUTH,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("6.0.0"))
        .complexity("O(1)")
        .syntax(
            "[arguments:<protover [AUTH auth:<username password>] [SETNAME \
             clientname]>]",
        )
        .summary("Chooses the protocol version and tells who the server is.")
        .run(connection::hello),
    connection_row("auth", at_least(2))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::NO_AUTH,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("[username] password")
        .summary("Identifies the client by a password.")
        .run(connection::auth),
    container("client", CLIENT_SUBCOMMANDS)
        .since(Origin::Redis("2.4.0"))
        .summary("Tells of connections and names this one."),
];

const CLIENT_SUBCOMMANDS: &[Row] = &[
    connection_row("client|getname", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.6.9"))
        .complexity("O(1)")
        .summary("Returns the name of this connection.")
        .run(connection::client_getname),
    connection_row("client|id", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Returns the number of this connection.")
        .run(connection::client_id),
    connection_row("client|info", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Tells what CLIENT LIST tells, of this connection alone.")
        .tips(&["nondeterministic_output"])
        .run(connection::client_info),
    connection_row("client|list", at_least(2))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.4.0"))
        .complexity("O(N) in the number of connections.")
        .syntax(
            "[TYPE client-type:<NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id \
             ...]",
        )
        .summary("Lists the connections, one a line.")
        .tips(&["nondeterministic_output"])
        .run(connection::client_list),
    connection_row("client|setinfo", exactly(4))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("7.2.0"))
        .complexity("O(1)")
        .syntax("attr:<LIB-NAME libname | LIB-VER libver>")
        .summary("Notes the name or the version of the client library.")
        .run(connection::client_setinfo),
    connection_row("client|setname", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.6.9"))
        .complexity("O(1)")
        .syntax("connection-name")
        .summary("Names this connection.")
        .run(connection::client_setname),
    connection_row("client|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];

/// Begins a row of this family: every one is `@connection`.
const fn connection_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::CONNECTION])
}
