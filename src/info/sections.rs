//! The sections that have one line for each fact.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::{lines, process};
use crate::client::{Block, Client, Mark};
use crate::clock::BootTime;
use crate::instance::Instance;
use crate::pubsub::Kind;
use crate::{QUINTLOCK_VERSION, REDIS_VERSION};

/// Bits of Redis's clock of seconds by which it ages keys.
const LRU_CLOCK_MASK: i64 = (1 << 24) - 1;

pub(super) fn server(instance: &Instance, now: BootTime, text: &mut String) {
    let uptime_s = (now.micros() - instance.started().micros()) / 1_000_000;
    let unix_us = instance.clock.unix_micros();
    let hz = setting(instance, "hz");
    lines!(text,
        "redis_version": REDIS_VERSION,
        "quintlock_version": QUINTLOCK_VERSION,
        "redis_mode": "standalone",
        "os": process::system(),
        "arch_bits": usize::BITS,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": if cfg!(target_os = "linux") { "epoll" } else { "kqueue" },
        "atomicvar_api": "rust",
        "process_id": std::process::id(),
        "process_supervised": setting(instance, "supervised"),
        "run_id": instance.run_id(),
        "tcp_port": instance.tcp_port.load(Ordering::Relaxed),
        "server_time_usec": unix_us,
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s / 86_400,
        "hz": hz,
        "configured_hz": hz,
        "lru_clock": unix_us.div_euclid(1_000_000) & LRU_CLOCK_MASK,
        "executable": std::env::current_exe().unwrap_or_default().display(),
        "config_file": instance.config.file().unwrap_or(Path::new("")).display(),
        "io_threads_active": i32::from(instance.config.settings.io_threads > 1),
    );
    listeners(instance, text);
}

/// A line for each way in: number 0 is TCP's, number 1 the Unix socket's.
fn listeners(instance: &Instance, text: &mut String) {
    let sockets = instance.tcp_sockets.load(Ordering::Relaxed) as usize;
    if sockets > 0 {
        let addresses = setting(instance, "bind");
        let addresses = addresses.split(' ').take(sockets);
        let bound: String = addresses
            .map(|address| format!(",bind={address}"))
            .collect();
        let port = instance.tcp_port.load(Ordering::Relaxed);
        lines!(text, "listener0": format_args!("name=tcp{bound},port={port}"));
    }
    if let Some(path) = &instance.config.settings.unixsocket {
        lines!(text, "listener1": format_args!("name=unix,bind={}", path.display()));
    }
}

/// A setting as CONFIG GET answers it.
fn setting(instance: &Instance, name: &str) -> String {
    let found = instance.config.get(&[name.as_bytes()]);
    let value = found.into_iter().next().map(|(_, value)| value);
    String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
}

pub(super) fn clients(instance: &Instance, _now: BootTime, text: &mut String) {
    let count = |is_one: &dyn Fn(&Client) -> bool| {
        instance
            .clients
            .iter()
            .filter(|client| is_one(client))
            .count()
    };
    let blocked = |client: &Client| client.is_blocked() || client.has(Mark::HeldBack);
    lines!(text,
        "connected_clients": instance.clients.len(),
        "cluster_connections": 0,
        "maxclients": instance.config.settings.maxclients(),
        "client_recent_max_input_buffer": 0,
        "client_recent_max_output_buffer": 0,
        "blocked_clients": count(&blocked),
        "tracking_clients": 0,
        "pubsub_clients": count(&|client| client.is_subscriber()),
        "clients_in_timeout_table": count(&|client| client.waiting() == Block::Timed),
        "total_blocking_keys": 0,
        "total_blocking_keys_on_nokey": 0,
    );
}

pub(super) fn memory(instance: &Instance, _now: BootTime, text: &mut String) {
    let process::Memory { resident, peak } = process::memory();
    let limit = instance.config.settings.maxmemory();
    let peak_share = resident as f64 * 100.0 / peak.max(1) as f64;
    lines!(text,
        "used_memory": resident,
        "used_memory_human": process::human(resident),
        "used_memory_rss": resident,
        "used_memory_rss_human": process::human(resident),
        "used_memory_peak": peak,
        "used_memory_peak_human": process::human(peak),
        "used_memory_peak_perc": format_args!("{peak_share:.2}%"),
    );
    if let Some(machine) = process::machine_memory() {
        lines!(text,
            "total_system_memory": machine,
            "total_system_memory_human": process::human(machine),
        );
    }
    lines!(text,
        "number_of_cached_scripts": instance.scripts.len(),
        "number_of_functions": 0,
        "number_of_libraries": 0,
        "maxmemory": limit,
        "maxmemory_human": process::human(limit),
        "maxmemory_policy": "noeviction",
        "mem_fragmentation_ratio": "1.00",
        "mem_fragmentation_bytes": 0,
        "mem_replication_backlog": 0,
        "mem_total_replication_buffers": 0,
        "mem_clients_slaves": 0,
        "mem_cluster_links": 0,
        "mem_aof_buffer": 0,
        "mem_allocator": "libc",
        "active_defrag_running": 0,
        "lazyfree_pending_objects": 0,
        "lazyfreed_objects": 0,
    );
}

