//! What time it is to a command: a script or a transaction sees one moment, as since Redis 7.2.

use super::{Access, Caller, Context};
use crate::clock::Reading;

impl Context<'_> {
    /// Lets somebody else call commands; tells who did before.
    #[inline]
    pub fn enter(&mut self, caller: Caller) -> Caller {
        if self.caller == Caller::Client {
            self.frozen = None;
        }
        std::mem::replace(&mut self.caller, caller)
    }

    /// Both clocks: as they are for a client's command, and as they were at its beginning for all
    /// commands of a script or a transaction, so that no time passes within it.
    pub fn clocks(&mut self) -> Reading {
        let clock = &self.instance.clock;
        if self.caller == Caller::Client {
            return clock.read();
        }
        let (now, access) = (self.now, self.access);
        *self.frozen.get_or_insert_with(|| match access {
            Access::Whole => clock.read().at(now),
            // A native script takes no time, but the batch before it may have.
            Access::Beside | Access::Busy => clock.read(),
        })
    }

    /// Looks at the clocks again: DEBUG ADVANCE has moved them.
    pub fn renew_time(&mut self) {
        self.now = self.instance.clock.now();
        self.frozen = None;
    }
}
