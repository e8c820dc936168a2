//! Replies that a fault keeps back: DELAY and PAUSE.
//!
//! They wait behind what the connection has not sent yet, each with its time, and leave in their
//! order. Nothing here runs while there is no fault, and nobody but the connection waits.
//!
//! The reply of DEBUG is never late: it takes along what its own connection has waited for.

use std::sync::Arc;

use crate::clock::BootTime;
use crate::command::table;
use crate::instance::{Instance, Wait};
use crate::server::batch::Pause;
use crate::server::connection::{Connection, State};
use crate::server::settled::Settled;

/// Ends when a fault keeps back no more what it has kept until `due`.
pub(super) fn wait(instance: &Arc<Instance>, due: BootTime) -> Pause {
    let instance = Arc::clone(instance);
    Box::pin(async move {
        let faults = &instance.faults;
        let wait = instance.wait_while(|now| faults.keeps_until(due, now).map(Wait::Until));
        wait.await;
    })
}

impl<S> Connection<S> {
    /// Adds replies to what is not sent yet, as late as a fault wants them; nothing is sent any more
    /// once one has ended the server.
    #[cold]
    pub(super) fn push_late(&mut self, settled: &mut Settled) {
        let faults = &self.instance.faults;
        if faults.is_crashed() {
            self.output.break_off();
        }
        let mut due = None;
        if !settled.bytes().is_empty() {
            if table::find(b"debug").is_some_and(|debug| self.client.ran_last(debug)) {
                self.output.forget_times();
            } else {
                due = faults.due(self.instance.clock.now());
            }
        }
        self.output.push(settled, due);
    }

    /// Adds the replies that `reply` writes to those that are not sent yet.
    pub(super) fn reply_later<R>(&mut self, reply: impl FnOnce(&mut Self, &mut Vec<u8>) -> R) -> R {
        let mut settled = Settled::default();
        let result = settled.add(|out| reply(self, out));
        if self.instance.faults.is_any() {
            self.push_late(&mut settled);
        } else {
            self.output.push(&mut settled, None);
        }
        result
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
