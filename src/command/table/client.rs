//! Rows of CLIENT's subcommands.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{client, server};

use super::connection::connection_row;
use super::row::{at_least, exactly};
use super::{Flags, Origin, Row, Scope};

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Row] = &[
    connection_row("client|caching", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.0.0"))
        .complexity("O(1)")
        .syntax("mode:<YES | NO>")
        .summary("Refused: no keys are tracked.")
        .run(client::caching),
    connection_row("client|capa", at_least(3))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Valkey("8.0.0"))
        .complexity("O(1)")
        .syntax("capability ...")
        .summary("Takes note of what the client can do.")
        .run(client::capa),
    connection_row("client|getname", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.6.9"))
        .complexity("O(1)")
        .summary("Returns the name of this connection.")
        .run(client::getname),
    connection_row("client|getredir", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.0.0"))
        .complexity("O(1)")
        .summary("Tells that no tracking is redirected.")
        .run(client::getredir),
    connection_row("client|id", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Returns the number of this connection.")
        .run(client::id),
    connection_row("client|info", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Tells what CLIENT LIST tells, of this connection alone.")
        .tips(&["nondeterministic_output"])
        .run(client::info),
    connection_row("client|kill", at_least(3))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .scope(Scope::Whole)
        .since(Origin::Redis("2.4.0"))
        .complexity("O(N) in the number of connections.")
        .syntax(
            "filter:<ip-port | ID client-id | TYPE client-type:<NORMAL | MASTER | SLAVE | REPLICA \
             | PUBSUB> | USER username | ADDR addr | LADDR laddr | SKIPME skipme:<YES | NO> | \
             MAXAGE maxage> ...",
        )
        .summary("Closes connections.")
        .run(client::kill),
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
        .run(client::list),
    connection_row("client|no-evict", exactly(3))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("7.0.0"))
        .complexity("O(1)")
        .syntax("enabled:<ON | OFF>")
        .summary("Marks this connection as one that is not closed for its memory.")
        .run(client::no_evict),
    connection_row("client|no-touch", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("7.2.0"))
        .complexity("O(1)")
        .syntax("enabled:<ON | OFF>")
        .summary("Marks this connection as one whose reads are no use of a key.")
        .run(client::no_touch),
    connection_row("client|pause", at_least(3))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .scope(Scope::Whole)
        .since(Origin::Redis("2.9.50"))
        .complexity("O(1)")
        .syntax("timeout [mode:<WRITE | ALL>]")
        .summary("Holds back the commands of all clients, or those that may write.")
        .run(client::pause),
    connection_row("client|reply", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("3.2.0"))
        .complexity("O(1)")
        .syntax("on-off-skip:<ON | OFF | SKIP>")
        .summary("Switches the replies to this connection off and on.")
        .run(client::reply),
    connection_row("client|setinfo", exactly(4))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("7.2.0"))
        .complexity("O(1)")
        .syntax("attr:<LIB-NAME libname | LIB-VER libver>")
        .summary("Notes the name or the version of the client library.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(client::setinfo),
    connection_row("client|setname", exactly(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("2.6.9"))
        .complexity("O(1)")
        .syntax("connection-name")
        .summary("Names this connection.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(client::setname),
    connection_row("client|tracking", at_least(3))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.0.0"))
        .complexity("O(1)")
        .syntax(
            "status:<ON | OFF> [REDIRECT client-id] [PREFIX prefix] ... [BCAST] [OPTIN] [OPTOUT] \
             [NOLOOP]",
        )
        .summary("Refused, unless it is switched off.")
        .run(client::tracking),
    connection_row("client|trackinginfo", exactly(2))
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .summary("Tells that no keys are tracked.")
        .run(client::trackinginfo),
    connection_row("client|unblock", at_least(3))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .syntax("client-id [unblock-type:<TIMEOUT | ERROR>]")
        .summary("Ends the wait of a connection.")
        .run(client::unblock),
    connection_row("client|unpause", exactly(2))
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .scope(Scope::Whole)
        .since(Origin::Redis("6.2.0"))
        .complexity("O(N) in the number of paused connections.")
        .summary("Ends a pause.")
        .run(client::unpause),
    connection_row("client|help", exactly(2))
        .flags(&[Flags::LOADING, Flags::STALE])
        .since(Origin::Redis("5.0.0"))
        .complexity("O(1)")
        .summary("Lists the subcommands, each with a sentence.")
        .run(server::help),
];
