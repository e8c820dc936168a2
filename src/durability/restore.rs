//! The start: what the files hold goes into the keyspace, and what they do not hold any more
//! decides how long nothing may be granted.

use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;

use super::disk::{self, File, OpenOptions};
use super::dump::{self, Dump, DumpCounts};
use super::file::{AppendOnlyFile, Entry};
use super::health::Health;
use super::horizon::{Found, Horizon};
use super::left::Left;
use super::loaded::Loaded;
use super::lock::DirectoryLock;
use super::manifest::{self, Manifest, Part};
use super::reader::Ending;
use super::replay::{Apply, Replay};
use super::rewrite::TEMPORARY;
use super::storage::Storage;
use super::torn;
use super::upgrade;
use super::wait::{Case, Ended};
use super::wakeup::Wakeup;
use crate::clock::{self, Clock};
use crate::config::Durability;
use crate::error::{Damage, JournalError, RestoreError};
use crate::keyspace::Keyspace;

/// The files of a server that is not running yet.
pub struct Store<'a> {
    pub(super) settings: &'a Durability,
    pub(super) lock: DirectoryLock,
    pub(super) storage: Storage,
    pub(super) wakeup: Arc<Wakeup>,
    pub(super) manifest: Manifest,
    pub(super) horizon: Horizon,
    pub(super) found: Found,
}

impl<'a> Store<'a> {
    /// Opens the directory, which is made if it is not there, and keeps others out.
    ///
    /// # Errors
    /// Another server is there, or the system denies something.
    pub fn open(settings: &'a Durability) -> Result<Store<'a>, RestoreError> {
        let directory = &settings.directory;
        let denied = |what: &'static str| {
            move |error: io::Error| RestoreError::system(what, directory, &error)
        };
        disk::create_dir_all(directory).map_err(denied("make the directory"))?;
        let lock = DirectoryLock::take(directory).map_err(|fault| match fault {
            JournalError::Locked { .. } => RestoreError::Locked(directory.clone()),
            fault => RestoreError::Files {
                directory: directory.clone(),
                fault,
            },
        })?;
        remove_unfinished(directory, &settings.stem).map_err(denied("tidy up"))?;
        let manifest = upgrade::manifest(directory, &settings.stem)?;
        let wakeup = Arc::default();
        let storage = Storage::new(Arc::new(Health::new(directory, Arc::clone(&wakeup))));
        let (horizon, found) =
            Horizon::open(&storage, directory).map_err(denied("open the horizon in"))?;
        Ok(Store {
            manifest,
            settings,
            lock,
            storage,
            wakeup,
            horizon,
            found,
        })
    }

