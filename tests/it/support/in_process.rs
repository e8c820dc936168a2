//! Our own server in this process, on a clock that only a test moves.
//!
//! All that the tests know of the library stands here.

use std::time::Duration;

use super::client::Connection;
use super::target::{Dialect, Target};

/// A server of this process; it ends when it is dropped.
pub(crate) struct InProcess {
    server: quintlock::Server,
}

impl InProcess {
    /// Starts a server on a free port of the loopback interface.
    pub(crate) fn start() -> InProcess {
        InProcess {
            server: quintlock::Server::start(&quintlock::Options::manual_clock())
                .unwrap_or_else(|error| panic!("{error}")),
        }
    }
}

impl Target for InProcess {
    fn dialect(&self) -> Dialect {
        Dialect::Quintlock
    }

    fn connect(&self) -> Connection {
        Connection::open(self.server.address())
            .unwrap_or_else(|error| panic!("cannot connect to the server under test: {error}"))
    }

    fn advance(&mut self, ms: u64) {
        self.server.advance(Duration::from_millis(ms));
    }
}
