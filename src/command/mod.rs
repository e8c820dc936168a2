//! Commands: a plain function each, arguments and context in, an [`Outcome`] out.

pub mod docs;
pub mod introspection;
pub mod syntax;
pub mod table;

use crate::error::CommandError;
use crate::resp::reply::Reply;

/// What a command is given beside its arguments.
pub struct Context<'a> {
    marker: std::marker::PhantomData<&'a ()>,
}

/// What becomes of a command that did not fail.
pub enum Outcome {
    /// One reply.
    Reply(Reply),
    /// Several replies to one request (SUBSCRIBE), or none.
    Many(Vec<Reply>),
    /// The reply, then the end of the connection (QUIT).
    Close(Reply),
    /// The command must run while nothing else does: call it again with the keyspace to itself.
    NeedsWhole,
}

/// An outcome, or the error that is answered instead.
pub type CommandResult = Result<Outcome, CommandError>;

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Outcome {
        Outcome::Reply(reply)
    }
}
