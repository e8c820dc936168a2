//! Replies that a fault keeps back: DELAY and PAUSE.
//!
//! They wait behind what the connection has not sent yet, each with its time, and leave in their
//! order. Nothing here runs while there is no fault, and nobody but the connection waits.
//!
//! The reply of DEBUG is never late: it takes along what its own connection has waited for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use crate::clock::BootTime;
use crate::command::table;
use crate::instance::{Instance, Wait};
use crate::server::batch::Pause;
use crate::server::connection::{Connection, State};

/// See the module's text.
#[derive(Default)]
pub(super) struct Late {
    /// Replies, each with the time before which it does not leave.
    queue: VecDeque<(BootTime, Vec<u8>)>,
    /// Ends when the first of them may leave.
    over: Option<Pause>,
}

impl Late {
    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.queue.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// The last reply that waits.
    pub(super) fn end(&mut self) -> Option<&mut Vec<u8>> {
        self.queue.back_mut().map(|(_, bytes)| bytes)
    }

    /// Moves the replies whose time has come to `bytes`; ready when none waits any more.
    pub(super) fn release(
        &mut self,
        instance: &Arc<Instance>,
        bytes: &mut Vec<u8>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        while let Some((due, first)) = self.queue.front_mut() {
            let due = *due;
            let over = self.over.get_or_insert_with(|| wait(instance, due));
            if over.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            bytes.append(first);
            self.queue.pop_front();
            self.over = None;
        }
        Poll::Ready(())
    }

    /// Moves all of them to `bytes`.
    fn release_all(&mut self, bytes: &mut Vec<u8>) {
        for (_, mut reply) in self.queue.drain(..) {
            bytes.append(&mut reply);
        }
        self.over = None;
    }
}

fn wait(instance: &Arc<Instance>, due: BootTime) -> Pause {
    let instance = Arc::clone(instance);
    Box::pin(async move {
        let faults = &instance.faults;
        let wait = instance.wait_while(|now| faults.keeps_until(due, now).map(Wait::Until));
        wait.await;
    })
}

impl<S> Connection<S> {
    /// Takes `write` away if a fault keeps it back, or has ended the server.
    #[cold]
    pub(super) fn keep_back(&mut self, write: &mut Vec<u8>) {
        let faults = &self.instance.faults;
        if faults.is_crashed() {
            write.clear();
            self.unsent = None;
            self.state = State::Closed;
        } else if write.is_empty() {
        } else if table::find(b"debug").is_some_and(|debug| self.client.ran_last(debug)) {
            if let Some(unsent) = &mut self.unsent {
                unsent.late.release_all(&mut unsent.bytes);
            }
        } else if let Some(due) = faults.due(self.instance.clock.now()) {
            let unsent = self.unsent.get_or_insert_default();
            unsent.late.queue.push_back((due, std::mem::take(write)));
        }
    }

    /// Adds what `reply` writes to the replies that are not sent yet.
    pub(super) fn reply_later<R>(&mut self, reply: impl FnOnce(&mut Self, &mut Vec<u8>) -> R) -> R {
        let mut write = Vec::new();
        let result = reply(self, &mut write);
        self.hold_until_kept(!write.is_empty());
        if self.instance.faults.is_any() {
            self.keep_back(&mut write);
        }
        if !write.is_empty() {
            self.unsent.get_or_insert_default().end().append(&mut write);
        }
        result
    }

    /// As [`Connection::collect_mail`]: messages are as late as replies.
    #[cold]
    pub(super) fn collect_mail_late(&mut self) {
        let mut mail = Vec::new();
        self.client.take_mail(&mut mail);
        if let Some(due) = self.instance.faults.due(self.instance.clock.now()) {
            let unsent = self.unsent.get_or_insert_default();
            unsent.late.queue.push_back((due, mail));
        } else {
            self.unsent.get_or_insert_default().end().append(&mut mail);
        }
    }

    /// Waits for the end of PAUSE and reads nothing meanwhile: what has been sent is run then,
    /// though the client be gone.
    pub(super) fn stand_still(&self) -> State {
        let (instance, client) = (Arc::clone(&self.instance), Arc::clone(&self.client));
        State::Waiting(Box::pin(async move {
            let wait = instance.wait_while(|now| {
                let end = instance.faults.pause_end(now);
                end.filter(|_| !client.is_closing()).map(Wait::Until)
            });
            wait.await;
        }))
    }
}
