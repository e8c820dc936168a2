//! MEMORY: what keys and the process take.
//!
//! Every figure is one that is known: of a key what is asked from the allocator for it, of the
//! process what the system tells. Fields of Redis for which there is no such figure are left out.

use crate::command::args;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::keyspace::DatabaseSize;
use crate::resp::reply::Reply;

/// Less than so many bytes in keys is nothing to give advice on.
const DATA_BYTES_MIN: usize = 5 * 1024 * 1024;
/// More scripts than so many are likely to be made from data.
const SCRIPTS_MAX: usize = 1000;

const DOCTOR_EMPTY: &str = "Hi Sam, this instance is empty or is using very little memory, my \
    issues detector can't be used in these conditions. Please, leave for your mission on Earth \
    and fill it with some data. The new Sam and I will be back to our programming as soon as I \
    finished rebooting.\n";
const DOCTOR_CONTENT: &str = "Hi Sam, I can't find any memory issue in your instance. I can only \
    account for what occurs on this base.\n";
const DOCTOR_SCRIPTS: &str = "Sam, I detected a few issues in this Quintlock instance memory \
    implants:\n\n * Many scripts: more than 1000 scripts are cached. Scripts that differ only in \
    data should be one script with KEYS and ARGV. SCRIPT FLUSH forgets all of them.\n\n";

/// Replies the bytes of memory that a key takes, its entry and bucket included; null without a key.
///
/// `MEMORY USAGE key [SAMPLES count]`
///
/// A string has nothing to sample.
pub fn usage(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut rest = &args[3..];
    while let [word, after @ ..] = rest {
        let ([count, after @ ..], true) = (after, args::is(word, "SAMPLES")) else {
            return Err(CommandError::Syntax);
        };
        if args::integer(count)? < 0 {
            return Err(CommandError::Syntax);
        }
        rest = after;
    }
    let bytes = ctx.key(args[2]).size_bytes();
    Ok(bytes.map_or(Reply::Null, Reply::from).into())
}

/// Replies figures of the process and of each database that has keys.
///
/// `MEMORY STATS`
pub fn stats(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let keyspace = &ctx.instance.keyspace;
    let sizes: Vec<DatabaseSize> = (0..keyspace.databases())
        .map(|database| keyspace.size(database))
        .collect();
    let keys: usize = sizes.iter().map(|size| size.keys).sum();
    let overhead: usize = sizes.iter().map(|size| size.bytes).sum();
    let ProcessMemory { resident, peak } = process_memory();
    let dataset = resident.saturating_sub(overhead as u64);
    let mut fields = vec![
        field("peak.allocated", peak),
        field("total.allocated", resident),
        field("replication.backlog", 0),
        field("clients.slaves", 0),
        field("cluster.links", 0),
        field("aof.buffer", 0),
        field("functions.caches", 0),
    ];
    for (number, size) in sizes.iter().enumerate().filter(|(_, size)| size.keys > 0) {
        let tables = vec![
            field("overhead.hashtable.main", size.bytes as u64),
            field("overhead.hashtable.expires", 0),
            field("overhead.hashtable.slot-to-keys", 0),
        ];
        fields.push((Reply::bulk(format!("db.{number}")), Reply::Map(tables)));
    }
    fields.extend([
        field("overhead.total", overhead as u64),
        field("keys.count", keys as u64),
        field("keys.bytes-per-key", (overhead / keys.max(1)) as u64),
        field("dataset.bytes", dataset),
        (Reply::bulk("dataset.percentage"), share(dataset, resident)),
        (Reply::bulk("peak.percentage"), share(resident, peak)),
    ]);
    Ok(Reply::Map(fields).into())
}

fn field(name: &'static str, bytes: u64) -> (Reply, Reply) {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    (Reply::bulk(name), Reply::Integer(bytes))
}

/// One number in percent of another.
fn share(part: u64, of: u64) -> Reply {
    Reply::Double(part as f64 * 100.0 / of.max(1) as f64)
}

/// Replies advice in the words of Redis.
///
/// `MEMORY DOCTOR`
pub fn doctor(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let keyspace = &ctx.instance.keyspace;
    let databases = 0..keyspace.databases();
    let data: usize = databases.map(|number| keyspace.size(number).bytes).sum();
    let advice = if data < DATA_BYTES_MIN {
        DOCTOR_EMPTY
    } else if ctx.instance.scripts.len() > SCRIPTS_MAX {
        DOCTOR_SCRIPTS
    } else {
        DOCTOR_CONTENT
    };
    Ok(Reply::Verbatim(advice.to_owned()).into())
}

/// Replies that the allocator tells nothing, as Redis does of any but jemalloc.
///
/// `MEMORY MALLOC-STATS`
pub fn malloc_stats(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::bulk("Stats not supported for the current allocator").into())
}

/// Replies OK: the allocator gives memory back by itself, as Redis assumes of any but jemalloc.
///
/// `MEMORY PURGE`
pub fn purge(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::OK.into())
}

/// The process's memory in bytes.
struct ProcessMemory {
    /// Now.
    resident: u64,
    /// At most, since the start.
    peak: u64,
}

/// What the system tells of the process's memory; 0 where it does not.
fn process_memory() -> ProcessMemory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes = line.trim().strip_suffix("kB")?.trim_end();
        Some(kilobytes.parse::<u64>().ok()? * 1024)
    };
    let resident = bytes("VmRSS:").unwrap_or(0);
    // The system brings the peak up to date only now and then.
    let peak = bytes("VmHWM:").unwrap_or(0).max(resident);
    ProcessMemory { resident, peak }
}
