//! The text of INFO: sections of `name:value` lines, each with a true value.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::clock::BootTime;
use crate::command::table;
use crate::instance::Instance;
use crate::pubsub::Kind;
use crate::{QUINTLOCK_VERSION, REDIS_VERSION};

type Section = (&'static str, fn(&Instance, BootTime, &mut String));

const SECTIONS: [Section; 11] = [
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("CPU", cpu),
    ("Commandstats", commandstats),
    ("Errorstats", errorstats),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
];

/// Too long to be shown unless it is asked for.
const NOT_BY_DEFAULT: &str = "Commandstats";

/// The sections that `names` name, in any case; without a name those that `default` means. An
/// unknown name adds nothing.
pub fn text(instance: &Instance, now: BootTime, names: &[&[u8]]) -> String {
    let names = if names.is_empty() {
        &[&b"default"[..]]
    } else {
        names
    };
    let has = |word: &str| {
        let word = word.as_bytes();
        names.iter().any(|name| name.eq_ignore_ascii_case(word))
    };
    let wants_all = has("all") || has("everything");
    let wants_default = has("default");
    let is_named =
        |section: &str| wants_all || has(section) || (wants_default && section != NOT_BY_DEFAULT);
    let mut text = String::new();
    for (name, write) in SECTIONS.iter().filter(|(name, _)| is_named(name)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        let _ = write!(text, "# {name}\r\n");
        write(instance, now, &mut text);
    }
    text
}

/// Writes lines; writing to a `String` cannot fail.
macro_rules! lines {
    ($text:expr, $($name:literal: $value:expr),* $(,)?) => {
        $(let _ = write!($text, concat!($name, ":{}\r\n"), $value);)*
    };
}

fn server(instance: &Instance, now: BootTime, text: &mut String) {
    let uptime_s = (now.micros() - instance.started.micros()) / 1_000_000;
    let unix_us = instance.clock.unix_micros();
    lines!(text,
        "redis_version": REDIS_VERSION,
        "quintlock_version": QUINTLOCK_VERSION,
        "redis_mode": "standalone",
        "os": std::env::consts::OS,
        "arch_bits": usize::BITS,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": "tokio",
        "process_id": std::process::id(),
        "run_id": instance.run_id,
        "tcp_port": instance.tcp_port.load(Ordering::Relaxed),
        "server_time_usec": unix_us,
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s / 86_400,
        "io_threads_active": i32::from(instance.config.settings.io_threads > 1),
    );
}

fn clients(instance: &Instance, _now: BootTime, text: &mut String) {
    let is_subscriber = |client: &crate::client::Client| client.is_subscriber();
    let subscribers = instance.clients.iter().filter(|c| is_subscriber(c)).count();
    lines!(text,
        "connected_clients": instance.clients.len(),
        "maxclients": instance.config.settings.maxclients(),
        "blocked_clients": 0,
        "pubsub_clients": subscribers,
    );
}

fn memory(_instance: &Instance, _now: BootTime, text: &mut String) {
    let resident = resident_bytes();
    lines!(text,
        "used_memory": resident,
        "used_memory_rss": resident,
        "maxmemory": 0,
        "maxmemory_policy": "noeviction",
        "mem_allocator": "libc",
    );
}

fn persistence(_instance: &Instance, _now: BootTime, text: &mut String) {
    lines!(text, "loading": 0, "aof_enabled": 0, "rdb_bgsave_in_progress": 0);
}

fn stats(instance: &Instance, _now: BootTime, text: &mut String) {
    let stats = &instance.stats;
    lines!(text,
        "total_connections_received": stats.connections_received.read(),
        "total_commands_processed": stats.commands.calls(),
        "total_net_input_bytes": stats.input_bytes.read(),
        "total_net_output_bytes": stats.output_bytes.read(),
        "rejected_connections": stats.connections_rejected.read(),
        "expired_keys": instance.keyspace.expired(),
        "evicted_keys": 0,
        "keyspace_hits": stats.keyspace_hits.read(),
        "keyspace_misses": stats.keyspace_misses.read(),
        "pubsub_channels": instance.pubsub.channels(Kind::Channel),
        "pubsub_patterns": instance.pubsub.patterns(),
        "pubsubshard_channels": instance.pubsub.channels(Kind::ShardChannel),
        "total_error_replies": stats.error_replies.read(),
        "scripts_run_natively": stats.scripts_native.read(),
        "scripts_run_in_lua": stats.scripts_lua.read(),
        "number_of_cached_scripts": instance.scripts.len(),
    );
}

fn replication(_instance: &Instance, _now: BootTime, text: &mut String) {
    lines!(text, "role": "master", "connected_slaves": 0, "master_repl_offset": 0);
}

fn cpu(_instance: &Instance, _now: BootTime, text: &mut String) {
    let (user_s, system_s) = cpu_seconds().unwrap_or_default();
    lines!(text,
        "used_cpu_sys": format_args!("{system_s:.6}"),
        "used_cpu_user": format_args!("{user_s:.6}"),
    );
}

fn commandstats(instance: &Instance, _now: BootTime, text: &mut String) {
    for row in table::all() {
        let count = instance.stats.commands.of(row);
        let (calls, rejected) = (count.calls(), count.rejected.read());
        if calls == 0 && rejected == 0 {
            continue;
        }
        let usec = count.nanos.read() / 1000;
        let usec_per_call = count.nanos.read() as f64 / 1000.0 / calls.max(1) as f64;
        let _ = write!(
            text,
            "cmdstat_{}:calls={calls},usec={usec},usec_per_call={usec_per_call:.2},\
             rejected_calls={rejected},failed_calls={}\r\n",
            row.name,
            count.failed.read(),
        );
    }
}

fn errorstats(instance: &Instance, _now: BootTime, text: &mut String) {
    for (code, count) in instance.stats.errors.read() {
        let _ = write!(text, "errorstat_{code}:count={count}\r\n");
    }
}

fn cluster(_instance: &Instance, _now: BootTime, text: &mut String) {
    lines!(text, "cluster_enabled": 0);
}

fn keyspace(instance: &Instance, _now: BootTime, text: &mut String) {
    for database in 0..instance.keyspace.databases() {
        let size = instance.keyspace.size(database);
        if size.keys > 0 {
            let (keys, timed) = (size.keys, size.timed);
            let _ = write!(
                text,
                "db{database}:keys={keys},expires={timed},avg_ttl=0\r\n"
            );
        }
    }
}

/// The process's memory in bytes; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.map_or(0, |pages| pages * rustix::param::page_size() as u64)
}

/// Seconds of processor time of the process, its own and the system's for it.
fn cpu_seconds() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / ticks_per_second);
    Some((seconds()?, seconds()?))
}
