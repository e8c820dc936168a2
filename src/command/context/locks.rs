//! What becomes of locks, counted for INFO, and told to LOCK where one is refused.

use std::sync::Arc;

use super::Context;
use crate::command::tally::Locks;
use crate::contention::Refusal;
use crate::keyspace::Signature;

impl Context<'_> {
    /// Whether a refusal would be told to LOCK.
    #[inline]
    pub fn tells_refusal(&self) -> bool {
        !self.has_told_refusal
    }

    /// Counts a refused lock, and tells LOCK of the first one of each batch: who retries a lock
    /// does it one request at a time, and a pipeline of refusals should not wait for being told.
    /// `holding` and `holder` are those of the key.
    pub fn note_refusal(&mut self, key: &[u8], holding: Option<(u64, Option<Signature>)>) {
        self.tally.locks.refusals += 1;
        let Some((holding, holder)) = holding else {
            return;
        };
        self.has_told_refusal = true;
        self.tell_refusal(key, holding, holder);
    }

    #[cold]
    fn tell_refusal(&self, key: &[u8], holding: u64, holder: Option<Signature>) {
        let instance = self.instance;
        let refusal = Refusal {
            database: self.session.database,
            key,
            holding,
            client: &self.session.client,
            now: self.now,
        };
        instance.contention.note(refusal, || {
            let client = instance.clients.get(&holder?.maker())?;
            Some(Arc::clone(&client))
        });
    }

    /// Counts what became of locks.
    #[inline]
    pub fn locks(&mut self) -> &mut Locks {
        &mut self.tally.locks
    }
}
