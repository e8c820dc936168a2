//! The directory of the append-only files: a start that succeeds leaves what the next one reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Choices;
use super::commands;
use super::files;
use crate::clock;
use crate::command::{Access, Context, Outcome, dispatch};
use crate::durability::Store;
use crate::durability::reader::Request;
use crate::instance::Instance;
use crate::keyspace::Cursor;
use crate::resp::reply::Reply;

/// Stands for the name of this start of the machine, which no kept input can know.
const BOOT: &[u8] = b"@boot@";

/// How far two readings of a deadline may be apart: each start has a wall clock of its own time.
const DRIFT_MS: i64 = 60_000;

/// A key: its database, name and value.
type Key = (usize, Vec<u8>, Vec<u8>);

/// Which files there are, and what is in them.
pub(super) fn directory(bytes: &[u8]) {
    let boot_id = clock::boot_id().unwrap_or_default();
    let bytes = replace(bytes, BOOT, boot_id.as_bytes());
    let mut choices = Choices::new(&bytes);
    let scratch = Scratch::new("directory");
    let files = scratch.path.join("appendonlydir");
    fs::create_dir(&files).expect("a scratch folder can be made");
    write(&files, &mut choices, &boot_id);
    let Some(keys) = start(&scratch.path) else {
        return;
    };
    let again = start(&scratch.path).expect("what was read once is read again");
    let names =
        |keys: &[(Key, Option<i64>)]| keys.iter().map(|key| key.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&keys), names(&again), "the second start");
    for ((key, one), (_, other)) in keys.iter().zip(&again) {
        let is_near = match (one, other) {
            (Some(one), Some(other)) => one.abs_diff(*other) <= DRIFT_MS as u64,
            (one, other) => one == other,
        };
        assert!(
            is_near,
            "the deadlines of {key:?} are {one:?} and {other:?}"
        );
    }
}

/// Writes the files: a mask of those that are there, then each behind its length.
fn write(files: &Path, choices: &mut Choices<'_>, boot_id: &str) {
    let mask = choices.byte();
    let mut part = |bit: u8| {
        let length = usize::from(choices.byte()) | usize::from(choices.byte()) << 8;
        let bytes = choices.take(if mask & bit == 0 { 0 } else { length });
        (mask & bit != 0).then(|| bytes.to_vec())
    };
    let mut manifest = String::new();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(files.join(name), bytes).expect("a scratch file can be written");
    };
    for (bit, kind, name) in [
        (1, "b", "appendonly.aof.1.base.rdb"),
        (2, "i", "appendonly.aof.1.incr.aof"),
        (4, "i", "appendonly.aof.2.incr.aof"),
    ] {
        if let Some(bytes) = part(bit) {
            write(name, &bytes);
            let number = &name["appendonly.aof.".len()..][..1];
            manifest += &format!("file {name} seq {number} type {kind}\n");
        }
    }
    if let Some(bytes) = part(8) {
        write("quintlock.horizon", &bytes);
    }
    if let Some(bytes) = part(16) {
        write("quintlock.ring", &files::ring_of(&bytes, boot_id));
    }
    match part(32) {
        Some(bytes) => write("appendonly.aof.manifest", &bytes),
        None if manifest.is_empty() => {}
        None => write("appendonly.aof.manifest", manifest.as_bytes()),
    }
}

/// The keys with their deadlines in Unix time after a start, if it succeeds.
fn start(directory: &Path) -> Option<Vec<(Key, Option<i64>)>> {
    let directory = directory.to_str().expect("a plain path");
    let instance = commands::instance(&["--dir", directory]);
    let settings = &instance.config.settings.durability;
    let mut session = commands::session(&instance);
    let mut apply = |database: usize, request: &Request<'_>| -> Result<(), String> {
        session.select(database);
        let arguments: Vec<&[u8]> = request.arguments().collect();
        if commands::is_left_out(arguments[0]) {
            return Err("it is left out".to_owned());
        }
        let mut ctx = Context::new(&instance, &mut session, Access::Whole);
        match dispatch::run(&mut ctx, &arguments) {
            Outcome::Reply(Reply::Error(line)) => Err(String::from_utf8_lossy(&line).into_owned()),
            Outcome::Reply(_) => Ok(()),
            _ => Err("it changes no key".to_owned()),
        }
    };
    let store = Store::open(settings).ok()?;
    store
        .load(&instance.keyspace, &instance.clock, &mut apply)
        .ok()?;
    Some(keys(&instance))
}

fn keys(instance: &Arc<Instance>) -> Vec<(Key, Option<i64>)> {
    let mut keys = Vec::new();
    let now = instance.clock.now();
    for database in 0..instance.keyspace.databases() {
        instance
            .keyspace
            .walk(database, Cursor::START, usize::MAX, now, |walked| {
                let deadline = walked
                    .deadline
                    .map(|deadline| instance.clock.to_unix(deadline).0);
                let key = (database, walked.key.to_vec(), walked.value.to_vec());
                keys.push((key, deadline));
            });
    }
    keys.sort();
    keys
}

fn replace(bytes: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(by);
        rest = &rest[at + word.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// A folder that is gone with its owner; in memory where the system has such a place.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    pub(super) fn new(purpose: &str) -> Scratch {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("quintlock-{purpose}-{}-{number}", std::process::id());
        let path = parent.join(name);
        fs::create_dir(&path).expect("a scratch folder can be made");
        Scratch { path }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
