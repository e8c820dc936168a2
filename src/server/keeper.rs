//! The start and the end of what outlives the process: the files are read before the first
//! connection is accepted, and closed behind the last one.

use std::io;
use std::sync::Arc;

use crate::client::{Address, Client};
use crate::clock::Stopwatch;
use crate::command::{Access, Context, Outcome, dispatch, scripting};
use crate::config::DurabilityMode;
use crate::durability::reader::Request;
use crate::durability::{DumpCounts, Keeper, Loaded, Store, load_dump};
use crate::error::StartupError;
use crate::instance::Instance;
use crate::resp::reply::Reply;
use crate::session::Session;
use crate::sync::{JoinHandle, spawn};

/// Bytes of stack: it calls nothing deep.
const STACK_BYTES: usize = 256 * 1024;

/// The thread that syncs, and what it works for.
pub(super) struct KeeperThread {
    keeper: Arc<Keeper>,
    thread: JoinHandle<()>,
}

/// Fills the keyspace from the files, if there are any to be kept, and keeps what comes.
///
/// # Errors
/// The files cannot be used, or the system has no thread.
pub(super) fn restore(instance: &Arc<Instance>) -> Result<Option<KeeperThread>, StartupError> {
    let settings = &instance.config.settings.durability;
    let reading = Stopwatch::start();
    if settings.mode == DurabilityMode::None {
        if let Some(path) = &settings.dump
            && let Some(dump) = load_dump(path, &instance.keyspace, &instance.clock)?
        {
            note_dump(instance, dump, reading);
        }
        return Ok(None);
    }
    let store = Store::open(settings)?;
    let loaded = load(instance, store)?;
    match loaded.dump {
        Some(dump) => note_dump(instance, dump, reading),
        None => log_loaded(loaded.keys),
    }
    log_wait(loaded.wait_s(instance.clock.now()));
    let keeper = loaded.start(Arc::clone(&instance.clock))?;
    keeper.set_rewrite_limits(settings.rewrite_limits());
    instance.keyspace.record_to(Box::new(Arc::clone(&keeper)));
    let thread = start(instance, &keeper).map_err(|error| {
        StartupError(format!("cannot start the thread of the journal: {error}"))
    })?;
    // Nobody else has set it: a server is restored once.
    let _ = instance.keeper.set(Arc::clone(&keeper));
    Ok(Some(KeeperThread { keeper, thread }))
}

/// Fills the keyspace. What the files' own commands do is not counted, as in Redis.
fn load<'a>(instance: &Arc<Instance>, store: Store<'a>) -> Result<Loaded<'a>, StartupError> {
    // A script of a file runs as one of a client does: it may park the gate.
    let _whole = instance.gate.whole_blocking();
    let mut session = Session::new(nobody(instance), true);
    let mut apply = |database: usize, request: &Request<'_>| {
        session.select(database);
        apply(instance, &mut session, request)
    };
    let loaded = store.load(&instance.keyspace, &instance.clock, &mut apply)?;
    scripting::forget_vm(instance.number);
    instance.stats.reset();
    Ok(loaded)
}

/// Says what a snapshot had, as Redis does.
fn note_dump(instance: &Instance, dump: DumpCounts, reading: Stopwatch) {
    let DumpCounts { keys, expired } = dump;
    tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}.");
    let seconds = reading.elapsed().as_secs_f64();
    tracing::info!("DB loaded from disk: {seconds:.3} seconds");
    // Nobody else has set it: a server is restored once.
    let _ = instance.dump.set(dump);
}

fn log_loaded(keys: u64) {
    if keys > 0 {
        tracing::info!("DB loaded from append only file: {keys} keys");
    }
}

fn log_wait(wait_s: u64) {
    if wait_s > 0 {
        tracing::warn!(
            "the end of the journal is lost: locks that were granted before may live for another \
             {wait_s} s, until then data commands are answered LOADING"
        );
    }
}

/// A client for requests that come from a file.
fn nobody(instance: &Instance) -> Arc<Client> {
    let now = instance.clock.now();
    Arc::new(Client::new(0, Address::unix(&"".into()), -1, now))
}

fn apply(
    instance: &Arc<Instance>,
    session: &mut Session,
    request: &Request<'_>,
) -> Result<(), String> {
    let arguments: Vec<&[u8]> = request.arguments().collect();
    let mut ctx = Context::new(instance, session, Access::Whole);
    // It had room before the restart.
    ctx.is_memory_full = false;
    ctx.notable_ns = u64::MAX;
    match dispatch::run(&mut ctx, &arguments) {
        Outcome::Reply(Reply::Error(line)) => Err(String::from_utf8_lossy(&line).into_owned()),
        Outcome::Reply(_) => Ok(()),
        _ => Err("it changes no key".to_owned()),
    }
}

fn start(instance: &Arc<Instance>, keeper: &Arc<Keeper>) -> io::Result<JoinHandle<()>> {
    let (instance, keeper) = (Arc::clone(instance), Arc::clone(keeper));
    spawn("journal", STACK_BYTES, move || {
        let mut rewrite: Option<JoinHandle<()>> = None;
        keeper.serve(|| {
            let (instance, keeper) = (Arc::clone(&instance), Arc::clone(&keeper));
            let run = move || {
                // What a script has left half done when the server stops is not to be seen.
                let gives_up = || keeper.is_stopping() || instance.is_stopping();
                let still = || instance.gate.shared_unless(gives_up);
                keeper.rewrite(&instance.keyspace, still);
            };
            rewrite = spawn("rewrite", STACK_BYTES, run).ok();
            rewrite.is_some()
        });
        if let Some(rewrite) = rewrite {
            let _ = rewrite.join();
        }
    })
}

impl KeeperThread {
    /// Everything is on the disk when this returns, unless the server has ended as if it was killed.
    pub(super) fn end(self, is_crashed: bool) {
        self.keeper.stop();
        let _ = self.thread.join();
        if is_crashed {
            return;
        }
        if let Err(error) = self.keeper.close() {
            tracing::warn!("cannot close the journal: {error}");
        }
    }
}
