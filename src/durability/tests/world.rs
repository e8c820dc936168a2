//! What a server has beside its connections, on a directory of its own: it is killed by dropping it,
//! and a copy of its directory is what a kill would leave.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{BootTime, Clock};
use crate::config::Config;
use crate::durability::reader::Request;
use crate::durability::{Keeper, Store};
use crate::keyspace::{Change, Cursor, Keyspace, Observer, Walked};

pub(super) const DATABASES: usize = 3;

struct Deaf;

impl Observer for Deaf {
    fn changed(&self, _: Change<'_>) {}
}

/// The keys of all databases: by number and name, value and deadline.
pub(super) type Keys = BTreeMap<(usize, Vec<u8>), (Vec<u8>, Option<BootTime>)>;

pub(super) struct World {
    // In this order: the keeper has the directory until it is dropped.
    pub(super) keyspace: Keyspace,
    pub(super) keeper: Arc<Keeper>,
    pub(super) clock: Arc<Clock>,
    directory: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> World {
        let directory = tempfile::tempdir().expect("a directory");
        World::on(directory, Arc::new(Clock::manual()))
    }

    fn on(directory: tempfile::TempDir, clock: Arc<Clock>) -> World {
        let words = ["--durability", "guard", "--dir"].map(Into::into);
        let words = [&words[..], &[directory.path().into()]].concat();
        let loaded = Config::load(&words, &mut std::io::empty()).expect("good settings");
        let keyspace = Keyspace::new(DATABASES, Box::new(Deaf));
        let mut apply = |_: usize, request: &Request<'_>| {
            let words: Vec<_> = request.arguments().map(String::from_utf8_lossy).collect();
            match words.iter().map(AsRef::as_ref).collect::<Vec<&str>>()[..] {
                ["SWAPDB", first, second] => {
                    let number = |text: &str| text.parse().expect("a number");
                    keyspace.swap(number(first), number(second), BootTime::from_micros(0));
                }
                _ => return Err(format!("{words:?}")),
            }
            Ok(())
        };
        let store = Store::open(&loaded.config.settings.durability).expect("a directory");
        let files = store.load(&keyspace, &clock, &mut apply).expect("files");
        let keeper = files.start(Arc::clone(&clock)).expect("a journal");
        keyspace.record_to(Box::new(Arc::clone(&keeper)));
        World {
            keyspace,
            keeper,
            clock,
            directory,
        }
    }

    /// Kills the server, and starts it again.
    pub(super) fn killed(self) -> World {
        let World {
            keyspace,
            keeper,
            clock,
            directory,
        } = self;
        drop(keyspace);
        drop(keeper);
        World::on(directory, clock)
    }

    /// What a start would find if the server was killed now.
    pub(super) fn copy(&self) -> World {
        let copy = tempfile::tempdir().expect("a directory");
        let append = |directory: &Path| directory.join("appendonlydir");
        fs::create_dir(append(copy.path())).expect("a new directory");
        for entry in fs::read_dir(append(self.directory.path())).expect("a directory") {
            let entry = entry.expect("an entry");
            let to = append(copy.path()).join(entry.file_name());
            fs::copy(entry.path(), to).expect("a copy");
        }
        World::on(copy, Arc::clone(&self.clock))
    }

    /// All keys that live.
    pub(super) fn keys(&self) -> Keys {
        let now = self.clock.now();
        let mut keys = Keys::new();
        for database in 0..DATABASES {
            let visit = |Walked {
                             key,
                             value,
                             deadline,
                         }: Walked<'_>| {
                keys.insert((database, key.to_vec()), (value.to_vec(), deadline));
            };
            self.keyspace
                .walk(database, Cursor::START, usize::MAX, now, visit);
        }
        keys
    }
}

/// The keys as a journal has them: deadlines are rounded up to the millisecond.
pub(super) fn kept(mut keys: Keys) -> Keys {
    for (_, deadline) in keys.values_mut() {
        let micros = deadline.map(|deadline| deadline.micros().next_multiple_of(1000));
        *deadline = micros.map(BootTime::from_micros);
    }
    keys
}
