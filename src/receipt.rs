//! What must be on the disk before anybody hears of a piece of work.
//!
//! A thread that runs requests opens a [`Receipt`] before it runs them and closes it afterwards.
//! In between, whoever keeps the changes of keys notes on it what the replies depend on. So a
//! reply waits for what its own requests have done, and for nothing that others have.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

/// What a piece of work depends on. Numbers are 0 where it depends on nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The horizon on the disk must reach this boot time in microseconds.
    pub promised_us: u64,
    /// So many bytes of the journal must be synced: something was granted in them.
    pub granted_bytes: u64,
    /// The same for bytes that were only read, or in which keys were only removed. They are not
    /// waited for while the disk fails.
    pub settled_bytes: u64,
    /// A grant is not in the journal, and is forgotten if the process is killed.
    pub is_lost: bool,
    /// Messages were sent or taken: [`client::mail`](crate::client::mail) knows which.
    pub has_mail: bool,
    is_open: bool,
}

/// The receipt of work that may still go on, for who has heard of it before its end.
pub type Pending = Arc<OnceLock<Receipt>>;

thread_local! {
    static CURRENT: Cell<Receipt> = const { Cell::new(Receipt::CLEAR) };
}

/// Opens a receipt for what this thread runs from now on.
#[inline]
pub fn open() {
    reopen(Receipt::CLEAR);
}

/// Goes on with a receipt that was closed because its work had paused.
#[inline]
pub fn reopen(receipt: Receipt) {
    let is_open = true;
    CURRENT.set(Receipt { is_open, ..receipt });
}

/// Whether this thread runs something whose receipt is open.
#[inline]
pub fn is_open() -> bool {
    CURRENT.get().is_open
}

/// Closes the receipt of this thread.
#[inline]
pub fn close() -> Receipt {
    let receipt = CURRENT.replace(Receipt::CLEAR);
    let is_open = false;
    Receipt { is_open, ..receipt }
}

/// The work of this thread depends on a horizon that reaches so far.
pub fn note_promise(until_us: u64) {
    note(|receipt| receipt.promised_us = receipt.promised_us.max(until_us));
}

/// It depends on so many synced bytes, in which something was granted.
pub fn note_grant(bytes: u64) {
    note(|receipt| receipt.granted_bytes = receipt.granted_bytes.max(bytes));
}

/// It depends on so many synced bytes, which were read, or in which keys were removed.
pub fn note_settled(bytes: u64) {
    note(|receipt| receipt.settled_bytes = receipt.settled_bytes.max(bytes));
}

/// Something was granted in it that is not kept.
pub fn note_loss() {
    note(|receipt| receipt.is_lost = true);
}

/// It has sent or taken messages.
pub fn note_mail() {
    note(|receipt| receipt.has_mail = true);
}

/// It depends on all that the sender of a message does.
pub fn note_sender(sender: &Receipt) {
    note(|receipt| receipt.merge(sender));
}

fn note(change: impl FnOnce(&mut Receipt)) {
    let mut receipt = CURRENT.get();
    change(&mut receipt);
    CURRENT.set(receipt);
}

impl Receipt {
    /// Depends on nothing.
    pub const CLEAR: Receipt = Receipt {
        promised_us: 0,
        granted_bytes: 0,
        settled_bytes: 0,
        is_lost: false,
        has_mail: false,
        is_open: false,
    };

    /// Of work that has kept nothing.
    pub const LOST: Receipt = Receipt {
        is_lost: true,
        ..Receipt::CLEAR
    };

    /// Whether it depends on nothing.
    #[inline]
    pub fn is_clear(&self) -> bool {
        (self.promised_us | self.granted_bytes | self.settled_bytes) == 0
            && !self.is_lost
            && !self.has_mail
    }

    /// Depends on what either does. Whose mail it was does not matter to who has read it.
    pub fn merge(&mut self, other: &Receipt) {
        self.promised_us = self.promised_us.max(other.promised_us);
        self.granted_bytes = self.granted_bytes.max(other.granted_bytes);
        self.settled_bytes = self.settled_bytes.max(other.settled_bytes);
        self.is_lost |= other.is_lost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_has_what_was_noted_while_it_was_open_and_no_more() {
        note_promise(9);
        open();
        assert!(is_open() && close().is_clear());
        open();
        note_promise(7);
        note_promise(5);
        note_loss();
        let receipt = close();
        assert!(!is_open() && receipt.is_lost && receipt.promised_us == 7);
        open();
        assert!(close().is_clear());
    }

    #[test]
    fn work_that_has_paused_goes_on_with_its_own_receipt() {
        open();
        note_grant(7);
        let paused = close();
        open();
        note_settled(9);
        assert_eq!(close().granted_bytes, 0);
        reopen(paused);
        note_grant(8);
        let receipt = close();
        assert_eq!((receipt.granted_bytes, receipt.settled_bytes), (8, 0));
    }
}
