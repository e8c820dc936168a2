//! The settings that Redis 7.0 and 7.2 have and this server does not need, or does not yet honour.
//!
//! They are known so that a configuration file of Redis starts the server: what is harmless is taken
//! with a note, what an operator may rely on draws a warning, and what would leave a door open stops
//! the start. Names, limits and defaults are those that Redis 7.0.15 answers; a test compares them.

use super::setting::Change::{AtRuntime, AtStart};
use super::setting::Support::{Inert, NotHonoured, Refused};
use super::setting::{Setting, Support};
use super::value::Kind::{
    self, Choice, Choices, Integer, MemoryOrPercent, OomScores, Primary, SavePoints, Switch, Text,
};
use super::value::{ACCESS, COUNT, LONG_COUNT, MEMORY, MEMORY_ANY, PORT};

const AOF: Support = Inert("the append-only file is written in our own way");
pub(super) const SNAPSHOT_OFF: Support =
    NotHonoured("no snapshots are taken, `durability` says what a restart keeps");
pub(super) const SNAPSHOTS: Support = Inert("there are no snapshots");
pub(super) const REPLICA: Support =
    Refused("Quintlock does not replicate, and a second primary would grant every lock again");
const NO_REPLICAS: Support = NotHonoured("there are no replicas to wait for");
pub(super) const REPLICATION: Support = Inert("there is no replication");
pub(super) const NO_CLUSTER: Support =
    NotHonoured("Quintlock is no Redis Cluster, it has no slots");
pub(super) const CLUSTER: Support = Inert("there is no Redis Cluster");
const NO_TLS: Support = Refused("Quintlock does not speak TLS, put a TLS proxy in front of it");
pub(super) const TLS: Support = Inert("there is no TLS");
const ACL: Support =
    Refused("access control lists are not supported, and without them everyone would have access");
const ACL_LOG: Support = Inert("there are no access control lists");
const GUARDED: Support = NotHonoured("protected settings cannot be changed while the server runs");
pub(super) const MODULES: Support = Inert("there are no modules");
const NO_CLIENT_LIMIT: Support = NotHonoured("each client has its limits, all together have none");
const NO_EVICTION: Support =
    NotHonoured("a lock is never evicted, beyond `maxmemory` new ones are refused");
pub(super) const EVICTION: Support = Inert("no key is ever evicted");
pub(super) const LAZY: Support = Inert("a deleted value is freed at once");
pub(super) const ALLOCATOR: Support = Inert("memory is not defragmented");
const ENCODING: Support = Inert("values have one encoding");
const BACKGROUND_WORK: Support = Inert("there is no periodic work, timers fire when they are due");
const NO_SYSLOG: Support = NotHonoured("the log goes to `logfile` or standard output");
const SYSLOG: Support = Inert("nothing is sent to syslog");
pub(super) const NO_SYSTEM: Support =
    NotHonoured("the operating system's own choice is left as it is");
const SYSTEM: Support = Inert("the operating system's own choice is left as it is");
pub(super) const PROCESS: Support = Inert("what is served does not depend on it");
const NO_WATCHDOG: Support = NotHonoured("there is no watchdog");
pub(super) const OLD_LUA: Support =
    NotHonoured("the removed parts of the Lua interface stay removed");

