//! Bytes on their way in and out: those of a thread, and what a connection must keep of them.
//!
//! A connection reads into its thread's buffers and writes from them. What a read brought only in
//! part is the connection's own until the rest follows; what the socket did not take is kept by
//! its [`Output`](crate::server::output::Output).

use std::cell::RefCell;

use crate::config::ClientClass;
use crate::resp::request::Parser;
use crate::server::connection::Connection;
use crate::server::settled::Settled;

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// Requests that could not be run yet.
#[derive(Default)]
pub(super) struct Unrun {
    pub(super) bytes: Vec<u8>,
    /// Remembers the half-read request at the start of `bytes`.
    pub(super) parser: Parser,
}

/// The buffers of a thread.
pub(super) struct Scratch {
    pub(super) read: Vec<u8>,
    pub(super) write: Settled,
    pub(super) parser: Parser,
}

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BYTES],
        write: Settled::default(),
        parser: Parser::default(),
    });
}

impl Scratch {
    /// Whoever used the buffers before may have ended in the middle: nothing of that may reach
    /// the next connection.
    #[inline]
    pub(super) fn forget_last_user(&mut self) {
        self.write.clear();
        self.parser.forget_half_read();
    }
}

impl<S> Connection<S> {
    /// Ends a connection whose requests take too much memory.
    pub(super) fn check_unrun(&self, unrun_bytes: usize) {
        let limit = self.instance.config.settings.client_query_buffer_limit();
        if unrun_bytes as u64 > limit {
            tracing::warn!(
                "closing client {}: its query buffer is over client-query-buffer-limit",
                self.client.id
            );
            self.client.close();
        }
    }

    /// Ends a connection that does not read its replies.
    pub(super) fn check_backlog(&mut self) {
        if self.output.is_empty() {
            return;
        }
        let class = if self.client.is_subscriber() {
            ClientClass::PubSub
        } else {
            ClientClass::Normal
        };
        let limit = self.instance.config.settings.output_limit(class);
        if self.output.exceeds(limit) {
            tracing::warn!(
                "closing client {}: its unsent output is over client-output-buffer-limit",
                self.client.id
            );
            self.client.close();
        }
    }
}
