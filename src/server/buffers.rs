//! Bytes on their way in and out: those of a thread, and what a connection must keep of them.
//!
//! A connection reads into its thread's buffers and writes from them. What a read brought only in
//! part, and what the socket did not take, is the connection's own until the rest follows.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::Context as Task;

use crate::client::Backlog;
use crate::config::ClientClass;
use crate::durability::{Keeper, Ticket};
use crate::resp::request::Parser;
use crate::server::connection::{Connection, State};
use crate::server::late::Late;

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// Bytes that a thread keeps for replies between batches.
pub(super) const SCRATCH_BYTES_KEPT: usize = 1 << 20;

/// Requests that could not be run yet.
#[derive(Default)]
pub(super) struct Unrun {
    pub(super) bytes: Vec<u8>,
    /// Remembers the half-read request at the start of `bytes`.
    pub(super) parser: Parser,
}

/// Replies that the socket did not take yet.
#[derive(Default)]
pub(super) struct Unsent {
    pub(super) bytes: Vec<u8>,
    /// What may not leave yet; it comes behind `bytes`.
    pub(super) late: Late,
    pub(super) backlog: Backlog,
    /// What must be on the disk before they are sent.
    pub(super) ticket: Option<Ticket>,
    /// Whether the thread's other connections have had their turn since the ticket was taken.
    has_given_way: bool,
}

impl Unsent {
    /// Whether all that the replies tell of is on the disk, as far as it must be.
    pub(super) fn is_kept(&mut self, keeper: Option<&Arc<Keeper>>, task: &Task<'_>) -> bool {
        let (Some(ticket), Some(keeper)) = (self.ticket, keeper) else {
            return true;
        };
        let is_kept = match ticket {
            Ticket::Promised(_) => keeper.poll(ticket, task.waker()),
            Ticket::Synced(_) if keeper.is_reached(ticket) => true,
            // What the others run in their turn is synced with this.
            Ticket::Synced(_) if !self.has_given_way => {
                self.has_given_way = true;
                task.waker().wake_by_ref();
                false
            }
            Ticket::Synced(_) => keeper.sync_for(ticket, task.waker()),
        };
        if is_kept {
            self.ticket = None;
            self.has_given_way = false;
        }
        is_kept
    }

    /// Whether the server itself keeps them back, and not a client that does not read.
    pub(super) fn is_kept_back(&self) -> bool {
        self.ticket.is_some() || self.late.bytes() > 0
    }

    /// Where further replies go.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        self.late.end().unwrap_or(&mut self.bytes)
    }
}

/// The buffers of a thread.
pub(super) struct Scratch {
    pub(super) read: Vec<u8>,
    pub(super) write: Vec<u8>,
    pub(super) parser: Parser,
}

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BYTES],
        write: Vec::new(),
        parser: Parser::default(),
    });
}

impl Scratch {
    /// Whoever used the buffers before may have ended in the middle: nothing of that may reach
    /// the next connection.
    pub(super) fn forget_last_user(&mut self) {
        self.write.clear();
        self.parser.forget_half_read();
    }
}

impl<S> Connection<S> {
    /// Replies that come `now` may have to wait until what they tell of is on the disk. While the
    /// disk fails, releases and reads wait for nothing.
    pub(super) fn hold_until_kept(&mut self, now: bool) {
        let grants_nothing = std::mem::take(&mut self.grants_nothing);
        let keeper = self
            .instance
            .keeper
            .get()
            .filter(|_| now && !grants_nothing);
        if let Some(ticket) = keeper.and_then(|keeper| keeper.ticket()) {
            self.unsent.get_or_insert_default().ticket = Some(ticket);
        }
    }

    /// Ends a connection whose requests take too much memory.
    pub(super) fn check_unrun(&mut self, unrun_bytes: usize) {
        let limit = self.instance.config.settings.client_query_buffer_limit();
        if unrun_bytes as u64 > limit {
            tracing::warn!(
                "closing client {}: its query buffer is over client-query-buffer-limit",
                self.client.id
            );
            self.state = State::Closed;
        }
    }

    /// Ends a connection that does not read its replies.
    pub(super) fn check_backlog(&mut self) {
        let Some(unsent) = &mut self.unsent else {
            return;
        };
        let class = if self.client.is_subscriber() {
            ClientClass::PubSub
        } else {
            ClientClass::Normal
        };
        let limit = self.instance.config.settings.output_limit(class);
        let unsent_bytes = unsent.bytes.len() + unsent.late.bytes();
        if unsent.backlog.exceeds(unsent_bytes, limit) {
            tracing::warn!(
                "closing client {}: its unsent output is over client-output-buffer-limit",
                self.client.id
            );
            self.state = State::Closed;
        }
    }
}
