//! Bytes that a client may be sent, and what must be on the disk before they leave.
//!
//! [`Settled::add`] is the only way to write bytes for a client, and only settled bytes can be
//! handed to a connection's [`Output`](crate::server::output::Output). So every reply and every
//! message has a [`Receipt`]: that of the requests which wrote it.

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use crate::client::mail::{self, OpenMail};
use crate::durability::{Keeper, Ticket};
use crate::receipt::{self, Pending, Receipt};

/// Bytes for which room is kept when they are forgotten.
const BYTES_KEPT: usize = 1 << 20;

/// Bytes that were written under receipts.
#[derive(Default)]
pub(super) struct Settled {
    bytes: Vec<u8>,
    /// Where bytes begin that wait, and for what. Those before the first may leave at once.
    waiting: Vec<(usize, Until)>,
    /// There is something in `waiting` then.
    is_lost: bool,
}

/// What bytes wait for.
#[derive(Default)]
pub(super) struct Until {
    receipt: Receipt,
    /// Receipts that were not closed yet, of messages among the bytes.
    awaited: Vec<Pending>,
}

/// What was granted is not kept, and nobody may hear of it.
#[derive(Debug)]
pub(super) struct Lost;

/// The receipt of a request that has paused.
pub(super) struct Suspended {
    receipt: Receipt,
    mail: OpenMail,
}

impl Settled {
    /// Runs what writes bytes. They leave when all that it has done is kept.
    #[inline]
    pub(super) fn add<R>(&mut self, run: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.bytes.len();
        receipt::open();
        let result = run(&mut self.bytes);
        let receipt = receipt::close();
        if !receipt.is_clear() {
            self.wait_from(start, receipt);
        }
        result
    }

    #[cold]
    fn wait_from(&mut self, start: usize, receipt: Receipt) {
        let awaited = if receipt.has_mail {
            mail::take_open().close(receipt)
        } else {
            Vec::new()
        };
        self.is_lost |= receipt.is_lost;
        // Whoever asked for no reply waits for nothing.
        if self.bytes.len() > start || self.is_lost {
            self.waiting.push((start, Until { receipt, awaited }));
        }
    }

    /// All bytes.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Moves all bytes behind `end`.
    pub(super) fn append_to(&mut self, end: &mut Vec<u8>) {
        if end.is_empty() {
            std::mem::swap(end, &mut self.bytes);
        } else {
            end.append(&mut self.bytes);
        }
    }

    /// Whether they wait for nothing.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether they must not be sent: something that was granted is not kept.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Forgets the bytes.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > BYTES_KEPT || !self.waiting.is_empty() {
            self.forget();
        }
    }

    #[cold]
    fn forget(&mut self) {
        self.bytes.shrink_to(BYTES_KEPT);
        self.waiting.clear();
        self.is_lost = false;
    }

    /// The bytes in their order, in parts that wait for different things.
    pub(super) fn take_parts(&mut self) -> Vec<(Until, Vec<u8>)> {
        let mut parts = Vec::with_capacity(self.waiting.len() + 1);
        for (start, until) in self.waiting.drain(..).rev() {
            // A command may have ended the connection and taken back what stood before it.
            let start = start.min(self.bytes.len());
            parts.push((until, self.bytes.split_off(start)));
        }
        parts.push((Until::default(), std::mem::take(&mut self.bytes)));
        parts.retain(|(_, bytes)| !bytes.is_empty());
        parts.reverse();
        parts
    }
}

impl Suspended {
    /// Takes the receipt from this thread, which goes on with something else.
    pub(super) fn suspend() -> Suspended {
        let receipt = receipt::close();
        let mail = if receipt.has_mail {
            mail::take_open()
        } else {
            OpenMail::default()
        };
        Suspended { receipt, mail }
    }

    /// Goes on with it.
    pub(super) fn resume(self) {
        receipt::reopen(self.receipt);
        self.mail.reopen();
    }
}

impl Until {
    /// Ready when the bytes may leave, or never may. `has_given_way` tells whether the thread's
    /// other connections have had their turn since it began to wait for a sync.
    pub(super) fn poll(
        &mut self,
        keeper: Option<&Arc<Keeper>>,
        has_given_way: &mut bool,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), Lost>> {
        let receipt = &mut self.receipt;
        self.awaited.retain(|sender| match sender.get() {
            Some(of_sender) => {
                receipt.merge(of_sender);
                false
            }
            None => true,
        });
        if receipt.is_lost {
            return Poll::Ready(Err(Lost));
        }
        let is_kept = keeper.is_none_or(|keeper| {
            keeper.poll(Ticket::Promised(receipt.promised_us), task.waker())
                && is_synced(receipt, keeper, has_given_way, task)
        });
        // Who has sent messages wakes this connection when its receipt is closed.
        if is_kept && self.awaited.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

/// Whether the journal is synced as far as it must be; if not, this thread syncs it.
fn is_synced(
    receipt: &Receipt,
    keeper: &Arc<Keeper>,
    has_given_way: &mut bool,
    task: &Task<'_>,
) -> bool {
    let is_reached = |bytes| keeper.is_reached(Ticket::Synced(bytes));
    let is_kept = || {
        is_reached(receipt.granted_bytes)
            && (is_reached(receipt.settled_bytes) || keeper.is_failing())
    };
    if is_kept() {
        return true;
    }
    if !*has_given_way {
        // What the others run in their turn is synced with this.
        *has_given_way = true;
        task.waker().wake_by_ref();
        return false;
    }
    let bytes = receipt.granted_bytes.max(receipt.settled_bytes);
    keeper.sync_for(Ticket::Synced(bytes), task.waker());
    is_kept()
}
