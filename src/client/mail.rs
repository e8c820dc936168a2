//! What is sent to a client without a request: messages, events, the lines of MONITOR.
//!
//! A message may tell of a grant that is not kept yet. So what is sent while a receipt is open
//! ([`receipt`]) wakes nobody before the receipt is closed, and whoever takes it before knows whose
//! receipt its bytes depend on. Messages are taken in the order in which they were sent, all at
//! once.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::client::{Backlog, Client, Mark};
use crate::config::OutputLimit;
use crate::receipt::{self, Pending, Receipt};

/// Encoded bytes that answer no request.
#[derive(Default)]
pub(super) struct Mail {
    bytes: Vec<u8>,
    /// Whose receipts the bytes depend on.
    senders: Vec<Pending>,
    backlog: Backlog,
}

/// The mail of the work that this thread does, while its receipt is open.
#[derive(Default)]
pub struct OpenMail {
    /// Shared with who has its messages.
    sent: Option<Pending>,
    readers: Vec<Arc<Client>>,
    /// Of messages that it has taken.
    awaited: Vec<Pending>,
}

thread_local! {
    static OPEN: RefCell<OpenMail> = const {
        RefCell::new(OpenMail { sent: None, readers: Vec::new(), awaited: Vec::new() })
    };
}

/// Takes the mail of this thread's work away: for its end, or until it goes on.
pub fn take_open() -> OpenMail {
    OPEN.take()
}

impl OpenMail {
    /// The work goes on, on this thread.
    pub fn reopen(self) {
        OPEN.set(self);
    }

    /// The work has ended with this receipt, which holds for all messages that it has sent. Tells
    /// the receipts that its own bytes wait for, since they are among the messages it has taken.
    pub fn close(mut self, receipt: Receipt) -> Vec<Pending> {
        self.end(receipt);
        std::mem::take(&mut self.awaited)
    }

    fn end(&mut self, receipt: Receipt) {
        if let Some(sent) = self.sent.take() {
            let is_first = sent.set(receipt).is_ok();
            debug_assert!(is_first, "work ends once");
            for reader in self.readers.drain(..) {
                reader.waker.wake();
            }
        }
    }
}

impl Drop for OpenMail {
    /// Work that never comes to its end has kept nothing.
    fn drop(&mut self) {
        self.end(Receipt::LOST);
    }
}

impl Client {
    /// Sends what `message` writes. A client that lets more pile up than `limit` allows is
    /// disconnected.
    pub fn send(self: &Arc<Client>, limit: OutputLimit, message: impl FnOnce(&mut Vec<u8>)) {
        if !receipt::is_open() {
            self.show(limit, message);
            return;
        }
        receipt::note_mail();
        OPEN.with_borrow_mut(|open| {
            let sent = open.sent.get_or_insert_default();
            let mut is_new_reader = false;
            self.put(limit, |mail| {
                let last = mail.senders.last();
                is_new_reader = last.is_none_or(|last| !Arc::ptr_eq(last, sent));
                if is_new_reader {
                    mail.senders.push(Arc::clone(sent));
                }
                message(&mut mail.bytes);
            });
            if is_new_reader {
                open.readers.push(Arc::clone(self));
            }
        });
    }

    /// As [`Client::send`], for what tells of no change: it may be read at once.
    pub fn show(&self, limit: OutputLimit, message: impl FnOnce(&mut Vec<u8>)) {
        if self.put(limit, |mail| message(&mut mail.bytes)) {
            self.waker.wake();
        }
    }

    /// Tells whether the mailbox was empty.
    fn put(&self, limit: OutputLimit, write: impl FnOnce(&mut Mail)) -> bool {
        if self.has(Mark::Silent) {
            return false;
        }
        let mut mailbox = self.mail.lock();
        let mail = mailbox.get_or_insert_default();
        write(mail);
        if mail.backlog.exceeds(mail.bytes.len(), limit) {
            mail.bytes = Vec::new();
            drop(mailbox);
            self.close();
            return false;
        }
        drop(mailbox);
        !self.has_mail.swap(true, Ordering::SeqCst)
    }

    /// Moves what was sent to `out`, and notes on this thread's receipt what it depends on.
    pub fn take_mail(&self, out: &mut Vec<u8>) {
        if !self.has_mail.swap(false, Ordering::SeqCst) {
            return;
        }
        let mut mailbox = self.mail.lock();
        let Some(mail) = mailbox.as_deref_mut() else {
            return;
        };
        // Whoever sends waits for this lock: a whole mailbox changes hands without being copied.
        if out.is_empty() {
            *out = std::mem::take(&mut mail.bytes);
        } else {
            out.append(&mut mail.bytes);
        }
        let senders = std::mem::take(&mut mail.senders);
        mail.backlog = Backlog::default();
        drop(mailbox);
        for sender in senders {
            await_sender(sender);
        }
    }

    /// Whether something was sent and not yet taken.
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::SeqCst)
    }
}

/// What this thread writes depends on the sender's receipt.
fn await_sender(sender: Pending) {
    debug_assert!(
        receipt::is_open(),
        "bytes of a client are written under a receipt"
    );
    match sender.get() {
        Some(receipt) => receipt::note_sender(receipt),
        None => {
            receipt::note_mail();
            OPEN.with_borrow_mut(|open| open.awaited.push(sender));
        }
    }
}
