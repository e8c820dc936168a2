//! `timeout`: closes connections that have been idle for too long.
//!
//! While the setting is 0, as it is by default, nothing wakes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::instance::Instance;
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

/// Subscribers are idle by nature and stay, as in Redis.
fn close_idle(instance: &Instance, timeout_s: u32) {
    let now_us = instance.clock.now().micros();
    let limit_us = u64::from(timeout_s) * 1_000_000;
    for client in &instance.clients {
        let active_us = client.active_us.load(Ordering::Relaxed);
        if now_us.saturating_sub(active_us) > limit_us && !client.is_subscriber() {
            client.close();
        }
    }
}
