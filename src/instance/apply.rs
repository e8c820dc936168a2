//! What follows from a changed setting. Each effect may refuse; then all is as it was.

use std::sync::atomic::Ordering;

use super::Instance;
use crate::config::{ClientClass, Effect};
use crate::descriptors;
use crate::error::{CommandError, SettingError};

impl Instance {
    /// CONFIG SET: all of the pairs, or none.
    ///
    /// # Errors
    /// Redis's text about the first pair that cannot be set.
    pub fn set_config(&self, pairs: &[(&[u8], &[u8])]) -> Result<(), CommandError> {
        self.config
            .change(pairs, &mut |effect| self.apply(effect))?;
        self.changed_settings.notify_waiters();
        Ok(())
    }

    /// Takes over all settings as they are: they were in force before, or were checked at the start.
    pub(super) fn apply_all(&self) {
        for effect in Effect::ALL {
            let applied = self.apply(effect);
            debug_assert!(applied.is_ok(), "{applied:?}");
        }
        self.changed_settings.notify_waiters();
    }

    fn apply(&self, effect: Effect) -> Result<(), SettingError> {
        let settings = &self.config.settings;
        match effect {
            Effect::Clients => return self.make_room(settings.maxclients()),
            Effect::Contention => {
                let records = settings.lock_contention_entries();
                self.contention.set_records_max(records);
            }
            Effect::Events => self.listen_for_events(),
            Effect::Memory => self.memory_limit.set(settings.maxmemory()),
            Effect::RewriteLimits => {
                if let Some(keeper) = self.keeper.get() {
                    keeper.set_rewrite_limits(settings.durability.rewrite_limits());
                }
            }
            Effect::SubscriberBacklog => {
                let limit = settings.output_limit(ClientClass::PubSub);
                self.pubsub.set_backlog_limit(limit);
            }
        }
        Ok(())
    }

    fn make_room(&self, clients: u32) -> Result<(), SettingError> {
        let Some(reserved) = self.reserved_descriptors.get() else {
            return Ok(());
        };
        let room = descriptors::make_room(clients, *reserved);
        room.map(|_| ()).map_err(|shortage| {
            shortage.log();
            SettingError::TooManyClients {
                clients: shortage.clients,
            }
        })
    }

    fn listen_for_events(&self) {
        let flags = self.config.settings.notify_keyspace_events();
        let old = self
            .notifications
            .flags
            .swap(flags.bits(), Ordering::SeqCst);
        match (old != 0, flags.bits() != 0) {
            (false, true) => self.keyspace.start_listening(),
            (true, false) => self.keyspace.stop_listening(),
            _ => {}
        }
    }
}
