//! Why a load of `quintlock bench` cannot be run, or ends early.
//!
//! Each is one line that names the server and, where there is one, a way out. What a server answers
//! is quoted as it came, but for letters that a terminal would act on.

use std::time::Duration;

/// What keeps a load from running to its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BenchError {
    /// An option, or two together, that make no load.
    #[error("{0}")]
    Options(String),
    /// Nobody answers at the address.
    #[error("cannot connect to {target}: {reason} (does a server listen there?)")]
    Connect {
        /// The address.
        target: String,
        /// What the system says.
        reason: String,
    },
    /// The server wants to know who asks.
    #[error("{target} wants a password: {reply} (use --password)")]
    Password {
        /// The address.
        target: String,
        /// The server's text.
        reply: String,
    },
    /// The server does not know what the load is made of.
    #[error("{target} cannot run the workload `{workload}`: {reply}")]
    Unsupported {
        /// The address.
        target: String,
        /// The workload's name.
        workload: &'static str,
        /// The server's text.
        reply: String,
    },
    /// The server answers an error where none belongs.
    #[error("{target} refuses {request}: {reply}")]
    Refused {
        /// The address.
        target: String,
        /// What was asked.
        request: String,
        /// The server's text.
        reply: String,
    },
    /// A key of the load exists and is not the bench's: it would be overwritten or deleted.
    #[error(
        "{target} has a key {key} that is not from here: delete it, or choose a server without it"
    )]
    ForeignKey {
        /// The address.
        target: String,
        /// The key.
        key: String,
    },
    /// The connection ended while replies were owed.
    #[error("{target} dropped a connection: {reason}")]
    Dropped {
        /// The address.
        target: String,
        /// What the system says.
        reason: String,
    },
    /// Replies are owed, and none came for this long.
    #[error("{target} has not replied for {} s", .waited.as_secs())]
    Silent {
        /// The address.
        target: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// What came is no reply of the protocol, or one too many.
    #[error("{target} does not speak RESP2: {what}")]
    Protocol {
        /// The address.
        target: String,
        /// What came.
        what: String,
    },
    /// The system denies what the load generator itself needs.
    #[error("the load generator cannot {what}: {reason}")]
    System {
        /// What it wanted to do.
        what: &'static str,
        /// What the system says.
        reason: String,
    },
}
