//! `timeout`: closes connections that have been idle for too long.
//!
//! While the setting is 0, as it is by default, nothing wakes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use crate::client::Mark;
use crate::instance::Instance;
use crate::server::connection::{Connection, Pace, State};
use crate::server::output::Socket;
use crate::server::tasks::TaskGuard;
use crate::server::workers::Workers;

/// How often connections are looked at while there is a `timeout`.
const LOOK: Duration = Duration::from_secs(1);

pub(super) fn start(instance: &Arc<Instance>, workers: &Arc<Workers>, guard: TaskGuard) {
    let instance = Arc::clone(instance);
    workers.run(move || {
        tokio::task::spawn_local(async move {
            let _guard = guard;
            while !instance.is_stopping() {
                let changed = instance.settings_changed();
                let Some(timeout_s) = instance.config.settings.timeout_s() else {
                    changed.await;
                    continue;
                };
                close_idle(&instance, timeout_s);
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = instance.stopping() => {}
                }
            }
        });
    });
}

/// Subscribers and monitors are idle by nature and stay, as in Redis. Whether another one is idle
/// its connection decides: who waits, or is held back, has something under way.
fn close_idle(instance: &Instance, timeout_s: u32) {
    let now_us = instance.clock.now().micros();
    let limit_us = u64::from(timeout_s) * 1_000_000;
    for client in &instance.clients {
        let active_us = client.active_us.load(Ordering::Relaxed);
        let is_quiet = now_us.saturating_sub(active_us) > limit_us;
        if is_quiet && !client.is_subscriber() && !client.has(Mark::Monitor) {
            client.close_if_idle();
        }
    }
}

impl<S: Socket> Connection<S> {
    /// `timeout` takes the connection for idle. It is, if no byte comes or goes now and the server
    /// keeps nothing back.
    #[cold]
    pub(super) fn poll_read_or_close(&mut self, task: &mut Task<'_>) -> Poll<io::Result<Pace>> {
        let is_idle =
            matches!(self.state, State::Reading | State::Closing) && !self.output.is_kept_back();
        self.client.stay_open();
        let active_us = self.client.active_us.load(Ordering::Relaxed);
        let polled = self.poll_step(task);
        let has_moved = self.client.active_us.load(Ordering::Relaxed) != active_us;
        if is_idle && polled.is_pending() && !has_moved {
            self.state = State::Closed;
            return Poll::Ready(Ok(Pace::Idle));
        }
        polled
    }
}
