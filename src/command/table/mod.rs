//! The one table that names every command.
//!
//! A [`Row`] holds what the server knows of a command. Dispatch, COMMAND, COMMAND DOCS, script
//! permission, MULTI queueing, INFO and the README's list all read the rows; adding a command is
//! one function and one row in the file of its family. Rows are constants: nothing is built when
//! the server starts. No command runs here, and nothing here reads a request beyond its key
//! positions.

mod admin;
mod client;
mod connection;
mod expire;
mod flags;
mod generic;
mod keys;
mod lock;
mod lookup;
mod memory;
mod pubsub;
mod row;
mod scripting;
mod server;
mod string;
mod transactions;
mod watching;

pub use flags::{Categories, Flags};
pub use keys::{KeyPositions, Keys, Usage};
pub use lookup::{ROW_COUNT, all, commands, find, find_path};
pub use row::{Arity, Docs, Handler, Origin, Replacement, Row, Scope};

/// Rows that share a file and a group in COMMAND DOCS.
struct Family {
    group: &'static str,
    rows: &'static [Row],
}

/// Every command, in the order of COMMAND LIST and the README.
const FAMILIES: &[Family] = &[
    Family {
        group: "string",
        rows: string::ROWS,
    },
    Family {
        group: "lock",
        rows: lock::ROWS,
    },
    Family {
        group: "generic",
        rows: generic::ROWS,
    },
    Family {
        group: "generic",
        rows: expire::ROWS,
    },
    Family {
        group: "generic",
        rows: admin::WAIT_ROWS,
    },
    Family {
        group: "scripting",
        rows: scripting::ROWS,
    },
    Family {
        group: "connection",
        rows: connection::ROWS,
    },
    Family {
        group: "server",
        rows: server::ROWS,
    },
    Family {
        group: "server",
        rows: memory::ROWS,
    },
    Family {
        group: "server",
        rows: watching::ROWS,
    },
    Family {
        group: "server",
        rows: admin::SERVER_ROWS,
    },
    Family {
        group: "cluster",
        rows: admin::CLUSTER_ROWS,
    },
    Family {
        group: "pubsub",
        rows: pubsub::ROWS,
    },
    Family {
        group: "transactions",
        rows: transactions::ROWS,
    },
];

#[cfg(test)]
mod tests;
