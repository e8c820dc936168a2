//! The scripts an instance knows, by SHA-1, and the one that is running.
//!
//! A script that came by SCRIPT LOAD stays until SCRIPT FLUSH. Of those that came by EVAL the
//! latest few hundred stay, so that a client which builds its scripts anew each time cannot fill
//! the memory. An EVALSHA finds either kind, from any connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::error::CommandError;
use crate::script::lua::Lasting;
use crate::script::native::{NotNative, Program};
use crate::script::shebang::ScriptFlags;

/// A script's SHA-1 in lower-case hexadecimal digits.
pub type Sha1 = [u8; 40];

/// A script that compiles.
pub struct Script {
    /// Names it on the wire.
    pub sha1: Sha1,
    /// The text as it came.
    pub body: Box<[u8]>,
    /// What its first line allows it.
    pub flags: ScriptFlags,
    /// How it runs without Lua, or why it does not.
    pub native: Result<Program, NotNative>,
    name: Box<str>,
}

impl Script {
    /// A script that compiles.
    pub fn new(body: &[u8], flags: ScriptFlags, native: Result<Program, NotNative>) -> Script {
        let sha1 = sha1_of(body);
        Script {
            sha1,
            body: body.into(),
            flags,
            native,
            name: String::from_utf8_lossy(&sha1).into(),
        }
    }

    /// The name as text.
    pub fn sha1_text(&self) -> &str {
        &self.name
    }
}

/// How a script came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// SCRIPT LOAD.
    Loaded,
    /// EVAL.
    Evaluated,
}

/// See the module's text.
#[derive(Default)]
pub struct Scripts {
    known: DashMap<Sha1, (Arc<Script>, Source), foldhash::fast::RandomState>,
    /// Scripts that came by EVAL, the oldest first.
    evaluated: Mutex<VecDeque<Sha1>>,
    /// Rises with each SCRIPT FLUSH, so that compiled copies elsewhere are forgotten too.
    epoch: AtomicU64,
    /// Rises whenever a script is forgotten.
    generation: AtomicU64,
    running: Mutex<Option<Arc<Running>>>,
    /// What the scripts that ran in Lua have left behind.
    lasting: Mutex<Lasting>,
}

/// The scripts that a connection ran last: as many as a lock library has.
#[derive(Default)]
pub struct LastScripts {
    scripts: SmallVec<[Arc<Script>; 3]>,
    /// The state of the cache when they were looked up.
    generation: u64,
}

impl LastScripts {
    /// Keeps a script for the next time.
    pub fn keep(&mut self, script: Arc<Script>) {
        if self.scripts.len() == self.scripts.inline_size() {
            self.scripts.remove(0);
        }
        self.scripts.push(script);
    }
}

/// A Lua script in progress.
#[derive(Debug, Default)]
pub struct Running {
    is_killed: AtomicBool,
    has_written: AtomicBool,
    is_cut: AtomicBool,
}

impl Running {
    /// Whether somebody asked it to end.
    pub fn is_killed(&self) -> bool {
        self.is_killed.load(Ordering::SeqCst)
    }

    /// Notes that it ends because the server stops.
    pub fn note_cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// Whether it was ended between two of its changes: a part of them is no result.
    pub fn is_half_done(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst) && self.has_written.load(Ordering::SeqCst)
    }

    /// Notes that it has changed the keyspace: it can no longer be killed.
    pub fn note_write(&self) {
        self.has_written.store(true, Ordering::SeqCst);
    }
}

impl Scripts {
    /// The script of that name, which `last` may hold from the time before: most connections run
    /// the same few over and over. Give it back with [`LastScripts::keep`].
    pub fn find_again(&self, sha1: &Sha1, last: &mut LastScripts) -> Option<Arc<Script>> {
        let generation = self.generation.load(Ordering::SeqCst);
        if last.generation != generation {
            last.generation = generation;
            last.scripts.clear();
        }
        match last.scripts.iter().position(|script| script.sha1 == *sha1) {
            Some(place) => Some(last.scripts.swap_remove(place)),
            None => self.find(sha1),
        }
    }

    /// The script of that name.
    pub fn find(&self, sha1: &Sha1) -> Option<Arc<Script>> {
        self.known.get(sha1).map(|known| Arc::clone(&known.0))
    }

    /// Keeps a script; of those that came by EVAL at most `evaluated_max`.
    pub fn keep(&self, script: Arc<Script>, source: Source, evaluated_max: usize) {
        let sha1 = script.sha1;
        match self.known.entry(sha1) {
            Entry::Occupied(mut known) => {
                if source == Source::Loaded {
                    known.get_mut().1 = Source::Loaded;
                }
                return;
            }
            Entry::Vacant(place) => {
                place.insert((script, source));
            }
        }
        if source == Source::Evaluated {
            let mut evaluated = self.evaluated.lock();
            evaluated.push_back(sha1);
            while evaluated.len() > evaluated_max.max(1) {
                if let Some(oldest) = evaluated.pop_front() {
                    self.known
                        .remove_if(&oldest, |_, (_, source)| *source == Source::Evaluated);
                    self.generation.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Forgets all scripts.
    pub fn flush(&self) {
        self.known.clear();
        self.evaluated.lock().clear();
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.lasting.lock().forget_settings();
    }

    /// Forgets all that a script has left.
    pub fn restart(&self) {
        self.flush();
        *self.lasting.lock() = Lasting::default();
    }

    /// What the scripts that ran in Lua have left behind.
    pub fn lasting(&self) -> Lasting {
        *self.lasting.lock()
    }

    /// One more has run, and leaves this behind.
    pub fn set_lasting(&self, lasting: Lasting) {
        *self.lasting.lock() = lasting;
    }

    /// How often all scripts were forgotten.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// How many scripts are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Notes that a Lua script begins.
    pub fn begin(&self) -> Arc<Running> {
        let running = Arc::new(Running::default());
        *self.running.lock() = Some(Arc::clone(&running));
        running
    }

    /// Notes that it has ended.
    pub fn end(&self) {
        *self.running.lock() = None;
    }

    /// Asks the running script to end.
    ///
    /// # Errors
    /// None is running, or it has changed the keyspace already.
    pub fn kill(&self) -> Result<(), CommandError> {
        let running = self.running.lock();
        let running = running.as_ref().ok_or(CommandError::NotBusy)?;
        if running.has_written.load(Ordering::SeqCst) {
            return Err(CommandError::Unkillable);
        }
        running.is_killed.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Ends the running script whatever it has done: the server stops.
    pub fn kill_for_shutdown(&self) {
        if let Some(running) = self.running.lock().as_ref() {
            running.is_killed.store(true, Ordering::SeqCst);
        }
    }
}

/// The SHA-1 of a text.
pub fn sha1_of(text: &[u8]) -> Sha1 {
    let hex = sha1_smol::Sha1::from(text).digest().to_string();
    let mut sha1 = [0; 40];
    sha1.copy_from_slice(hex.as_bytes());
    sha1
}

/// A client's name for a script, in any case.
pub fn parse_sha1(text: &[u8]) -> Option<Sha1> {
    let mut sha1: Sha1 = text.try_into().ok()?;
    sha1.make_ascii_lowercase();
    Some(sha1)
}
