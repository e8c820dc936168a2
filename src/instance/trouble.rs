//! Faults that befall an instance: its time moves, it crashes, it restarts with nothing.
//!
//! Those that last are noted in [`Faults`](crate::fault::Faults), where connections and commands
//! ask for them.

use std::time::Duration;

use crate::client::{Client, Mark};
use crate::fault::{Fault, SPAN_MAX};
use crate::keyspace::Sweep;

use super::{Instance, Start};

impl Instance {
    /// Lets a fault happen. But for a crash, the caller has the keyspace to itself, so that no
    /// command that began before is answered after. `witness` is the client that has asked for it:
    /// its connection is the last to end.
    pub fn inflict(&self, fault: Fault, witness: Option<u64>) {
        match fault {
            Fault::Crash => return self.crash(),
            Fault::RestartEmpty => self.restart_empty(witness),
            Fault::Advance(step) => return self.advance(step.min(SPAN_MAX)),
            Fault::Reset => self.close_clients(|client| client.has(Mark::Silent)),
            Fault::Drop(_) | Fault::Delay { .. } | Fault::Refuse(_) | Fault::Pause(_) => {}
        }
        self.faults.note(fault, self.clock.now());
        // Who waits for a fault to end looks again.
        self.ring_timers();
    }

    /// Moves its clock forward and lets what is then due expire. The caller has access to the
    /// keyspace.
    pub fn advance(&self, step: Duration) {
        self.clock.advance(step);
        self.expire_due();
        self.keyspace.alarm().ring();
        self.ring_timers();
    }

    /// Ends as if it were killed: what was not sent yet is not sent, and nothing is written.
    fn crash(&self) {
        if self.faults.crash_ends_process() {
            let process = rustix::process::getpid();
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            // Nobody may forbid a process to kill itself; if somebody did, it ends all the same.
            std::process::abort();
        }
        tracing::warn!("DEBUG CRASH: this instance ends as if it were killed");
        self.faults.note(Fault::Crash, self.clock.now());
        self.stop();
    }

    /// Becomes what a start without persistence would make it.
    fn restart_empty(&self, witness: Option<u64>) {
        tracing::warn!("DEBUG RESTART-EMPTY: this instance forgets everything");
        self.close_clients(|client| Some(client.id) != witness);
        for database in 0..self.keyspace.databases() {
            self.keyspace.flush(database);
        }
        self.keyspace.sweep(Sweep::On);
        self.keyspace.reset_expired();
        self.scripts.restart();
        self.contention.set_records_max(0);
        self.stats.reset();
        self.rates.reset();
        self.slowlog.reset();
        self.latency.reset(&[]);
        self.pause.end_now();
        self.keyspace.keep_expired_until(self.clock.now());
        *self.start.write() = Start::new(self.clock.now());
        self.apply_all();
    }

    fn close_clients(&self, is_meant: impl Fn(&Client) -> bool) {
        for client in &self.clients {
            if is_meant(&client) {
                client.close();
            }
        }
    }
}
