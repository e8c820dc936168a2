//! Rows of the commands that concern one connection.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::connection;

use super::row::{at_least, container, exactly, row};
use super::{Arity, Categories, Flags, Origin, Row, client};

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
    container("client", client::SUBCOMMANDS)
        .since(Origin::Redis("2.4.0"))
        .summary("Tells of connections, and rules over them."),
];

/// Begins a row of this family: every one is `@connection`.
pub(super) const fn connection_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::CONNECTION])
}