pub(super) fn stats(instance: &Instance, now: BootTime, text: &mut String) {
    let stats = &instance.stats;
    let rates = instance.rates.at(now, instance.started(), stats);
    lines!(text,
        "total_connections_received": stats.connections_received.read(),
        "total_commands_processed": stats.commands.calls(),
        "instantaneous_ops_per_sec": rates.commands.round(),
        "total_net_input_bytes": stats.input_bytes.read(),
        "total_net_output_bytes": stats.output_bytes.read(),
        "total_net_repl_input_bytes": 0,
        "total_net_repl_output_bytes": 0,
        "instantaneous_input_kbps": format_args!("{:.2}", rates.input_bytes / 1024.0),
        "instantaneous_output_kbps": format_args!("{:.2}", rates.output_bytes / 1024.0),
        "instantaneous_input_repl_kbps": "0.00",
        "instantaneous_output_repl_kbps": "0.00",
        "rejected_connections": stats.connections_rejected.read(),
        "sync_full": 0,
        "sync_partial_ok": 0,
        "sync_partial_err": 0,
        "expired_keys": instance.keyspace.expired(),
        "expired_stale_perc": "0.00",
        "expired_time_cap_reached_count": 0,
        "evicted_keys": 0,
        "evicted_clients": 0,
        "total_eviction_exceeded_time": 0,
        "current_eviction_exceeded_time": 0,
        "keyspace_hits": stats.keyspace_hits.read(),
        "keyspace_misses": stats.keyspace_misses.read(),
        "pubsub_channels": instance.pubsub.channels(Kind::Channel),
        "pubsub_patterns": instance.pubsub.patterns(),
        "pubsubshard_channels": instance.pubsub.channels(Kind::ShardChannel),
        "latest_fork_usec": 0,
        "total_forks": 0,
        "migrate_cached_sockets": 0,
        "slave_expires_tracked_keys": 0,
        "active_defrag_hits": 0,
        "active_defrag_misses": 0,
        "active_defrag_key_hits": 0,
        "active_defrag_key_misses": 0,
        "tracking_total_keys": 0,
        "tracking_total_items": 0,
        "tracking_total_prefixes": 0,
        "unexpected_error_replies": 0,
        "total_error_replies": stats.error_replies.read(),
        "dump_payload_sanitizations": 0,
        "acl_access_denied_auth": stats.auth_failures.read(),
        "acl_access_denied_cmd": 0,
        "acl_access_denied_key": 0,
        "acl_access_denied_channel": 0,
        "scripts_run_natively": stats.scripts_native.read(),
        "scripts_run_in_lua": stats.scripts_lua.read(),
    );
}

pub(super) fn replication(instance: &Instance, _now: BootTime, text: &mut String) {
    lines!(text,
        "role": "master",
        "connected_slaves": 0,
        "master_failover_state": "no-failover",
        "master_replid": instance.run_id(),
        "master_replid2": "0".repeat(40),
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": setting(instance, "repl-backlog-size"),
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    );
}

pub(super) fn cpu(_instance: &Instance, _now: BootTime, text: &mut String) {
    let (own, children) = process::cpu();
    lines!(text,
        "used_cpu_sys": format_args!("{:.6}", own.system_s),
        "used_cpu_user": format_args!("{:.6}", own.user_s),
        "used_cpu_sys_children": format_args!("{:.6}", children.system_s),
        "used_cpu_user_children": format_args!("{:.6}", children.user_s),
    );
}

pub(super) fn cluster(_instance: &Instance, _now: BootTime, text: &mut String) {
    lines!(text, "cluster_enabled": 0);
}

pub(super) fn keyspace(instance: &Instance, _now: BootTime, text: &mut String) {
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
