//! A directory on which servers without connections run, one after the other.
//!
//! A server is killed by dropping it: what it has written is in its files, as in the page cache of a
//! machine that goes on.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::durability::ring;
use crate::durability::storage::{Faults, Step};
use crate::durability::{Keeper, Store};
use crate::keyspace::{Change, Event, Expiry, Keyspace, Observer};
use crate::sync::Mutex;

struct Deaf;

impl Observer for Deaf {
    fn changed(&self, _: Change<'_>) {}
}

/// A directory.
pub(super) struct Place {
    directory: tempfile::TempDir,
    mode: &'static str,
}

/// A server on it.
pub(super) struct Running {
    pub(super) keyspace: Keyspace,
    pub(super) keeper: Arc<Keeper>,
}

/// A step and the name of its file.
pub(super) type Taken = (Step, String);

impl Place {
    pub(super) fn new(mode: &'static str) -> Place {
        let directory = tempfile::tempdir().expect("a directory");
        Place { directory, mode }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("appendonlydir").join(name)
    }

    /// The content of all files but the ring, one after the other in the order of their names.
    pub(super) fn text(&self) -> String {
        let entries = fs::read_dir(self.file("")).expect("a directory");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.retain(|path| !path.ends_with(ring::NAME));
        paths.sort();
        let files = paths.iter().map(|path| fs::read(path).expect("a file"));
        let bytes: Vec<u8> = files.flatten().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn start(&self) -> Running {
        self.try_start(|_, _| Ok(()))
    }

    /// Starts a server of which `faults` decides whether a step of its start fails.
    pub(super) fn try_start(
        &self,
        faults: impl FnMut(Step, &str) -> io::Result<()> + Send + 'static,
    ) -> Running {
        let words = ["--durability", self.mode, "--dir"].map(Into::into);
        let words = [&words[..], &[self.directory.path().into()]].concat();
        let loaded = Config::load(&words, &mut io::empty()).expect("good settings");
        let keyspace = Keyspace::new(2, Box::new(Deaf));
        let clock = Arc::new(Clock::manual());
        let store = Store::open(&loaded.config.settings.durability).expect("a directory");
        *store.storage.faults.lock() = Some(on_names(faults));
        let files = store.load(&keyspace, &clock, &mut |_, _| Ok(()));
        let keeper = files.expect("good files").start(clock).expect("a journal");
        *keeper.storage.faults.lock() = None;
        keyspace.record_to(Box::new(Arc::clone(&keeper)));
        Running { keyspace, keeper }
    }
}

fn on_names(mut faults: impl FnMut(Step, &str) -> io::Result<()> + Send + 'static) -> Faults {
    Box::new(move |step, path| {
        let name = path.file_name().unwrap_or_default();
        faults(step, &name.to_string_lossy())
    })
}

impl Running {
    /// Takes a lock that does not end.
    pub(super) fn take(&self, key: &str) {
        let now = self.keeper.clock.now();
        let mut guard = self.keyspace.key(0, key.as_bytes(), now);
        guard.set(b"token", Expiry::Never, Event::Set);
    }

    /// Gives a lock back.
    pub(super) fn release(&self, key: &str) {
        let now = self.keeper.clock.now();
        let mut guard = self.keyspace.key(0, key.as_bytes(), now);
        assert!(guard.remove(Event::Del));
    }

    /// Whether a lock is held.
    pub(super) fn holds(&self, key: &str) -> bool {
        let now = self.keeper.clock.now();
        self.keyspace.key(0, key.as_bytes(), now).value().is_some()
    }

    /// For how long nothing is granted.
    pub(super) fn loading_ms(&self) -> Option<u64> {
        self.keeper.loading_ms(self.keeper.clock.now())
    }

    /// Rewrites the journal; tells whether it has succeeded.
    pub(super) fn rewrite(&self) -> bool {
        let before = self.keeper.rewrite_state().rewrites;
        assert!(self.keeper.rewriting.begin());
        self.keeper.rewrite(&self.keyspace, || Some(()));
        self.keeper.rewrite_state().rewrites > before
    }

    /// Has `faults` decide from now on whether a step on the file of a name fails.
    pub(super) fn fail(&self, faults: impl FnMut(Step, &str) -> io::Result<()> + Send + 'static) {
        *self.keeper.storage.faults.lock() = Some(on_names(faults));
    }

    /// Lets nothing fail any more.
    pub(super) fn mend(&self) {
        *self.keeper.storage.faults.lock() = None;
    }

    /// Fails the step of this number, counted from here and from 0, and notes all steps.
    pub(super) fn fail_step(
        &self,
        number: usize,
        error: fn() -> io::Error,
    ) -> Arc<Mutex<Vec<Taken>>> {
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let steps = Arc::clone(&taken);
        self.fail(move |step, name| {
            let mut steps = steps.lock();
            steps.push((step, name.to_owned()));
            match steps.len() == number + 1 {
                true => Err(error()),
                false => Ok(()),
            }
        });
        taken
    }
}