const MEMORY_SOME: Kind = Kind::Memory {
    min: 1,
    max: i64::MAX as u64,
};
const SHUTDOWN: Kind = Choices(&["default", "save", "nosave", "now", "force"]);
const POLICY: Kind = Choice(&[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
]);
const FACILITY: Kind = Choice(&[
    "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]);

/// A line of a configuration file that is no setting: CONFIG GET does not know it.
pub(super) struct Statement {
    pub(super) name: &'static str,
    pub(super) support: Support,
}

/// The statements of Redis beside `include`.
pub(super) const STATEMENTS: &[Statement] = &[
    Statement {
        name: "list-max-ziplist-entries",
        support: ENCODING,
    },
    Statement {
        name: "list-max-ziplist-value",
        support: ENCODING,
    },
    Statement {
        name: "loadmodule",
        support: NotHonoured("there are no modules, their commands are unknown"),
    },
    Statement {
        name: "lua-replicate-commands",
        support: REPLICATION,
    },
    Statement {
        name: "rename-command",
        support: Refused("commands keep their names, and this one would stay open"),
    },
    Statement {
        name: "sentinel",
        support: Refused("Quintlock is no Sentinel"),
    },
    Statement {
        name: "user",
        support: ACL,
    },
];

/// Statements that Redis forgets when it rewrites a file: it makes comments of them.
pub(super) const DROPPED_STATEMENTS: [&str; 3] = [
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
];

/// See the module. One row a line, so that the columns can be compared.
#[rustfmt::skip]
pub(super) const ACCEPTED: &[Setting] = &[
    Setting::new("aof-disable-auto-gc", Switch, "no", AtRuntime, AOF),
    Setting::new("aof-rewrite-incremental-fsync", Switch, "yes", AtRuntime, AOF),
    Setting::new("aof-timestamp-enabled", Switch, "no", AtRuntime, AOF),
    Setting::new("aof-use-rdb-preamble", Switch, "yes", AtRuntime, AOF),
    Setting::new("aof_rewrite_cpulist", Text, "", AtStart, AOF).renamed("aof-rewrite-cpulist"),
    Setting::new("no-appendfsync-on-rewrite", Switch, "no", AtRuntime, AOF),
    Setting::new("save", SavePoints, "", AtRuntime, SNAPSHOT_OFF),
    Setting::new("bgsave_cpulist", Text, "", AtStart, SNAPSHOTS).renamed("bgsave-cpulist"),
    Setting::new("key-load-delay", Integer { min: i32::MIN as i64, max: i32::MAX as i64 }, "0", AtRuntime, SNAPSHOTS).by_name(),
    Setting::new("loading-process-events-interval-bytes", Integer { min: 1024, max: i32::MAX as i64 }, "2097152", AtRuntime, SNAPSHOTS).by_name(),
    Setting::new("rdb-del-sync-files", Switch, "no", AtRuntime, SNAPSHOTS),
    Setting::new("rdb-key-save-delay", Integer { min: i32::MIN as i64, max: i32::MAX as i64 }, "0", AtRuntime, SNAPSHOTS).by_name(),
    Setting::new("rdb-save-incremental-fsync", Switch, "yes", AtRuntime, SNAPSHOTS),
    Setting::new("rdbchecksum", Switch, "yes", AtStart, SNAPSHOTS),
    Setting::new("rdbcompression", Switch, "yes", AtRuntime, SNAPSHOTS),
    Setting::new("replica-ignore-disk-write-errors", Switch, "no", AtRuntime, SNAPSHOTS),
    Setting::new("sanitize-dump-payload", Choice(&["no", "yes", "clients"]), "no", AtRuntime, SNAPSHOTS),
    Setting::new("shutdown-on-sigint", SHUTDOWN, "default", AtRuntime, SNAPSHOTS),
    Setting::new("shutdown-on-sigterm", SHUTDOWN, "default", AtRuntime, SNAPSHOTS),
    Setting::new("shutdown-timeout", COUNT, "10", AtRuntime, SNAPSHOTS),
    Setting::new("stop-writes-on-bgsave-error", Switch, "yes", AtRuntime, SNAPSHOTS),
    Setting::new("replicaof", Primary, "", AtStart, REPLICA).alias("slaveof"),
    Setting::new("min-replicas-to-write", COUNT, "0", AtRuntime, NO_REPLICAS).alias("min-slaves-to-write"),
    Setting::new("bind-source-addr", Text, "", AtRuntime, REPLICATION),
    Setting::new("masterauth", Text, "", AtRuntime, REPLICATION).renamed("primaryauth"),
    Setting::new("masteruser", Text, "", AtRuntime, REPLICATION).renamed("primaryuser"),
    Setting::new("min-replicas-max-lag", COUNT, "10", AtRuntime, REPLICATION).alias("min-slaves-max-lag"),
    Setting::new("propagation-error-behavior", Choice(&["ignore", "panic", "panic-on-replicas"]), "ignore", AtRuntime, REPLICATION),
    Setting::new("repl-backlog-size", MEMORY_SOME, "1048576", AtRuntime, REPLICATION).moved_into(16_384, i64::MAX),
    Setting::new("repl-backlog-ttl", LONG_COUNT, "3600", AtRuntime, REPLICATION),
    Setting::new("repl-disable-tcp-nodelay", Switch, "no", AtRuntime, REPLICATION),
    Setting::new("repl-diskless-load", Choice(&["disabled", "on-empty-db", "swapdb"]), "disabled", AtRuntime, REPLICATION),
    Setting::new("repl-diskless-sync", Switch, "yes", AtRuntime, REPLICATION),
    Setting::new("repl-diskless-sync-delay", COUNT, "5", AtRuntime, REPLICATION),
    Setting::new("repl-diskless-sync-max-replicas", COUNT, "0", AtRuntime, REPLICATION),
    Setting::new("repl-ping-replica-period", Integer { min: 1, max: i32::MAX as i64 }, "10", AtRuntime, REPLICATION).alias("repl-ping-slave-period"),
    Setting::new("repl-timeout", Integer { min: 1, max: i32::MAX as i64 }, "60", AtRuntime, REPLICATION),
    Setting::new("replica-announce-ip", Text, "", AtRuntime, REPLICATION).alias("slave-announce-ip"),
    Setting::new("replica-announce-port", PORT, "0", AtRuntime, REPLICATION).alias("slave-announce-port"),
    Setting::new("replica-announced", Switch, "yes", AtRuntime, REPLICATION),
    Setting::new("replica-ignore-maxmemory", Switch, "yes", AtRuntime, REPLICATION).alias("slave-ignore-maxmemory"),
    Setting::new("replica-lazy-flush", Switch, "no", AtRuntime, REPLICATION).alias("slave-lazy-flush"),
    Setting::new("replica-priority", COUNT, "100", AtRuntime, REPLICATION).alias("slave-priority"),
    Setting::new("replica-read-only", Switch, "yes", AtRuntime, REPLICATION).alias("slave-read-only"),
    Setting::new("replica-serve-stale-data", Switch, "yes", AtRuntime, REPLICATION).alias("slave-serve-stale-data"),
    Setting::new("cluster-enabled", Switch, "no", AtStart, NO_CLUSTER),
    Setting::new("cluster-allow-pubsubshard-when-down", Switch, "yes", AtRuntime, CLUSTER),
    Setting::new("cluster-allow-reads-when-down", Switch, "no", AtRuntime, CLUSTER),
    Setting::new("cluster-allow-replica-migration", Switch, "yes", AtRuntime, CLUSTER),
    Setting::new("cluster-announce-bus-port", PORT, "0", AtRuntime, CLUSTER),
    Setting::new("cluster-announce-hostname", Text, "", AtRuntime, CLUSTER),
    Setting::new("cluster-announce-human-nodename", Text, "", AtRuntime, CLUSTER),
    Setting::new("cluster-announce-ip", Text, "", AtRuntime, CLUSTER),
    Setting::new("cluster-announce-port", PORT, "0", AtRuntime, CLUSTER),
    Setting::new("cluster-announce-tls-port", PORT, "0", AtRuntime, CLUSTER),
    Setting::new("cluster-config-file", Text, "nodes.conf", AtStart, CLUSTER),
    Setting::new("cluster-link-sendbuf-limit", MEMORY_ANY, "0", AtRuntime, CLUSTER),
    Setting::new("cluster-migration-barrier", COUNT, "1", AtRuntime, CLUSTER),
    Setting::new("cluster-node-timeout", LONG_COUNT, "15000", AtRuntime, CLUSTER),
    Setting::new("cluster-port", PORT, "0", AtStart, CLUSTER),
    Setting::new("cluster-preferred-endpoint-type", Choice(&["ip", "hostname", "unknown-endpoint"]), "ip", AtRuntime, CLUSTER),
    Setting::new("cluster-replica-no-failover", Switch, "no", AtRuntime, CLUSTER).alias("cluster-slave-no-failover"),
    Setting::new("cluster-replica-validity-factor", COUNT, "10", AtRuntime, CLUSTER).alias("cluster-slave-validity-factor"),
    Setting::new("cluster-require-full-coverage", Switch, "yes", AtRuntime, CLUSTER),
    Setting::new("tls-port", PORT, "0", AtRuntime, NO_TLS),
    Setting::new("tls-auth-clients", Choice(&["no", "yes", "optional"]), "yes", AtRuntime, TLS),
    Setting::new("tls-ca-cert-dir", Text, "", AtRuntime, TLS),
    Setting::new("tls-ca-cert-file", Text, "", AtRuntime, TLS),
    Setting::new("tls-cert-file", Text, "", AtRuntime, TLS),
    Setting::new("tls-ciphers", Text, "", AtRuntime, TLS),
    Setting::new("tls-ciphersuites", Text, "", AtRuntime, TLS),
    Setting::new("tls-client-cert-file", Text, "", AtRuntime, TLS),
    Setting::new("tls-client-key-file", Text, "", AtRuntime, TLS),
    Setting::new("tls-client-key-file-pass", Text, "", AtRuntime, TLS),
    Setting::new("tls-cluster", Switch, "no", AtRuntime, NO_TLS),
    Setting::new("tls-dh-params-file", Text, "", AtRuntime, TLS),
    Setting::new("tls-key-file", Text, "", AtRuntime, TLS),
    Setting::new("tls-key-file-pass", Text, "", AtRuntime, TLS),
    Setting::new("tls-prefer-server-ciphers", Switch, "no", AtRuntime, TLS),
    Setting::new("tls-protocols", Text, "", AtRuntime, TLS),
    Setting::new("tls-replication", Switch, "no", AtRuntime, NO_TLS),
    Setting::new("tls-session-cache-size", COUNT, "20480", AtRuntime, TLS),
    Setting::new("tls-session-cache-timeout", COUNT, "300", AtRuntime, TLS),
    Setting::new("tls-session-caching", Switch, "yes", AtRuntime, TLS),
    Setting::new("aclfile", Text, "", AtStart, ACL),
    Setting::new("acl-pubsub-default", Choice(&["allchannels", "resetchannels"]), "resetchannels", AtRuntime, ACL_LOG),
    Setting::new("acllog-max-len", LONG_COUNT, "128", AtRuntime, ACL_LOG),
    Setting::new("enable-protected-configs", ACCESS, "no", AtStart, GUARDED),
    Setting::new("enable-module-command", ACCESS, "no", AtStart, MODULES),
    Setting::new("maxmemory-clients", MemoryOrPercent, "0", AtRuntime, NO_CLIENT_LIMIT),
    Setting::new("lfu-decay-time", COUNT, "1", AtRuntime, EVICTION),
    Setting::new("lfu-log-factor", COUNT, "10", AtRuntime, EVICTION),
    Setting::new("maxmemory-eviction-tenacity", Integer { min: 0, max: 100 }, "10", AtRuntime, EVICTION),
    Setting::new("maxmemory-policy", POLICY, "noeviction", AtRuntime, NO_EVICTION),
    Setting::new("maxmemory-samples", Integer { min: 1, max: i32::MAX as i64 }, "5", AtRuntime, EVICTION),
    Setting::new("lazyfree-lazy-eviction", Switch, "no", AtRuntime, LAZY),
    Setting::new("lazyfree-lazy-expire", Switch, "no", AtRuntime, LAZY),
    Setting::new("lazyfree-lazy-server-del", Switch, "no", AtRuntime, LAZY),
    Setting::new("lazyfree-lazy-user-del", Switch, "no", AtRuntime, LAZY),
    Setting::new("lazyfree-lazy-user-flush", Switch, "no", AtRuntime, LAZY),
    Setting::new("active-defrag-cycle-max", Integer { min: 1, max: 99 }, "25", AtRuntime, ALLOCATOR),
    Setting::new("active-defrag-cycle-min", Integer { min: 1, max: 99 }, "1", AtRuntime, ALLOCATOR),
    Setting::new("active-defrag-ignore-bytes", MEMORY_SOME, "104857600", AtRuntime, ALLOCATOR),
    Setting::new("active-defrag-max-scan-fields", Integer { min: 1, max: i64::MAX }, "1000", AtRuntime, ALLOCATOR),
    Setting::new("active-defrag-threshold-lower", Integer { min: 0, max: 1000 }, "10", AtRuntime, ALLOCATOR),
    Setting::new("active-defrag-threshold-upper", Integer { min: 0, max: 1000 }, "100", AtRuntime, ALLOCATOR),
    Setting::new("activedefrag", Switch, "no", AtRuntime, ALLOCATOR),
    Setting::new("jemalloc-bg-thread", Switch, "yes", AtRuntime, ALLOCATOR),
    Setting::new("hash-max-listpack-entries", LONG_COUNT, "512", AtRuntime, ENCODING).alias("hash-max-ziplist-entries"),
    Setting::new("hash-max-listpack-value", MEMORY, "64", AtRuntime, ENCODING).alias("hash-max-ziplist-value"),
    Setting::new("hll-sparse-max-bytes", MEMORY, "3000", AtRuntime, ENCODING),
    Setting::new("list-compress-depth", COUNT, "0", AtRuntime, ENCODING),
    Setting::new("list-max-listpack-size", Integer { min: i32::MIN as i64, max: i32::MAX as i64 }, "-2", AtRuntime, ENCODING).alias("list-max-ziplist-size"),
    Setting::new("set-max-intset-entries", LONG_COUNT, "512", AtRuntime, ENCODING),
    Setting::new("set-max-listpack-entries", LONG_COUNT, "128", AtRuntime, ENCODING),
    Setting::new("set-max-listpack-value", MEMORY, "64", AtRuntime, ENCODING),
    Setting::new("stream-node-max-bytes", MEMORY, "4096", AtRuntime, ENCODING),
    Setting::new("stream-node-max-entries", LONG_COUNT, "100", AtRuntime, ENCODING),
    Setting::new("zset-max-listpack-entries", LONG_COUNT, "128", AtRuntime, ENCODING).alias("zset-max-ziplist-entries"),
    Setting::new("zset-max-listpack-value", MEMORY, "64", AtRuntime, ENCODING).alias("zset-max-ziplist-value"),
    Setting::new("active-expire-effort", Integer { min: 1, max: 10 }, "1", AtRuntime, BACKGROUND_WORK),
    Setting::new("activerehashing", Switch, "yes", AtRuntime, BACKGROUND_WORK),
    Setting::new("bio_cpulist", Text, "", AtStart, BACKGROUND_WORK).renamed("bio-cpulist"),
    Setting::new("dynamic-hz", Switch, "yes", AtRuntime, BACKGROUND_WORK),
    Setting::new("hz", COUNT, "10", AtRuntime, BACKGROUND_WORK).moved_into(1, 500),
    Setting::new("io-threads-do-reads", Switch, "no", AtStart, BACKGROUND_WORK),
    Setting::new("tracking-table-max-keys", LONG_COUNT, "1000000", AtRuntime, BACKGROUND_WORK),
    Setting::new("syslog-enabled", Switch, "no", AtStart, NO_SYSLOG),
    Setting::new("syslog-facility", FACILITY, "local0", AtStart, SYSLOG),
    Setting::new("syslog-ident", Text, "redis", AtStart, SYSLOG),
    Setting::new("oom-score-adj", Choice(&["no", "yes", "relative", "absolute"]), "no", AtRuntime, NO_SYSTEM),
    Setting::new("server_cpulist", Text, "", AtStart, NO_SYSTEM).renamed("server-cpulist"),
    Setting::new("socket-mark-id", Integer { min: 0, max: u32::MAX as i64 }, "0", AtStart, NO_SYSTEM),
    Setting::new("oom-score-adj-values", OomScores, "0 200 800", AtRuntime, SYSTEM),
    Setting::new("always-show-logo", Switch, "no", AtStart, PROCESS),
    Setting::new("crash-log-enabled", Switch, "yes", AtRuntime, PROCESS),
    Setting::new("crash-memcheck-enabled", Switch, "yes", AtRuntime, PROCESS),
    Setting::new("enable-debug-assert", Switch, "no", AtStart, PROCESS).by_name(),
    Setting::new("ignore-warnings", Text, "", AtRuntime, PROCESS),
    Setting::new("locale-collate", Text, "", AtRuntime, PROCESS),
    Setting::new("proc-title-template", Text, "{title} {listen-addr} {server-mode}", AtRuntime, PROCESS),
    Setting::new("set-proc-title", Switch, "yes", AtStart, PROCESS),
    Setting::new("use-exit-on-panic", Switch, "no", AtRuntime, PROCESS).by_name(),
    Setting::new("watchdog-period", COUNT, "0", AtRuntime, NO_WATCHDOG).by_name(),
    Setting::new("lua-enable-deprecated-api", Switch, "no", AtStart, OLD_LUA).by_name(),
];