    /// Fills the keyspace. `apply` is given a request that a journal of this server does not have,
    /// and the database it is for; it tells what is wrong with it.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub fn load(
        mut self,
        keyspace: &Keyspace,
        clock: &Clock,
        apply: Apply<'_>,
    ) -> Result<Loaded<'a>, RestoreError> {
        // Where boots cannot be told apart, each start counts as one.
        let boot_id: Arc<str> = clock::boot_id()
            .unwrap_or_else(|| format!("unknown-{}", clock.unix_micros()))
            .into();
        let left = Left::find(&self.settings.directory, &self.manifest, &boot_id);
        let mut replay = Replay::new(keyspace, clock, &boot_id, apply);
        let dump = self.read_dump(&mut replay, clock)?;
        let mut ended = self.read_files(&mut replay, left.as_ref().ok())?;
        replay.end();
        let dump = match dump {
            Some(dump) => Some(self.take_as_base(dump)?),
            None => None,
        };
        ended.is_ours = replay.is_ours();
        ended.is_of_this_boot = replay.is_of_this_boot();
        let keys = replay.keys();
        self.forget_history()?;
        let case = Case {
            found: &self.found,
            manifest: &self.manifest,
            ended,
            ring: match &left {
                Ok(left) => Ok(left.contents.identity.waits_us),
                Err(unusable) => Err(*unusable),
            },
            boot_id: &boot_id,
            now: clock.now(),
            longest_ms: self.settings.guard_max_s.saturating_mul(1000),
            directory: &self.settings.directory,
        };
        let wait = case.wait();
        let last = match self.manifest.increments().last() {
            Some(last) => last.clone(),
            None => {
                let first = self.manifest.add_increment(&self.settings.stem);
                // A manifest never names a file that is not there, whenever the process is killed.
                let path = first.path(&self.settings.directory);
                let made = OpenOptions::new().create(true).append(true).open(&path);
                made.map_err(|error| RestoreError::system("make", &path, &error))?;
                self.write_manifest()?;
                first
            }
        };
        Ok(Loaded {
            boot_id,
            left: left.ok(),
            last,
            ended,
            wait,
            keys,
            dump,
            store: self,
        })
    }

    /// Loads the snapshot of a Redis that had no append-only file, unless there is one here.
    fn read_dump(
        &self,
        replay: &mut Replay<'_>,
        clock: &Clock,
    ) -> Result<Option<Dump>, RestoreError> {
        match &self.settings.dump {
            Some(path) if self.manifest.parts().next().is_none() => Dump::read(path, replay, clock),
            Some(path) => {
                dump::tell_unread(path);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Begins the journal with a snapshot, so that a kill loses none of its keys. The manifest names
    /// it once all of it is there; until then its name says nothing to a start.
    fn take_as_base(&mut self, mut dump: Dump) -> Result<DumpCounts, RestoreError> {
        let name = format!("{}.dump.rdb", self.settings.stem);
        dump.copy_to(&self.settings.directory.join(&name))?;
        self.manifest = Manifest::of_one_file(&name);
        Ok(dump.counts)
    }

    fn read_files(
        &mut self,
        replay: &mut Replay<'_>,
        left: Option<&Left>,
    ) -> Result<Ended, RestoreError> {
        if let Some(name) = left.and_then(|left| left.path.file_name()) {
            // A rewrite has named them, and nothing was written to them yet.
            self.manifest.take_increments_behind(name);
        }
        let base = self.manifest.base().cloned();
        let parts: Vec<Part> = self.manifest.parts().cloned().collect();
        let mut increments = Vec::new();
        let mut others_bytes = 0;
        for (index, part) in parts.iter().enumerate() {
            let path = part.path(&self.settings.directory);
            let left = left.filter(|left| left.path == path);
            let length = match left {
                Some(left) => read_exactly(left, replay)?,
                None => self.read_file(&path, index + 1 == parts.len(), replay)?,
            };
            others_bytes += length;
            if base.as_ref() != Some(part) {
                let in_ring = left.map_or(0, |left| left.records.len() as u64);
                let is_clean = replay.has_ended_in_peace();
                increments.push((part, length, in_ring, is_clean));
            }
        }
        // As above: one without anything in it is not the one that was appended to.
        while increments.len() > 1 && increments.last().is_some_and(|last| last.1 == 0) {
            increments.pop();
        }
        let Some((last, length, in_ring, is_clean)) = increments.pop() else {
            return Ok(Ended {
                others_bytes,
                ..Ended::default()
            });
        };
        self.manifest.take_increments_behind(&last.name);
        Ok(Ended {
            length,
            in_ring,
            others_bytes: others_bytes - length,
            is_clean,
            ..Ended::default()
        })
    }

    /// Reads one file; returns how long it is, or up to where it counts.
    fn read_file(
        &self,
        path: &Path,
        is_last: bool,
        replay: &mut Replay<'_>,
    ) -> Result<u64, RestoreError> {
        let failed = |error: io::Error| RestoreError::system("read", path, &error);
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let ending = read_all(BufReader::new(file), path, replay)?;
        let good = self.accept(&ending, path, is_last, replay)?;
        Ok(good.unwrap_or(bytes))
    }

    /// Up to where a file is good; the whole of it if there is nothing to cut.
    fn accept(
        &self,
        ending: &Ending,
        path: &Path,
        is_last: bool,
        replay: &Replay<'_>,
    ) -> Result<Option<u64>, RestoreError> {
        let shown = path.display();
        let has_crashed = self.has_crashed(replay);
        let failed = |error: io::Error| RestoreError::system("read", path, &error);
        match ending {
            Ending::Clean => Ok(None),
            Ending::Unused { offset, .. } => Ok(Some(*offset)),
            Ending::Truncated { offset }
                if (is_last || has_crashed) && self.settings.takes_truncated =>
            {
                tracing::warn!(
                    "{shown} ends inside of a record at offset {offset}, which is left out"
                );
                Ok(Some(*offset))
            }
            Ending::Truncated { offset } => Err(RestoreError::Truncated {
                path: path.to_owned(),
                offset: *offset,
            }),
            // Pages that a crash has kept from the disk; the horizon covers what they granted.
            Ending::Damaged { offset, what }
                if has_crashed && torn::is_torn(path, *offset, what).map_err(failed)? =>
            {
                tracing::warn!(
                    "{shown} has lost pages when the machine crashed: what is behind offset \
                     {offset} is left out"
                );
                Ok(Some(*offset))
            }
            Ending::Damaged { offset, what } => Err(RestoreError::Damaged {
                path: path.to_owned(),
                offset: *offset,
                what: what.clone(),
            }),
        }
    }

    /// Whether the machine was started anew since the files were written to, by what they say or, if
    /// a crash has taken that from them, by the horizon.
    fn has_crashed(&self, replay: &Replay<'_>) -> bool {
        match &self.found {
            _ if replay.is_ours() => !replay.is_of_this_boot(),
            Found::Promise(promise) => !replay.is_this_boot(&promise.boot_id),
            Found::Nothing | Found::Damaged => false,
        }
    }

    fn forget_history(&mut self) -> Result<(), RestoreError> {
        let history = self.manifest.take_history();
        if history.is_empty() {
            return Ok(());
        }
        for part in history {
            let _ = disk::remove_file(part.path(&self.settings.directory));
        }
        self.write_manifest()
    }

    fn write_manifest(&self) -> Result<(), RestoreError> {
        let Durability {
            directory, stem, ..
        } = self.settings;
        let written = self.manifest.store(&self.storage, directory, stem);
        written.map_err(|fault| RestoreError::Files {
            directory: directory.clone(),
            fault,
        })
    }
}

/// Reads the file of which a ring says how long it is, and the records of the ring; returns how long
/// they are together.
fn read_exactly(left: &Left, replay: &mut Replay<'_>) -> Result<u64, RestoreError> {
    let path = &left.path;
    let source = left.over_file();
    let source = source.map_err(|error| RestoreError::system("read", path, &error))?;
    let what = match read_all(BufReader::new(source), path, replay)? {
        Ending::Clean => {
            // What was on its way from the ring to the file is in both.
            if left.written_behind > left.records.len() as u64 {
                tracing::warn!(
                    "{} has {} bytes behind offset {} that were not finished when its server was \
                     killed: they are left out",
                    path.display(),
                    left.written_behind,
                    left.offset
                );
            }
            return Ok(left.end());
        }
        // It has all of its bytes.
        Ending::Truncated { offset } => (offset, Damage::Swallowed),
        Ending::Unused { offset, .. } => (offset, Damage::Hole),
        Ending::Damaged { offset, what } => (offset, what),
    };
    Err(RestoreError::Damaged {
        path: path.clone(),
        offset: what.0,
        what: what.1,
    })
}

fn read_all(
    source: impl io::Read,
    path: &Path,
    replay: &mut Replay<'_>,
) -> Result<Ending, RestoreError> {
    let failed = |error: io::Error| RestoreError::system("read", path, &error);
    let mut file = AppendOnlyFile::open(source).map_err(failed)?;
    replay.begin_file();
    loop {
        match file.read().map_err(failed)? {
            Entry::Key(key) => {
                let taken = replay.key(&key);
                taken.map_err(|what| refused(path, 0, what))?;
            }
            Entry::Request(request) => {
                let taken = replay.request(&request);
                taken.map_err(|what| refused(path, request.offset(), what))?;
            }
            Entry::Annotation { annotation, .. } => replay.annotation(&annotation),
            Entry::End(ending) => return Ok(ending),
        }
    }
}

fn refused(path: &Path, offset: u64, what: String) -> RestoreError {
    RestoreError::Request {
        path: path.to_owned(),
        offset,
        what,
    }
}

/// A rewrite that was interrupted leaves a base or a manifest that nothing names.
fn remove_unfinished(directory: &Path, stem: &str) -> io::Result<()> {
    let manifest = manifest::temporary_name(stem);
    for entry in disk::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(TEMPORARY) || name == *manifest {
            disk::remove_file(entry.path())?;
        }
    }
    Ok(())
}
