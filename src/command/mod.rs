//! Commands: a plain function each, arguments and context in, an [`Outcome`] out.
//!
//! A command does no I/O and never waits. What it answers is a value, so a script and a
//! transaction use the same functions as a connection.

pub mod args;
pub mod client;
pub mod condition;
pub mod connection;
mod context;
pub mod debug;
pub mod dispatch;
pub mod docs;
pub mod edit;
pub mod expire;
mod faulty;
pub mod generic;
pub mod introspection;
pub mod latency;
pub mod lcs;
pub mod lock;
pub mod lolwut;
mod long_double;
pub mod memory;
pub mod monitor;
pub mod msetex;
mod native_script;
pub mod object;
mod observe;
pub mod pubsub;
pub mod replication;
mod script_calls;
pub mod scripting;
pub mod server;
pub mod set;
pub mod slowlog;
pub mod string;
pub mod syntax;
pub mod table;
mod tally;
pub mod transaction;
pub mod transfer;

pub use context::{Access, Caller, Context, Monitoring};

use crate::clock::BootTime;
use crate::durability::Ticket;
use crate::error::CommandError;
use crate::resp::reply::Reply;

/// What becomes of a command that did not fail.
#[derive(Debug)]
pub enum Outcome {
    /// One reply.
    Reply(Reply),
    /// Several replies to one request (SUBSCRIBE), or none.
    Many(Vec<Reply>),
    /// The reply, then the end of the connection (QUIT).
    Close(Reply),
    /// The end of the connection, at once: what was not sent yet is not sent.
    Drop,
    /// The command must run while nothing else does: call it again with the keyspace to itself.
    NeedsWhole,
    /// CLIENT PAUSE or a fault holds the command back: call it again when the pause is over.
    Paused,
    /// The connection waits, and gets its reply afterwards.
    Blocked(Box<Blocked>),
}

/// What a connection waits for that waits for time, as WAIT without replicas does, or for the disk.
#[derive(Debug)]
pub struct Blocked {
    /// When it ends; `None` for never.
    pub end: Option<BootTime>,
    /// What is answered then, and to CLIENT UNBLOCK.
    pub reply: Reply,
    /// What the disk is to have.
    pub sync: Option<Sync>,
}

/// What somebody waits for the disk to have.
#[derive(Debug)]
pub struct Sync {
    /// How much.
    pub ticket: Ticket,
    /// What is answered when it has that.
    pub reply: Reply,
    /// Whether nothing else is waited for.
    pub ends_it: bool,
}

/// An outcome, or the error that is answered instead.
pub type CommandResult = Result<Outcome, CommandError>;

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Outcome {
        Outcome::Reply(reply)
    }
}
