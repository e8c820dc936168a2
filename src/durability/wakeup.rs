//! Wakes the keeper's thread.

use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// What the keeper's thread sleeps on between two rounds of work.
#[derive(Default)]
pub(super) struct Wakeup {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_wanted: bool,
    is_stopping: bool,
}

impl Wakeup {
    /// Asks for a round of work.
    pub(super) fn notify(&self) {
        let mut state = self.state.lock();
        if !state.is_wanted {
            state.is_wanted = true;
            self.changed.notify_one();
        }
    }

    /// Asks for the end.
    pub(super) fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.changed.notify_one();
    }

    /// Whether the end was asked for.
    pub(super) fn is_stopping(&self) -> bool {
        self.state.lock().is_stopping
    }

    /// Sleeps until a round is wanted, or for `rest`; returns whether there is more to come.
    pub(super) fn wait(&self, rest: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        while !state.is_wanted && !state.is_stopping {
            match rest {
                None => self.changed.wait(&mut state),
                Some(rest) => {
                    if self.changed.wait_for(&mut state, rest).timed_out() {
                        break;
                    }
                }
            }
        }
        state.is_wanted = false;
        !state.is_stopping
    }
}
