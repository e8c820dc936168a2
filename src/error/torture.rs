//! Why a run of `quintlock torture` cannot begin, or has to end early.
//!
//! Each is one line that names the instance and, where there is one, a way out. A violation is no
//! error: it is what the tool is there to find.

use std::io;

/// What keeps a run from its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TortureError {
    /// An option, or two together, that make no run.
    #[error("{0}")]
    Options(String),
    /// A server cannot be started.
    #[error("instance {instance} (`{command}`) does not start: {reason}")]
    Start {
        /// Counted from 1.
        instance: usize,
        /// What was run.
        command: String,
        /// What the system says, and the server.
        reason: String,
    },
    /// A server ended though nobody had killed it.
    #[error("instance {instance} ended by itself: {status}")]
    Ended {
        /// Counted from 1.
        instance: usize,
        /// How, and its last line.
        status: String,
    },
    /// A server does not do what a lock needs.
    #[error("{address} cannot be used: {request} was answered with {reply}")]
    Unfit {
        /// The address.
        address: String,
        /// What was asked.
        request: &'static str,
        /// What it said, or why it said nothing.
        reply: String,
    },
    /// The system denies what the run itself needs.
    #[error("the run cannot {what}: {reason}")]
    System {
        /// What it wanted to do.
        what: &'static str,
        /// What the system says.
        reason: String,
    },
}

impl TortureError {
    /// The system's refusal of `what`.
    pub(crate) fn system(what: &'static str, error: &io::Error) -> TortureError {
        TortureError::System {
            what,
            reason: error.to_string(),
        }
    }
}
